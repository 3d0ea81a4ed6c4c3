//! LogUp-GKR: every row of every looked-up column, a whole wire being one column, is a row of its table (DESIGN section
//! 7; Papini and Haböck, "Improving logarithmic derivative lookups using GKR", 2023).
//!
//! ```text
//! Claim in:   none; columns and multiplicities m_t are committed, then alpha, beta (full-size) are drawn
//! Messages:   Q_root and its inverse Q'; P_root = 0 is not sent
//!             per layer of 2^d nodes with children (p0, q0), (p1, q1), f = p0 q1 + p1 q0 + lambda q0 q1: lambda is drawn, then
//!             d rounds of sum_x eq(r,x) f(x, X), the lowest variable X first, then p0, p1, q0, q1 at the rounds' point
//!             at the leaves: tau is drawn, then one claim a column and a multiplicity, in the order of the blocks
//! Claim out:  each column and each m_t at the suffix of the leaf point that belongs to its block, the variables of padded axes first
//! Error:      J (N + sum T) / p for the fractions, (3 n (n-1)/2 + n + 1) / 2^128 for the layers of a tree of 2^n leaves
//! ```
//!
//! # Rounds
//! The children of node i are 2i and 2i+1, so the four values that end a layer are claims on the next layer's nodes at `(r | 0)`
//! and `(r | 1)`: `g(0) = p0 + lambda q0` and `g(1) = p1 + lambda q1` of the next layer's first round polynomial
//! `g(X) = sum_x eq(r,x) f(x, X)`. Its message is the coefficient of `X^2` alone, and the claim goes on at `g(s)`. If a
//! claim was false then so is `g(0)` or `g(1)` but for one lambda, and a g that is false anywhere is false at s but for two.
//! Every later round binds the variable above with the weight eq(z, X) split off (Gruen, 2024): from
//! `claim = (1 - z) g(0) + z g(1)` and the message `step = g(1) - g(0)` and `square`, the coefficient of `X^2`,
//!
//! ```text
//! g(s) = claim + step (s - z) + square s (s - 1)
//! ```
//!
//! Every message is that of some g with this claim, so no inverse and no exception is needed. The challenges, reversed, are
//! the next r; below the last layer tau joins p0 and p1, q0 and q1 at the leaf point `(r | tau)`.
//!
//! Adjacent nodes are bound, so a prover's work is that of the nodes which are allocated, however little more than a power of
//! two they are, and each node is read once a round: binding it and evaluating the next round is one pass (`region`).
//!
//! # Leaves
//! An entry of a lookup is the leaf `(1, alpha - id_T - sum_{j>=1} beta^j col_j)`, `id_T` being the table's index plus one; a row of
//! table t is `(-m_t, same denominator)`. The leaves behind a table's last row and behind the last block are (0, 1).
//!
//! A lookup's block pads every axis to a power of two, and the axes that are padded are its highest variables, the others its
//! lowest ([`convince_circuit::leaf_axes`]): true entries then come in long runs, and so does padding, whose leaves are all
//! equal. A prover stores none of it on the lowest levels, in the tree and in the rounds (`places`). A column's multilinear extension is that of the column padded by
//! zeros *by definition*: whoever commits to a column has no say in it, and a claim on it is checked as such. Where the
//! table has a row of zeros ([`convince_circuit::TableContent::zero_row`]) an entry of padding is therefore a lookup of this
//! row, true for every witness, and is counted as one: its numerator is one, and the row's multiplicity counts it. The block's
//! numerator is then the constant one, and its denominator `alpha - id_T - sum beta^j col_j~(rho)`. The sum of fractions
//! says the same of the true entries as ever: the padding's share, `n / (alpha - id_T)`, is on both sides. Were a multiplicity not
//! to count it, the sum would not vanish. Where there is no such row, padding is the leaf (0, 1), and the block's denominator
//! `(alpha - id_T) 1(rho) - sum beta^j col_j~(rho) + 1 - 1(rho)` at the leaf point.
//!
//! At the bottom, numerators of one make `f = lambda ((q0 + mu)(q1 + mu) - mu^2)` with `mu = 1 / lambda`: one product of two
//! tables (`layer`). Denominators of one table differ by small multiples of beta and beta^2, so the first message there is a
//! sum of small integers times weights.

mod formula;
mod layer;
mod leaves;
mod places;
mod prove;
mod region;
mod tree;
mod verify;
mod weights;

use std::collections::BTreeMap;

use convince_circuit::{Block, BlockSource, Circuit, Tensor, WireId, WireKind, leaf_axes};
use convince_field::ProofField;
use convince_poly::{Axis, Functional, log2_ceil};
use convince_transcript::{ChannelScalar, Label};

use crate::Claim;

pub use places::stored_leaves;
pub use prove::prove;
pub use tree::Tree;
pub use verify::verify;

const ALPHA: Label = "gkr/lookup/alpha";
const BETA: Label = "gkr/lookup/beta";
const ROOT: Label = "gkr/lookup/root";
const LAMBDA: Label = "gkr/lookup/lambda";
const ROUND: Label = "gkr/lookup/round";
const POINT: Label = "gkr/lookup/point";
const CHILDREN: Label = "gkr/lookup/children";
const TAU: Label = "gkr/lookup/tau";
const COLUMNS: Label = "gkr/lookup/columns";

/// The claims at the leaves.
pub struct ColumnClaims<F, S> {
    point: Vec<F>,
    /// Block after block: the columns of a lookup, or the multiplicity of a table.
    values: Vec<Vec<S>>,
    /// The same by advice wire and column.
    by_wire: BTreeMap<WireId, BTreeMap<usize, S>>,
}

impl<F: ProofField, S: Clone> ColumnClaims<F, S> {
    /// `values` holds, block after block, the columns of a lookup or the multiplicity of a table.
    fn new(circuit: &Circuit, point: Vec<F>, values: Vec<S>) -> Self {
        let mut rest = values.into_iter();
        let (mut values, mut by_wire) = (Vec::new(), BTreeMap::<_, BTreeMap<_, _>>::new());
        for block in circuit.blocks() {
            let own: Vec<S> = match block.source {
                BlockSource::Table(_) => rest.by_ref().take(1).collect(),
                BlockSource::Lookup(k) => {
                    let lookup = &circuit.lookups()[k];
                    let own: Vec<S> = rest.by_ref().take(lookup.tensors.len()).collect();
                    for (tensor, value) in lookup.tensors.iter().zip(&own) {
                        if let Some(column) = tensor.column {
                            by_wire.entry(tensor.wire).or_default().insert(column as usize, value.clone());
                        }
                    }
                    own
                }
            };
            values.push(own);
        }
        Self { point, values, by_wire }
    }

    /// Number of scalars at the leaves.
    fn count(circuit: &Circuit) -> usize {
        circuit.lookups().iter().map(|l| l.tensors.len()).sum::<usize>() + circuit.tables().len()
    }

    /// Where the columns of a wire are claimed, all of them at one point: the variables of one axis after the other.
    pub(crate) fn point(&self, circuit: &Circuit, wire: WireId) -> Vec<F> {
        axes_points(&self.point, &circuit.wire(wire).shape[1..]).concat()
    }

    /// The claims on the columns of a wire.
    pub(crate) fn of_wire(&self, wire: WireId) -> BTreeMap<usize, S> {
        self.by_wire.get(&wire).cloned().unwrap_or_default()
    }

    /// One claim a column and a multiplicity, but for columns of virtual wires: what these say is said by the layer that they
    /// belong to.
    pub(crate) fn claims(&self, circuit: &Circuit) -> Vec<Claim<F, S>> {
        let mut claims = Vec::new();
        for (block, values) in circuit.blocks().iter().zip(&self.values) {
            let (tensors, shape) = columns(circuit, block);
            let functional = functional(&self.point, shape);
            let claim = |(tensor, value): (_, &S)| Claim::on(circuit, tensor, functional.clone(), value.clone());
            let committed = |(tensor, _): &(Tensor, &S)| circuit.wire(tensor.wire).kind != WireKind::Virtual;
            claims.extend(tensors.into_iter().zip(values).filter(committed).map(claim));
        }
        claims
    }
}

/// The points on the axes of a tensor of this shape whose block lies at the end of a point of leaves.
fn axes_points<'a, F: ProofField>(point: &'a [F], shape: &[usize]) -> Vec<&'a [F]> {
    let mut axes = vec![&point[..0]; shape.len()];
    let mut rest = point;
    for axis in leaf_axes(shape).into_iter().rev() {
        (rest, axes[axis]) = rest.split_at(rest.len() - log2_ceil(shape[axis]));
    }
    axes
}

/// What a claim at a point of leaves is on the tensor of this shape.
fn functional<F: ProofField>(point: &[F], shape: &[usize]) -> Functional<F> {
    let axes = axes_points(point, shape).into_iter().zip(shape);
    Functional(axes.map(|(point, &len)| Axis::Eq { point: point.to_vec(), len }).collect())
}

/// What is claimed at a block's leaves, the columns of a lookup or the multiplicity of a table, and its true shape.
fn columns<'a>(circuit: &'a Circuit, block: &Block) -> (Vec<Tensor>, &'a [usize]) {
    match block.source {
        BlockSource::Table(k) => {
            let wire = circuit.tables()[k].multiplicities;
            (vec![Tensor::whole(wire)], &circuit.wire(wire).shape[..])
        }
        BlockSource::Lookup(k) => {
            let lookup = &circuit.lookups()[k];
            (lookup.tensors.clone(), lookup.shape(circuit.wires()))
        }
    }
}

/// A layer's claim after its first round: `g(s)` for the g with these values at 0 and 1 and this square term.
fn first_claim<F: ProofField, S: ChannelScalar<F>>([low, high]: [S; 2], square: S, s: F) -> S {
    low.clone() + (high - low) * s + square * (s * (s - F::one()))
}

/// `g(s)` for the g with `(1 - z) g(0) + z g(1) = claim`, `g(1) - g(0) = step` and this square term: any claim, step and
/// square term are those of one polynomial.
fn next_claim<F: ProofField, S: ChannelScalar<F>>(claim: S, [step, square]: [S; 2], z: F, s: F) -> S {
    claim + step * (s - z) + square * (s * (s - F::one()))
}

/// `id_T`.
fn table_id<F: ProofField>(table: usize) -> F {
    F::from_i64(table as i64 + 1)
}
