//! Layers of gates: the two-phase sumcheck of Libra (Xie, Zhang, Zhang, Papamanthou, Song 2019, section 3), over many tensors.
//!
//! ```text
//! Claim in:   out~ = v_t under functionals f_t
//! Challenge:  lambda; f = sum_t lambda^t f_t, v = sum_t lambda^t v_t - sum over constants of f(out) value
//! Rounds:     v = sum_i sum_x in_i(x) (A_i(x) + H_i(x)),   A_i(x) = sum over additions of x of f(out) c,
//!             H_i(x) = sum over products x y of f(out) c in(y); its point is r; in_i~(r_i) = a_i is sent for all i read first
//! Rounds:     the rest = sum_j sum_y in_j(y) B_j(y),       B_j(y) = sum over products x y of f(out) c p_i^2 a_i eq(r_i, x);
//!             its point is s; in_j~(s_j) = b_j is sent for all j read second
//! Claim out:  in_i~(r_i) = a_i and in_j~(s_j) = b_j
//! Error:      (number of claims - 1 + 2 n + 2 m) / 2^128 for n and m variables of the largest tensors read first and second
//! ```
//!
//! All tensors lie at the low end of one cube, so a sumcheck over the largest serves all. A tensor of fewer variables is
//! multiplied by `eq(0, .)` of those it lacks, and so is its partner: both factors are `p = prod (1 - r_k)` over them.
//! Phase one ends in what phase two begins with, so that one equation closes both. The combined functional f takes the place
//! of Libra's `alpha eq(u, .) + beta eq(v, .)`: with one claim this is textbook GKR. The prover is linear in gates and tensors;
//! the verifier evaluates the wiring in three or four multiplications a gate.

use std::collections::BTreeMap;

use convince_circuit::{Circuit, Gate, GatesLayer, Place, Witness};
use convince_field::ProofField;
use convince_poly::{Axis, Functional, outer, pad};
use convince_sumcheck::{SumcheckClaim, product, suffix};
use convince_transcript::{ChannelError, ChannelScalar, Check, Label, ProverChannel, VerifierChannel};

use super::combined::Combined;
use super::{Pending, variables};
use crate::Claim;

const LAMBDA: Label = "gkr/wave/gates/lambda";
const FIRST: Label = "gkr/wave/gates/first";
const SECOND: Label = "gkr/wave/gates/second";

pub(super) fn prove<F: ProofField, C: ProverChannel<F>>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    pending: &mut Pending<F, F>,
    layer: &GatesLayer,
) {
    let claims = pending.take(layer.output);
    if claims.is_empty() {
        return;
    }
    let f = Combined::new(claims, channel.challenge(LAMBDA)).table(&layer.shape);
    let inputs: Vec<_> = layer.inputs.iter().map(|&tensor| witness.tensor(circuit, tensor)).collect();
    let value = |place: Place| inputs[place.input as usize].get(place.index as usize);

    let mut sums = Tables::new(circuit, layer, &layer.first);
    for gate in layer.gates.iter() {
        match *gate {
            Gate::Constant { .. } => {}
            Gate::Add { coefficient, x, .. } => sums.add(x, times(f[gate.out()], coefficient.into())),
            // Both factors have 32 bits.
            Gate::Mul { coefficient, x, y, .. } => sums.add(x, times(f[gate.out()], i64::from(coefficient) * value(y))),
        }
    }
    let (at, values) = run_phase(circuit, witness, channel, layer, sums);
    send(channel, FIRST, &values);
    let mut eq: Vec<Vec<F>> = vec![Vec::new(); layer.inputs.len()];
    for ((&input, point), value) in layer.first.iter().zip(&at).zip(&values) {
        let scale = point.scale * value;
        let mut table = outer(&point.functional.0);
        table.iter_mut().for_each(|e| *e *= scale);
        eq[input as usize] = table;
    }
    add_claims(circuit, pending, layer, &layer.first, at, values);

    let mut sums = Tables::new(circuit, layer, &layer.second);
    for gate in layer.gates.iter() {
        if let Gate::Mul { coefficient, x, y, .. } = *gate {
            let weight = f[gate.out()] * eq[x.input as usize][x.index as usize];
            sums.add(y, times(weight, coefficient.into()));
        }
    }
    let (at, values) = run_phase(circuit, witness, channel, layer, sums);
    send(channel, SECOND, &values);
    add_claims(circuit, pending, layer, &layer.second, at, values);
}

pub(super) fn verify<F: ProofField, C: VerifierChannel<F>>(
    circuit: &Circuit,
    channel: &mut C,
    pending: &mut Pending<F, C::Scalar>,
    index: usize,
    layer: &GatesLayer,
) -> Result<(), ChannelError> {
    let claims = pending.take(layer.output);
    if claims.is_empty() {
        return Ok(());
    }
    let combined = Combined::new(claims, channel.challenge(LAMBDA));
    let mut wiring = Wiring::new(layer, combined.table(&layer.shape));
    let start = combined.total() - C::Scalar::constant(wiring.constant());
    let vars = phase_variables(circuit, layer, &layer.first);
    let SumcheckClaim { value, point } = product::verify(channel, &[(vars, start)])?;
    let first = receive(channel, FIRST, layer.first.len())?;
    let at_first = points(circuit, layer, &layer.first, &point);
    wiring.first = weights(layer, &layer.first, &at_first);
    let additions = wiring.additions();
    let own = |sum: C::Scalar, (&input, a): (&u32, &C::Scalar)| sum - a.clone() * additions[input as usize];
    let rest = layer.first.iter().zip(&first).fold(value, own);

    let vars = phase_variables(circuit, layer, &layer.second);
    let SumcheckClaim { value, point } = product::verify(channel, &[(vars, rest)])?;
    let second = receive(channel, SECOND, layer.second.len())?;
    let at_second = points(circuit, layer, &layer.second, &point);
    wiring.second = weights(layer, &layer.second, &at_second);
    // What every second operand is multiplied by.
    let mut partners: BTreeMap<u32, C::Scalar> = BTreeMap::new();
    for ((x, y), weight) in wiring.products() {
        let a = first[rank(&layer.first, x)].clone() * weight;
        let sum = partners.remove(&y);
        partners.insert(y, sum.map_or(a.clone(), |sum| sum + a));
    }
    let mut total = C::Scalar::constant(F::zero());
    for (y, partner) in partners {
        total = total + channel.mul(&partner, &second[rank(&layer.second, y)]);
    }
    channel.assert_eq(total, value, Check::Gates { layer: index })?;
    add_claims(circuit, pending, layer, &layer.first, at_first, first);
    add_claims(circuit, pending, layer, &layer.second, at_second, second);
    Ok(())
}

/// Variables of both phases.
pub(super) fn layer_variables(circuit: &Circuit, layer: &GatesLayer) -> [usize; 2] {
    [&layer.first, &layer.second].map(|inputs| phase_variables(circuit, layer, inputs))
}

fn phase_variables(circuit: &Circuit, layer: &GatesLayer, inputs: &[u32]) -> usize {
    let of = |&i: &u32| variables(circuit.shape(layer.inputs[i as usize]));
    inputs.iter().map(of).max().unwrap_or(0)
}

/// Where a tensor's sumcheck ends.
struct Point<F> {
    functional: Functional<F>,
    /// `p^2` of the variables that the tensor lacks.
    scale: F,
}

fn points<F: ProofField>(circuit: &Circuit, layer: &GatesLayer, inputs: &[u32], point: &[F]) -> Vec<Point<F>> {
    let of = |&i: &u32| {
        let shape = circuit.shape(layer.inputs[i as usize]);
        let own = suffix(point, variables(shape));
        let lacking = &point[..point.len() - own.len()];
        let p: F = lacking.iter().map(|r| F::one() - r).product();
        Point { functional: Functional::at_flat(own, shape), scale: p.square() }
    };
    inputs.iter().map(of).collect()
}

/// The place of an input in a list of inputs that holds it.
fn rank(inputs: &[u32], input: u32) -> usize {
    inputs.binary_search(&input).unwrap_or(0)
}

/// Messages of no scalars are left out.
fn send<F: ProofField, C: ProverChannel<F>>(channel: &mut C, label: Label, values: &[F]) {
    if !values.is_empty() {
        channel.send(label, values);
    }
}

fn receive<F: ProofField, C: VerifierChannel<F>>(
    channel: &mut C,
    label: Label,
    len: usize,
) -> Result<Vec<C::Scalar>, ChannelError> {
    if len == 0 { Ok(Vec::new()) } else { channel.receive(label, len) }
}

fn add_claims<F: ProofField, S>(
    circuit: &Circuit,
    pending: &mut Pending<F, S>,
    layer: &GatesLayer,
    inputs: &[u32],
    points: Vec<Point<F>>,
    values: Vec<S>,
) {
    for ((&input, point), value) in inputs.iter().zip(points).zip(values) {
        pending.add(circuit, Claim::on(circuit, layer.inputs[input as usize], point.functional, value));
    }
}

/// What multiplies the tensors of one phase: a table for each, empty for the others.
struct Tables<'a, F> {
    inputs: &'a [u32],
    of_input: Vec<Vec<F>>,
}

impl<'a, F: ProofField> Tables<'a, F> {
    fn new(circuit: &Circuit, layer: &GatesLayer, inputs: &'a [u32]) -> Self {
        let mut of_input = vec![Vec::new(); layer.inputs.len()];
        for &input in inputs {
            let size = circuit.shape(layer.inputs[input as usize]).iter().product();
            of_input[input as usize] = vec![F::zero(); size];
        }
        Self { inputs, of_input }
    }

    fn add(&mut self, place: Place, value: F) {
        self.of_input[place.input as usize][place.index as usize] += value;
    }
}

/// One phase: the sumcheck of every tensor with its table. Returns where the tensors are evaluated, and their values.
fn run_phase<F: ProofField, C: ProverChannel<F>>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    layer: &GatesLayer,
    mut tables: Tables<'_, F>,
) -> (Vec<Point<F>>, Vec<F>) {
    let inputs = tables.inputs;
    let pair = |&input: &u32| {
        let tensor = layer.inputs[input as usize];
        let table = std::mem::take(&mut tables.of_input[input as usize]);
        [witness.tensor(circuit, tensor).to_field(), table].map(|table| pad(&table, circuit.shape(tensor)))
    };
    let pairs: Vec<_> = inputs.iter().map(pair).collect();
    let vars = phase_variables(circuit, layer, inputs);
    // A single instance never starts late, so that nobody asks for its claim.
    let instance = product::Instance::new(vars, F::one(), F::zero(), pairs);
    let (point, _) = product::prove(channel, vec![instance]);
    let at = points(circuit, layer, inputs, &point);
    let tensors = inputs.iter().map(|&input| witness.tensor(circuit, layer.inputs[input as usize]));
    let values = tensors.zip(&at).map(|(values, point)| point.functional.apply(values)).collect();
    (at, values)
}

/// `value * factor`, cheap for the commonest factors.
fn times<F: ProofField>(value: F, factor: i64) -> F {
    match factor {
        0 => F::zero(),
        1 => value,
        -1 => -value,
        _ => value * F::from_i64(factor),
    }
}

/// The wiring as the verifier evaluates it.
struct Wiring<'a, F> {
    layer: &'a GatesLayer,
    f: Vec<F>,
    /// `p^2 eq(r_i, .)` of every input read first.
    first: Vec<Weights<F>>,
    /// `p^2 eq(s_j, .)` of every input read second.
    second: Vec<Weights<F>>,
}

impl<'a, F: ProofField> Wiring<'a, F> {
    fn new(layer: &'a GatesLayer, f: Vec<F>) -> Self {
        Self { layer, f, first: Vec::new(), second: Vec::new() }
    }

    /// The sum over constants.
    fn constant(&self) -> F {
        let constant = |gate: &Gate| match *gate {
            Gate::Constant { value, .. } => times(self.f[gate.out()], value.into()),
            _ => F::zero(),
        };
        self.layer.gates.iter().map(constant).sum()
    }

    /// `p_i^2 A_i~(r_i)` for every input.
    fn additions(&self) -> Vec<F> {
        let mut sums = vec![F::zero(); self.layer.inputs.len()];
        for gate in self.layer.gates.iter() {
            if let Gate::Add { coefficient, x, .. } = *gate {
                let input = x.input as usize;
                sums[input] += times(self.f[gate.out()], coefficient.into()) * self.first[input].at(x.index as usize);
            }
        }
        sums
    }

    /// `p_i^2 p_j^2 * sum over products x y of f(out) c eq(r_i, x) eq(s_j, y)` for every pair of inputs that some gate
    /// multiplies.
    fn products(&self) -> BTreeMap<(u32, u32), F> {
        let mut sums = BTreeMap::new();
        for gate in self.layer.gates.iter() {
            if let Gate::Mul { coefficient, x, y, .. } = *gate {
                let (a, b) = (&self.first[x.input as usize], &self.second[y.input as usize]);
                let weight = times(self.f[gate.out()], coefficient.into()) * a.at(x.index as usize);
                *sums.entry((x.input, y.input)).or_insert_with(F::zero) += weight * b.at(y.index as usize);
            }
        }
        sums
    }
}

/// A tensor of weights: one table, or one an axis where the tensor is larger than the layer has gates.
struct Weights<F> {
    tables: Vec<Vec<F>>,
}

impl<F: ProofField> Weights<F> {
    fn at(&self, mut index: usize) -> F {
        if let [table] = self.tables.as_slice() {
            return table[index];
        }
        let along = |table: &Vec<F>| {
            let weight = table[index % table.len()];
            index /= table.len();
            weight
        };
        self.tables.iter().rev().map(along).product()
    }
}

/// The weights of all inputs; none for those that are not read.
fn weights<F: ProofField>(layer: &GatesLayer, inputs: &[u32], points: &[Point<F>]) -> Vec<Weights<F>> {
    let mut all: Vec<Weights<F>> = layer.inputs.iter().map(|_| Weights { tables: Vec::new() }).collect();
    for (&input, Point { functional: Functional(axes), scale }) in inputs.iter().zip(points) {
        let size: usize = axes.iter().map(Axis::len).product();
        let mut tables = match size <= layer.gates.len() {
            true => vec![outer(axes)],
            false => axes.iter().map(Axis::table).collect(),
        };
        if let Some(table) = tables.iter_mut().min_by_key(|table| table.len()) {
            table.iter_mut().for_each(|e| *e *= scale);
        }
        all[input as usize] = Weights { tables };
    }
    all
}
