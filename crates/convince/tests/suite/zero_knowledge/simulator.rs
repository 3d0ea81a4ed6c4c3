//! The simulator of `manual::zero_knowledge` for whole proofs: without weights, input or witness, with challenges that are known
//! in advance, it makes messages that the verifier accepts. So whoever can choose challenges learns nothing from a proof, and a
//! proof under the transcript's challenges shows no more than that its statement holds.
//!
//! It uses what a verifier has: the key, the statement, and the public parts of the workspace.

use ark_ff::Field as _;
use convince::VerifyingKey;
use convince::circuit::{Circuit, WireId, WireKind};
use convince::protocol::{Field, Part, Row, Statement, run_hiding_verifier};
use convince_field::{Ints, ProofField, curve_scalar};
use convince_pcs::hyrax::hiding::Counts;
use convince_pcs::{CommitmentScheme, Hyrax, OpeningClaim, PcsError, Split};
use convince_poly::{eq_truncated, log2_ceil};
use convince_sumcheck::product::{self, Mask};
use convince_transcript::hiding::{Hidden, HidingVerifier, Tape};
use convince_transcript::{ChannelError, ChannelScalar, Check, Counter, Label, VerifierChannel};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::visibility::CASES;
use crate::common::{KeyFile, StoredWeights, TINY};

/// A channel in the clear whose challenges are fixed in advance. It makes up messages as they are asked for, or plays them back.
struct Script {
    generators: Vec<Row>,
    rng: ChaCha20Rng,
    challenges: ChaCha20Rng,
    messages: Vec<Vec<u8>>,
    next: Option<usize>,
}

fn uniform(rng: &mut impl RngCore) -> Field {
    let mut bytes = [0; 64];
    rng.fill_bytes(&mut bytes);
    Field::full_challenge(&bytes)
}

impl Script {
    fn new(generators: &[Row], messages: Option<Vec<Vec<u8>>>) -> Self {
        Self {
            generators: generators.to_vec(),
            rng: ChaCha20Rng::seed_from_u64(1),
            challenges: ChaCha20Rng::seed_from_u64(2),
            next: messages.is_some().then_some(0),
            messages: messages.unwrap_or_default(),
        }
    }

    fn scalar(&mut self) -> Field {
        uniform(&mut self.rng)
    }

    fn point(&mut self) -> Row {
        (self.generators[0] * curve_scalar(self.scalar())).into()
    }

    fn push(&mut self, scalars: &[Field]) {
        let mut bytes = Vec::new();
        scalars.iter().for_each(|scalar| scalar.write_to(&mut bytes));
        self.messages.push(bytes);
    }

    /// The next message: played back, or the one just made up.
    fn take(&mut self) -> Vec<u8> {
        let at = self.next.unwrap_or(self.messages.len() - 1);
        self.next = self.next.map(|next| next + 1);
        self.messages[at].clone()
    }

    fn rows(&mut self, label: Label, count: usize) -> Vec<Row> {
        if count == 0 {
            return Vec::new();
        }
        let bytes = self.receive_bytes(label, count * Hyrax::ROW_BYTES).unwrap();
        Hyrax::rows_from_bytes(count, &bytes).unwrap()
    }
}

impl VerifierChannel<Field> for Script {
    type Scalar = Field;

    fn receive(&mut self, _: Label, len: usize) -> Result<Vec<Field>, ChannelError> {
        if self.next.is_none() {
            let scalars: Vec<Field> = (0..len).map(|_| self.scalar()).collect();
            self.push(&scalars);
        }
        let bytes = self.take();
        assert_eq!(bytes.len(), len * Field::BYTES);
        Ok(bytes.chunks(Field::BYTES).map(|scalar| Field::read_from(scalar).unwrap()).collect())
    }

    fn receive_bytes(&mut self, _: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        if self.next.is_none() {
            let points: Vec<Row> = (0..len / Hyrax::ROW_BYTES).map(|_| self.point()).collect();
            self.messages.push(Hyrax::rows_to_bytes(&points));
        }
        Ok(self.take())
    }

    fn challenge(&mut self, _: Label) -> Field {
        uniform(&mut self.challenges)
    }

    fn full_challenge(&mut self, _: Label) -> Field {
        uniform(&mut self.challenges)
    }

    fn mul(&mut self, a: &Field, b: &Field) -> Field {
        *a * b
    }

    fn assert_eq(&mut self, a: Field, b: Field, check: Check) -> Result<(), ChannelError> {
        if a == b { Ok(()) } else { Err(ChannelError::CheckFailed(check)) }
    }
}

/// What a simulator is given.
struct Simulator<'a> {
    key: &'a VerifyingKey,
    statement: Statement<'a>,
    /// Of committed weights; the integers of public ones.
    weights: StoredWeights,
    /// Of every column, then of blinds.
    generators: Vec<Row>,
}

/// `G_0, .., G_(n-1), H`.
fn generators(width: usize) -> Vec<Row> {
    let params = Hyrax::params(width).unwrap();
    let units: Vec<Ints> = (0..=width).map(|k| Ints::U8((0..width).map(|c| u8::from(c == k)).collect())).collect();
    let rows: Vec<_> = units.iter().map(|unit| unit.as_slice()).collect();
    let blinds: Vec<Field> = (0..=width).map(|k| Field::from(u64::from(k == width))).collect();
    Hyrax::commit(&params, &rows, &blinds)
}

/// The sum of points times scalars.
fn combination(points: &[Row], scalars: &[Field]) -> Row {
    let terms = points.iter().zip(scalars).map(|(point, scalar)| *point * curve_scalar(*scalar));
    terms.reduce(|sum, term| sum + term).expect("not empty").into()
}

/// The linear statement that is left at kappa: one coefficient a hidden scalar, and what the sum is.
fn linear_statement(
    tape: &Tape<Field>,
    claims: &[OpeningClaim<Field, Hidden<Field>>],
    [tau, e, kappa]: [Field; 3],
    [z_x, z_y]: [&[Field]; 2],
) -> (Vec<Vec<Field>>, Field) {
    let powers = |base: Field| std::iter::successors(Some(Field::ONE), move |power| Some(*power * base));
    let mut weights = powers(kappa);
    let mut take = || weights.next().expect("endless");
    let mut forms: Vec<(Hidden<Field>, Field)> = claims.iter().map(|c| (c.value.clone(), -take())).collect();
    forms.extend(tape.assertions().iter().map(|(form, _)| (form.clone(), take())));
    let (mut constant, mut d_x, mut d_y) = (Field::default(), Vec::new(), Vec::new());
    for (k, [x, y]) in tape.products().iter().enumerate() {
        for (form, z, d) in [(x, z_x[k], &mut d_x), (y, z_y[k], &mut d_y)] {
            let weight = take();
            forms.push((form.clone(), -e * weight));
            constant += weight * z;
            d.push(-weight);
        }
    }
    let weight = take();
    let mut sum = tape.weighted_sum(forms);
    for (k, power) in powers(tau).take(z_x.len()).enumerate() {
        constant -= weight * power * z_x[k] * z_y[k];
        sum.products[k] += weight * e * e * power;
    }
    let cross = if z_x.is_empty() { vec![] } else { vec![weight, weight * e] };
    (vec![sum.pads, [sum.products, d_x, d_y].concat(), cross], -(constant + sum.constant))
}

impl Simulator<'_> {
    fn circuit(&self) -> &Circuit {
        self.key.circuit()
    }

    /// Wires committed before the proof, with their rows.
    fn before(&self) -> Vec<(WireId, Vec<Row>)> {
        let mut wires = Vec::new();
        if let StoredWeights::Committed { rows, .. } = &self.weights {
            let mut rows = Hyrax::rows_from_bytes(rows.len() / Hyrax::ROW_BYTES, rows).unwrap().into_iter();
            let of = |id: WireId| (id, rows.by_ref().take(self.split(id).num_rows()).collect());
            wires.extend(self.circuit().wires_of(WireKind::Weight).map(of));
        }
        let parts =
            [(self.circuit().input(), self.statement.input), (self.circuit().output().wire, self.statement.output)];
        for (id, part) in parts {
            if let Part::Private(rows) = part {
                wires.push((id, rows.to_vec()));
            }
        }
        wires
    }

    fn split(&self, id: WireId) -> Split {
        Split::choose(&self.circuit().wire(id).shape, self.key.width())
    }

    fn public(&self, id: WireId) -> Ints {
        match (&self.weights, self.statement.input) {
            (_, Part::Public(input)) if id == self.circuit().input() => input.clone(),
            (StoredWeights::Public(weights), _) => {
                let place = self.circuit().wires_of(WireKind::Weight).position(|weight| weight == id);
                weights[place.expect("a weight")].as_ref().clone()
            }
            _ => panic!("wire {} is not public", id.index()),
        }
    }

    /// What the verifier does between commitments and closing.
    fn algorithm<C: VerifierChannel<Field>>(
        &self,
        committed: &[WireId],
        channel: &mut C,
    ) -> Result<Vec<OpeningClaim<Field, C::Scalar>>, ChannelError> {
        let output = match self.statement.output {
            Part::Public(values) => Some(values),
            Part::Private(_) => None,
        };
        let mut openings = Vec::new();
        for claim in convince_gkr::verify(self.circuit(), output, channel)? {
            match committed.iter().position(|id| *id == claim.wire) {
                Some(wire) => openings.push(OpeningClaim { wire, functional: claim.functional, value: claim.value }),
                None => {
                    let value = C::Scalar::constant(claim.functional.apply(self.public(claim.wire).as_slice()));
                    channel.assert_eq(claim.value, value, Check::PublicWire { wire: claim.wire.index() })?;
                }
            }
        }
        Ok(openings)
    }

    /// The messages of a proof.
    fn run(&self) -> Vec<Vec<u8>> {
        let (circuit, width) = (self.circuit(), self.key.width());
        let (mut wires, advice) = (self.before(), circuit.wires_of(WireKind::Advice).collect::<Vec<_>>());
        let order: Vec<WireId> = wires.iter().map(|(id, _)| *id).chain(advice.iter().copied()).collect();
        let mut counter = Counter::default();
        let _: Vec<OpeningClaim<Field, Field>> = self.algorithm(&order, &mut counter).unwrap();
        let Counts { messages, products } = Counts { messages: counter.scalars, products: counter.products };

        // Commitments and padded scalars: uniform.
        let mut script = Script::new(&self.generators, None);
        let mut hidden = script.rows("pads", messages.div_ceil(width));
        let rows = script.rows("advice", advice.iter().map(|id| self.split(*id).num_rows()).sum());
        let mut rows = rows.into_iter();
        wires.extend(advice.iter().map(|id| (*id, rows.by_ref().take(self.split(*id).num_rows()).collect())));
        let mut channel = HidingVerifier::new(script);
        let claims = self.algorithm(&order, &mut channel).unwrap();
        let (mut script, tape) = channel.into_parts();
        hidden.extend(script.rows("products", (3 * products).div_ceil(width)));
        let tau = script.challenge("tau");
        hidden.extend(script.rows("cross", usize::from(products > 0)));
        let e = script.challenge("e");
        let factors = script.receive("factors", 2 * products).unwrap();
        let kappa = script.challenge("kappa");
        let (coefficients, total) =
            linear_statement(&tape, &claims, [tau, e, kappa], factors.split_at(products).into());

        // The mask's sum and the rounds: uniform.
        let variables = log2_ceil(width);
        let mask = script.rows("mask", 1)[0];
        let mask_sum = script.receive_one("mask sum").unwrap();
        let eta = script.challenge("eta");
        let out = product::verify(&mut script, &[(variables, total + eta * mask_sum)]).unwrap();
        let c = script.challenge("c");

        // What the rows amount to.
        let eq = eq_truncated(&out.point, width);
        let mut weights: Vec<Vec<Field>> =
            wires.iter().map(|(id, _)| vec![Field::default(); self.split(*id).num_rows()]).collect();
        let mut power = Field::ONE;
        for claim in &claims {
            let of_rows = self.split(wires[claim.wire].0).row_weights(&claim.functional, &eq);
            weights[claim.wire].iter_mut().zip(of_rows).for_each(|(sum, weight)| *sum += power * weight);
            power *= kappa;
        }
        let of_hidden = coefficients.iter().flat_map(|kind| kind.chunks(width));
        let of_hidden: Vec<Field> = of_hidden.map(|row| Field::inner_product(row, &eq[..row.len()])).collect();
        let points: Vec<Row> = wires.into_iter().flat_map(|(_, rows)| rows).chain(hidden).collect();
        let committed = combination(&points, &[weights.concat(), of_hidden].concat());

        // The opened vectors: uniform; the blinders' commitments and delta are what the two checks ask for.
        let z_1: Vec<Field> = (0..=width).map(|_| script.scalar()).collect();
        let z_2: Vec<Field> = (0..=Mask::<Field>::len(variables)).map(|_| script.scalar()).collect();
        let blinder = |z: &[Field], of: Row| {
            let (vector, blind) = z.split_at(z.len() - 1);
            let points = [&self.generators[..vector.len()], &self.generators[width..], &[of]].concat();
            combination(&points, &[vector, blind, &[-c]].concat())
        };
        let blinders = [blinder(&z_1, committed), blinder(&z_2, mask)];
        let delta = Field::inner_product(&z_1[..width], &eq) - c * out.value
            + eta * Field::inner_product(&z_2[..z_2.len() - 1], &Mask::weights(&out.point));
        script.messages.push(Hyrax::rows_to_bytes(&blinders));
        [&[delta][..], &z_2, &z_1].into_iter().for_each(|message| script.push(message));
        script.messages
    }

    fn accepts(&self, messages: Vec<Vec<u8>>) -> Result<(), PcsError> {
        let script = Script::new(&self.generators, Some(messages));
        run_hiding_verifier(self.key, &self.statement, script).map(|_| ())
    }
}

/// Of every visibility. Private ends are commitments to nobody knows what, and public ones are as good as any: with challenges
/// known in advance even a false statement has a transcript.
#[test]
fn a_simulator_without_witness_is_accepted_by_the_verifier_of_whole_proofs() {
    for (k, case) in CASES.iter().enumerate() {
        let (key, circuit) = (&case.verifying, case.verifying.circuit());
        let generators = generators(key.width());
        let mut made = Script::new(&generators, None);
        let mut rows = |id: WireId| {
            let count = Split::choose(&circuit.wire(id).shape, key.width()).num_rows();
            (0..count).map(|_| made.point()).collect::<Vec<_>>()
        };
        let (input_rows, output_rows) = (rows(circuit.input()), rows(circuit.output().wire));
        let input = Ints::I32(TINY.input.clone());
        let output = Ints::I32(vec![1; circuit.shape(circuit.output()).iter().product()]);
        let part = |private, rows, values| if private { Part::Private(rows) } else { Part::Public(values) };
        let statement = Statement {
            input: part(circuit.input_is_private(), &input_rows, &input),
            output: part(circuit.output_is_private(), &output_rows, &output),
            nonce: b"none is absorbed",
        };
        let simulator = Simulator { key, statement, weights: KeyFile::of(key).weights, generators };
        let messages = simulator.run();
        let honest = case.prove(&TINY.input, Default::default()).0;
        let len: usize = messages.iter().map(Vec::len).sum();
        assert_eq!(len, honest.unverified(key).unwrap().message_bytes, "case {k}");
        // Any scalar changed is as bad here as in a proof.
        for at in (0..messages.len()).step_by(23) {
            let mut bad = messages.clone();
            if !bad[at].len().is_multiple_of(Hyrax::ROW_BYTES) {
                bad[at][0] ^= 1;
                assert!(simulator.accepts(bad).is_err(), "case {k}, message {at}");
            }
        }
        assert_eq!(simulator.accepts(messages), Ok(()), "case {k}");
    }
}
