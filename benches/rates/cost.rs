//! The cost model: what each step of a proof does, by the circuit's sizes, and what that takes at the kernels' rates.

use convince::Estimate;
use convince_circuit::{Circuit, Conv2dLayer, Layer, WireKind};
use convince_poly::log2_ceil;
use serde::Serialize;

use crate::kernels::Rates;

/// What the steps' operations are counted by; all of one proof.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sizes {
    pub(crate) macs: usize,
    pub(crate) weights: usize,
    /// Integers of the advice, of at most 8 bits and of more.
    pub(crate) narrow: usize,
    pub(crate) wide: usize,
    /// Rows of the advice, and columns of all rows.
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// Leaves that a prover stores.
    pub(crate) leaves: usize,
    /// log2 of the tree's leaves.
    pub(crate) height: usize,
    /// Entries of the zero-checks' products, times factors.
    pub(crate) factors: usize,
    /// Values of the inputs of convolutions that slide.
    pub(crate) inputs: usize,
    /// Integers that meet a window's column, and the lines that are then summed: `kw |in|` and `ci kh kw Ho`.
    pub(crate) windows: usize,
    pub(crate) lines: usize,
    /// Entries of the tables over kernel positions and over input places.
    pub(crate) kernels: usize,
    pub(crate) planes: usize,
    /// Groups of claims that the opening combines rows for.
    pub(crate) groups: usize,
    pub(crate) rounds: usize,
    pub(crate) pads: usize,
    pub(crate) products: usize,
    /// Terms of the inner-product argument, its blinders included.
    pub(crate) terms: usize,
}

impl Sizes {
    pub(crate) fn new(circuit: &Circuit, estimate: &Estimate) -> Self {
        let total = &estimate.total;
        let is_wide = |id| {
            let wire = circuit.wire(id);
            wire.low < -128 || wire.high > 255
        };
        let advice = || circuit.wires_of(WireKind::Advice);
        let wide = advice().filter(|&id| is_wide(id)).map(|id| circuit.wire(id).size()).sum();
        let convolutions = || {
            circuit.layers().iter().filter_map(|layer| match layer {
                Layer::Conv2d(layer) => Some(layer),
                _ => None,
            })
        };
        let sum = |of: fn(&Conv2dLayer) -> usize| convolutions().map(of).sum();
        let sliding = |of: fn(&Conv2dLayer) -> usize| convolutions().filter(|l| !is_whole(l)).map(of).sum();
        let size: fn(&Conv2dLayer) -> usize = |l| l.input_shape.iter().product();
        Self {
            macs: total.macs,
            weights: total.parameters,
            narrow: total.committed - wide,
            wide,
            rows: total.proof_rows,
            width: estimate.width,
            leaves: total.stored_leaves,
            height: circuit.log_leaves(),
            factors: circuit.layers().iter().map(factors).sum(),
            inputs: sliding(size),
            windows: sum(|l| l.input_shape[..3].iter().product::<usize>() * l.weight_shape[3] * l.output_shape[3]),
            lines: sum(|l| l.input_shape[1] * l.weight_shape[2] * l.weight_shape[3] * l.output_shape[2]),
            kernels: sum(|l| padded(&l.weight_shape[1..]) * l.params.groups.next_power_of_two()),
            planes: sliding(|l| padded(&l.input_shape[2..])),
            // One a weight wire; of the advice one at the lookups' point and one at the next layer's.
            groups: circuit.wires_of(WireKind::Weight).count() + 2 * advice().count(),
            rounds: total.rounds,
            pads: total.pads,
            products: total.products,
            terms: estimate.scalar_terms() - total.pads - 3 * total.products,
        }
    }
}

fn is_whole(layer: &Conv2dLayer) -> bool {
    layer.input_shape[2..] == layer.weight_shape[2..]
}

fn padded(shape: &[usize]) -> usize {
    shape.iter().map(|n| n.next_power_of_two()).product()
}

/// Entries times factors of the products that must vanish, of a layer of limbs.
fn factors(layer: &Layer) -> usize {
    match layer {
        Layer::Requant(l) if l.lookups.is_none() => padded(&l.output_shape) * (3 + l.gaps.len()),
        _ => 0,
    }
}

/// A step of a proof on one core.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Ends of the paths of the library's spans that it is.
    #[serde(skip)]
    pub(crate) spans: &'static [&'static str],
    /// Operations, by the symbols of `MODEL.md`.
    pub(crate) operations: &'static str,
    /// What they take at the kernels' rates.
    pub(crate) predicted_ms: f64,
    /// Bytes read and written beyond a level-2 cache.
    pub(crate) bytes: f64,
    /// What these take at the rate of a copy.
    pub(crate) memory_ms: f64,
}

/// All steps, in the order of a proof.
pub(crate) fn steps(s: &Sizes, r: &Rates) -> Vec<Step> {
    let step = |name, spans, operations, nanoseconds: f64, bytes: f64| Step {
        name,
        spans,
        operations,
        predicted_ms: 1e-6 * nanoseconds,
        bytes,
        // A copy's byte is read and written.
        memory_ms: 1e-6 * r.byte * bytes / 2.0,
    };
    let n = |count: usize| count as f64;
    let (leaves, weights, committed) = (n(s.leaves), n(s.weights), n(s.narrow + s.wide));
    let digits = match s.width > convince_pcs::hyrax::TABLE_COLUMNS {
        true => (n(s.narrow) + 2.0 * n(s.wide)) * r.bucket,
        false => n(s.narrow) * r.digit + n(s.wide) * r.wide_digits,
    };
    let levels = n(s.height * (s.height + 1) / 2);
    let bottom = leaves * (0.75 * r.dot + r.gather + 0.5 * r.bind + 0.5 * (r.product + r.term));
    let upper = leaves * (2.5 * r.bind + 0.75 * (r.two_products + r.term));
    let sumcheck = |entries: usize| n(entries) * 2.0 * (r.bind + r.term);
    let columns = n(s.groups * s.width);
    vec![
        step(
            "inference",
            &["witness"],
            "m mac + a advice",
            n(s.macs) * r.mac + committed * r.advice,
            weights + committed,
        ),
        step("commit: pads", &["commit/pads"], "t scalar", n(s.pads) * r.scalar, 128.0 * n(s.pads)),
        step(
            "commit: rows",
            &["commit/rows"],
            "a8 digit + a16 digits + R row",
            digits + n(s.rows) * r.row,
            96.0 * (n(s.narrow) + 2.0 * n(s.wide)),
        ),
        step("lookups: leaves", &["lookups/leaves"], "N gather", leaves * r.gather, 8.0 * leaves),
        step(
            "lookups: tree",
            &["lookups/tree"],
            "N gather + N product + N/2 two",
            leaves * (r.gather + r.product + 0.5 * r.two_products),
            128.0 * leaves,
        ),
        step(
            "lookups: rounds",
            &["lookups/level"],
            "N (3/4 dot + gather + bind/2 + (product + term)/2) + N (5/2 bind + 3/4 (two + term)) + h(h+1)/2 round",
            bottom + upper + levels * r.round,
            280.0 * leaves,
        ),
        step("lookups: columns", &["lookups/columns"], "a dot", committed * r.dot, committed),
        step(
            "zero-checks",
            &["reduce/zero-checks"],
            "z (bind + 2 product)",
            n(s.factors) * (r.bind + 2.0 * r.product),
            96.0 * n(s.factors),
        ),
        step(
            "linear layers: weights and windows",
            &["wave/kernel tables"],
            "w fold + kw|in| dot8 + L product",
            weights * r.fold + n(s.windows) * r.short_dot + n(s.lines) * r.product,
            weights + n(s.inputs),
        ),
        step(
            "linear layers: kernel sumcheck",
            &["wave/kernel rounds"],
            "2 K (bind + term)",
            sumcheck(s.kernels),
            192.0 * n(s.kernels),
        ),
        step(
            "linear layers: inputs",
            &["wave/input tables"],
            "|in| fold + P product",
            n(s.inputs) * r.fold + n(s.planes) * r.product,
            n(s.inputs) + 64.0 * n(s.planes),
        ),
        step("linear layers: input sumcheck", &["wave/input rounds"], "2 P (bind + term)", sumcheck(s.planes), 0.0),
        step(
            "opening: closing argument",
            &["open/replay", "open/closing argument", "open/mask"],
            "3 p scalar",
            n(3 * s.products + 2 * log2_ceil(s.width) + 1) * r.scalar,
            128.0 * n(3 * s.products),
        ),
        step(
            "opening: combination",
            &["open/combine rows"],
            "(w + 2 a) fold",
            (weights + 2.0 * committed) * r.fold,
            weights + 2.0 * committed,
        ),
        step(
            "opening: column sumcheck",
            &["open/column sumcheck"],
            "2 g n (bind + term)",
            2.0 * columns * (r.bind + r.term),
            192.0 * columns,
        ),
        step(
            "opening: inner-product argument",
            &["open/inner-product argument"],
            "g n product + (1 + rounds) n scalar",
            columns * r.product + n(s.terms) * r.scalar,
            32.0 * columns,
        ),
    ]
}
