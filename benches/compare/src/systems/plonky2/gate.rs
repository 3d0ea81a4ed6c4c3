//! The rows of `rows.rs` as custom gates.

use plonky2::field::extension::Extendable;
use plonky2::field::packed::PackedField;
use plonky2::field::types::Field;
use plonky2::gates::gate::Gate;
use plonky2::gates::packed_util::PackedEvaluableBase;
use plonky2::gates::util::StridedConstraintConsumer;
use plonky2::hash::hash_types::RichField;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::generator::WitnessGeneratorRef;
use plonky2::plonk::circuit_builder::CircuitBuilder;
use plonky2::plonk::circuit_data::CommonCircuitData;
use plonky2::plonk::vars::{EvaluationTargets, EvaluationVars, EvaluationVarsBaseBatch, EvaluationVarsBasePacked};
use plonky2::util::serialization::{Buffer, IoError, IoResult, Read, Write};

use crate::systems::rows::{Arithmetic, Requant, Row};

/// On elements of a field, or of an extension.
struct Elements<'a, K>(&'a [K]);

impl<K: Field> Arithmetic for Elements<'_, K> {
    type Value = K;

    fn wire(&self, wire: usize) -> K {
        self.0[wire]
    }

    fn constant(&mut self, value: i64) -> K {
        let magnitude = K::from_canonical_u64(value.unsigned_abs());
        if value < 0 { -magnitude } else { magnitude }
    }

    fn add(&mut self, a: K, b: K) -> K {
        a + b
    }

    fn sub(&mut self, a: K, b: K) -> K {
        a - b
    }

    fn mul(&mut self, a: K, b: K) -> K {
        a * b
    }
}

/// On many points at once.
struct Packed<'a, P: PackedField>(EvaluationVarsBasePacked<'a, P>);

impl<P: PackedField> Arithmetic for Packed<'_, P> {
    type Value = P;

    fn wire(&self, wire: usize) -> P {
        self.0.local_wires[wire]
    }

    fn constant(&mut self, value: i64) -> P {
        let magnitude = P::ONES * P::Scalar::from_canonical_u64(value.unsigned_abs());
        if value < 0 { -magnitude } else { magnitude }
    }

    fn add(&mut self, a: P, b: P) -> P {
        a + b
    }

    fn sub(&mut self, a: P, b: P) -> P {
        a - b
    }

    fn mul(&mut self, a: P, b: P) -> P {
        a * b
    }
}

/// In a circuit that verifies a proof of this one.
struct Circuit<'a, F: RichField + Extendable<D>, const D: usize> {
    builder: &'a mut CircuitBuilder<F, D>,
    wires: &'a [ExtensionTarget<D>],
}

impl<F: RichField + Extendable<D>, const D: usize> Arithmetic for Circuit<'_, F, D> {
    type Value = ExtensionTarget<D>;

    fn wire(&self, wire: usize) -> Self::Value {
        self.wires[wire]
    }

    fn constant(&mut self, value: i64) -> Self::Value {
        let magnitude = F::from_canonical_u64(value.unsigned_abs());
        self.builder.constant_extension(F::Extension::from(if value < 0 { -magnitude } else { magnitude }))
    }

    fn add(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
        self.builder.add_extension(a, b)
    }

    fn sub(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
        self.builder.sub_extension(a, b)
    }

    fn mul(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
        self.builder.mul_extension(a, b)
    }
}

impl<F: RichField + Extendable<D>, const D: usize> Gate<F, D> for Row {
    fn id(&self) -> String {
        format!("{self:?}")
    }

    fn serialize(&self, bytes: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
        let numbers: Vec<usize> = match *self {
            Self::Checked { taps, outputs } => vec![0, taps, outputs],
            Self::Copied { taps, outputs } => vec![1, taps, outputs],
            Self::Weights => vec![2],
            Self::Requant(Requant { shift, low, high, output, above, below }) => {
                let bounds = [low, high].map(|bound| bound as u32 as usize);
                let [shift, output, above, below] = [shift, output, above, below].map(|bits| bits as usize);
                vec![3, shift, bounds[0], bounds[1], output, above, below]
            }
            Self::Max { window, bits } => vec![4, window, bits as usize],
        };
        bytes.write_usize_vec(&numbers)
    }

    fn deserialize(bytes: &mut Buffer, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
        match *bytes.read_usize_vec()? {
            [0, taps, outputs] => Ok(Self::Checked { taps, outputs }),
            [1, taps, outputs] => Ok(Self::Copied { taps, outputs }),
            [2] => Ok(Self::Weights),
            [3, shift, low, high, output, above, below] => {
                let [low, high] = [low, high].map(|bound| bound as u32 as i32);
                let [shift, output, above, below] = [shift, output, above, below].map(|bits| bits as u32);
                Ok(Self::Requant(Requant { shift, low, high, output, above, below }))
            }
            [4, window, bits] => Ok(Self::Max { window, bits: bits as u32 }),
            _ => Err(IoError),
        }
    }

    fn eval_unfiltered(&self, vars: EvaluationVars<'_, F, D>) -> Vec<F::Extension> {
        self.constraints(&mut Elements(vars.local_wires))
    }

    fn eval_unfiltered_base_batch(&self, vars: EvaluationVarsBaseBatch<'_, F>) -> Vec<F> {
        self.eval_unfiltered_base_batch_packed(vars)
    }

    fn eval_unfiltered_circuit(
        &self,
        builder: &mut CircuitBuilder<F, D>,
        vars: EvaluationTargets<'_, D>,
    ) -> Vec<ExtensionTarget<D>> {
        self.constraints(&mut Circuit { builder, wires: vars.local_wires })
    }

    /// None: the assignment sets every wire.
    fn generators(&self, _: usize, _: &[F]) -> Vec<WitnessGeneratorRef<F, D>> {
        Vec::new()
    }

    fn num_wires(&self) -> usize {
        self.wires()
    }

    fn num_constants(&self) -> usize {
        0
    }

    fn degree(&self) -> usize {
        Row::degree(self)
    }

    fn num_constraints(&self) -> usize {
        self.count()
    }
}

impl<F: RichField + Extendable<D>, const D: usize> PackedEvaluableBase<F, D> for Row {
    fn eval_unfiltered_base_packed<P: PackedField<Scalar = F>>(
        &self,
        vars: EvaluationVarsBasePacked<'_, P>,
        mut constraints: StridedConstraintConsumer<'_, P>,
    ) {
        for value in self.constraints(&mut Packed(vars)) {
            constraints.one(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use plonky2::field::goldilocks_field::GoldilocksField;
    use plonky2::gates::gate_testing::{test_eval_fns, test_low_degree};
    use plonky2::plonk::config::PoseidonGoldilocksConfig;

    use super::*;
    use crate::systems::rows::WIRES;

    #[test]
    fn evaluations_agree_and_are_of_the_declared_degree() {
        let requant = Requant { shift: 11, low: 0, high: 255, output: 8, above: 13, below: 14 };
        let rows = [
            Row::Checked { taps: 14, outputs: 2 },
            Row::Copied { taps: 9, outputs: 6 },
            Row::Weights,
            Row::Requant(requant),
            Row::Max { window: 4, bits: 8 },
        ];
        for row in rows {
            assert!(row.wires() <= WIRES, "{row:?}");
            test_low_degree::<GoldilocksField, _, 2>(row);
            test_eval_fns::<GoldilocksField, PoseidonGoldilocksConfig, _, 2>(row).expect("evaluations that agree");
        }
    }
}
