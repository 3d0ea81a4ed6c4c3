//! LogUp-GKR: every row of every looked-up column, a whole wire being one column, is a row of its table (DESIGN section
//! 7; Papini and Haböck, "Improving logarithmic derivative lookups using GKR", 2023).
//!
//! ```text
//! Claim in:   none; columns and multiplicities m_t are committed, then alpha, beta (full-size) are drawn
//! Messages:   Q_root and its inverse Q'; P_root = 0 is not sent
//!             per layer: rounds of sum_x eq(r,x) (p0 q1 + p1 q0 + lambda q0 q1), then p0, p1, q0, q1, then tau is drawn;
//!             the children of node i are 2i and 2i+1, so the next point is (r | tau); the next lambda follows the four claims
//!             at the leaves: one claim a column and a multiplicity, in the order of the blocks
//! Claim out:  each column and each m_t at the suffix of the leaf point that belongs to its block
//! Error:      J (N + sum T) / p for the fractions, 3 n (n-1)/2 / 2^128 for the layers of a tree of 2^n leaves
//! ```
//!
//! A true entry of a lookup is the leaf `(1, alpha - id_T - sum_{j>=1} beta^j col_j)`, `id_T` being the table's index plus one; a row of
//! table t is `(-m_t, same denominator)`. Padding and the leaves behind the last block are (0, 1): at the leaf point a
//! block's denominator is `(alpha - id_T) 1(rho) - sum beta^j col_j~(rho) + 1 - 1(rho)`, columns being zero on padding. A prover pays
//! little for padding, since equal entries bind for free, and nothing for what is behind the last block.

mod formula;
mod layer;
mod leaves;
mod prove;
mod region;
mod tree;
mod verify;
mod weights;

use std::collections::BTreeMap;

use convince_circuit::{Block, BlockSource, Circuit, Tensor, WireId, WireKind};
use convince_field::ProofField;
use convince_poly::{Functional, log2_ceil};
use convince_sumcheck::suffix;
use convince_transcript::{ChannelScalar, Label};

use crate::Claim;

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

    /// Where the columns of a wire are claimed, all of them at one point.
    pub(crate) fn point(&self, circuit: &Circuit, wire: WireId) -> &[F] {
        let vars = circuit.wire(wire).shape[1..].iter().map(|&n| log2_ceil(n)).sum();
        suffix(&self.point, vars)
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
            let functional = Functional::at_flat(suffix(&self.point, block.log_size), shape);
            let claim = |(tensor, value): (_, &S)| Claim::on(circuit, tensor, functional.clone(), value.clone());
            let committed = |(tensor, _): &(Tensor, &S)| circuit.wire(tensor.wire).kind != WireKind::Virtual;
            claims.extend(tensors.into_iter().zip(values).filter(committed).map(claim));
        }
        claims
    }
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
