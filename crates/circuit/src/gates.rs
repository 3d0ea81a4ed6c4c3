use std::sync::Arc;

use convince_field::IntSlice;
use serde::{Deserialize, Serialize};

use crate::builder::{Op, Pending, product_range};
use crate::{CircuitBuilder, CircuitError, Layer, Tensor, WireId};

/// An entry of one of a layer's inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Index in the layer's list of inputs.
    pub input: u32,
    /// Index in that tensor, row-major.
    pub index: u32,
}

impl Place {
    /// Entry `index`, row-major, of input `input`. Numbers beyond 32 bits become one that no builder accepts.
    pub fn new(input: usize, index: usize) -> Self {
        Self { input: narrow(input), index: narrow(index) }
    }
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// What one gate adds to an entry of its layer's output. Coefficients are public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gate {
    /// `value`.
    Constant {
        /// Entry of the output, row-major.
        out: u32,
        /// Added to it.
        value: i32,
    },
    /// `coefficient * x`.
    Add {
        /// Entry of the output, row-major.
        out: u32,
        /// Counts `x` this often.
        coefficient: i32,
        /// What is added.
        x: Place,
    },
    /// `coefficient * x * y`.
    Mul {
        /// Entry of the output, row-major.
        out: u32,
        /// Counts the product this often.
        coefficient: i32,
        /// The first operand.
        x: Place,
        /// The second operand; may be the first.
        y: Place,
    },
}

impl Gate {
    /// `out += value`.
    pub fn constant(out: usize, value: i32) -> Self {
        Self::Constant { out: narrow(out), value }
    }

    /// `out += coefficient * x`.
    pub fn add(out: usize, coefficient: i32, x: Place) -> Self {
        Self::Add { out: narrow(out), coefficient, x }
    }

    /// `out += coefficient * x * y`.
    pub fn mul(out: usize, coefficient: i32, x: Place, y: Place) -> Self {
        Self::Mul { out: narrow(out), coefficient, x, y }
    }

    /// Entry of the output, row-major.
    pub fn out(&self) -> usize {
        let (Self::Constant { out, .. } | Self::Add { out, .. } | Self::Mul { out, .. }) = self;
        *out as usize
    }

    fn places(&self) -> impl Iterator<Item = Place> {
        let (x, y) = match *self {
            Self::Constant { .. } => (None, None),
            Self::Add { x, .. } => (Some(x), None),
            Self::Mul { x, y, .. } => (Some(x), Some(y)),
        };
        x.into_iter().chain(y)
    }
}

/// `out[z] = sum of the gates at z`: one layer of a general layered arithmetic circuit, with sparse public wiring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatesLayer {
    /// What the gates read: any tensors, weights among them.
    pub inputs: Vec<Tensor>,
    /// All gates, in any order; several may add to one entry.
    pub gates: Arc<Vec<Gate>>,
    /// Inputs that some gate reads first, ascending.
    pub first: Vec<u32>,
    /// Inputs that some multiplication reads second, ascending.
    pub second: Vec<u32>,
    /// Virtual.
    pub output: WireId,
    /// Shape of the output.
    pub shape: [usize; 4],
}

impl GatesLayer {
    fn new(inputs: Vec<Tensor>, gates: Arc<Vec<Gate>>, output: WireId, shape: [usize; 4]) -> Self {
        let (mut first, mut second) = (vec![false; inputs.len()], vec![false; inputs.len()]);
        for gate in gates.iter() {
            for (place, read) in gate.places().zip([&mut first, &mut second]) {
                read[place.input as usize] = true;
            }
        }
        let indices = |read: Vec<bool>| (0..read.len() as u32).filter(|&i| read[i as usize]).collect();
        Self { inputs, gates, first: indices(first), second: indices(second), output, shape }
    }

    /// The tensors that the reduction leaves a claim on: those read first, then those read second.
    pub fn claimed(&self) -> impl Iterator<Item = Tensor> + '_ {
        self.first.iter().chain(&self.second).map(|&i| self.inputs[i as usize])
    }

    /// The values. Within the inputs' ranges every sum fits `i32`.
    pub(crate) fn evaluate(&self, inputs: &[IntSlice<'_>]) -> Vec<i32> {
        let at = |p: Place| inputs[p.input as usize].get(p.index as usize);
        let mut sums = vec![0i64; self.shape.iter().product()];
        for gate in self.gates.iter() {
            let term = match *gate {
                Gate::Constant { value, .. } => value.into(),
                Gate::Add { coefficient, x, .. } => i64::from(coefficient).wrapping_mul(at(x)),
                Gate::Mul { coefficient, x, y, .. } => i64::from(coefficient).wrapping_mul(at(x).wrapping_mul(at(y))),
            };
            sums[gate.out()] = sums[gate.out()].wrapping_add(term);
        }
        sums.into_iter().map(|v| v as i32).collect()
    }
}

/// Gates of all layers together with their outputs' entries: what a verifier spends on wiring.
const MAX_GATES: usize = 1 << 22;

/// Ranges of an input's entries.
enum Ranges<'a> {
    All((i64, i64)),
    Each(&'a [(i32, i32)]),
}

impl Ranges<'_> {
    fn at(&self, index: usize) -> (i64, i64) {
        match self {
            Self::All(range) => *range,
            Self::Each(ranges) => (ranges[index].0.into(), ranges[index].1.into()),
        }
    }
}

impl CircuitBuilder {
    /// Gates and entries of their outputs that the circuit may still have.
    pub fn gates_left(&self) -> usize {
        MAX_GATES - self.gate_work
    }

    /// A layer of gates over any tensors: inputs, weights, accumulators, requantised tensors, other layers' outputs.
    ///
    /// Every entry has a range of its own, the sum of its gates', so that entries that are only passed on do not widen with
    /// their neighbours. The gates are taken one by one, and no more of them than a circuit may have.
    ///
    /// # Errors
    /// Places outside their tensors, more than 2^22 gates and entries, entries that could leave 32 bits.
    pub fn gates(
        &mut self,
        inputs: &[Tensor],
        shape: [usize; 4],
        gates: impl IntoIterator<Item = Gate>,
    ) -> Result<Tensor, CircuitError> {
        self.check_shape(&shape)?;
        let entries: usize = shape.iter().product();
        let left = self.gates_left().checked_sub(entries);
        let left = left.ok_or_else(|| self.refuse("layers of gates have at most 2^22 gates and entries"))?;
        let gates: Vec<Gate> = gates.into_iter().take(left + 1).collect();
        if gates.len() > left {
            return Err(self.refuse("layers of gates have at most 2^22 gates and entries"));
        }
        let shapes = inputs.iter().map(|&t| self.operand_shape(t)).collect::<Result<Vec<_>, _>>()?;
        let sizes: Vec<usize> = shapes.iter().map(|shape| shape.iter().product()).collect();
        let inside = |p: Place| sizes.get(p.input as usize).is_some_and(|&size| (p.index as usize) < size);
        if !gates.iter().all(|gate| gate.out() < entries && gate.places().all(inside)) {
            return Err(self.refuse("gates read and write places inside their tensors"));
        }
        self.work(shapes.iter().flatten().sum())?;
        let ranges = self.gate_ranges(inputs, &gates, entries)?;
        let low = ranges.iter().map(|r| r.0).min().unwrap_or(0);
        let high = ranges.iter().map(|r| r.1).max().unwrap_or(0);
        let output = self.define(shape, (low.into(), high.into()))?;
        self.gate_work += gates.len() + entries;
        self.entry_ranges.insert(output, ranges);
        let gates = Arc::new(gates);
        let layer = GatesLayer::new(inputs.to_vec(), gates.clone(), output.wire, shape);
        self.layers.push(Pending::Ready(Box::new(Layer::Gates(layer))));
        self.ops.push(Op::Gates { inputs: inputs.to_vec(), shape, gates });
        Ok(output)
    }

    /// The range of every entry of the output.
    fn gate_ranges(&self, inputs: &[Tensor], gates: &[Gate], len: usize) -> Result<Vec<(i32, i32)>, CircuitError> {
        let of_input = |&tensor: &Tensor| match self.entry_ranges.get(&tensor) {
            Some(each) => Ok(Ranges::Each(each)),
            None => self.operand_range(tensor).map(Ranges::All),
        };
        let ranges = inputs.iter().map(of_input).collect::<Result<Vec<_>, _>>()?;
        let at = |p: Place| ranges[p.input as usize].at(p.index as usize);
        let same = |x: Place, y: Place| x.index == y.index && inputs[x.input as usize] == inputs[y.input as usize];
        let mut sums = vec![(0i128, 0i128); len];
        for gate in gates {
            let (coefficient, (low, high)) = match *gate {
                Gate::Constant { value, .. } => (value, (1, 1)),
                Gate::Add { coefficient, x, .. } => (coefficient, product_range(at(x), (1, 1))),
                Gate::Mul { coefficient, x, y, .. } if same(x, y) => (coefficient, square_range(at(x))),
                Gate::Mul { coefficient, x, y, .. } => (coefficient, product_range(at(x), at(y))),
            };
            let ends = [low, high].map(|end| end * i128::from(coefficient));
            let sum = &mut sums[gate.out()];
            *sum = (sum.0 + ends[0].min(ends[1]), sum.1 + ends[0].max(ends[1]));
        }
        let narrow = |(low, high): (i128, i128)| match (i32::try_from(low), i32::try_from(high)) {
            (Ok(low), Ok(high)) => Ok((low, high)),
            _ => Err(CircuitError::Bound { op: self.num_ops(), low, high }),
        };
        sums.into_iter().map(narrow).collect()
    }
}

/// Smallest and largest square.
fn square_range((low, high): (i64, i64)) -> (i128, i128) {
    let ends = [low, high].map(|end| i128::from(end) * i128::from(end));
    let least = if low <= 0 && high >= 0 { 0 } else { ends[0].min(ends[1]) };
    (least, ends[0].max(ends[1]))
}
