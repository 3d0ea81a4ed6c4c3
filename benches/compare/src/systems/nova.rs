//! Nova (Kothapalli, Setty and Tzialla, 2022) by its authors' crate: a network as the same layer again and again, folded layer by
//! layer as in Zator, over BN254 and Grumpkin with Pedersen commitments, compressed by Spartan with inner-product arguments.
//!
//! A step takes the number of the layer and its input and gives the next number and the layer's output: the constraints of
//! `r1cs.rs` for a fully connected layer and for its requantisation. In the last layer, which a constraint on the number finds, the
//! output is the accumulators, otherwise the requantised values. All layers have the width of the input; a last layer with fewer
//! outputs is filled up, and what stands in the places behind is not part of the statement. Networks whose layers differ do not fit.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use ark_ff::{BigInteger, PrimeField as _};
use ark_relations::gr1cs::{Matrix, R1CS_PREDICATE_LABEL, SynthesisMode};
use ff::{Field, PrimeField};
use nova_snark::frontend::num::AllocatedNum;
use nova_snark::frontend::{ConstraintSystem, LinearCombination, SynthesisError, Variable};
use nova_snark::nova::{CompressedSNARK, ProverKey, PublicParams, RecursiveSNARK, VerifierKey};
use nova_snark::provider::{Bn256EngineIPA, GrumpkinEngine, ipa_pc};
use nova_snark::spartan::snark::RelaxedR1CSSNARK;
use nova_snark::traits::Engine;
use nova_snark::traits::circuit::StepCircuit;
use nova_snark::traits::snark::RelaxedR1CSSNARKTrait;

use super::r1cs::{self, Network};
use crate::system::{Facts, Sizes, System, TrustedSetup, Unfit};
use crate::workload::{Kind, Layer, Linear, Public, Requant, Step, Trace, Value, Workload};

type E1 = Bn256EngineIPA;
type E2 = GrumpkinEngine;
type S1 = RelaxedR1CSSNARK<E1, ipa_pc::EvaluationEngine<E1>>;
type S2 = RelaxedR1CSSNARK<E2, ipa_pc::EvaluationEngine<E2>>;
type F = <E1 as Engine>::Scalar;
type Compressed = CompressedSNARK<E1, E2, LayerCircuit, S1, S2>;

/// Nova, folding layer by layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nova;

/// Parameters and keys.
pub struct Prepared {
    parameters: PublicParams<E1, E2, LayerCircuit>,
    proving: ProverKey<E1, E2, LayerCircuit, S1, S2>,
    verifying: VerifierKey<E1, E2, LayerCircuit, S1, S2>,
    shape: Arc<Shape>,
}

/// One circuit a layer and what goes into the first.
pub struct Witness {
    circuits: Vec<LayerCircuit>,
    start: Vec<F>,
}

impl System for Nova {
    type Prepared = Prepared;
    type Witness = Witness;

    fn facts(&self) -> Facts {
        Facts {
            name: "nova".into(),
            title: "Nova (layer by layer)".into(),
            implementation: "nova-snark 0.76.0".into(),
            arithmetisation: "R1CS, folding; compressed by Spartan".into(),
            field: "BN254 scalar field, 254 bits".into(),
            commitment: "Pedersen on BN254 and Grumpkin, inner-product arguments".into(),
            security_bits: 126,
            security_note:
                "discrete logarithm on BN254's first group and Grumpkin, no pairings; Poseidon as a random oracle"
                    .into(),
            trusted_setup: TrustedSetup::None,
            zero_knowledge: false,
            binds_weights: false,
            circuit: format!(
                "One layer a step, all of one shape: networks of equal width only. {} The last layer is told apart by a counter. \
                 Assignment of the folded instances is part of the proof's time, and so is the compressed proof.",
                r1cs::DESCRIPTION
            ),
        }
    }

    fn fits(&self, workload: &Workload) -> Result<(), Unfit> {
        Layers::of(workload).map(|_| ()).map_err(Unfit)
    }

    fn setup(&self, workload: &Workload) -> Result<Prepared> {
        let shape = Arc::new(Shape::new(&Layers::of(workload).map_err(|why| anyhow!(why))?)?);
        let circuit = LayerCircuit { shape: shape.clone(), values: None };
        let parameters = PublicParams::setup(&circuit, &*S1::ck_floor(), &*S2::ck_floor())
            .map_err(|error| anyhow!("Nova's parameters: {error}"))?;
        let (proving, verifying) = Compressed::setup(&parameters).map_err(|error| anyhow!("Nova's keys: {error}"))?;
        Ok(Prepared { parameters, proving, verifying, shape })
    }

    fn sizes(&self, prepared: &Prepared) -> Result<Sizes> {
        let (primary, secondary) = prepared.parameters.num_constraints();
        Ok(Sizes {
            proving_key_bytes: Some(
                bincode::serialized_size(&prepared.parameters)? + bincode::serialized_size(&prepared.proving)?,
            ),
            verifying_key_bytes: Some(bincode::serialized_size(&prepared.verifying)?),
            constraints: Some((primary * prepared.shape.depth) as u64),
            constraints_unit: format!(
                "R1CS constraints: {} steps of {primary}, and {secondary} on the second curve",
                prepared.shape.depth
            ),
            security_bits: None,
        })
    }

    fn witness(&self, prepared: &Prepared, workload: &Workload, trace: &Trace) -> Result<Witness> {
        let layers = Layers::of(workload).map_err(|why| anyhow!(why))?;
        let circuits = (0..prepared.shape.depth).map(|layer| {
            let values = layers.values(layer, trace)?;
            Ok(LayerCircuit { shape: prepared.shape.clone(), values: Some(Arc::new(values)) })
        });
        Ok(Witness { circuits: circuits.collect::<Result<_>>()?, start: start(&trace.public()) })
    }

    fn prove(&self, prepared: &Prepared, witness: Witness) -> Result<Vec<u8>> {
        let Prepared { parameters, proving, .. } = prepared;
        let Witness { circuits, start } = witness;
        let first = circuits.first().context("a network without layers")?;
        let mut folded =
            RecursiveSNARK::new(parameters, first, &start).map_err(|error| anyhow!("Nova's start: {error}"))?;
        for circuit in &circuits {
            folded.prove_step(parameters, circuit).map_err(|error| anyhow!("Nova's step: {error}"))?;
        }
        let proof =
            Compressed::prove(parameters, proving, &folded).map_err(|error| anyhow!("Nova's proof: {error}"))?;
        Ok(bincode::serialize(&proof)?)
    }

    fn verify(&self, prepared: &Prepared, claim: &Public, proof: &[u8]) -> Result<()> {
        let proof: Compressed = bincode::deserialize(proof)?;
        let (shape, start) = (&prepared.shape, start(claim));
        ensure!(
            claim.input.len() == shape.width && claim.output.len() == shape.outputs,
            "public values of another network"
        );
        let end = proof
            .verify(&prepared.verifying, shape.depth, &start)
            .map_err(|error| anyhow!("Nova's verifier: {error}"))?;
        let output = end.iter().skip(1).take(shape.outputs).copied();
        ensure!(output.eq(claim.output.iter().map(|&value| element(value))), "Nova: another output");
        Ok(())
    }
}

/// The number of the first layer, and the input.
fn start(public: &Public) -> Vec<F> {
    std::iter::once(F::ZERO).chain(public.input.iter().map(|&value| element(value))).collect()
}

fn element(value: i32) -> F {
    let magnitude = F::from(u64::from(value.unsigned_abs()));
    if value < 0 { -magnitude } else { magnitude }
}

/// The same field in the other library.
fn converted(value: ark_bn254::Fr) -> F {
    let mut bytes = <F as PrimeField>::Repr::default();
    bytes.as_mut().copy_from_slice(&value.into_bigint().to_bytes_le());
    F::from_repr(bytes).expect("below the order of the same field")
}

/// The layers of a network of equal width.
struct Layers<'a> {
    linear: Vec<&'a Linear>,
    requant: Requant,
    input: Value,
    /// Accumulators, of all layers.
    sums: Value,
    outputs: usize,
}

impl<'a> Layers<'a> {
    fn of(workload: &'a Workload) -> Result<Self, String> {
        let mut linear = Vec::new();
        let mut requants = Vec::new();
        for (index, step) in workload.steps.iter().enumerate() {
            match (&step.layer, index % 2) {
                (Layer::Linear(layer), 0) if layer.kind == Kind::Dense => linear.push(layer),
                (Layer::Requant(requant), 1) => requants.push(*requant),
                _ => return Err(format!("{}: steps are fully connected layers of one shape", step.name)),
            }
        }
        let input = workload.input_value();
        let width = input.len();
        let (Some(&requant), Some(last)) = (requants.first(), linear.last()) else {
            return Err("steps need a layer to repeat".into());
        };
        let equal = linear.iter().all(|layer| layer.weights.len() == width * layer.output[0])
            && linear[..linear.len() - 1].iter().all(|layer| layer.output[0] == width)
            && last.output[0] <= width
            && linear.len() == requants.len() + 1
            && requants.iter().all(|&other| other == requant);
        if !equal {
            return Err("layers differ: steps are of one shape, with one requantisation".into());
        }
        let mut sums = workload.steps[0].output;
        for step in workload.steps.iter().step_by(2) {
            sums.range.low = sums.range.low.min(step.output.range.low);
            sums.range.high = sums.range.high.max(step.output.range.high);
        }
        let outputs = last.output[0];
        Ok(Self { linear, requant, input, sums, outputs })
    }

    fn width(&self) -> usize {
        self.input.len()
    }

    /// One layer, filled up to the width.
    fn steps(&self, layer: usize) -> [Step; 2] {
        let width = self.width();
        let mut linear = self.linear[layer].clone();
        linear.weights.resize(width * width, 0);
        linear.biases.resize(width, 0);
        linear.output = [width, 1, 1];
        linear.input = [width, 1, 1];
        let output = Value {
            shape: [width, 1, 1],
            range: crate::workload::Range { low: self.requant.low.into(), high: self.requant.high.into() },
        };
        let step = |name: &str, layer, input, output| Step { name: name.into(), layer, input, output };
        [
            step("layer", Layer::Linear(linear), self.input, self.sums),
            step("requantisation", Layer::Requant(self.requant), self.sums, output),
        ]
    }

    fn values(&self, layer: usize, trace: &Trace) -> Result<Values> {
        let width = self.width();
        let input = trace.input(2 * layer).to_vec();
        let mut sums = trace.output(2 * layer).to_vec();
        sums.resize(width, 0);
        let results = match trace.values.get(2 * layer + 2) {
            Some(results) => results.clone(),
            None => sums.iter().map(|&sum| self.requant.apply(sum)).collect(),
        };
        let steps = self.steps(layer);
        let private = |step: &Step, input: &[i32], output: &[i32]| -> Result<Vec<F>> {
            let trace = Trace { values: vec![input.to_vec(), output.to_vec()] };
            let network = Network { steps: std::slice::from_ref(step), trace: Some(&trace) };
            let all: Vec<ark_bn254::Fr> = network.assignment()?;
            Ok(all.into_iter().skip(1 + input.len() + output.len()).map(converted).collect())
        };
        Ok(Values {
            layer: [private(&steps[0], &input, &sums)?, private(&steps[1], &sums, &results)?],
            sums: sums.into_iter().map(element).collect(),
            results: results.into_iter().map(element).collect(),
        })
    }
}

/// Constraints of one step.
struct Shape {
    width: usize,
    depth: usize,
    outputs: usize,
    layer: Constraints,
    requantisation: Constraints,
}

/// Matrices as arkworks orders their columns: the constant one, input, output, private variables.
struct Constraints {
    matrices: [Vec<Vec<(F, usize)>>; 3],
    num_private: usize,
}

impl Shape {
    fn new(layers: &Layers<'_>) -> Result<Self> {
        let [layer, requantisation] = layers.steps(0);
        Ok(Self {
            width: layers.width(),
            depth: layers.linear.len(),
            outputs: layers.outputs,
            layer: Constraints::new(&layer)?,
            requantisation: Constraints::new(&requantisation)?,
        })
    }
}

impl Constraints {
    fn new(step: &Step) -> Result<Self> {
        let network = Network { steps: std::slice::from_ref(step), trace: None };
        let system = network.synthesised::<ark_bn254::Fr>(SynthesisMode::Setup)?;
        let matrices = system.to_matrices()?.remove(R1CS_PREDICATE_LABEL).context("no constraints")?;
        let matrices: [Matrix<ark_bn254::Fr>; 3] =
            matrices.try_into().map_err(|matrices: Vec<_>| anyhow!("{} matrices", matrices.len()))?;
        let row =
            |row: Vec<(ark_bn254::Fr, usize)>| row.into_iter().map(|(value, at)| (converted(value), at)).collect();
        let matrices = matrices.map(|matrix| matrix.into_iter().map(row).collect());
        Ok(Self { matrices, num_private: system.num_witness_variables() })
    }

    /// The constraints between these variables. `private` are the values of the others.
    fn enforce<CS: ConstraintSystem<F>>(
        &self,
        system: &mut CS,
        public: &[&[AllocatedNum<F>]],
        private: Option<&[F]>,
    ) -> Result<(), SynthesisError> {
        let mut variables: Vec<Variable> = vec![CS::one()];
        variables.extend(public.iter().copied().flatten().map(AllocatedNum::get_variable));
        for index in 0..self.num_private {
            let value =
                || private.and_then(|values| values.get(index)).copied().ok_or(SynthesisError::AssignmentMissing);
            variables.push(system.alloc(|| format!("private {index}"), value)?);
        }
        let [a, b, c] = &self.matrices;
        let sum = |row: &[(F, usize)]| {
            row.iter().fold(LinearCombination::zero(), |sum, &(value, at)| sum + (value, variables[at]))
        };
        for (index, ((a, b), c)) in a.iter().zip(b).zip(c).enumerate() {
            system.enforce(|| format!("constraint {index}"), |_| sum(a), |_| sum(b), |_| sum(c));
        }
        Ok(())
    }
}

/// Values of one step.
struct Values {
    /// Private variables of the layer and of its requantisation.
    layer: [Vec<F>; 2],
    sums: Vec<F>,
    results: Vec<F>,
}

/// One step.
#[derive(Clone)]
pub struct LayerCircuit {
    shape: Arc<Shape>,
    values: Option<Arc<Values>>,
}

impl StepCircuit<F> for LayerCircuit {
    fn arity(&self) -> usize {
        1 + self.shape.width
    }

    fn synthesize<CS: ConstraintSystem<F>>(
        &self,
        system: &mut CS,
        state: &[AllocatedNum<F>],
    ) -> Result<Vec<AllocatedNum<F>>, SynthesisError> {
        let values = self.values.as_deref();
        let (number, input) = state.split_first().ok_or(SynthesisError::AssignmentMissing)?;
        let mut numbers = |name: &str, of: fn(&Values) -> &[F]| -> Result<Vec<AllocatedNum<F>>, SynthesisError> {
            let number = |index: usize| {
                let value = values.and_then(|values| of(values).get(index)).copied();
                let value = || value.ok_or(SynthesisError::AssignmentMissing);
                AllocatedNum::alloc(system.namespace(|| format!("{name} {index}")), value)
            };
            (0..self.shape.width).map(number).collect()
        };
        let sums = numbers("sum", |values| &values.sums)?;
        let results = numbers("result", |values| &values.results)?;
        let private = |part: usize| values.map(|values| &values.layer[part][..]);
        self.shape.layer.enforce(&mut system.namespace(|| "layer"), &[input, &sums], private(0))?;
        let requantisation = &self.shape.requantisation;
        requantisation.enforce(&mut system.namespace(|| "requantisation"), &[&sums, &results], private(1))?;

        let last = self.is_last(system, number)?;
        let one = CS::one();
        let next = number.get_value().map(|number| number + F::ONE);
        let next = AllocatedNum::alloc(system.namespace(|| "next"), || next.ok_or(SynthesisError::AssignmentMissing))?;
        let increment = |sum: LinearCombination<F>| sum + number.get_variable() + one;
        system.enforce(|| "next", increment, |sum| sum + one, |sum| sum + next.get_variable());
        let mut outputs = vec![next];
        for (index, (sum, result)) in sums.iter().zip(&results).enumerate() {
            let mut of = system.namespace(|| format!("output {index}"));
            let value = last.get_value().zip(sum.get_value()).zip(result.get_value());
            let value = value.map(|((last, sum), result)| result + last * (sum - result));
            let output =
                AllocatedNum::alloc(of.namespace(|| "value"), || value.ok_or(SynthesisError::AssignmentMissing))?;
            // last * (sum - result) = output - result
            of.enforce(
                || "choice",
                |row| row + last.get_variable(),
                |row| row + sum.get_variable() - result.get_variable(),
                |row| row + output.get_variable() - result.get_variable(),
            );
            outputs.push(output);
        }
        Ok(outputs)
    }
}

impl LayerCircuit {
    /// Whether this is the number of the last layer, as a variable that is 0 or 1: `difference * inverse = 1 - last` and
    /// `difference * last = 0`.
    fn is_last<CS: ConstraintSystem<F>>(
        &self,
        system: &mut CS,
        number: &AllocatedNum<F>,
    ) -> Result<AllocatedNum<F>, SynthesisError> {
        let target = F::from(self.shape.depth as u64 - 1);
        let difference = number.get_value().map(|number| number - target);
        let missing = SynthesisError::AssignmentMissing;
        let inverse = difference.map(|difference| difference.invert().unwrap_or(F::ZERO));
        let inverse = AllocatedNum::alloc(system.namespace(|| "inverse"), || inverse.ok_or(missing.clone()))?;
        let last = difference.map(|difference| if bool::from(difference.is_zero()) { F::ONE } else { F::ZERO });
        let last = AllocatedNum::alloc(system.namespace(|| "last"), || last.ok_or(missing))?;
        let one = CS::one();
        system.enforce(
            || "zero or not",
            |row| row + number.get_variable() - (target, one),
            |row| row + inverse.get_variable(),
            |row| row + one - last.get_variable(),
        );
        system.enforce(
            || "not both",
            |row| row + number.get_variable() - (target, one),
            |row| row + last.get_variable(),
            |row| row,
        );
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_on;
    use crate::workload::mlp;

    #[test]
    fn passes_the_check_of_all_systems_on_layers_of_one_shape() {
        let make = |seed| mlp("uniform-mlp", &[5, 5, 5, 3], seed).expect("a valid network");
        check_on(&Nova, &make(1), &make(2)).expect("a sound system");
    }
}
