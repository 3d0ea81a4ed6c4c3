//! Winterfell 0.13: a randomised AIR over Goldilocks with FRI and Blake3.
//!
//! The rows and why they are sound are in `rows.rs`; the trace is a grid of them. What is fixed for a network are periodic columns of full
//! length, which the verifier evaluates by itself: the library has no preprocessed columns. There is one that selects the rows of
//! each kind, and for every wire that may be a copy one with the permutation of the **copy argument** of PLONK: with challenges
//! `beta` and `gamma` drawn after the main trace, auxiliary columns carry the product over all rows and those wires of
//!
//! ```text
//! (value + beta * place + gamma) / (value + beta * permuted place + gamma)
//! ```
//!
//! which is one in the first row and in the last, four wires a column. So all cells of a cycle have the same value, as challenges are of
//! 128 bits. Constraints do not hold in the last row, which is empty. Input, output and constants stand in the first rows and are
//! asserted, one by one.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use winterfell::crypto::hashers::Blake3_256;
use winterfell::crypto::{DefaultRandomCoin, Digest, Hasher, MerkleTree};
use winterfell::math::fields::f64::BaseElement;
use winterfell::math::{ExtensionOf, FieldElement, ToElements, batch_inversion};
use winterfell::matrix::ColMatrix;
use winterfell::{
    Air, AirContext, Assertion, AuxRandElements, BatchingMethod, CompositionPoly, CompositionPolyTrace,
    ConstraintCompositionCoefficients, DefaultConstraintCommitment, DefaultConstraintEvaluator, DefaultTraceLde,
    EvaluationFrame, FieldExtension, PartitionOptions, Proof, ProofOptions, Prover, StarkDomain, Trace as _, TraceInfo,
    TracePolyTable, TraceTable, TransitionConstraintDegree,
};

use super::rows::{self, Arithmetic, Row, Rows, walk};
use crate::system::{Facts, Sizes, System, TrustedSetup, Unfit};
use crate::workload::{Layer, Public, Trace, Workload};

type F = BaseElement;
type Hash = Blake3_256<F>;
type Coin = DefaultRandomCoin<Hash>;
type Tree = MerkleTree<Hash>;

/// Winterfell's STARK.
#[derive(Clone, Copy, Debug, Default)]
pub struct Winterfell;

const QUERIES: usize = 42;
const BLOWUP: usize = 4;
const GRINDING_BITS: u32 = 16;

fn options() -> ProofOptions {
    let linear = BatchingMethod::Linear;
    ProofOptions::new(QUERIES, BLOWUP, GRINDING_BITS, FieldExtension::Quadratic, 8, 31, linear, linear)
}

/// Wires that one auxiliary column takes: the degree of its constraint is one more, and none is higher.
const CHUNK: usize = 4;
/// The degree of all constraints, selectors left out.
const DEGREE: usize = 4;

/// Constants that rows are copies of.
const CONSTANTS: [i64; 6] = [0, 1, 1 << 8, 1 << 16, 1 << 24, 1 << 32];

/// Everything that is fixed for a network.
pub struct Circuit {
    num_input: usize,
    num_output: usize,
    /// Columns of the main trace, and those of them that may be copies.
    width: usize,
    routed: usize,
    num_rows: usize,
    /// Rows that public values and constants take.
    public_rows: usize,
    kinds: Vec<Row>,
    /// Selectors of the kinds, numbers of the rows, permuted places.
    periodic: Vec<Vec<F>>,
    digest: [u64; 4],
}

/// Circuit and public values: what the library calls public inputs.
pub struct Statement {
    circuit: Arc<Circuit>,
    values: Vec<F>,
}

impl ToElements<F> for Statement {
    fn to_elements(&self) -> Vec<F> {
        self.circuit.digest.iter().map(|&part| F::new(part)).chain(self.values.iter().copied()).collect()
    }
}

/// Main trace and public values.
pub struct Witness {
    main: Vec<Vec<F>>,
    values: Vec<F>,
}

impl System for Winterfell {
    type Prepared = Arc<Circuit>;
    type Witness = Witness;

    fn facts(&self) -> Facts {
        Facts {
            name: "winterfell".into(),
            title: "Winterfell (FRI)".into(),
            implementation: "winterfell 0.13.1".into(),
            arithmetisation: "randomised AIR with PLONK's copy argument".into(),
            field: "Goldilocks, 64 bits; challenges of 128 bits".into(),
            commitment: format!("FRI of rate 1/{BLOWUP} with Blake3 Merkle trees"),
            security_bits: 100,
            security_note: format!(
                "conjectured (ethSTARK): {QUERIES} queries at rate 1/{BLOWUP} and {GRINDING_BITS} bits of grinding"
            ),
            trusted_setup: TrustedSetup::None,
            zero_knowledge: false,
            binds_weights: false,
            circuit: "A grid of rows as in Plonky2's circuit: tiles of several products for several outputs with the weights' \
                      base-four digits in the tile for dense layers and copied weights for convolutions; requantisations and \
                      maxima with their digits in the row. Copies by PLONK's permutation argument in auxiliary columns. What is \
                      fixed are periodic columns of full length, since the library has no preprocessed ones: the verifier's \
                      time grows with the circuit."
                .into(),
        }
    }

    fn fits(&self, workload: &Workload) -> Result<(), Unfit> {
        rows::fits(workload)?;
        for step in &workload.steps {
            if matches!(&step.layer, Layer::MaxPool(pool) if pool.size * pool.size > DEGREE) {
                return Err(Unfit(format!("{}: windows of more than four values are of too high a degree", step.name)));
            }
        }
        Ok(())
    }

    fn setup(&self, workload: &Workload) -> Result<Arc<Circuit>> {
        Ok(Arc::new(Circuit::new(workload)))
    }

    fn sizes(&self, circuit: &Arc<Circuit>) -> Result<Sizes> {
        let fixed = (circuit.periodic.len() * circuit.num_rows * 8) as u64;
        Ok(Sizes {
            // Both sides hold the fixed columns.
            proving_key_bytes: Some(fixed),
            verifying_key_bytes: Some(fixed),
            constraints: Some(circuit.num_rows as u64),
            constraints_unit: format!("rows of {} wires, {} of them copied", circuit.width, circuit.routed),
            security_bits: None,
        })
    }

    fn witness(&self, circuit: &Arc<Circuit>, workload: &Workload, trace: &Trace) -> Result<Witness> {
        let values = circuit.values(&trace.public())?;
        let mut rows =
            Assigning { main: vec![vec![F::ZERO; circuit.num_rows]; circuit.width], circuit, row: circuit.public_rows };
        for (index, &value) in values.iter().enumerate() {
            let (wire, row) = circuit.public_cell(index);
            rows.main[wire][row] = value;
        }
        let input = (0..circuit.num_input).map(Target::Public).collect();
        walk(workload, Some(trace), input, &mut rows);
        Ok(Witness { main: rows.main, values })
    }

    fn prove(&self, circuit: &Arc<Circuit>, witness: Witness) -> Result<Vec<u8>> {
        let Witness { main, values } = witness;
        let prover = CircuitProver { circuit: circuit.clone(), values, options: options() };
        let proof =
            prover.prove(CircuitTrace::of(circuit, main)).map_err(|error| anyhow!("Winterfell's prover: {error}"))?;
        Ok(proof.to_bytes())
    }

    fn verify(&self, circuit: &Arc<Circuit>, claim: &Public, proof: &[u8]) -> Result<()> {
        let proof = Proof::from_bytes(proof).map_err(|error| anyhow!("Winterfell's proof: {error}"))?;
        // Its own options and sizes are in the proof: they are those of the key.
        ensure!(*proof.options() == options(), "Winterfell: a proof with other parameters");
        ensure!(*proof.trace_info() == circuit.trace_info(), "Winterfell: a proof of another grid");
        let statement = Statement { circuit: circuit.clone(), values: circuit.values(claim)? };
        let acceptable = winterfell_verifier_options();
        winterfell::verify::<CircuitAir, Hash, Coin, Tree>(proof, statement, &acceptable)
            .map_err(|error| anyhow!("Winterfell's verifier: {error}"))
    }
}

fn winterfell_verifier_options() -> winterfell::AcceptableOptions {
    winterfell::AcceptableOptions::OptionSet(vec![options()])
}

fn element(value: i64) -> F {
    let magnitude = F::new(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// A public value or constant, or a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Public(usize),
    Wire { row: usize, wire: usize },
}

/// The place of a constant among public values.
fn constant_place(num_public: usize, value: i64) -> usize {
    num_public + CONSTANTS.iter().position(|&constant| constant == value).expect("constants are zero and powers of 256")
}

#[derive(Default)]
struct Building {
    num_public: usize,
    rows: Vec<Row>,
    copies: Vec<(Target, Target)>,
}

impl Rows for Building {
    type Target = Target;

    fn row(&mut self, row: Row) -> usize {
        self.rows.push(row);
        self.rows.len() - 1
    }

    fn constant(&mut self, value: i64) -> Target {
        Target::Public(constant_place(self.num_public, value))
    }

    fn copy(&mut self, from: Target, row: usize, wire: usize) {
        self.copies.push((from, Target::Wire { row, wire }));
    }

    fn set(&mut self, _: usize, _: usize, _: impl FnOnce() -> i64) {}

    fn wire(&self, row: usize, wire: usize) -> Target {
        Target::Wire { row, wire }
    }
}

struct Assigning<'a> {
    circuit: &'a Circuit,
    main: Vec<Vec<F>>,
    row: usize,
}

impl Rows for Assigning<'_> {
    type Target = Target;

    fn row(&mut self, _: Row) -> usize {
        self.row += 1;
        self.row - 1
    }

    fn constant(&mut self, value: i64) -> Target {
        Target::Public(constant_place(self.circuit.num_input + self.circuit.num_output, value))
    }

    fn copy(&mut self, from: Target, row: usize, wire: usize) {
        let (from_wire, from_row) = match from {
            Target::Public(index) => self.circuit.public_cell(index),
            Target::Wire { row, wire } => (wire, row),
        };
        self.main[wire][row] = self.main[from_wire][from_row];
    }

    fn set(&mut self, row: usize, wire: usize, value: impl FnOnce() -> i64) {
        self.main[wire][row] = element(value());
    }

    fn wire(&self, row: usize, wire: usize) -> Target {
        Target::Wire { row, wire }
    }
}

impl Circuit {
    fn new(workload: &Workload) -> Self {
        let (num_input, num_output) = (workload.input.len(), workload.output_value().len());
        let mut building = Building { num_public: num_input + num_output, ..Building::default() };
        let output = walk(workload, None, (0..num_input).map(Target::Public).collect(), &mut building);
        let outputs = output.into_iter().enumerate();
        building.copies.extend(outputs.map(|(index, target)| (target, Target::Public(num_input + index))));

        let mut kinds: Vec<Row> = Vec::new();
        for row in &building.rows {
            if !kinds.contains(row) {
                kinds.push(*row);
            }
        }
        let width = kinds.iter().map(Row::wires).max().unwrap_or(1);
        let routed = kinds.iter().map(Row::digits_at).max().unwrap_or(1).next_multiple_of(CHUNK);
        let num_values = num_input + num_output + CONSTANTS.len();
        let public_rows = num_values.div_ceil(routed);
        // The last row stays empty.
        let num_rows = (public_rows + building.rows.len() + 1).next_power_of_two().max(TraceInfo::MIN_TRACE_LENGTH);
        let mut circuit = Self {
            num_input,
            num_output,
            width: width.max(routed),
            routed,
            num_rows,
            public_rows,
            kinds,
            periodic: Vec::new(),
            digest: [0; 4],
        };
        circuit.periodic = circuit.fixed(&building);
        let bytes: Vec<u8> = circuit.periodic.iter().flatten().flat_map(|value| value.as_int().to_le_bytes()).collect();
        let digest = Hash::hash(&bytes).as_bytes();
        for (part, bytes) in circuit.digest.iter_mut().zip(digest.chunks_exact(8)) {
            *part = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        circuit
    }

    fn fixed(&self, building: &Building) -> Vec<Vec<F>> {
        let mut selectors = vec![vec![F::ZERO; self.num_rows]; self.kinds.len()];
        let numbers: HashMap<String, usize> =
            self.kinds.iter().enumerate().map(|(number, kind)| (format!("{kind:?}"), number)).collect();
        for (row, kind) in building.rows.iter().enumerate() {
            selectors[numbers[&format!("{kind:?}")]][self.public_rows + row] = F::ONE;
        }
        // Cells of equal values are the cycles of a permutation: joining two cycles is exchanging two images.
        let mut permutation: Vec<Vec<u64>> =
            (0..self.routed).map(|wire| (0..self.num_rows).map(|row| self.place(wire, row)).collect()).collect();
        for &(from, to) in &building.copies {
            let [(a, b), (c, d)] = [from, to].map(|target| match target {
                Target::Public(index) => self.public_cell(index),
                Target::Wire { row, wire } => (wire, self.public_rows + row),
            });
            let image = permutation[a][b];
            permutation[a][b] = permutation[c][d];
            permutation[c][d] = image;
        }
        let rows = (0..self.num_rows as u64).map(F::new).collect();
        let permuted = permutation.into_iter().map(|column| column.into_iter().map(F::new).collect());
        selectors.into_iter().chain([rows]).chain(permuted).collect()
    }

    /// The number of a cell.
    fn place(&self, wire: usize, row: usize) -> u64 {
        (wire * self.num_rows + row) as u64
    }

    /// Wire and row of a public value or constant.
    fn public_cell(&self, index: usize) -> (usize, usize) {
        (index % self.routed, index / self.routed)
    }

    /// Public values and constants.
    fn values(&self, public: &Public) -> Result<Vec<F>> {
        let lengths = (public.input.len(), public.output.len());
        ensure!(lengths == (self.num_input, self.num_output), "{lengths:?} public values");
        let values = public.input.iter().chain(&public.output).map(|&value| element(value.into()));
        Ok(values.chain(CONSTANTS.map(element)).collect())
    }

    fn auxiliary_width(&self) -> usize {
        self.routed / CHUNK
    }

    fn trace_info(&self) -> TraceInfo {
        TraceInfo::new_multi_segment(self.width, self.auxiliary_width(), 2, self.num_rows, Vec::new())
    }

    fn num_constraints(&self) -> usize {
        self.kinds.iter().map(Row::count).max().unwrap_or(1)
    }
}

/// The constraints.
struct CircuitAir {
    context: AirContext<F>,
    statement: Statement,
}

/// Values of one row, for the constraints of its kind.
struct Values<'a, E>(&'a [E]);

impl<E: FieldElement<BaseField = F>> Arithmetic for Values<'_, E> {
    type Value = E;

    fn wire(&self, wire: usize) -> E {
        self.0[wire]
    }

    fn constant(&mut self, value: i64) -> E {
        E::from(element(value))
    }

    fn add(&mut self, a: E, b: E) -> E {
        a + b
    }

    fn sub(&mut self, a: E, b: E) -> E {
        a - b
    }

    fn mul(&mut self, a: E, b: E) -> E {
        a * b
    }
}

/// A chunk's product of `value + beta * place + gamma` over places as they are, or permuted.
fn factor<B, E>(values: &[B], place: impl Fn(usize) -> B, beta: E, gamma: E) -> E
where
    B: FieldElement<BaseField = F>,
    E: FieldElement<BaseField = F> + ExtensionOf<B>,
{
    let term = |(index, &value): (usize, &B)| beta.mul_base(place(index)) + E::from(value) + gamma;
    values.iter().enumerate().map(term).fold(E::ONE, |product, term| product * term)
}

impl Air for CircuitAir {
    type BaseField = F;
    type PublicInputs = Statement;

    fn new(info: TraceInfo, statement: Statement, options: ProofOptions) -> Self {
        let circuit = &statement.circuit;
        let main = TransitionConstraintDegree::with_cycles(DEGREE, vec![circuit.num_rows]);
        let auxiliary = TransitionConstraintDegree::new(CHUNK + 1);
        let context = AirContext::new_multi_segment(
            info,
            vec![main; circuit.num_constraints()],
            vec![auxiliary; circuit.auxiliary_width()],
            statement.values.len(),
            2,
            options,
        );
        Self { context, statement }
    }

    fn context(&self) -> &AirContext<F> {
        &self.context
    }

    fn evaluate_transition<E: FieldElement<BaseField = F>>(
        &self,
        frame: &EvaluationFrame<E>,
        periodic: &[E],
        result: &mut [E],
    ) {
        result.fill(E::ZERO);
        for (kind, &selector) in self.statement.circuit.kinds.iter().zip(periodic) {
            let constraints = kind.constraints(&mut Values(frame.current()));
            for (result, constraint) in result.iter_mut().zip(constraints) {
                *result += selector * constraint;
            }
        }
    }

    fn evaluate_aux_transition<B, E>(
        &self,
        main: &EvaluationFrame<B>,
        auxiliary: &EvaluationFrame<E>,
        periodic: &[B],
        random: &AuxRandElements<E>,
        result: &mut [E],
    ) where
        B: FieldElement<BaseField = F>,
        E: FieldElement<BaseField = F> + ExtensionOf<B>,
    {
        let circuit = &self.statement.circuit;
        let (beta, gamma) = (random.rand_elements()[0], random.rand_elements()[1]);
        let (row, permuted) = (periodic[circuit.kinds.len()], &periodic[circuit.kinds.len() + 1..]);
        let last = result.len() - 1;
        for (chunk, result) in result.iter_mut().enumerate() {
            let first = chunk * CHUNK;
            let values = &main.current()[first..first + CHUNK];
            let place = |wire: usize| B::from(F::new(circuit.place(first + wire, 0))) + row;
            let above = factor(values, place, beta, gamma);
            let below = factor(values, |wire| permuted[first + wire], beta, gamma);
            let after = if chunk == last { auxiliary.next()[0] } else { auxiliary.current()[chunk + 1] };
            *result = after * below - auxiliary.current()[chunk] * above;
        }
    }

    fn get_assertions(&self) -> Vec<Assertion<F>> {
        let circuit = &self.statement.circuit;
        let values = self.statement.values.iter().enumerate();
        let assertion = |(index, &value)| {
            let (wire, row) = circuit.public_cell(index);
            Assertion::single(wire, row, value)
        };
        values.map(assertion).collect()
    }

    fn get_aux_assertions<E: FieldElement<BaseField = F>>(&self, _: &AuxRandElements<E>) -> Vec<Assertion<E>> {
        [0, self.statement.circuit.num_rows - 1].map(|row| Assertion::single(0, row, E::ONE)).to_vec()
    }

    fn get_periodic_column_values(&self) -> Vec<Vec<F>> {
        self.statement.circuit.periodic.clone()
    }
}

/// The main trace with room for auxiliary columns.
struct CircuitTrace {
    info: TraceInfo,
    main: TraceTable<F>,
}

impl CircuitTrace {
    fn of(circuit: &Circuit, main: Vec<Vec<F>>) -> Self {
        Self { info: circuit.trace_info(), main: TraceTable::init(main) }
    }
}

impl winterfell::Trace for CircuitTrace {
    type BaseField = F;

    fn info(&self) -> &TraceInfo {
        &self.info
    }

    fn main_segment(&self) -> &ColMatrix<F> {
        self.main.main_segment()
    }

    fn read_main_frame(&self, row: usize, frame: &mut EvaluationFrame<F>) {
        let next = (row + 1) % self.info.length();
        self.main.main_segment().read_row_into(row, frame.current_mut());
        self.main.main_segment().read_row_into(next, frame.next_mut());
    }
}

struct CircuitProver {
    circuit: Arc<Circuit>,
    values: Vec<F>,
    options: ProofOptions,
}

impl Prover for CircuitProver {
    type BaseField = F;
    type Air = CircuitAir;
    type Trace = CircuitTrace;
    type HashFn = Hash;
    type VC = Tree;
    type RandomCoin = Coin;
    type TraceLde<E: FieldElement<BaseField = F>> = DefaultTraceLde<E, Hash, Tree>;
    type ConstraintCommitment<E: FieldElement<BaseField = F>> = DefaultConstraintCommitment<E, Hash, Tree>;
    type ConstraintEvaluator<'a, E: FieldElement<BaseField = F>> = DefaultConstraintEvaluator<'a, CircuitAir, E>;

    fn get_pub_inputs(&self, _: &CircuitTrace) -> Statement {
        Statement { circuit: self.circuit.clone(), values: self.values.clone() }
    }

    fn options(&self) -> &ProofOptions {
        &self.options
    }

    fn new_trace_lde<E: FieldElement<BaseField = F>>(
        &self,
        info: &TraceInfo,
        main: &ColMatrix<F>,
        domain: &StarkDomain<F>,
        partitions: PartitionOptions,
    ) -> (Self::TraceLde<E>, TracePolyTable<E>) {
        DefaultTraceLde::new(info, main, domain, partitions)
    }

    fn build_constraint_commitment<E: FieldElement<BaseField = F>>(
        &self,
        composition: CompositionPolyTrace<E>,
        num_columns: usize,
        domain: &StarkDomain<F>,
        partitions: PartitionOptions,
    ) -> (Self::ConstraintCommitment<E>, CompositionPoly<E>) {
        DefaultConstraintCommitment::new(composition, num_columns, domain, partitions)
    }

    fn new_evaluator<'a, E: FieldElement<BaseField = F>>(
        &self,
        air: &'a CircuitAir,
        random: Option<AuxRandElements<E>>,
        coefficients: ConstraintCompositionCoefficients<E>,
    ) -> Self::ConstraintEvaluator<'a, E> {
        DefaultConstraintEvaluator::new(air, random, coefficients)
    }

    fn build_aux_trace<E: FieldElement<BaseField = F>>(
        &self,
        trace: &CircuitTrace,
        random: &AuxRandElements<E>,
    ) -> ColMatrix<E> {
        let circuit = &self.circuit;
        let (beta, gamma) = (random.rand_elements()[0], random.rand_elements()[1]);
        let permuted = &circuit.periodic[circuit.kinds.len() + 1..];
        let width = circuit.auxiliary_width();
        let main = trace.main_segment();
        let (mut above, mut below) = (Vec::new(), Vec::new());
        for row in 0..circuit.num_rows - 1 {
            for first in (0..circuit.routed).step_by(CHUNK) {
                let values: [F; CHUNK] = std::array::from_fn(|wire| main.get(first + wire, row));
                above.push(factor::<F, E>(&values, |wire| F::new(circuit.place(first + wire, row)), beta, gamma));
                below.push(factor::<F, E>(&values, |wire| permuted[first + wire][row], beta, gamma));
            }
        }
        let inverses = batch_inversion(&below);
        let mut columns = vec![vec![E::ONE; circuit.num_rows]; width];
        let mut product = E::ONE;
        for (index, (above, inverse)) in above.into_iter().zip(inverses).enumerate() {
            columns[index % width][index / width] = product;
            product *= above * inverse;
        }
        columns[0][circuit.num_rows - 1] = product;
        ColMatrix::new(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_the_check_of_all_systems() {
        crate::check::check_system(&Winterfell).expect("a sound system");
    }
}
