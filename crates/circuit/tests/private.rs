//! Inputs and outputs that are committed in place of being public.

use std::sync::Arc;

use convince_circuit::{
    Bits, Circuit, CircuitBuilder, CircuitError, CustomLayer, Layer, LinearTerm, Requant, Tensor, Violation, WireKind,
    check, evaluate,
};
use convince_field::Ints;

fn circuit(private: [bool; 2]) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = match private[0] {
        true => c.private_input([1, 2, 2, 3], Bits::I8).unwrap(),
        false => c.input([1, 2, 2, 3], Bits::I8).unwrap(),
    };
    let w = c.weight([3, 2, 2, 3], Bits::I8).unwrap();
    let y = c.gemm(x, w, None).unwrap();
    let y = c.requant(y, Requant::plain(3, -9, 90)).unwrap();
    let y = c.linear(vec![LinearTerm::plain(-2, y)], 1).unwrap();
    match private[1] {
        true => c.private_output(y).unwrap(),
        false => c.output(y).unwrap(),
    }
    c.finish().unwrap()
}

const ALL: [[bool; 2]; 4] = [[false, false], [false, true], [true, false], [true, true]];

#[test]
fn what_is_private_is_part_of_the_circuit() {
    let mut digests = std::collections::BTreeSet::new();
    for private in ALL {
        let circuit = circuit(private);
        assert_eq!([circuit.input_is_private(), circuit.output_is_private()], private);
        let again = Circuit::from_bytes(&circuit.to_bytes()).unwrap();
        assert_eq!((&again, again.digest()), (&circuit, circuit.digest()));
        digests.insert(circuit.digest());
        let of_input = |layer: &&Layer| matches!(layer, Layer::Range(range) if range.wire == circuit.input());
        assert_eq!(circuit.layers().iter().filter(of_input).count(), usize::from(private[0]));
        assert_eq!(circuit.wires_of(WireKind::Output).count(), usize::from(private[1]));
        assert_eq!((circuit.shape(circuit.output()), circuit.output_range()), (&[1usize, 3, 1, 1][..], (-179, 19)));
    }
    assert_eq!(digests.len(), ALL.len());
}

#[test]
fn a_private_output_is_what_the_network_computes() {
    let weights = [Arc::new(Ints::I8((0..36).map(|i| (i * 37 % 91) as i8 - 40).collect()))];
    let input = Ints::I8((0..12).map(|i| 9 * i - 50).collect());
    let outputs = ALL.map(|private| {
        let circuit = circuit(private);
        let witness = evaluate(&circuit, &input, &weights).unwrap();
        check(&circuit, &witness).unwrap();
        witness.tensor(&circuit, circuit.output()).iter().collect::<Vec<_>>()
    });
    assert!(outputs.iter().all(|output| *output == outputs[0]));
    let circuit = circuit([true, true]);
    let honest = evaluate(&circuit, &input, &weights).unwrap();
    for at in 0..3 {
        let mut changed = outputs[0].clone();
        changed[at] += 1;
        let mut witness = honest.clone();
        witness.set(&circuit, circuit.output().wire, Ints::pack(Bits::signed(31), &changed).unwrap()).unwrap();
        let found = check(&circuit, &witness);
        assert!(matches!(found, Err(Violation::Layer { name: "output", index, .. }) if index == at));
    }
}

struct Declaring(bool);

impl CustomLayer for Declaring {
    fn id(&self) -> &str {
        "test/declaring"
    }
    fn params(&self) -> Vec<u8> {
        Vec::new()
    }
    fn build(&self, builder: &mut CircuitBuilder, inputs: &[Tensor]) -> Result<Tensor, CircuitError> {
        match self.0 {
            true => builder.private_input([1, 1, 1, 1], Bits::I8),
            false => builder.private_output(inputs[0]).map(|()| inputs[0]),
        }
    }
}

#[test]
fn a_circuit_declares_one_input_and_one_output_itself() {
    let mut c = CircuitBuilder::new();
    assert!(matches!(c.custom(&Declaring(true), &[]), Err(CircuitError::Parameter { .. })));
    let x = c.private_input([1, 2, 1, 1], Bits::I8).unwrap();
    assert!(c.input([1, 2, 1, 1], Bits::I8).is_err() && c.private_input([1, 2, 1, 1], Bits::I8).is_err());
    assert!(c.range(x).is_err(), "its range is stated already");
    let w = c.weight([1, 2, 1, 1], Bits::I8).unwrap();
    assert!(matches!(c.private_output(w), Err(CircuitError::Wire { .. })));
    assert!(matches!(c.custom(&Declaring(false), &[x]), Err(CircuitError::Parameter { .. })));
    c.private_output(x).unwrap();
    assert!(c.output(x).is_err() && c.private_output(x).is_err());
    c.finish().unwrap();
}
