//! Circuits whose public output is the label alone.

use convince_circuit::{
    Bits, Circuit, CircuitBuilder, CircuitError, CustomLayer, LinearTerm, Range, Tensor, Violation, WireKind, check,
    evaluate,
};
use convince_field::Ints;

fn circuit(range: Range, label: bool) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([2, 4, 1, 2], Bits::I8).unwrap();
    let y = c.linear(vec![LinearTerm::plain(1, x)], 0).unwrap();
    match label {
        true => c.output_label(y, range).unwrap(),
        false => c.output(y).unwrap(),
    }
    c.finish().unwrap()
}

fn input() -> Ints {
    Ints::I8(vec![1, 127, 5, -128, 5, 127, -9, 127, -128, -1, -128, -1, -128, 0, -128, 0])
}

#[test]
fn labels_are_the_lowest_index_among_the_maxima_of_every_place() {
    let circuit = circuit(Range::Auto, true);
    assert_eq!((circuit.shape(circuit.output()), circuit.output_range()), (&[2usize, 1, 1, 2][..], (0, 3)));
    let witness = evaluate(&circuit, &input(), &[]).unwrap();
    check(&circuit, &witness).unwrap();
    assert_eq!(witness.tensor(&circuit, circuit.output()).iter().collect::<Vec<_>>(), [1, 0, 0, 2]);
}

#[test]
fn changed_labels_and_margins_are_named() {
    for range in [Range::LogUp, Range::Bits] {
        let circuit = circuit(range, true);
        let honest = evaluate(&circuit, &input(), &[]).unwrap();
        let layer = circuit.arg_max().unwrap();
        assert_eq!(layer.has_bits(), range == Range::Bits);
        for id in [layer.labels, layer.advice] {
            for at in 0..circuit.wire(id).size() {
                let mut values: Vec<i64> = honest.wire(id).iter().collect();
                values[at] += 1;
                let mut witness = honest.clone();
                witness.set(&circuit, id, Ints::pack(Bits::signed(31), &values).unwrap()).unwrap();
                let found = check(&circuit, &witness);
                assert!(matches!(found, Err(Violation::Layer { name: "arg-max", index, .. }) if index == at));
            }
        }
    }
}

#[test]
fn a_stored_circuit_of_labels_builds_the_same_circuit() {
    let circuits = [circuit(Range::LogUp, true), circuit(Range::Bits, true), circuit(Range::Auto, false)];
    for circuit in &circuits {
        let again = Circuit::from_bytes(&circuit.to_bytes()).unwrap();
        assert_eq!((&again, again.digest()), (circuit, circuit.digest()));
    }
    assert_ne!(circuits[0].digest(), circuits[1].digest());
    assert_ne!(circuits[0].digest(), circuits[2].digest());
    // Whatever the cost model chooses is one of the two.
    let chosen = circuit(Range::Auto, true);
    assert!(circuits[..2].contains(&chosen));
    assert_eq!(Circuit::from_bytes(&chosen.to_bytes()).unwrap(), chosen);
}

#[test]
fn margins_are_as_wide_as_the_values_are_apart() {
    for (bits, multiplier, expected) in [(Bits::unsigned(1), 1, 1), (Bits::I8, 1, 8), (Bits::signed(31), -1, 31)] {
        let mut c = CircuitBuilder::new();
        let x = c.input([1, 3, 1, 1], bits).unwrap();
        let y = c.linear(vec![LinearTerm::plain(multiplier, x)], 0).unwrap();
        c.output_label(y, Range::Bits).unwrap();
        let circuit = c.finish().unwrap();
        let layer = circuit.arg_max().unwrap();
        assert_eq!(layer.margin.len(), expected);
        // The labels' wire is public and no value of it is committed.
        assert_eq!(circuit.wires_of(WireKind::Output).collect::<Vec<_>>(), [layer.labels]);
        assert_eq!(circuit.wires_of(WireKind::Advice).collect::<Vec<_>>(), [layer.advice]);
    }
}

struct Revealing;

impl CustomLayer for Revealing {
    fn id(&self) -> &str {
        "test/revealing"
    }
    fn params(&self) -> Vec<u8> {
        Vec::new()
    }
    fn build(&self, builder: &mut CircuitBuilder, inputs: &[Tensor]) -> Result<Tensor, CircuitError> {
        builder.output_label(inputs[0], Range::LogUp)?;
        Ok(inputs[0])
    }
}

#[test]
fn a_circuit_has_one_output_and_declares_it_itself() {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 3, 1, 1], Bits::I8).unwrap();
    let weight = c.weight([1, 3, 1, 1], Bits::I8).unwrap();
    assert!(matches!(c.output_label(weight, Range::Auto), Err(CircuitError::Wire { .. })));
    assert!(matches!(c.custom(&Revealing, &[x]), Err(CircuitError::Parameter { .. })));
    c.output_label(x, Range::Auto).unwrap();
    let y = c.linear(vec![LinearTerm::plain(1, x)], 0).unwrap();
    assert!(c.output(y).is_err() && c.output_label(y, Range::Auto).is_err());
    c.finish().unwrap();
}
