//! Networks as shapes: a builder that reads like a paper's table, without a single weight.

/// `[batch, channels, rows, columns]`.
type Shape = [usize; 4];

/// A network's layers and their shapes. Weights come later, from a seed (`seeded`).
///
/// Every call appends a layer to the last one; [`Self::here`] and [`Self::at`] make branches, [`Self::plus`] and
/// [`Self::concat`] join them. Convolutions and fully connected layers have biases, as they do once batch norms are
/// folded into them.
///
/// ```
/// use convince_zoo::Net;
/// let net = Net::new([1, 28, 28]).conv(6, 5).relu().max_pool(2, 2).dense(10);
/// assert_eq!((net.shape(), net.parameters()), ([1, 10, 1, 1], 6 * 26 + 10 * (6 * 14 * 14 + 1)));
/// ```
///
/// # Panics
/// A layer that does not fit the shape before it is a mistake of whoever wrote the network, and panics.
#[derive(Clone, Debug)]
pub struct Net {
    input: Shape,
    nodes: Vec<Node>,
    head: Value,
}

/// A value of a [`Net`]: 0 is the input, `k + 1` that of layer `k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(usize);

/// A convolution of square kernels, with bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    channels: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    depthwise: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) layer: Layer,
    /// As [`Value`]s count.
    pub(crate) inputs: Vec<usize>,
    pub(crate) shape: Shape,
}

#[derive(Clone, Debug)]
pub(crate) enum Layer {
    Conv {
        weight_shape: [usize; 4],
        stride: usize,
        padding: usize,
        groups: usize,
    },
    /// `[out, in]`.
    Dense([usize; 2]),
    Relu,
    MaxPool {
        kernel: usize,
        stride: usize,
        padding: usize,
    },
    /// Average over the whole plane.
    GlobalAverage,
    Add,
    Concat,
    /// Nearest neighbour.
    Upsample(usize),
}

impl Layer {
    fn name(&self) -> &'static str {
        match self {
            Self::Conv { .. } => "conv",
            Self::Dense(_) => "dense",
            Self::Relu => "relu",
            Self::MaxPool { .. } => "pool",
            Self::GlobalAverage => "average",
            Self::Add => "add",
            Self::Concat => "concat",
            Self::Upsample(_) => "upsample",
        }
    }

    /// Weights without biases, and biases.
    fn sizes(&self) -> (usize, usize) {
        match self {
            Self::Conv { weight_shape, .. } => (weight_shape.iter().product(), weight_shape[0]),
            Self::Dense([rows, columns]) => (rows * columns, *rows),
            _ => (0, 0),
        }
    }
}

impl Conv {
    /// Kernels of `kernel` by `kernel` places in stride 1, padded such that odd kernels keep the plane.
    pub fn new(channels: usize, kernel: usize) -> Self {
        Self { channels, kernel, stride: 1, padding: (kernel - 1) / 2, depthwise: false }
    }

    /// One kernel a channel.
    pub fn depthwise(kernel: usize) -> Self {
        Self { depthwise: true, ..Self::new(0, kernel) }
    }

    /// Steps of `stride` places.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Zeros on all four sides.
    #[must_use]
    pub fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }
}

impl Net {
    /// A network without layers, on `[channels, rows, columns]`.
    pub fn new([channels, rows, columns]: [usize; 3]) -> Self {
        Self { input: [1, channels, rows, columns], nodes: Vec::new(), head: Value(0) }
    }

    /// A convolution in stride 1 that keeps the plane.
    #[must_use]
    pub fn conv(self, channels: usize, kernel: usize) -> Self {
        self.convolve(Conv::new(channels, kernel))
    }

    /// Any convolution.
    #[must_use]
    pub fn convolve(self, conv: Conv) -> Self {
        let Conv { kernel, stride, padding, depthwise, .. } = conv;
        let [_, ci, rows, columns] = self.shape();
        let (channels, groups) = if depthwise { (ci, ci) } else { (conv.channels, 1) };
        let extent = |n: usize| places(n + 2 * padding, kernel, stride);
        let weight_shape = [channels, ci / groups, kernel, kernel];
        let shape = [1, channels, extent(rows), extent(columns)];
        self.push(Layer::Conv { weight_shape, stride, padding, groups }, shape)
    }

    /// A fully connected layer on all values, in the order of channels, rows and columns.
    #[must_use]
    pub fn dense(self, outputs: usize) -> Self {
        let inputs = self.shape().iter().product();
        self.push(Layer::Dense([outputs, inputs]), [1, outputs, 1, 1])
    }

    /// Negative values become zero.
    #[must_use]
    pub fn relu(self) -> Self {
        let shape = self.shape();
        self.push(Layer::Relu, shape)
    }

    /// The largest value of each window, without padding; places that fill no window are dropped.
    #[must_use]
    pub fn max_pool(self, kernel: usize, stride: usize) -> Self {
        self.max_pool_padded(kernel, stride, 0)
    }

    /// The same with padding on all four sides, which never wins.
    #[must_use]
    pub fn max_pool_padded(self, kernel: usize, stride: usize, padding: usize) -> Self {
        let [_, channels, rows, columns] = self.shape();
        let extent = |len: usize| places(len + 2 * padding, kernel, stride);
        self.push(Layer::MaxPool { kernel, stride, padding }, [1, channels, extent(rows), extent(columns)])
    }

    /// One value a channel: the average of its plane.
    #[must_use]
    pub fn global_average(self) -> Self {
        let channels = self.shape()[1];
        self.push(Layer::GlobalAverage, [1, channels, 1, 1])
    }

    /// Every place becomes `factor` by `factor` places of its value.
    #[must_use]
    pub fn upsample(self, factor: usize) -> Self {
        let [_, channels, rows, columns] = self.shape();
        self.push(Layer::Upsample(factor), [1, channels, factor * rows, factor * columns])
    }

    /// The sum with another value of the same shape.
    #[must_use]
    pub fn plus(self, other: Value) -> Self {
        let shape = self.shape();
        assert_eq!(self.shape_of(other), shape, "summands of unequal shapes");
        let inputs = vec![self.head.0, other.0];
        self.push_on(Layer::Add, inputs, shape)
    }

    /// This value's channels, and then those of another of the same plane.
    #[must_use]
    pub fn concat(self, other: Value) -> Self {
        let ([_, a, rows, columns], [_, b, ..]) = (self.shape(), self.shape_of(other));
        assert_eq!(self.shape_of(other)[2..], [rows, columns], "concatenated planes of unequal sizes");
        let inputs = vec![self.head.0, other.0];
        self.push_on(Layer::Concat, inputs, [1, a + b, rows, columns])
    }

    /// The value that the next layer would read: to come back to.
    pub fn here(&self) -> Value {
        self.head
    }

    /// Makes the next layer read `value`.
    #[must_use]
    pub fn at(self, value: Value) -> Self {
        Self { head: value, ..self }
    }

    /// Shape of the input, `[1, channels, rows, columns]`.
    pub fn input_shape(&self) -> Shape {
        self.input
    }

    /// Shape of the last value.
    pub fn shape(&self) -> Shape {
        self.shape_of(self.head)
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.nodes.iter().map(|node| node.layer.sizes()).map(|(weights, biases)| weights + biases).sum()
    }

    /// Multiply-accumulates of convolutions and fully connected layers.
    pub fn macs(&self) -> usize {
        self.nodes.iter().map(|node| node.layer.sizes().0 * node.shape[2] * node.shape[3]).sum()
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    fn shape_of(&self, value: Value) -> Shape {
        value.0.checked_sub(1).map_or(self.input, |k| self.nodes[k].shape)
    }

    fn push(self, layer: Layer, shape: Shape) -> Self {
        let inputs = vec![self.head.0];
        self.push_on(layer, inputs, shape)
    }

    fn push_on(mut self, layer: Layer, inputs: Vec<usize>, shape: Shape) -> Self {
        let kind = layer.name();
        let number = 1 + self.nodes.iter().filter(|node| node.layer.name() == kind).count();
        self.nodes.push(Node { name: format!("{kind}{number}"), layer, inputs, shape });
        self.head = Value(self.nodes.len());
        self
    }
}

/// Number of windows along a padded axis.
fn places(padded: usize, kernel: usize, stride: usize) -> usize {
    assert!(kernel <= padded && stride > 0, "windows of {kernel} places, {stride} apart, on {padded} places");
    (padded - kernel) / stride + 1
}
