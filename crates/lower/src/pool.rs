//! Which max-pools share a layer with a requantisation, and how the others become layers.

use convince_circuit::Window;
use convince_model::{Graph, MaxPool, Node, Op, Requant, ValueId, ValueInfo};

/// Most places of a window: the degree of a requantisation's zero-check is one more. Larger windows are passes.
const MAX_PLACES: usize = 9;
/// Most values that a layer can clamp to.
const MAX_CLAMP: i64 = 1 << 20;

/// How a node becomes layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// By itself.
    Alone,
    /// A requantisation that pools as well.
    Pooling(Window),
    /// A max-pool that a requantisation does: its value is its input's tensor.
    Absorbed,
    /// Nothing that the output depends on.
    Dead,
}

/// The role of every node.
pub(crate) fn roles(graph: &Graph, infos: &[ValueInfo]) -> Vec<Role> {
    let live = live_values(graph);
    let mut roles: Vec<Role> = live[1..].iter().map(|&live| if live { Role::Alone } else { Role::Dead }).collect();
    let mut readers = vec![0usize; live.len()];
    let live_nodes = graph.nodes.iter().zip(&live[1..]).filter(|&(_, &live)| live);
    live_nodes.flat_map(|(node, _)| &node.inputs).for_each(|id| readers[id.index()] += 1);
    for (index, node) in graph.nodes.iter().enumerate() {
        let source = node.inputs[0];
        let Some(before) = source.index().checked_sub(1).filter(|_| readers[source.index()] == 1) else { continue };
        if roles[index] != Role::Alone || roles[before] != Role::Alone {
            continue;
        }
        let range = &infos[graph.nodes[before].inputs[0].index()];
        match fused(&graph.nodes[before], node, range) {
            Some((window, true)) => (roles[before], roles[index]) = (Role::Pooling(window), Role::Absorbed),
            Some((window, false)) => (roles[before], roles[index]) = (Role::Absorbed, Role::Pooling(window)),
            None => {}
        }
    }
    roles
}

/// Which values the last one depends on, itself included.
fn live_values(graph: &Graph) -> Vec<bool> {
    let mut live = vec![false; graph.nodes.len() + 1];
    live[graph.output().index()] = true;
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        if live[index + 1] {
            node.inputs.iter().for_each(|id: &ValueId| live[id.index()] = true);
        }
    }
    live
}

/// The window of a max-pool beside a requantisation, if one layer can do both, and whether the requantisation comes
/// first; `range` is what is known of the first one's input.
///
/// The layer takes the maximum of rounded and clamped values before the activation, which must not fall. Where windows
/// do not overlap, a place costs no more than without the pool. A pool in front of a requantisation, with which it
/// commutes, needs this where its own layer's table would be too large.
fn fused(first: &Node, second: &Node, range: &ValueInfo) -> Option<(Window, bool)> {
    match (&first.op, &second.op) {
        (Op::Requant(requant), Op::MaxPool(pool)) => {
            let apart = pool.kernel == pool.stride && pool.padding == [0; 4];
            (apart && places(pool) <= MAX_PLACES && rises(requant)).then(|| (window(pool), true))
        }
        (Op::MaxPool(pool), Op::Requant(requant)) => {
            let wide = range.high - range.low >= MAX_CLAMP;
            (wide && places(pool) <= MAX_PLACES && requant.is_monotone()).then(|| (window(pool), false))
        }
        _ => None,
    }
}

fn rises(requant: &Requant) -> bool {
    requant.table.as_ref().is_none_or(|table| table.windows(2).all(|pair| pair[0] <= pair[1]))
}

fn places(pool: &MaxPool) -> usize {
    pool.kernel[0].saturating_mul(pool.kernel[1])
}

fn window(pool: &MaxPool) -> Window {
    Window { kernel: pool.kernel, stride: pool.stride, padding: pool.padding }
}

/// A max-pool on a plane of `rows` and `columns`, as layers of at most [`MAX_PLACES`] places, one after the other:
/// whole windows if they are small, otherwise first along rows, then along columns.
pub(crate) fn passes(pool: &MaxPool, [rows, columns]: [usize; 2]) -> Vec<Window> {
    if places(pool) <= MAX_PLACES {
        return vec![window(pool)];
    }
    let axis = |k: usize, input| {
        let axis =
            Axis { kernel: pool.kernel[k], stride: pool.stride[k], padding: [k, k + 2].map(|i| pool.padding[i]) };
        axis.passes(input)
    };
    let on_axis = |k: usize, Axis { kernel, stride, padding: [before, after] }: Axis| match k {
        0 => Window { kernel: [kernel, 1], stride: [stride, 1], padding: [before, 0, after, 0] },
        _ => Window { kernel: [1, kernel], stride: [1, stride], padding: [0, before, 0, after] },
    };
    let down = axis(0, rows).into_iter().map(|axis| on_axis(0, axis));
    down.chain(axis(1, columns).into_iter().map(|axis| on_axis(1, axis))).collect()
}

/// Windows on one axis.
#[derive(Clone, Copy)]
struct Axis {
    kernel: usize,
    stride: usize,
    padding: [usize; 2],
}

impl Axis {
    /// Windows of at most [`MAX_PLACES`] places that give the same maxima one after the other.
    fn passes(mut self, mut input: usize) -> Vec<Self> {
        let mut passes = Vec::new();
        while self.kernel > MAX_PLACES {
            let [before, after] = self.padding;
            let padded = input + before + after;
            // One window has any stride.
            if padded - self.kernel < self.stride && padded < 2 * self.kernel {
                self.stride = self.kernel;
            }
            let divides = |&part: &usize| self.kernel.is_multiple_of(part) && self.stride.is_multiple_of(part);
            let part = (2..=MAX_PLACES).rev().find(divides).filter(|_| self.padding == [0, 0]);
            let first = match part {
                // All windows are made of whole runs of `part` places.
                Some(part) => Self { kernel: part, stride: part, padding: [0, 0] },
                // A maximum over a + b - 1 places is one over b neighbouring maxima over a places.
                None => {
                    let padding = self.padding.map(|p| p.min(MAX_PLACES - 1));
                    Self { kernel: MAX_PLACES, stride: 1, padding }
                }
            };
            input = (input + first.padding[0] + first.padding[1] - first.kernel) / first.stride + 1;
            match part {
                Some(part) => (self.kernel, self.stride) = (self.kernel / part, self.stride / part),
                None => self.kernel -= MAX_PLACES - 1,
            }
            self.padding = [before - first.padding[0], after - first.padding[1]];
            passes.push(first);
        }
        // Places that are taken as they are need no layer.
        if (self.kernel, self.stride, self.padding) != (1, 1, [0, 0]) {
            passes.push(self);
        }
        passes
    }
}
