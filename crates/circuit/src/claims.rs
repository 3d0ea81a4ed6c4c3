//! How many claims a proof leaves, layer by layer, and what they cost a verifier.
//!
//! A linear layer passes every claim on its output on to each of its terms, so that a short key of sums of sums describes
//! claims without end; every other cost of a verifier is bounded call by call.

use std::collections::BTreeMap;

use crate::{Circuit, CircuitError, Layer, SpectrumLayer, Strategy, Tensor, WireId, WireKind};

/// Claims of one proof.
const MAX_CLAIMS: usize = 1 << 20;
/// Field operations that evaluating all claims' functionals takes: seconds.
const MAX_CLAIM_WORK: usize = 1 << 28;

/// Whether a verifier can bear the claims of this circuit.
///
/// # Errors
/// [`CircuitError::Incomplete`].
pub(crate) fn bound(circuit: &Circuit) -> Result<(), CircuitError> {
    let mut claims = Claims { circuit, on: BTreeMap::new(), count: 0, work: 0 };
    claims.add(circuit.claimed_output(), 1);
    // Labels are read at every place.
    claims.spend(circuit.wire(circuit.output().wire).size(), 1);
    for layer in circuit.layers() {
        match layer {
            Layer::Requant(l) => claims.add(l.input, 1),
            Layer::Range(l) => claims.add(Tensor::whole(l.wire), 1),
            Layer::Output(l) => claims.add(Tensor::whole(l.output), 1),
            _ => {}
        }
    }
    // Layers read what stands before them, so that all readers of an output have had their turn.
    for layer in circuit.layers().iter().rev() {
        claims.pass_on(layer);
        if claims.count > MAX_CLAIMS || claims.work > MAX_CLAIM_WORK {
            return Err(CircuitError::Incomplete("the circuit leaves more claims than a verifier can bear"));
        }
    }
    Ok(())
}

struct Claims<'a> {
    circuit: &'a Circuit,
    on: BTreeMap<WireId, usize>,
    count: usize,
    work: usize,
}

impl Claims<'_> {
    fn add(&mut self, tensor: Tensor, count: usize) {
        let sum = self.on.entry(tensor.wire).or_default();
        *sum = sum.saturating_add(count);
        self.count = self.count.saturating_add(count);
        let wire = self.circuit.wire(tensor.wire);
        // The verifier folds a public wire once a claim.
        let public = wire.kind == WireKind::Input && !self.circuit.input_is_private();
        let own = if public { wire.size() } else { wire.shape.iter().sum() };
        self.spend(own, count);
    }

    fn spend(&mut self, amount: usize, times: usize) {
        self.work = self.work.saturating_add(amount.saturating_mul(times));
    }

    fn pass_on(&mut self, layer: &Layer) {
        let claims = |on: &BTreeMap<WireId, usize>, wire: WireId| on.get(&wire).copied().unwrap_or(0);
        match layer {
            Layer::Conv2d(l) => {
                let count = claims(&self.on, l.output);
                let [_, _, down, across] = l.output_shape;
                let [_, _, kh, kw] = l.weight_shape;
                let work = match l.params.strategy {
                    Strategy::Fft => l.fft_layout().map_or(usize::MAX, |layout| layout.verifier_work()),
                    _ => down.saturating_mul(kh).saturating_add(across.saturating_mul(kw)),
                };
                self.spend(work, count);
                self.add(l.input, count);
            }
            Layer::Linear(l) => {
                let count = claims(&self.on, l.output);
                for term in &l.terms {
                    self.spend(term.work(self.circuit.shape4(term.tensor)).unwrap_or(usize::MAX), count);
                    self.add(term.tensor, count);
                }
            }
            Layer::Product(l) => {
                let count = claims(&self.on, l.output);
                l.factors.iter().for_each(|&factor| self.add(factor, count.min(1)));
            }
            Layer::Gates(l) => {
                let count = claims(&self.on, l.output);
                self.spend(l.shape.iter().product(), count);
                l.claimed().for_each(|tensor| self.add(tensor, count.min(1)));
            }
            Layer::Spectrum(l) => {
                let count = claims(&self.on, l.output);
                self.spend(l.shape.iter().sum(), count);
                self.spend(SpectrumLayer::verifier_work(l.log_len), count.min(1));
                l.factors.iter().for_each(|&factor| self.add(factor, count.min(1)));
            }
            Layer::Requant(_) | Layer::ArgMax(_) | Layer::Range(_) | Layer::Output(_) | Layer::Correct(_) => {}
        }
    }
}
