//! The network as it is built: nodes, and what operators' imports do with values.

use convince_field::{AxisMap, TensorMap};
use convince_model::{MAX_TOTAL_LEN, Shape};

use super::call::{Computed, shape as unfit};
use super::quantised::Origins;
use super::view::{self, Digit, View, arrangement};
use crate::NodeProblem;
use crate::float::{Activation, FloatConv2d, FloatLinear, FloatNode, FloatOp, FloatTerm};
use crate::tensor::MAX_RANK;

/// The nodes so far.
pub(super) struct Builder {
    pub(super) input_shape: Shape,
    pub(super) nodes: Vec<FloatNode>,
    /// The file's node that is imported.
    pub(super) name: String,
    /// What is known of the integers behind constants, if the file's quantisation is to be kept.
    pub(super) origins: Option<Origins>,
    /// Values, parameters and maps so far.
    size: usize,
    /// Elements that constants computed from others may still have.
    folding: usize,
    /// Elements that constants of one repeated element may still have.
    filled: usize,
}

/// Elements of computed constants that any file may have; as many again as its own constants have.
const FREE_FOLDING: usize = 1 << 16;

/// A value whose axes are those of a tensor in another order: tensor axis `layout[a]` is value axis `a`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) id: usize,
    pub(super) shape: Shape,
    pub(super) layout: Layout,
}

/// For each axis of a value the tensor's axis, if there is one; all others of the tensor are 1 in size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) axes: [Option<usize>; 4],
    /// Number of the tensor's axes.
    pub(super) rank: usize,
}

impl Layout {
    /// The value's axis for a tensor's axis.
    pub(super) fn find(&self, axis: usize) -> Option<usize> {
        (1..4).find(|&a| self.axes[a] == Some(axis))
    }

    /// The tensor that a value of shape `shape` is.
    pub(super) fn view(&self, shape: Shape) -> View {
        let digits = View::row_major(&shape).axes;
        let axis = |k| self.find(k).map_or_else(Vec::new, |a| digits[a].clone());
        View { axes: (0..self.rank).map(axis).collect() }
    }
}

impl Builder {
    pub(super) fn new(constants: usize) -> Self {
        let folding = constants.saturating_mul(2).saturating_add(FREE_FOLDING);
        Self {
            input_shape: [1; 4],
            nodes: Vec::new(),
            name: String::new(),
            origins: None,
            size: 0,
            folding,
            filled: MAX_TOTAL_LEN,
        }
    }

    /// Counts a value of that shape and `others` numbers more.
    pub(super) fn grow(&mut self, dims: &[usize], others: usize) -> Result<(), NodeProblem> {
        let len = dims.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        let size = len.and_then(|len| self.size.checked_add(len)?.checked_add(others));
        self.size = size.filter(|&size| size <= MAX_TOTAL_LEN).ok_or(NodeProblem::TooLarge { limit: MAX_TOTAL_LEN })?;
        Ok(())
    }

    /// Counts the elements of a constant that is computed from others, before it is.
    pub(super) fn fold(&mut self, dims: &[usize]) -> Result<(), NodeProblem> {
        let limit = self.folding;
        // Empty axes count as one place: what leads to an empty tensor is counted too.
        let len = dims.iter().try_fold(1usize, |product, &n| product.checked_mul(n.max(1)));
        let rest = len.filter(|_| dims.len() <= MAX_RANK).and_then(|len| limit.checked_sub(len));
        self.folding = rest.ok_or(NodeProblem::TooLarge { limit })?;
        Ok(())
    }

    /// Counts a constant of one repeated element, which may be as large as a file's own.
    pub(super) fn fill(&mut self, dims: &[usize]) -> Result<(), NodeProblem> {
        let len = dims.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        self.filled =
            len.and_then(|len| self.filled.checked_sub(len)).ok_or(NodeProblem::TooLarge { limit: MAX_TOTAL_LEN })?;
        self.folding = self.folding.saturating_add(dims.iter().product::<usize>().saturating_mul(2));
        Ok(())
    }

    pub(super) fn shape(&self, id: usize) -> Shape {
        id.checked_sub(1).map_or(self.input_shape, |index| self.nodes[index].shape)
    }

    pub(super) fn node(&self, id: usize) -> Option<&FloatNode> {
        self.nodes.get(id.checked_sub(1)?)
    }

    /// Appends a node; the value's id.
    pub(super) fn push(&mut self, op: FloatOp, inputs: Vec<usize>, shape: Shape) -> Result<usize, NodeProblem> {
        let maps = match &op {
            FloatOp::Linear(op) => op.terms.iter().flat_map(|term| &term.map.axes).map(map_len).sum(),
            op => op.parameters(),
        };
        self.grow(&shape, maps)?;
        self.nodes.push(FloatNode { name: self.name.clone(), op, inputs, shape });
        Ok(self.nodes.len())
    }

    /// A node for a tensor whose elements are in the value's order.
    pub(super) fn push_row_major(
        &mut self,
        op: FloatOp,
        inputs: Vec<usize>,
        dims: &[usize],
    ) -> Result<Computed, NodeProblem> {
        let id = self.push(op, inputs, shape_of(dims))?;
        Ok(Computed { id, view: View::row_major(dims) })
    }

    /// A function of every element.
    pub(super) fn activate(&mut self, input: &Computed, function: Activation) -> Result<Computed, NodeProblem> {
        let id = self.push(FloatOp::Activation(function), vec![input.id], self.shape(input.id))?;
        Ok(Computed { id, view: input.view.clone() })
    }

    /// `factor * input + constant`.
    pub(super) fn affine(&mut self, input: &Computed, factor: f32, constant: f32) -> Result<Computed, NodeProblem> {
        let op = FloatLinear { terms: vec![FloatTerm::times(factor)], constant };
        let id = self.push(FloatOp::Linear(op), vec![input.id], self.shape(input.id))?;
        Ok(Computed { id, view: input.view.clone() })
    }

    /// `scale[c] * input + offset[c]`, where `c` is the place along tensor axis `axis`.
    pub(super) fn affine_along(
        &mut self,
        input: &Computed,
        axis: usize,
        (scale, offset): (Vec<f32>, Vec<f32>),
    ) -> Result<Computed, NodeProblem> {
        let Plain { id, shape, layout } = self.channels(input, axis)?;
        let channels = shape[1];
        let weight_shape = [channels, 1, 1, 1];
        let bias = offset.iter().any(|&v| v != 0.0).then(|| offset.into());
        let op = FloatOp::Conv2d(FloatConv2d::plain(scale.into(), weight_shape, bias, channels));
        let id = self.push(op, vec![id], shape)?;
        Ok(Computed { id, view: layout.view(shape) })
    }

    /// One linear term.
    pub(super) fn map(&mut self, id: usize, map: TensorMap) -> Result<usize, NodeProblem> {
        let shape = self.shape(id);
        let out = map.output_shape(shape).ok_or_else(|| unfit("input", &shape))?;
        self.push(FloatOp::Linear(FloatLinear::map(map)), vec![id], out)
    }

    /// The value with those axes: itself if it has them, or a linear node.
    pub(super) fn arrange(&mut self, id: usize, axes: &[Vec<Digit>; 4]) -> Result<usize, NodeProblem> {
        let from = self.shape(id);
        let (terms, shape) = arrangement(axes, from).ok_or_else(|| unfit("reordered value", &from))?;
        match &terms[..] {
            [term] if term.map.is_identity(from) => Ok(id),
            _ => self.push(
                FloatOp::Linear(FloatLinear { terms: terms.clone(), constant: 0.0 }),
                vec![id; terms.len()],
                shape,
            ),
        }
    }

    /// The tensor as a value with its axes, in whatever order they are; in the tensor's own if they are not all apart.
    pub(super) fn plain(&mut self, input: &Computed) -> Result<Plain, NodeProblem> {
        let shape = self.shape(input.id);
        if let Some(layout) = plain_layout(&input.view, shape) {
            return Ok(Plain { id: input.id, shape, layout });
        }
        self.ordered(input)
    }

    /// The tensor as a value with its axes in the tensor's order.
    pub(super) fn ordered(&mut self, input: &Computed) -> Result<Plain, NodeProblem> {
        let axes = input.view.four();
        let id = self.arrange(input.id, &axes)?;
        let view = View { axes: input.view.axes.clone() };
        let shape = self.shape(id);
        let ordered = View::row_major(&view.dims());
        let layout = plain_layout(&ordered, shape).ok_or_else(|| unfit("input", &view.dims()))?;
        Ok(Plain { id, shape, layout })
    }

    /// The tensor as a value whose channels are its axis `axis`.
    pub(super) fn channels(&mut self, input: &Computed, axis: usize) -> Result<Plain, NodeProblem> {
        let plain = self.plain(input)?;
        if plain.layout.axes[1] == Some(axis) {
            return Ok(plain);
        }
        let dims = input.view.dims();
        let rank = dims.len();
        let others = (0..rank).filter(|&k| k != axis && dims[k] > 1);
        let order: Vec<usize> = std::iter::once(axis).chain(others).collect();
        if order.len() > 3 {
            return Err(unfit("input", &dims));
        }
        let mut axes: [Option<usize>; 4] = [None; 4];
        axes[1..].iter_mut().zip(&order).for_each(|(a, &k)| *a = Some(k));
        let layout = complete(Layout { axes, rank }, &dims);
        let digits = layout.axes.map(|k| k.map_or_else(Vec::new, |k| input.view.axes[k].clone()));
        let id = self.arrange(input.id, &digits)?;
        Ok(Plain { id, shape: self.shape(id), layout })
    }

    /// A tensor of three or four axes, or of two, as the image `[1, C, H, W]` in the tensor's order.
    pub(super) fn image(&mut self, input: &Computed) -> Result<(usize, Shape), NodeProblem> {
        let dims = input.view.dims();
        if !matches!(dims[..], [1, _, _] | [1, _, _, _]) {
            return Err(unfit("input", &dims));
        }
        let id = self.arrange(input.id, &input.view.four())?;
        Ok((id, self.shape(id)))
    }

    /// Maps of one axis each, on the value of a tensor.
    pub(super) fn map_axes(&mut self, input: &Computed, maps: Vec<(usize, AxisMap)>) -> Result<Computed, NodeProblem> {
        let mut plain = self.plain(input)?;
        if maps.iter().any(|(axis, _)| plain.layout.find(*axis).is_none()) {
            plain = self.ordered(input)?;
        }
        let mut map = TensorMap::IDENTITY;
        for (axis, axis_map) in maps {
            let place = plain.layout.find(axis).ok_or_else(|| unfit("input", &input.view.dims()))?;
            map = map.with_axis(place, axis_map);
        }
        let id = match map.is_identity(plain.shape) {
            true => plain.id,
            false => self.map(plain.id, map)?,
        };
        Ok(Computed { id, view: plain.layout.view(self.shape(id)) })
    }
}

fn map_len(map: &AxisMap) -> usize {
    match map {
        AxisMap::Scale(factors) => factors.len(),
        AxisMap::Gather(sources) => sources.len(),
        AxisMap::Identity | AxisMap::Window { .. } => 0,
    }
}

/// Up to four axes as those of a value, whose trailing ones are 1.
pub(super) fn shape_of(dims: &[usize]) -> Shape {
    let mut shape = [1; 4];
    shape.iter_mut().zip(dims).for_each(|(axis, &n)| *axis = n);
    shape
}

/// The layout of a view whose axes are those of the value, each whole.
fn plain_layout(view: &View, shape: Shape) -> Option<Layout> {
    let digits = View::row_major(&shape).axes;
    let find = |axis: &Vec<Digit>| view.axes.iter().position(|other| !axis.is_empty() && other == axis);
    let axes = [0, 1, 2, 3].map(|a| find(&digits[a]));
    let all_found = (0..4).all(|a| digits[a].is_empty() || axes[a].is_some());
    let layout = Layout { axes, rank: view.axes.len() };
    all_found.then(|| complete(layout, &view.dims()))
}

/// Gives axes of the value that are 1 in size to axes of the tensor that are: where it can, to those of equal place.
fn complete(mut layout: Layout, dims: &[usize]) -> Layout {
    let is_free = |layout: &Layout, k: usize| dims.get(k) == Some(&1) && layout.find(k).is_none();
    for a in 1..4 {
        if layout.axes[a].is_none() && is_free(&layout, a) {
            layout.axes[a] = Some(a);
        }
    }
    for a in 1..4 {
        if layout.axes[a].is_none() {
            layout.axes[a] = (1..dims.len()).find(|&k| is_free(&layout, k));
        }
    }
    layout
}

/// Sizes of a tensor that two of those sizes broadcast to.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], k: usize| (k + dims.len()).checked_sub(rank).map_or(1, |k| dims[k]);
    (0..rank)
        .map(|k| match (at(a, k), at(b, k)) {
            (n, m) if n == m => Some(n),
            (1, n) | (n, 1) => Some(n),
            _ => None,
        })
        .collect()
}

/// The layout and digits of a tensor with more axes in front.
pub(super) fn padded(view: &View, rank: usize) -> View {
    let missing = rank.saturating_sub(view.axes.len());
    View { axes: std::iter::repeat_n(Vec::new(), missing).chain(view.axes.iter().cloned()).collect() }
}

/// Digits of a tensor in a layout.
pub(super) fn in_layout(view: &View, layout: &Layout) -> [Vec<Digit>; 4] {
    layout.axes.map(|k| k.map_or_else(Vec::new, |k| view.axes[k].clone()))
}

/// Number of elements.
pub(super) fn len(view: &View) -> usize {
    view.axes.iter().map(|axis| view::size(axis)).product()
}
