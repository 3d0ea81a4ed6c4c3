use super::{Range, Shape};

/// What a layer does.
#[derive(Clone, Debug)]
pub enum Layer {
    /// Sums of products with weights.
    Linear(Linear),
    /// Rounding shift and clamp.
    Requant(Requant),
    /// Maxima of windows.
    MaxPool(MaxPool),
}

/// Which inputs an output of a linear layer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All of them: weights are `[outputs, inputs]`, inputs in the order of channels, rows and columns.
    Dense,
    /// A window in each channel, zeros around the plane: weights are `[outputs, inputs, rows, columns]`.
    Conv {
        /// Rows and columns of a window.
        kernel: [usize; 2],
        /// Step between windows, both ways.
        stride: usize,
        /// Zeros on each of the four sides.
        padding: usize,
    },
}

/// A fully connected layer or a convolution, `out[o] = bias[channel of o] + sum of weights[t.weight] * in[t.input]` over
/// [`Self::terms`] of `o`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// Which inputs an output sees.
    pub kind: Kind,
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the output.
    pub output: Shape,
    /// The weights, row-major.
    pub weights: Vec<i8>,
    /// One a channel of the output.
    pub biases: Vec<i32>,
    /// Where biases are by their format.
    pub bias_range: Range,
}

/// One product of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Place in [`Linear::weights`].
    pub weight: usize,
    /// Place in the input.
    pub input: usize,
}

impl Linear {
    /// Weights of one output channel.
    pub fn taps(&self) -> usize {
        self.weights.len() / self.output[0]
    }

    /// Place in [`Self::biases`] of an output's bias.
    pub fn bias(&self, output: usize) -> usize {
        output / (self.output[1] * self.output[2])
    }

    /// The products of an output, those on padding left out, by ascending place of the weight.
    pub fn terms(&self, output: usize) -> impl Iterator<Item = Term> + '_ {
        let [_, rows, columns] = self.output;
        let [channels, in_rows, in_columns] = self.input;
        let (channel, y, x) = (output / (rows * columns), output / columns % rows, output % columns);
        let (kernel, stride, padding) = match self.kind {
            // A window that is the whole input.
            Kind::Dense => ([in_rows, in_columns], 1, 0),
            Kind::Conv { kernel, stride, padding } => (kernel, stride, padding),
        };
        let [kernel_rows, kernel_columns] = kernel;
        let meeting = move |start: usize, kernel: usize, len: usize| {
            let first = padding.saturating_sub(start).min(kernel);
            let last = (len + padding).saturating_sub(start).clamp(first, kernel);
            (first..last).map(move |k| (k, start + k - padding))
        };
        (0..channels).flat_map(move |c| {
            meeting(y * stride, kernel_rows, in_rows).flat_map(move |(i, row)| {
                meeting(x * stride, kernel_columns, in_columns).map(move |(j, column)| Term {
                    weight: ((channel * channels + c) * kernel_rows + i) * kernel_columns + j,
                    input: (c * in_rows + row) * in_columns + column,
                })
            })
        })
    }

    /// Number of [`Self::terms`] of all outputs.
    pub fn macs(&self) -> u64 {
        // All channels of the output see windows of the same sizes.
        let plane = self.output[1] * self.output[2];
        let each = (0..plane).map(|output| self.terms(output).count() as u64);
        each.sum::<u64>() * self.output[0] as u64
    }
}

/// `clamp(floor((x + 2^(shift-1)) / 2^shift), low, high)`, element by element; no rounding term if the shift is zero. ReLU is
/// `low = 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requant {
    /// Logarithm of the divisor.
    pub shift: u32,
    /// Least result.
    pub low: i32,
    /// Largest result.
    pub high: i32,
}

impl Requant {
    /// What is added before the division, so that it rounds: `2^(shift-1)`, or nothing.
    pub fn half(&self) -> i64 {
        (1 << self.shift) >> 1
    }

    /// The quotient before the clamp. `x + half = quotient * 2^shift + remainder` with a remainder from 0 to `2^shift - 1`.
    pub fn quotient(&self, x: i32) -> i64 {
        (i64::from(x) + self.half()) >> self.shift
    }

    /// The remainder that the quotient leaves.
    pub fn remainder(&self, x: i32) -> i64 {
        i64::from(x) + self.half() - (self.quotient(x) << self.shift)
    }

    /// The result.
    pub fn apply(&self, x: i32) -> i32 {
        self.quotient(x).clamp(self.low.into(), self.high.into()) as i32
    }

    /// Where quotients of these inputs are.
    pub fn quotients(&self, inputs: Range) -> Range {
        let quotient = |x: i64| (x + self.half()) >> self.shift;
        Range { low: quotient(inputs.low), high: quotient(inputs.high) }
    }
}

/// The largest of each square window; windows lie side by side, places that fill no window are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    /// Rows and columns of a window.
    pub size: usize,
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the output.
    pub output: Shape,
}

impl MaxPool {
    /// The places in the input of an output's window, `size * size` of them.
    pub fn window(&self, output: usize) -> impl Iterator<Item = usize> + '_ {
        let &Self { size, input: [_, in_rows, in_columns], output: [_, rows, columns] } = self;
        let (channel, y, x) = (output / (rows * columns), output / columns % rows, output % columns);
        let place = move |k: usize| (channel * in_rows + y * size + k / size) * in_columns + x * size + k % size;
        (0..size * size).map(place)
    }
}
