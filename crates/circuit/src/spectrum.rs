//! Transforms, pointwise products and inverse transforms as calls of their own: products of polynomials on a tensor's rows.

use convince_field::IntSlice;
use serde::{Deserialize, Serialize};

use crate::builder::{Op, Pending};
use crate::{CircuitBuilder, CircuitError, FftLayout, Layer, Tensor, WireId};

/// Most factors of a [`Spectrum`]: the degree of a sumcheck.
const MAX_FACTORS: usize = 8;

/// Fourier transforms of a tensor's rows, or pointwise products of such.
///
/// Its values are field elements, which no wire holds: the prover computes them on the fly, and the proof goes through them
/// from the inverse transform's integers to the factors' integers. It belongs to the builder that made its tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spectrum {
    factors: Vec<Tensor>,
    log_len: usize,
}

/// `out[b,c,y,.]` is the product of the factors' rows `[b,c,y,.]` as polynomials, modulo `X^N - 1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpectrumLayer {
    /// At least one; equal in all axes but the last, which is at most `N`.
    pub factors: Vec<Tensor>,
    /// Lengths of the factors' rows.
    pub row_lens: Vec<usize>,
    /// `log2 N`.
    pub log_len: usize,
    /// Virtual.
    pub output: WireId,
    /// `[batch, channel, row, N]`.
    pub shape: [usize; 4],
}

impl SpectrumLayer {
    /// The coefficients. Within the wires' ranges every partial product's fit `i32`.
    pub(crate) fn evaluate(&self, factors: &[IntSlice<'_>]) -> Vec<i32> {
        let (len, rows) = (1usize << self.log_len, self.shape[..3].iter().product::<usize>());
        let mut out = Vec::with_capacity(rows * len);
        for row in 0..rows {
            let mut product = vec![0i64; len];
            product[0] = 1;
            for (factor, &width) in factors.iter().zip(&self.row_lens) {
                let mut next = vec![0i64; len];
                for (j, b) in factor.range(row * width, width).iter().enumerate().filter(|(_, b)| *b != 0) {
                    let (behind, before) = next.split_at_mut(j);
                    let turned = before.iter_mut().chain(behind);
                    turned.zip(&product).for_each(|(sum, a)| *sum = sum.wrapping_add(a.wrapping_mul(b)));
                }
                product = next;
            }
            out.extend(product.iter().map(|&v| v as i32));
        }
        out
    }

    /// What its verifier spends: the matrices of the inverse transform and of one transform for all factors, and their places.
    pub(crate) fn verifier_work(log_len: usize) -> usize {
        8 << log_len
    }
}

impl CircuitBuilder {
    /// The transforms of a tensor's rows (its last axis), each with zeros behind it to `2^log_len` places.
    ///
    /// ```
    /// use convince_circuit::{Bits, CircuitBuilder};
    ///
    /// // Every row of x times the same row of w, as polynomials.
    /// let mut c = CircuitBuilder::new();
    /// let x = c.input([1, 1, 4, 5], Bits::I8)?;
    /// let y = c.linear(vec![convince_circuit::LinearTerm::plain(1, x)], 3)?;
    /// let (a, b) = (c.fft(x, 4)?, c.fft(y, 4)?);
    /// let product = c.hadamard(&a, &b)?;
    /// let out = c.inverse_fft(&product)?;
    /// assert_eq!(c.shape(out)?, [1, 1, 4, 16]);
    /// # Ok::<(), convince_circuit::CircuitError>(())
    /// ```
    ///
    /// # Errors
    /// Rows of more than `2^log_len` entries, transforms of more than 2^20 places.
    pub fn fft(&self, tensor: Tensor, log_len: usize) -> Result<Spectrum, CircuitError> {
        let [.., columns] = self.shape(tensor)?;
        if log_len > FftLayout::MAX_LOG_LEN || columns > 1 << log_len {
            return Err(self.refuse("a transform has at least as many places as the rows, and at most 2^20"));
        }
        Ok(Spectrum { factors: vec![tensor], log_len })
    }

    /// The pointwise product of two spectra of equal shape.
    ///
    /// # Errors
    /// Unequal numbers of places, batches, channels or rows; more than 8 transforms in all.
    pub fn hadamard(&self, a: &Spectrum, b: &Spectrum) -> Result<Spectrum, CircuitError> {
        let factors = [a.factors.as_slice(), &b.factors].concat();
        if a.log_len != b.log_len || factors.len() > MAX_FACTORS {
            return Err(self.refuse("factors have equally many places, and a product has at most 8 transforms"));
        }
        let [first, second] = [self.shape(a.factors[0])?, self.shape(b.factors[0])?];
        match first[..3] == second[..3] {
            true => Ok(Spectrum { factors, log_len: a.log_len }),
            false => Err(self.refuse("factors have equal batches, channels and rows")),
        }
    }

    /// The integers `[batch, channel, row, 2^log_len]` that a spectrum is the transform of: the cyclic product of its factors.
    ///
    /// # Errors
    /// Coefficients that could leave 32 bits, a spectrum of another builder.
    pub fn inverse_fft(&mut self, spectrum: &Spectrum) -> Result<Tensor, CircuitError> {
        self.spectrum(&spectrum.factors, spectrum.log_len)
    }

    /// [`Self::inverse_fft`] of stored factors.
    pub(crate) fn spectrum(&mut self, factors: &[Tensor], log_len: usize) -> Result<Tensor, CircuitError> {
        let Some((&first, others)) = factors.split_first() else {
            return Err(self.refuse("a spectrum has at least one transform"));
        };
        let mut whole = self.fft(first, log_len)?;
        for &other in others {
            whole = self.hadamard(&whole, &self.fft(other, log_len)?)?;
        }
        let [batch, channels, rows, _] = self.shape(first)?;
        let len = 1 << log_len;
        let (mut row_lens, mut terms, mut range) = (Vec::new(), 1, (1, 1));
        for &factor in factors {
            let [.., width] = self.shape(factor)?;
            // A coefficient is a sum over pairs, in which every entry of either side occurs at most once.
            range = self.scaled_product(range, self.bounds(factor)?, width.min(terms))?;
            terms = (terms + width - 1).min(len);
            row_lens.push(width);
        }
        let shape = [batch, channels, rows, len];
        let wide = (i128::from(range.0), i128::from(range.1));
        self.work(SpectrumLayer::verifier_work(log_len))?;
        let output = self.define(shape, wide)?;
        let layer = SpectrumLayer { factors: whole.factors, row_lens, log_len, output: output.wire, shape };
        self.layers.push(Pending::Ready(Box::new(Layer::Spectrum(layer))));
        self.ops.push(Op::Spectrum { factors: factors.to_vec(), log_len });
        Ok(output)
    }

    /// The range of a sum of at most `terms` products, within 32 bits.
    fn scaled_product(&self, a: (i64, i64), b: (i64, i64), terms: usize) -> Result<(i64, i64), CircuitError> {
        let (low, high) = crate::builder::product_range(a, b);
        let terms = terms as i128;
        let (low, high) = (terms * low.min(0), terms * high.max(0));
        match (i32::try_from(low), i32::try_from(high)) {
            (Ok(low), Ok(high)) => Ok((low.into(), high.into())),
            _ => Err(CircuitError::Bound { op: self.num_ops(), low, high }),
        }
    }
}
