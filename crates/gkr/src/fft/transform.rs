//! Transforms of vectors: a claim on a vector's transform becomes one on the vector.
//!
//! ```text
//! Claim in:   V_t~(r_t) = v_t, V_t the transform (or inverse transform) of c_t, r_t the last n_t coordinates of a point
//! Rounds:     sum_x M(r_t, x) c_t(x) = v_t, batched with a challenge lambda (see `fold`)
//! Claim out:  c_t~ at the last n_t challenges
//! Error:      (T - 1 + 2 n) / 2^128 for T claims, and that of `delegate` for transforms beyond `Step::direct_log_len`
//! ```

use std::collections::BTreeMap;

use convince_field::ProofField;
use convince_poly::eq_table;
use convince_transcript::{ChannelError, Check, ProverChannel, VerifierChannel};

use super::delegate::{Column, Entry};
use super::fold::{self, Claims, Kernel, Names, Sum};
use super::{DftMatrix, Direction, Evaluations, Step};

fn names(direction: Direction, step: Step) -> Names {
    let Step { wave, .. } = step;
    match direction {
        Direction::Forward => Names {
            lambda: "gkr/fft/transform/lambda",
            values: "gkr/fft/transform/values",
            kernels: "gkr/fft/transform/kernels",
            check: Check::FftTransform { wave },
        },
        Direction::Inverse => Names {
            lambda: "gkr/fft/inverse/lambda",
            values: "gkr/fft/inverse/values",
            kernels: "gkr/fft/inverse/kernels",
            check: Check::FftInverse { wave },
        },
    }
}

/// Reduces claims on transforms of `vectors` to claims on the vectors. About ten multiplications an entry.
///
/// Panics unless every vector's length is a power of two that the field has transforms of, and there is a claim for each.
pub fn prove<F: ProofField, C: ProverChannel<F>>(
    channel: &mut C,
    step: Step,
    direction: Direction,
    vectors: Vec<Vec<F>>,
    claims: &Evaluations<F, F>,
) -> Evaluations<F, F> {
    assert_eq!(vectors.len(), claims.values.len());
    let matrix = |log_len| DftMatrix::new(direction, log_len).expect("a transform of the field");
    let logs: Vec<usize> = vectors.iter().map(|vector| vector.len().ilog2() as usize).collect();
    let sum = |((values, &num_vars), &claim): ((Vec<F>, &usize), &F)| {
        assert_eq!(values.len(), 1 << num_vars);
        let kernel = matrix(num_vars).row_table(claims.at(num_vars));
        Sum { num_vars, claims: vec![claim], values, kernel }
    };
    let sums = vectors.into_iter().zip(&logs).zip(&claims.values).map(sum).collect();
    let entry = |t: usize, s: &[F]| {
        let row = claims.at(logs[t]).to_vec();
        (logs[t] > step.direct_log_len).then(|| Entry {
            matrix: matrix(logs[t]),
            row,
            column: Column::Point(s.to_vec()),
        })
    };
    fold::prove(channel, &names(direction, step), sums, entry)
}

/// Verifies what [`prove`] sent for vectors of `2^log_lens[t]` entries.
///
/// # Soundness
/// The claims returned must hold for vectors that are fixed before the channel's next challenge.
///
/// # Errors
/// The channel's, and [`ChannelError::NoTransform`]; the checks are [`Check::FftTransform`] or [`Check::FftInverse`], and
/// [`Check::FftMatrix`].
///
/// Panics unless there is a claim for every length, and the claims' point has as many coordinates as the longest needs.
pub fn verify<F: ProofField, C: VerifierChannel<F>>(
    channel: &mut C,
    step: Step,
    direction: Direction,
    log_lens: &[usize],
    claims: &Evaluations<F, C::Scalar>,
) -> Result<Evaluations<F, C::Scalar>, ChannelError> {
    assert_eq!(log_lens.len(), claims.values.len());
    let mut matrices = BTreeMap::new();
    for &log_len in log_lens {
        let matrix = DftMatrix::new(direction, log_len).ok_or(ChannelError::NoTransform { log_len })?;
        matrices.insert(log_len, matrix);
    }
    let sums: Vec<_> = log_lens
        .iter()
        .zip(&claims.values)
        .map(|(&num_vars, value)| Claims { num_vars, claims: vec![value.clone()] })
        .collect();
    // Equal lengths have equal rows and columns.
    let mut known: BTreeMap<usize, F> = BTreeMap::new();
    fold::verify(channel, &names(direction, step), &sums, |t, s| {
        let (log_len, row) = (log_lens[t], claims.at(log_lens[t]));
        if log_len > step.direct_log_len {
            let (matrix, row) = (matrices[&log_len].clone(), row.to_vec());
            return Kernel::Delegated(Entry { matrix, row, column: Column::Point(s.to_vec()) });
        }
        let value = || F::inner_product(&matrices[&log_len].row_table(row), &eq_table(s));
        Kernel::Value(*known.entry(log_len).or_insert_with(value))
    })
}
