//! Halo2 with KZG commitments over BN254: `halo2-axiom`, SHPLONK openings, Blake2b transcript.
//!
//! [`layout`] has the grid and why it is sound. Here are its gates, the assignment and the calls. The number of products in a row,
//! of lanes and the size of limbs are chosen for each network by a count of commitments, as users tune by hand. Everything is of
//! degree four or less, so that the quotient lives on four times the rows; the permutation argument uses the fifth degree, which
//! costs nothing more, and takes three columns at a time.
//!
//! Weights are elements of the field of 254 bits: the range checks bound every accumulator that is requantised, as an element
//! of the field, but not the weights.

mod layout;

use anyhow::{Context, Result, anyhow};
use halo2_axiom::SerdeFormat;
use halo2_axiom::arithmetic::Field;
use halo2_axiom::circuit::{Cell, Layouter, Region, SimpleFloorPlanner, Value as Known};
use halo2_axiom::halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2_axiom::plonk::{
    self, Advice, Any, Circuit, Column, ConstraintSystem, Expression, Instance, ProvingKey, TableColumn,
    create_proof_from_advice, keygen_pk2, verify_proof,
};
use halo2_axiom::poly::Rotation;
use halo2_axiom::poly::commitment::{Params, ParamsProver};
use halo2_axiom::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_axiom::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_axiom::poly::kzg::strategy::SingleStrategy;
use halo2_axiom::transcript::{Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer};
use rand::rngs::OsRng;

use self::layout::{BLINDING, Fixed, Lane, Layout, Part, Place, Shape};
use super::parts;
use crate::system::{Facts, Sizes, System, TrustedSetup, Unfit};
use crate::workload::{Layer, Linear, MaxPool, Public, Requant, Step, Trace, Workload};

/// Halo2 with KZG commitments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Halo2;

/// Reference string, keys and grid.
pub struct Prepared {
    params: ParamsKZG<Bn256>,
    key: ProvingKey<G1Affine>,
    layout: Layout,
}

/// Advice columns and public values.
pub struct Witness {
    advice: Vec<Vec<Fr>>,
    public: Vec<Fr>,
}

/// The two-adicity of BN254's field.
const MAX_LOG_ROWS: u32 = 28;

impl System for Halo2 {
    type Prepared = Prepared;
    type Witness = Witness;

    fn facts(&self) -> Facts {
        Facts {
            name: "halo2-kzg".into(),
            title: "Halo2 (KZG)".into(),
            implementation: "halo2-axiom 0.5.3".into(),
            arithmetisation: "PLONKish with lookups and copies, Halo2".into(),
            field: "BN254 scalar field, 254 bits".into(),
            commitment: "KZG on BN254, SHPLONK; Blake2b transcript".into(),
            security_bits: 100,
            security_note: super::BN254_SECURITY.into(),
            trusted_setup: TrustedSetup::Universal,
            zero_knowledge: true,
            binds_weights: false,
            circuit: "Rows of several products for each of several accumulators that see the same inputs; copies bind \
                      activations and a convolution's weights; bias as a weight of the constant one. Requantisation \
                      and maxima in lanes beside: quotient and remainder in limbs, each looked up in a table of \
                      ranges; clamp as two differences that vanish unless the output is at its bound. Widths of rows, \
                      lanes and limbs are chosen for each network. Weights are field elements without a range check."
                .into(),
        }
    }

    fn fits(&self, workload: &Workload) -> Result<(), Unfit> {
        if let Some(step) = workload.steps.iter().find(|step| !layout::narrow(step)) {
            return Err(Unfit(format!("{}: a range of more than 16 bits is not looked up in one piece", step.name)));
        }
        let (_, log_rows) = Layout::choose(workload);
        if log_rows > MAX_LOG_ROWS {
            return Err(Unfit(format!("2^{log_rows} rows: the field has roots of unity for 2^{MAX_LOG_ROWS}")));
        }
        Ok(())
    }

    fn setup(&self, workload: &Workload) -> Result<Prepared> {
        let (shape, log_rows) = Layout::choose(workload);
        let params = ParamsKZG::<Bn256>::setup(log_rows, OsRng);
        let circuit = Grid { layout: Layout::new(workload, shape) };
        let key = keygen_pk2(&params, &circuit, false).map_err(|error| anyhow!("Halo2's key generation: {error}"))?;
        Ok(Prepared { params, key, layout: circuit.layout })
    }

    fn sizes(&self, prepared: &Prepared) -> Result<Sizes> {
        let Prepared { params, key, layout } = prepared;
        let (mut proving, mut verifying) = (Counter(0), Counter(0));
        params.write(&mut proving).context("counting the reference string's bytes")?;
        key.write(&mut proving, SerdeFormat::RawBytes).context("counting the proving key's bytes")?;
        key.get_vk().write(&mut verifying, SerdeFormat::Processed).context("counting the verifying key's bytes")?;
        Ok(Sizes {
            proving_key_bytes: Some(proving.0),
            verifying_key_bytes: Some(verifying.0),
            constraints: Some(params.n()),
            constraints_unit: format!(
                "rows ({} used) of {} advice columns, {} lookups",
                layout.rows,
                layout.shape.advice(),
                layout.shape.lanes
            ),
            security_bits: None,
        })
    }

    fn witness(&self, prepared: &Prepared, workload: &Workload, trace: &Trace) -> Result<Witness> {
        let num_rows = prepared.params.n() as usize;
        Ok(Witness {
            advice: assign(prepared.layout.shape, num_rows, workload, trace),
            public: public(&trace.public()),
        })
    }

    fn prove(&self, prepared: &Prepared, witness: Witness) -> Result<Vec<u8>> {
        let mut transcript = Blake2bWrite::<_, _, Challenge255<_>>::init(Vec::new());
        create_proof_from_advice::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _>(
            &prepared.params,
            &prepared.key,
            &[&witness.public],
            witness.advice,
            OsRng,
            &mut transcript,
        )
        .map_err(|error| anyhow!("Halo2's prover: {error}"))?;
        Ok(transcript.finalize())
    }

    fn verify(&self, prepared: &Prepared, claim: &Public, proof: &[u8]) -> Result<()> {
        let mut transcript = Blake2bRead::<_, _, Challenge255<_>>::init(proof);
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            prepared.params.verifier_params(),
            prepared.key.get_vk(),
            SingleStrategy::new(&prepared.params),
            &[&[&public(claim)]],
            &mut transcript,
        )
        .map_err(|error| anyhow!("Halo2's verifier: {error}"))
    }
}

/// The instance column: input, then output.
fn public(public: &Public) -> Vec<Fr> {
    public.input.iter().chain(&public.output).map(|&v| element(v.into())).collect()
}

fn element(value: i64) -> Fr {
    let magnitude = Fr::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// Counts what is written to it.
struct Counter(u64);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The circuit for key generation; proofs get their advice from [`assign`].
struct Grid {
    layout: Layout,
}

#[derive(Clone)]
struct Columns {
    advice: Vec<Column<Advice>>,
    fixed: Vec<Column<plonk::Fixed>>,
    public: Column<Instance>,
    table: [TableColumn; 2],
}

impl Circuit<Fr> for Grid {
    type Config = Columns;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn without_witnesses(&self) -> Self {
        unreachable!("key generation has no witness to take away")
    }

    fn params(&self) -> Shape {
        self.layout.shape
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Columns {
        Self::configure_with_params(meta, Shape::default())
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: Shape) -> Columns {
        let columns = Columns {
            advice: (0..shape.advice()).map(|_| meta.advice_column()).collect(),
            fixed: (0..Fixed::COUNT).map(|_| meta.fixed_column()).collect(),
            public: meta.instance_column(),
            table: [meta.lookup_table_column(), meta.lookup_table_column()],
        };
        for column in shape.copied() {
            meta.enable_equality(columns.advice[column]);
        }
        meta.enable_equality(columns.fixed[Fixed::Constant as usize]);
        meta.enable_equality(columns.public);
        tile_gates(meta, &columns, &shape);
        for lane in 0..shape.lanes {
            lane_gates(meta, &columns, &shape, lane);
        }
        meta.set_minimum_degree(5);
        columns
    }

    fn synthesize(&self, columns: Columns, mut layouter: impl Layouter<Fr>) -> Result<(), plonk::Error> {
        let layout = &self.layout;
        layouter.assign_table(
            || "ranges",
            |mut table| {
                for (row, &(size, number)) in layout.table.iter().enumerate() {
                    for (column, value) in columns.table.into_iter().zip([size, number]) {
                        table.assign_cell(|| "", column, row, || Known::known(Fr::from(value)))?;
                    }
                }
                Ok(())
            },
        )?;
        layouter.assign_region(
            || "grid",
            |mut region: Region<'_, Fr>| {
                for (&column, values) in columns.fixed.iter().zip(&layout.fixed) {
                    for (row, &value) in values.iter().enumerate().filter(|&(_, &value)| value != 0) {
                        region.assign_fixed(column, row, element(value));
                    }
                }
                for &(from, to) in &layout.copies {
                    region.constrain_equal(columns.cell(from), columns.cell(to));
                }
                Ok(())
            },
        )
    }
}

impl Columns {
    fn cell(&self, place: Place) -> Cell {
        let (column, row_offset): (Column<Any>, usize) = match place {
            Place::Constant(row) => (self.fixed[Fixed::Constant as usize].into(), row),
            Place::Public(row) => (self.public.into(), row),
            Place::Advice(column, row) => (self.advice[column].into(), row),
        };
        Cell { row_offset, column }
    }
}

/// Accumulators advance by their products, from zero in a first row.
fn tile_gates(meta: &mut ConstraintSystem<Fr>, columns: &Columns, shape: &Shape) {
    meta.create_gate("tile", |meta| {
        let fixed = |meta: &mut plonk::VirtualCells<'_, Fr>, column| {
            meta.query_fixed(columns.fixed[column as usize], Rotation::cur())
        };
        let (start, next) = (fixed(meta, Fixed::TileStart), fixed(meta, Fixed::TileNext));
        let at = |meta: &mut plonk::VirtualCells<'_, Fr>, column: usize, rotation| {
            meta.query_advice(columns.advice[column], rotation)
        };
        let mut gates = Vec::with_capacity(shape.outputs);
        for output in 0..shape.outputs {
            let before = at(meta, shape.accumulator(output), Rotation::prev());
            let mut rest = at(meta, shape.accumulator(output), Rotation::cur());
            for tap in 0..shape.taps {
                let activation = at(meta, shape.activation(tap), Rotation::cur());
                rest = rest - activation * at(meta, shape.weight(tap, output), Rotation::cur());
            }
            gates.push((start.clone() + next.clone()) * rest - next.clone() * before);
        }
        gates
    });
}

fn lane_gates(meta: &mut ConstraintSystem<Fr>, columns: &Columns, shape: &Shape, lane: usize) {
    let of = |column| columns.advice[shape.lane(lane, column)];
    let (input, limb, running, output) = (of(Lane::Input), of(Lane::Limb), of(Lane::Running), of(Lane::Output));
    meta.create_gate("lane", |meta| {
        let mut fixed = |column| meta.query_fixed(columns.fixed[column as usize], Rotation::cur());
        let [coefficient, offset, bound] = [Fixed::Coefficient, Fixed::Offset, Fixed::Bound].map(&mut fixed);
        let [start, next, saturated] = [Fixed::RequantStart, Fixed::RequantNext, Fixed::Saturated].map(&mut fixed);
        let [max_start, max_next, end] = [Fixed::MaxStart, Fixed::MaxNext, Fixed::End].map(&mut fixed);
        let [input, limb, running_now, output_now] =
            [input, limb, running, output].map(|column| meta.query_advice(column, Rotation::cur()));
        let running_before = meta.query_advice(running, Rotation::prev());
        let output_before = meta.query_advice(output, Rotation::prev());
        let left = running_now.clone() + coefficient * limb.clone();
        let kept = output_now.clone() - output_before;
        let difference = output_now.clone() - input.clone() - limb.clone();
        let gates: [Expression<Fr>; 9] = [
            start.clone() * (left.clone() - input - offset),
            start * (output_now.clone() - limb.clone() - bound.clone()),
            next.clone() * (left - running_before.clone()),
            (next + max_next.clone()) * kept,
            saturated * limb.clone() * (output_now - bound),
            (max_start.clone() + max_next.clone()) * difference,
            max_start * (running_now.clone() - limb.clone()),
            max_next * (running_now.clone() - limb * running_before),
            end * running_now,
        ];
        gates
    });
    meta.lookup("range", |meta| {
        let size = meta.query_fixed(columns.fixed[Fixed::Size as usize], Rotation::cur());
        let limb = meta.query_advice(limb, Rotation::cur());
        vec![(size, columns.table[0]), (limb, columns.table[1])]
    });
}

/// The advice columns. Values that the trace has are taken from it, whether or not they fit together.
fn assign(shape: Shape, num_rows: usize, workload: &Workload, trace: &Trace) -> Vec<Vec<Fr>> {
    let mut grid =
        Assignment { shape, advice: vec![vec![Fr::ZERO; num_rows]; shape.advice()], tile_row: 0, lane_row: 0 };
    for (index, step) in workload.steps.iter().enumerate() {
        let (inputs, outputs) = (trace.input(index), trace.output(index));
        match &step.layer {
            Layer::Linear(linear) => grid.linear(linear, inputs, outputs),
            Layer::Requant(requant) => grid.requant(step, requant, inputs, outputs),
            Layer::MaxPool(pool) => grid.max_pool(pool, inputs, outputs),
        }
    }
    debug_assert!(grid.tile_row.max(grid.lane_row) + BLINDING <= num_rows);
    grid.advice
}

struct Assignment {
    shape: Shape,
    advice: Vec<Vec<Fr>>,
    tile_row: usize,
    lane_row: usize,
}

impl Assignment {
    fn linear(&mut self, linear: &Linear, inputs: &[i32], outputs: &[i32]) {
        let Self { shape, advice, tile_row, .. } = self;
        let (channels, plane) = (linear.output[0], linear.output[1] * linear.output[2]);
        let weights: Vec<Fr> = linear.weights.iter().map(|&w| element(w.into())).collect();
        let mut sums = vec![0i64; shape.outputs];
        layout::tiles(linear, shape, |channel, position, first, taps| {
            let row = *tile_row;
            *tile_row += 1;
            if first {
                sums.fill(0);
            }
            let outputs_here = shape.outputs.min(channels - channel);
            for (tap, term) in taps.iter().enumerate() {
                let activation = term.map_or(1, |(_, input)| i64::from(inputs[input]));
                advice[shape.activation(tap)][row] = element(activation);
                for output in 0..outputs_here {
                    let (integer, weight) = match term {
                        Some((weight, _)) => {
                            let place = weight + output * linear.taps();
                            (i64::from(linear.weights[place]), weights[place])
                        }
                        None => {
                            let bias = i64::from(linear.biases[channel + output]);
                            (bias, element(bias))
                        }
                    };
                    sums[output] += activation * integer;
                    advice[shape.weight(tap, output)][row] = weight;
                }
            }
            let last = taps.last().is_some_and(Option::is_none);
            for output in 0..outputs_here {
                let claimed = outputs[(channel + output) * plane + position];
                let sum = if last { claimed.into() } else { sums[output] };
                advice[shape.accumulator(output)][row] = element(sum);
            }
        });
    }

    fn requant(&mut self, step: &Step, requant: &Requant, inputs: &[i32], outputs: &[i32]) {
        let limbs = layout::limbs(requant, &step.input, self.shape.limb);
        let idle = (0, requant.apply(0));
        let count = inputs.len().next_multiple_of(self.shape.lanes);
        let values = inputs.iter().copied().zip(outputs.iter().copied()).chain(std::iter::repeat(idle)).take(count);
        for (index, (input, output)) in values.enumerate() {
            let lane = index % self.shape.lanes;
            let first = self.lane_row + index / self.shape.lanes * limbs.len();
            let [over_low, remainder, above, below] = parts::numbers(requant, input, output);
            let mut left = i64::from(input) + requant.half() - (i64::from(requant.low) << requant.shift);
            self.put(lane, Lane::Input, first, element(input.into()));
            for (row, limb) in (first..).zip(&limbs) {
                let (part, sign) = match limb.part {
                    Part::Output => (over_low, 1),
                    Part::Remainder => (remainder, 1),
                    Part::Above => (above, 1),
                    Part::Below => (below, -1),
                };
                let value =
                    if limb.part == Part::Output { part } else { (part >> limb.offset) & (limb.size as i64 - 1) };
                let shift = if limb.part == Part::Remainder { 0 } else { requant.shift };
                left -= (sign * value) << (limb.offset + shift);
                self.put(lane, Lane::Limb, row, element(value));
                self.put(lane, Lane::Running, row, element(left));
                self.put(lane, Lane::Output, row, element(output.into()));
            }
        }
        self.lane_row += count / self.shape.lanes * limbs.len();
    }

    fn max_pool(&mut self, pool: &MaxPool, inputs: &[i32], outputs: &[i32]) {
        let window = pool.size * pool.size;
        for (index, &output) in outputs.iter().enumerate() {
            let lane = index % self.shape.lanes;
            let first = self.lane_row + index / self.shape.lanes * window;
            let mut product = Fr::ONE;
            for (row, place) in (first..).zip(pool.window(index)) {
                let difference = element(i64::from(output) - i64::from(inputs[place]));
                product *= difference;
                self.put(lane, Lane::Input, row, element(inputs[place].into()));
                self.put(lane, Lane::Limb, row, difference);
                self.put(lane, Lane::Running, row, product);
                self.put(lane, Lane::Output, row, element(output.into()));
            }
        }
        self.lane_row += outputs.len().div_ceil(self.shape.lanes) * window;
    }

    fn put(&mut self, lane: usize, column: Lane, row: usize, value: Fr) {
        self.advice[self.shape.lane(lane, column)][row] = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_the_check_of_all_systems() {
        crate::check::check_system(&Halo2).expect("a sound system");
    }
}
