//! The network as rank-one constraints, for the systems that prove those.

use ark_ff::PrimeField;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, ConstraintSystemRef, LinearCombination, OptimizationGoal, Result,
    SynthesisError, SynthesisMode, Variable,
};

use crate::workload::{Layer, Linear, MaxPool, Range, Requant, Step, Trace};

pub(super) const DESCRIPTION: &str = "\
One constraint a multiply-accumulate, since weights are private; sums are linear combinations and cost none. A rounded value is its \
accumulator in bits, offset such that the top bit is the sign of what is above the clamp's lower end (one constraint a bit); two \
constraints say whether bits above the clamp's upper end are set, two more select. A maximum of two is their difference in bits and a \
selection, three of them for a 2x2 window. No lookups, no range checks of weights.";

/// A network, with an assignment or without.
pub(super) struct Network<'a> {
    pub(super) steps: &'a [Step],
    /// None in setup.
    pub(super) trace: Option<&'a Trace>,
}

impl Network<'_> {
    /// The constraint system, finalised.
    pub(super) fn synthesised<F: PrimeField>(self, mode: SynthesisMode) -> Result<ConstraintSystemRef<F>> {
        let system = ConstraintSystem::new_ref();
        system.set_optimization_goal(OptimizationGoal::Constraints);
        system.set_mode(mode);
        self.generate_constraints(system.clone())?;
        system.finalize();
        Ok(system)
    }

    /// All variables' values: the constant one, the public ones, the private ones.
    pub(super) fn assignment<F: PrimeField>(self) -> Result<Vec<F>> {
        let mode = SynthesisMode::Prove { construct_matrices: false, generate_lc_assignments: false };
        let system = self.synthesised(mode)?;
        let mut assignment = system.instance_assignment()?;
        assignment.extend(system.witness_assignment()?);
        Ok(assignment)
    }
}

impl<F: PrimeField> ConstraintSynthesizer<F> for Network<'_> {
    fn generate_constraints(self, system: ConstraintSystemRef<F>) -> Result<()> {
        let Self { steps, trace } = self;
        let builder = Builder { system };
        let last = steps.len();
        let value = |tensor: usize, element: usize| trace.map(|trace| i64::from(trace.values[tensor][element]));
        let mut values: Vec<Term<F>> = (0..steps[0].input.len())
            .map(|element| builder.public(value(0, element)).map(Term::from))
            .collect::<Result<_>>()?;
        // Variables of the instance come first, whatever the order in which they are made.
        let output: Vec<Variable> = (0..steps[last - 1].output.len())
            .map(|element| builder.public(value(last, element)))
            .collect::<Result<_>>()?;
        for (index, step) in steps.iter().enumerate() {
            let input = |element| value(index, element);
            let next = |element| value(index + 1, element);
            values = match &step.layer {
                Layer::Linear(linear) => builder.linear(linear, &values, input)?,
                Layer::Requant(requant) => builder.requants(*requant, step, &values, input, next)?,
                Layer::MaxPool(pool) => builder.max_pool(*pool, step.input.range, &values, input)?,
            };
        }
        for (value, output) in values.into_iter().zip(output) {
            builder.equal(value.combination, output.into())?;
        }
        Ok(())
    }
}

/// A value of the circuit, as a sum of variables.
#[derive(Clone)]
struct Term<F: PrimeField> {
    combination: LinearCombination<F>,
    /// The variable that it is, if it is one.
    variable: Option<Variable>,
}

impl<F: PrimeField> From<Variable> for Term<F> {
    fn from(variable: Variable) -> Self {
        Self { combination: variable.into(), variable: Some(variable) }
    }
}

/// A value where there is an assignment.
type Known = Option<i64>;

struct Builder<F: PrimeField> {
    system: ConstraintSystemRef<F>,
}

impl<F: PrimeField> Builder<F> {
    fn public(&self, value: Known) -> Result<Variable> {
        self.system.new_input_variable(|| known(value))
    }

    fn private(&self, value: Known) -> Result<Variable> {
        self.system.new_witness_variable(|| known(value))
    }

    fn product(&self, a: LinearCombination<F>, b: LinearCombination<F>, c: LinearCombination<F>) -> Result<()> {
        self.system.enforce_r1cs_constraint(|| a, || b, || c)
    }

    fn equal(&self, a: LinearCombination<F>, b: LinearCombination<F>) -> Result<()> {
        self.product(a, Variable::One.into(), b)
    }

    /// `a` itself, as one variable.
    fn variable(&self, a: &Term<F>, value: Known) -> Result<Variable> {
        match a.variable {
            Some(variable) => Ok(variable),
            None => {
                let variable = self.private(value)?;
                self.equal(a.combination.clone(), variable.into())?;
                Ok(variable)
            }
        }
    }

    fn linear(&self, linear: &Linear, input: &[Term<F>], value: impl Fn(usize) -> Known) -> Result<Vec<Term<F>>> {
        let assigned = value(0).is_some();
        let witness = |value: i64| self.private(assigned.then_some(value));
        let weights: Vec<Variable> = linear.weights.iter().map(|&w| witness(w.into())).collect::<Result<_>>()?;
        let biases: Vec<Variable> = linear.biases.iter().map(|&b| witness(b.into())).collect::<Result<_>>()?;
        let input: Vec<Variable> =
            input.iter().enumerate().map(|(i, term)| self.variable(term, value(i))).collect::<Result<_>>()?;
        let accumulator = |output: usize| {
            let mut sum = vec![(F::ONE, biases[linear.bias(output)])];
            for term in linear.terms(output) {
                let product = value(term.input).map(|x| x * i64::from(linear.weights[term.weight]));
                let product = self.private(product)?;
                self.product(weights[term.weight].into(), input[term.input].into(), product.into())?;
                sum.push((F::ONE, product));
            }
            Ok(Term { combination: LinearCombination(sum), variable: None })
        };
        (0..linear.output.iter().product()).map(accumulator).collect()
    }

    fn requants(
        &self,
        requant: Requant,
        step: &Step,
        input: &[Term<F>],
        before: impl Fn(usize) -> Known,
        after: impl Fn(usize) -> Known,
    ) -> Result<Vec<Term<F>>> {
        let each = input
            .iter()
            .enumerate()
            .map(|(i, term)| self.requant(requant, step.input.range, term, before(i), after(i)).map(Term::from));
        each.collect()
    }

    /// `clamp((x + half) >> shift, low, high)`: with `e = ((x + half) >> shift) - low`, the bits of `x + half - low 2^shift` are a
    /// remainder, those of `e`, and above them whether `e >= 0`.
    fn requant(&self, requant: Requant, range: Range, x: &Term<F>, before: Known, after: Known) -> Result<Variable> {
        let Requant { shift, low, high } = requant;
        let (low, span) = (i64::from(low), i64::from(high) - i64::from(low));
        let quotients = requant.quotients(range);
        // -2^width <= e < 2^width.
        let width = Range { low: quotients.low - low, high: quotients.high - low }.signed_bits() - 1;
        let offset = requant.half() - (low << shift);
        let bits = self.sign_and_bits(&sum(&x.combination, offset), before.map(|x| x + offset), shift + width)?;
        let (magnitude, sign) = bits.split_at((shift + width) as usize);
        let e = before.map(|x| (x + offset) >> shift);
        let above = self.above(&magnitude[shift as usize..], span, e)?;
        // min(e, span) for e >= 0: what is taken for e, plus `above` times what is missing to `span`.
        let bits_of_e = recomposed(&magnitude[shift as usize..]);
        let e_low = e.map(|e| e.rem_euclid(1 << width));
        let capped_value = e_low.map(|e| e.min(span));
        let capped = self.private(capped_value)?;
        self.product(above, minus(constant(span), &bits_of_e), minus(capped.into(), &bits_of_e))?;
        // y - low = sign * capped.
        let y = self.private(after)?;
        self.product(sign[0].into(), capped.into(), sum(&y.into(), -low))?;
        Ok(y)
    }

    /// Whether the number of these bits is above `limit`, as a sum that is 0 or 1.
    fn above(&self, bits: &[Variable], limit: i64, e: Known) -> Result<LinearCombination<F>> {
        let width = bits.len() as u32;
        if limit >= (1 << width) - 1 {
            return Ok(LinearCombination::zero());
        }
        let e = e.map(|e| e.rem_euclid(1 << width));
        if (limit + 1).count_ones() == 1 {
            // Some bit above the limit's is set: the sum of those is not zero.
            let upper = &bits[(limit + 1).trailing_zeros() as usize..];
            let count = e.map(|e| i64::from((e >> (limit + 1).trailing_zeros()).count_ones()));
            let upper = LinearCombination(upper.iter().map(|&bit| (F::ONE, bit)).collect());
            return Ok(self.is_not_zero(upper, count)?.into());
        }
        let difference = sum(&recomposed(bits), -(limit + 1));
        let bits = self.sign_and_bits(&difference, e.map(|e| e - limit - 1), width)?;
        Ok(bits[width as usize].into())
    }

    /// 1 if `a` is not 0, and 0 if it is: `a * inverse = flag`, `a * (1 - flag) = 0`.
    fn is_not_zero(&self, a: LinearCombination<F>, value: Known) -> Result<Variable> {
        let inverse = self.system.new_witness_variable(|| Ok(known::<F>(value)?.inverse().unwrap_or_default()))?;
        let flag = self.private(value.map(|value| i64::from(value != 0)))?;
        self.product(a.clone(), inverse.into(), flag.into())?;
        self.product(a, minus(constant(1), &flag.into()), LinearCombination::zero())?;
        Ok(flag)
    }

    /// Bits of `a + 2^width`, where `-2^width <= a < 2^width`: the last one is whether `a >= 0`, the others those of `a` modulo
    /// `2^width`.
    fn sign_and_bits(&self, a: &LinearCombination<F>, value: Known, width: u32) -> Result<Vec<Variable>> {
        let shifted = value.map(|value| value + (1 << width));
        let bit = |k: u32| {
            let bit = self.private(shifted.map(|value| value >> k & 1))?;
            self.product(bit.into(), minus(constant(1), &bit.into()), LinearCombination::zero())?;
            Ok(bit)
        };
        let bits: Vec<Variable> = (0..=width).map(bit).collect::<Result<_>>()?;
        self.equal(sum(a, 1 << width), recomposed(&bits))?;
        Ok(bits)
    }

    fn max_pool(
        &self,
        pool: MaxPool,
        range: Range,
        input: &[Term<F>],
        value: impl Fn(usize) -> Known,
    ) -> Result<Vec<Term<F>>> {
        let width = (Range { low: range.low - range.high, high: range.high - range.low }).signed_bits() - 1;
        let window = |output: usize| {
            let mut places = pool.window(output);
            let first = places.next().ok_or(SynthesisError::Unsatisfiable)?;
            let mut largest = (input[first].clone(), value(first));
            for place in places {
                let (maximum, other) = (largest, (&input[place], value(place)));
                // The difference's sign selects: largest = maximum + sign * (other - maximum).
                let difference = minus(other.0.combination.clone(), &maximum.0.combination);
                let known = other.1.zip(maximum.1).map(|(other, maximum)| other - maximum);
                let sign = self.sign_and_bits(&difference, known, width)?[width as usize];
                let value = other.1.zip(maximum.1).map(|(other, maximum)| other.max(maximum));
                let variable = self.private(value)?;
                self.product(sign.into(), difference, minus(variable.into(), &maximum.0.combination))?;
                largest = (variable.into(), value);
            }
            Ok(largest.0)
        };
        (0..pool.output.iter().product()).map(window).collect()
    }
}

fn known<F: PrimeField>(value: Known) -> Result<F> {
    value.map(F::from).ok_or(SynthesisError::AssignmentMissing)
}

fn constant<F: PrimeField>(value: i64) -> LinearCombination<F> {
    LinearCombination(vec![(F::from(value), Variable::One)])
}

fn sum<F: PrimeField>(a: &LinearCombination<F>, constant: i64) -> LinearCombination<F> {
    let mut sum = a.clone();
    sum.0.push((F::from(constant), Variable::One));
    sum.compactify();
    sum
}

fn minus<F: PrimeField>(a: LinearCombination<F>, b: &LinearCombination<F>) -> LinearCombination<F> {
    let mut difference = a;
    difference.0.extend(b.0.iter().map(|&(c, variable)| (-c, variable)));
    difference.compactify();
    difference
}

/// The number that has these bits, the least significant first.
fn recomposed<F: PrimeField>(bits: &[Variable]) -> LinearCombination<F> {
    LinearCombination(bits.iter().enumerate().map(|(k, &bit)| (F::from(1u64 << k), bit)).collect())
}
