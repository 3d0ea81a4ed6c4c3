//! Circuits that compare with given labels.

use convince_circuit::{
    Bits, Circuit, CircuitBuilder, CircuitError, LinearTerm, Range, Violation, WireKind, Witness, WitnessError, check,
    evaluate, evaluate_labelled,
};
use convince_field::Ints;

fn circuit(range: Range) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([3, 4, 1, 1], Bits::I8).unwrap();
    let y = c.linear(vec![LinearTerm::plain(1, x)], 0).unwrap();
    c.output_correct(y, range).unwrap();
    c.finish().unwrap()
}

/// The labels are 1 (of two equal ones), 0 (of four) and 3.
fn input() -> Ints {
    Ints::I8(vec![1, 127, 5, 127, -9, -9, -9, -9, -128, -1, -128, 0])
}

fn witness(circuit: &Circuit, labels: [u8; 3]) -> Witness {
    evaluate_labelled(circuit, &input(), &[], &Ints::U8(labels.to_vec())).unwrap()
}

fn correct(circuit: &Circuit, witness: &Witness) -> Vec<i64> {
    witness.wire(circuit.correct().unwrap()).iter().collect()
}

#[test]
fn images_are_correct_whose_label_is_the_lowest_of_the_largest() {
    for range in [Range::LogUp, Range::Bits, Range::Auto] {
        let circuit = circuit(range);
        let cases = [([1, 0, 3], [1, 1, 1]), ([3, 0, 3], [0, 1, 1]), ([1, 2, 3], [1, 0, 1]), ([0, 3, 1], [0, 0, 0])];
        for (labels, expected) in cases {
            let witness = witness(&circuit, labels);
            check(&circuit, &witness).unwrap();
            assert_eq!(correct(&circuit, &witness), expected);
            let given: Vec<i64> = witness.tensor(&circuit, circuit.output()).iter().collect();
            assert_eq!(given, labels.map(i64::from));
        }
    }
}

#[test]
fn images_can_be_left_out_but_not_put_in() {
    let circuit = circuit(Range::LogUp);
    let mut witness = witness(&circuit, [1, 1, 3]);
    for counted in 0..8 {
        let counted = [0, 1, 2].map(|b| counted >> b & 1 == 1);
        witness.set_correct(&circuit, &counted).unwrap();
        assert_eq!(correct(&circuit, &witness), counted.map(i64::from));
        match counted[1] {
            false => assert_eq!(check(&circuit, &witness), Ok(())),
            true => assert!(matches!(
                check(&circuit, &witness),
                Err(Violation::Layer { name: "correct", index: 1, expected: 0, found: 1, .. })
            )),
        }
    }
    let refused = witness.set_correct(&circuit, &[true; 4]);
    assert_eq!(refused, Err(WitnessError::Labels { expected: 3, found: 4 }));
}

#[test]
fn labels_are_one_an_image_and_classes() {
    let counting = circuit(Range::LogUp);
    let refused = |circuit: &Circuit, labels: Ints| evaluate_labelled(circuit, &input(), &[], &labels).err();
    let count = |expected, found| Some(WitnessError::Labels { expected, found });
    assert_eq!(evaluate(&counting, &input(), &[]).err(), count(3, 0));
    assert_eq!(refused(&counting, Ints::U8(vec![0; 4])), count(3, 4));
    assert!(matches!(refused(&counting, Ints::U8(vec![0, 4, 0])), Some(WitnessError::Range { index: 1, .. })));
    assert!(matches!(refused(&counting, Ints::I8(vec![0, 1, -1])), Some(WitnessError::Range { index: 2, .. })));
    let mut c = CircuitBuilder::new();
    let x = c.input([3, 4, 1, 1], Bits::I8).unwrap();
    c.output(x).unwrap();
    let other = c.finish().unwrap();
    assert_eq!(refused(&other, Ints::U8(vec![0; 3])), count(0, 3));
    let mut plain = evaluate(&other, &input(), &[]).unwrap();
    assert_eq!(plain.set_correct(&other, &[true; 3]), Err(WitnessError::Labels { expected: 0, found: 3 }));
    assert_eq!((other.correct(), counting.correct().is_some()), (None, true));
}

#[test]
fn changed_bits_and_margins_are_named() {
    for range in [Range::LogUp, Range::Bits] {
        let circuit = circuit(range);
        let honest = witness(&circuit, [1, 2, 3]);
        let layer = circuit.correct_layer().unwrap();
        assert_eq!(layer.margins.has_bits(), range == Range::Bits);
        for id in [layer.correct, layer.margins.advice] {
            for at in 0..circuit.wire(id).size() {
                let mut values: Vec<i64> = honest.wire(id).iter().collect();
                values[at] += 1;
                let mut witness = honest.clone();
                witness.set(&circuit, id, Ints::pack(Bits::signed(31), &values).unwrap()).unwrap();
                let found = check(&circuit, &witness);
                assert!(matches!(found, Err(Violation::Layer { name: "correct", index, .. }) if index == at));
            }
        }
        let mut other = honest.clone();
        other.set(&circuit, layer.margins.labels, Ints::U8(vec![1, 2, 4])).unwrap();
        assert!(matches!(check(&circuit, &other), Err(Violation::Wire(WitnessError::Range { index: 2, .. }))));
    }
}

#[test]
fn bits_have_a_wire_of_their_own_and_labels_are_not_committed() {
    let circuit = circuit(Range::Bits);
    let layer = circuit.correct_layer().unwrap();
    assert_eq!(circuit.wire(layer.correct).shape, [3]);
    assert_eq!(circuit.wires_of(WireKind::Output).collect::<Vec<_>>(), [layer.margins.labels]);
    assert_eq!((circuit.shape(circuit.output()), circuit.output_range()), (&[3usize, 1, 1, 1][..], (0, 3)));
    // Bits of margins are zero-checked, that of an image is looked up.
    assert_eq!(circuit.lookups().iter().map(|lookup| lookup.tensors[0].wire).collect::<Vec<_>>(), [layer.correct]);
    assert!(circuit.arg_max().is_none() && !circuit.output_is_private());
}

#[test]
fn a_stored_circuit_of_given_labels_builds_the_same_circuit() {
    let circuits = [Range::LogUp, Range::Bits].map(circuit);
    for circuit in &circuits {
        let again = Circuit::from_bytes(&circuit.to_bytes()).unwrap();
        assert_eq!((&again, again.digest()), (circuit, circuit.digest()));
    }
    assert_ne!(circuits[0].digest(), circuits[1].digest());
    assert!(circuits.contains(&circuit(Range::Auto)));
}

#[test]
fn images_have_one_value_a_class() {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 3, 1, 2], Bits::I8).unwrap();
    assert!(matches!(c.output_correct(x, Range::Auto), Err(CircuitError::Parameter { .. })));
    let weight = c.weight([1, 3, 1, 1], Bits::I8).unwrap();
    assert!(matches!(c.output_correct(weight, Range::Auto), Err(CircuitError::Wire { .. })));
    c.output(x).unwrap();
    assert!(c.output_correct(x, Range::Auto).is_err());
}
