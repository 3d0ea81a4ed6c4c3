//! The error of one proof's interactive protocol, counted from its circuit.

use convince_circuit::{Circuit, FftLayout, Layer};
use convince_poly::log2_ceil;

use crate::wave::SpectrumRounds;

/// log2 of the size of the set that sumcheck and batching challenges come from.
pub const CHALLENGE_BITS: i32 = 128;

/// A sum of error terms, each a polynomial's degree over the size of its challenge's set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Error {
    /// Sum over all rounds, as a real number.
    pub total: f64,
    /// Largest term: what one round's Fiat–Shamir challenge is worth to a grinding prover.
    pub largest: f64,
}

impl Error {
    /// No rounds.
    pub const NONE: Self = Self { total: 0.0, largest: 0.0 };

    /// Adds `count` rounds that each fail with probability `degree / 2^bits`.
    #[must_use]
    pub fn with(self, count: usize, degree: usize, bits: i32) -> Self {
        let term = if count == 0 { 0.0 } else { degree as f64 * 2f64.powi(-bits) };
        Self { total: self.total + count as f64 * term, largest: self.largest.max(term) }
    }

    /// `-log2` of the total.
    pub fn bits(self) -> f64 {
        -self.total.log2()
    }

    /// `-log2` of the largest term.
    pub fn largest_bits(self) -> f64 {
        -self.largest.log2()
    }
}

/// The reductions of this crate; `field_bits` is a lower bound of log2 of the field's size. The opening is not included.
pub fn error(circuit: &Circuit, field_bits: i32) -> Error {
    let n = circuit.log_leaves();
    let lookups: usize = circuit.blocks().iter().map(|b| 1usize << b.log_size).sum();
    // The fractions' identity in alpha and beta, tables' fingerprints included.
    let mut error = Error::NONE.with(1, 3 * lookups, field_bits);
    // Each layer: lambda, and its rounds of degree 2 (eq is split off), the first of which takes both halves of the children's
    // claims. Tau below the last one.
    error = error.with(n + 1, 1, CHALLENGE_BITS).with(n * n.saturating_sub(1) / 2, 2, CHALLENGE_BITS);
    // The requantisations' identity at the leaves' point, that of labels and ranges, and the corners of windows.
    let largest = circuit.layers().iter().filter_map(|layer| match layer {
        Layer::Requant(l) => Some(l.output_shape.iter().map(|&n| log2_ceil(n)).sum::<usize>()),
        Layer::ArgMax(l) => Some(crate::arg_max::variables(l)),
        Layer::Correct(l) => Some(crate::arg_max::variables(&l.margins)),
        Layer::Range(l) => Some(crate::range::variables(circuit, l)),
        _ => None,
    });
    let tau: usize = crate::requant::tau_variables(circuit).iter().sum();
    let mu = usize::from(crate::requant::has_maxima(circuit));
    error = error.with(largest.max().unwrap_or(0) + tau + mu, 1, CHALLENGE_BITS);
    let (vars, degree, products) = crate::zero_check::size(circuit);
    error = error.with(vars, 1, CHALLENGE_BITS).with(1, products.saturating_sub(1), CHALLENGE_BITS);
    error = error.with(vars, degree, CHALLENGE_BITS);
    let correct = circuit.correct_layer();
    error = match circuit.arg_max().or(correct.map(|layer| &layer.margins)) {
        // Rounds over the images, if they are counted, then over the values.
        Some(layer) => {
            let images = correct.map_or(0, crate::correct::variables);
            error.with(images + crate::arg_max::variables(layer), 2, CHALLENGE_BITS)
        }
        None => {
            let variables = circuit.shape(circuit.output()).iter().map(|&n| log2_ceil(n)).sum();
            error.with(variables, 1, CHALLENGE_BITS)
        }
    };
    crate::wave::rounds(circuit).into_iter().fold(error, |error, wave| {
        let batching = 2 * wave.instances.saturating_sub(1);
        let error = error.with(1, batching, CHALLENGE_BITS).with(wave.kernel + wave.input, 2, CHALLENGE_BITS);
        let error = error.with(1, wave.fft.batching(), CHALLENGE_BITS).with(wave.fft.rounds(), 2, CHALLENGE_BITS);
        let error = wave.products.into_iter().fold(error, |error, (vars, claims)| {
            error.with(1, claims.saturating_sub(1), CHALLENGE_BITS).with(2 * vars, 2, CHALLENGE_BITS)
        });
        let error = wave.spectra.into_iter().fold(error, |error, spectrum| {
            let SpectrumRounds { rows, log_len, claims, factors } = spectrum;
            let batching = claims.saturating_sub(1) + factors - 1;
            let error = error.with(1, batching, CHALLENGE_BITS).with(rows + 3 * log_len, 2, CHALLENGE_BITS);
            let delegated =
                if log_len > FftLayout::MAX_DIRECT_LOG_LEN { (1 + factors) * log_len * (log_len - 1) / 2 } else { 0 };
            error.with(rows + log_len, factors, CHALLENGE_BITS).with(delegated, 2, CHALLENGE_BITS)
        });
        wave.gates.into_iter().fold(error, |error, (vars, claims, _)| {
            error.with(1, claims.saturating_sub(1), CHALLENGE_BITS).with(vars, 2, CHALLENGE_BITS)
        })
    })
}

/// An upper bound of the number of claims that a proof ends in.
pub fn max_claims(circuit: &Circuit) -> usize {
    let columns_of = |layer: &Layer| match layer {
        Layer::Requant(l) => l.num_columns,
        Layer::ArgMax(l) => l.margin.len(),
        Layer::Correct(l) => l.margins.margin.len() + 1,
        Layer::Range(l) => l.limbs.len().max(1),
        _ => 0,
    };
    let columns: usize = circuit.layers().iter().map(columns_of).sum();
    // Every column is claimed at most twice, by lookups and by the zero-checks; a convolution's claim leaves three, a
    // linear layer's one a term, a product two, gates two a tensor at most, a spectrum one a factor, a requantisation's
    // one on its input, as a range in limbs does on its wire.
    let of_wave = |wave: &crate::wave::Rounds| {
        let spectra: usize = wave.spectra.iter().map(|spectrum| spectrum.factors).sum();
        let gates: usize = wave.gates.iter().map(|&(_, _, left)| left).sum();
        3 * (wave.instances + wave.fft.instances) + wave.terms + 2 * wave.products.len() + gates + spectra
    };
    let waves: usize = crate::wave::rounds(circuit).iter().map(of_wave).sum();
    2 * columns + circuit.tables().len() + circuit.layers().len() + waves + 1
}
