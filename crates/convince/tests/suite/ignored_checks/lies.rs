//! False witnesses, inputs and outputs of the tiny network.

use convince::circuit::{Layer, Tensor};
use convince::protocol::Field;
use convince_field::Ints;
use convince_testing::Known;

use super::Forgery;
use crate::common::TINY;

pub(crate) fn ints(values: impl IntoIterator<Item = i64>) -> Ints {
    Ints::I32(values.into_iter().map(|v| v as i32).collect())
}

pub(crate) fn honest() -> Forgery {
    let (circuit, witness) = (TINY.verifying.circuit(), TINY.witness());
    let input = ints(witness.wire(circuit.input()).iter());
    let output = ints(witness.tensor(circuit, circuit.output()).iter());
    Forgery { name: "none", witness, input, output, known: Known::new() }
}

/// The honest witness with one value of the `k`-th requantisation's advice changed, multiplicities counted again or not.
fn changed_advice(name: &'static str, k: usize, at: usize, change: i64, count: bool) -> Forgery {
    let circuit = TINY.verifying.circuit();
    let mut lie = honest();
    let requants: Vec<_> =
        circuit.layers().iter().filter_map(|l| if let Layer::Requant(l) = l { Some(l) } else { None }).collect();
    let wire = requants[k].advice;
    let mut values: Vec<i64> = lie.witness.wire(wire).iter().collect();
    values[at] += change;
    lie.witness.set(circuit, wire, ints(values)).unwrap();
    if count {
        lie.witness.count_multiplicities(circuit);
    }
    Forgery { name, ..lie }
}

pub(crate) fn lies() -> Vec<Forgery> {
    let circuit = TINY.verifying.circuit();
    let requant = |k: usize| {
        let mut all = circuit.layers().iter().filter_map(|l| if let Layer::Requant(l) = l { Some(l) } else { None });
        all.nth(k).unwrap()
    };
    let remainder = |k: usize| requant(k).remainders[0][0].column * requant(k).column_len();
    let mut output = honest();
    let mut values: Vec<i64> = output.output.to_i64();
    values[1] += 1;
    output.output = ints(values);
    output.name = "another output";
    let mut input = honest();
    let mut values: Vec<i64> = input.input.to_i64();
    values[5] = (values[5] + 1) % 256;
    input.input = ints(values);
    input.name = "another input";
    vec![
        Forgery { name: "remainders out of range by a multiple of 2^s", known: Known::new(), ..zero_denominator() },
        changed_advice("a wrong remainder of the pooled layer", 0, remainder(0), 1, true),
        changed_advice("a wrong remainder behind the affine layer", 1, remainder(1), 1, true),
        raised_maximum(),
        output,
        input,
        zero_denominator(),
    ]
}

/// Two equal remainders moved out of range by the same multiple of 2^s, their gaps along with them so that every other
/// relation holds, under an alpha known in advance at which the two denominators vanish: both roots are then zero.
fn zero_denominator() -> Forgery {
    const QUOTIENTS: i64 = 4;
    let circuit = TINY.verifying.circuit();
    let mut lie = Forgery { name: "two zero denominators", ..honest() };
    let Some(Layer::Requant(layer)) = circuit.layers().iter().find(|l| matches!(l, Layer::Requant(_))) else {
        panic!("the tiny network has a pooled requantisation")
    };
    let len = layer.column_len();
    let mut values: Vec<i64> = lie.witness.wire(layer.advice).iter().collect();
    let places = (0..layer.gaps.len()).flat_map(|corner| (0..len).map(move |place| (corner, place)));
    let (gap, remainder) = (|corner: usize| layer.gaps[corner][0], |corner: usize| layer.remainders[corner][0]);
    // A gap that is not zero can grow: the window's product has its zero elsewhere.
    let movable: Vec<(usize, usize)> = places
        .filter(|&(corner, place)| {
            let low = values[gap(corner).column * len + place];
            low > 0 && low + QUOTIENTS < 1 << gap(corner).width
        })
        .collect();
    let of = |(corner, place): (usize, usize)| values[remainder(corner).column * len + place];
    let (first, second) = movable
        .iter()
        .enumerate()
        .find_map(|(k, a)| movable[k + 1..].iter().find(|b| of(**b) == of(*a)).map(|b| (*a, *b)))
        .expect("36 low limbs of some bits each: two are equal");
    let value = of(first) + (QUOTIENTS << layer.params.shift);
    for (corner, place) in [first, second] {
        values[gap(corner).column * len + place] += QUOTIENTS;
        values[remainder(corner).column * len + place] = value;
    }
    lie.witness.set(circuit, layer.advice, ints(values)).unwrap();
    lie.witness.count_multiplicities(circuit);
    let column = remainder(first.0).column;
    let lookup = circuit.lookups().iter().find(|l| l.tensors == [Tensor::column(layer.advice, column)]).unwrap();
    let (beta, id) = (Field::from(123_456_789u64), Field::from(lookup.table as u64 + 1));
    let alpha = id + beta * Field::from(value as u64);
    lie.known = Known::from([("gkr/lookup/alpha", alpha), ("gkr/lookup/beta", beta)]);
    lie
}

/// A clamped value and its gap both one too large, where the activation does not notice: only their product tells.
fn raised_maximum() -> Forgery {
    let circuit = TINY.verifying.circuit();
    let mut lie = Forgery { name: "a maximum that no candidate reaches", ..honest() };
    let Some(Layer::Requant(layer)) = circuit.layers().iter().rfind(|l| matches!(l, Layer::Requant(_))) else {
        panic!("the tiny network has an activation table")
    };
    let (len, gap) = (layer.column_len(), layer.gaps[0][0]);
    let mut values: Vec<i64> = lie.witness.wire(layer.advice).iter().collect();
    let image = |c: i64| (c <= layer.params.high.into()).then(|| layer.params.activate(c));
    let place = (0..len)
        .find(|&p| image(values[p] + 1) == image(values[p]) && values[gap.column * len + p] + 1 < 1 << gap.width);
    let place = place.expect("the table is constant on runs of eight");
    values[place] += 1;
    values[gap.column * len + place] += 1;
    lie.witness.set(circuit, layer.advice, ints(values)).unwrap();
    lie.witness.count_multiplicities(circuit);
    lie
}
