//! Layers of gates and custom layers: ranges, bad parameters, keys that describe them.

use std::sync::Arc;

use convince_circuit::{
    Bits, Circuit, CircuitBuilder, CircuitError, CustomLayer, Gate, LayerRegistry, LinearTerm, Place, Range, Requant,
    Tensor, WireKind, check, evaluate,
};
use convince_field::{AxisMap, Ints, TensorMap};

const A: fn(usize) -> Place = |i| Place::new(0, i);
const B: fn(usize) -> Place = |i| Place::new(1, i);

fn input(c: &mut CircuitBuilder, len: usize, bits: Bits) -> Tensor {
    c.input([1, 1, 1, len], bits).unwrap()
}

fn range(c: CircuitBuilder, tensor: Tensor) -> (i64, i64) {
    let mut c = c;
    c.output(tensor).unwrap();
    let circuit = c.finish().unwrap();
    (circuit.wire(tensor.wire).low, circuit.wire(tensor.wire).high)
}

#[test]
fn every_entry_has_a_range_of_its_own() {
    // One entry grows to 2^30, its neighbour is passed on: the product of neighbours is in range although 2^60 is not.
    let mut c = CircuitBuilder::new();
    let x = input(&mut c, 2, Bits::signed(16));
    let wide = c.gates(&[x], [1, 1, 1, 2], [Gate::mul(0, 1, A(0), A(0)), Gate::add(1, 1, A(1))]).unwrap();
    assert!(matches!(
        c.gates(&[wide], [1, 1, 1, 1], [Gate::mul(0, 1, A(0), A(0))]),
        Err(CircuitError::Bound { low: 0, high, .. }) if high == 1 << 60
    ));
    let narrow = c.gates(&[wide], [1, 1, 1, 1], [Gate::mul(0, 1, A(1), A(1))]).unwrap();
    assert_eq!(range(c, narrow), (0, 1 << 30));
}

#[test]
fn ranges_are_those_of_the_gates() {
    let of = |gates: Vec<Gate>| {
        let mut c = CircuitBuilder::new();
        let x = input(&mut c, 2, Bits::signed(4));
        let w = c.weight([3], Bits::U8).unwrap();
        let y = c.gates(&[x, w], [1, 1, 1, 1], gates).unwrap();
        range(c, y)
    };
    assert_eq!(of(vec![]), (0, 0));
    assert_eq!(of(vec![Gate::constant(0, 7), Gate::constant(0, -9)]), (-2, -2));
    assert_eq!(of(vec![Gate::add(0, -3, A(1)), Gate::constant(0, 1)]), (-20, 25));
    assert_eq!(of(vec![Gate::mul(0, 2, A(0), A(0))]), (0, 128), "a square is not negative");
    assert_eq!(of(vec![Gate::mul(0, 2, A(0), A(1))]), (-112, 128));
    assert_eq!(of(vec![Gate::mul(0, -1, B(2), A(1)), Gate::add(0, 1, B(0))]), (-1785, 2295));
}

#[test]
fn bad_gates_are_errors() {
    let mut c = CircuitBuilder::new();
    let x = input(&mut c, 3, Bits::signed(31));
    let w = c.weight([2usize, 2], Bits::I8).unwrap();
    let one = [1, 1, 1, 1];
    let refused = |result: Result<Tensor, CircuitError>| matches!(result, Err(CircuitError::Parameter { .. }));
    assert!(refused(c.gates(&[x], one, [Gate::add(1, 1, A(0))])), "out of the output");
    assert!(refused(c.gates(&[x], one, [Gate::add(0, 1, A(3))])), "out of the input");
    assert!(refused(c.gates(&[x], one, [Gate::add(0, 1, B(0))])), "no such input");
    assert!(refused(c.gates(&[x, w], one, [Gate::mul(0, 1, A(0), B(4))])), "out of the second operand");
    assert!(refused(c.gates(&[x], one, [Gate::add(0, 1, A(1 << 40))])), "beyond 32 bits");
    assert!(refused(c.gates(&[x], one, (0..).map(|_| Gate::constant(0, 0)))), "no end of gates");
    assert!(refused(c.gates(&[x], [1, 1, 1 << 12, 1 << 11], [])), "more entries than gates may have");
    assert!(matches!(c.gates(&[x], [0, 1, 1, 1], []), Err(CircuitError::Shape { .. })));
    assert!(matches!(c.gates(&[x], one, [Gate::mul(0, 1, A(0), A(1))]), Err(CircuitError::Bound { .. })));
    assert!(matches!(c.gates(&[x], one, [Gate::add(0, 3, A(0))]), Err(CircuitError::Bound { .. })));
    let foreign = Tensor::whole(convince_circuit::WireId(99));
    assert!(matches!(c.gates(&[foreign], one, []), Err(CircuitError::Wire { .. })));
    // The limit counts all layers together.
    let before = c.gates_left();
    c.gates(&[x], [1, 1, 2, 2], [Gate::add(3, 1, A(2))]).unwrap();
    assert_eq!(c.gates_left(), before - 5);
}

#[test]
fn a_stored_circuit_of_gates_builds_again_and_its_wiring_is_in_the_digest() {
    let build = |gates: &[Gate]| {
        let mut c = CircuitBuilder::new();
        let x = input(&mut c, 4, Bits::I8);
        let w = c.weight([4], Bits::I8).unwrap();
        let y = c.gates(&[x, w], [1, 2, 1, 1], gates.iter().copied()).unwrap();
        c.output(y).unwrap();
        c.finish().unwrap()
    };
    let circuit = build(&[Gate::mul(0, 1, A(0), B(1)), Gate::add(1, 2, A(3))]);
    let bytes = circuit.to_bytes();
    assert_eq!(Circuit::from_bytes(&bytes), Ok(circuit.clone()));
    assert!((0..bytes.len()).all(|len| Circuit::from_bytes(&bytes[..len]).is_err()));
    for other in [
        [Gate::mul(0, 1, B(1), A(0)), Gate::add(1, 2, A(3))],
        [Gate::mul(0, 1, A(0), B(1)), Gate::add(0, 2, A(3))],
        [Gate::mul(0, 1, A(0), B(1)), Gate::add(1, 3, A(3))],
        [Gate::add(1, 2, A(3)), Gate::mul(0, 1, A(0), B(1))],
    ] {
        assert_ne!(build(&other).digest(), circuit.digest());
    }
    // Every changed byte is an error or a circuit that writes itself again.
    for at in 0..bytes.len() {
        for change in [1, 0x80] {
            let mut bad = bytes.clone();
            bad[at] ^= change;
            if let Ok(other) = Circuit::from_bytes(&bad) {
                assert_ne!(other.digest(), circuit.digest(), "byte {at}");
            }
        }
    }
}

/// `y[i] = x[i] x[i + 1] - w[i]` around a circle, requantised and mirrored: gates, a requantisation and a linear map in one.
struct Ring {
    len: u32,
}

impl CustomLayer for Ring {
    fn id(&self) -> &str {
        "test/ring"
    }

    fn params(&self) -> Vec<u8> {
        self.len.to_le_bytes().to_vec()
    }

    fn build(&self, builder: &mut CircuitBuilder, inputs: &[Tensor]) -> Result<Tensor, CircuitError> {
        let n = self.len as usize;
        let &[x, w] = inputs else { return Err(builder.refuse("a ring has two inputs")) };
        if builder.shape(x)? != [1, 1, 1, n] {
            return Err(builder.refuse("a ring is as long as its input"));
        }
        let gates = (0..n).flat_map(|i| [Gate::mul(i, 1, A(i), A((i + 1) % n)), Gate::add(i, -1, B(i))]);
        let acc = builder.gates(&[x, w], [1, 1, 1, n], gates)?;
        let y = builder.requant(acc, Requant { range: Range::Auto, ..Requant::plain(3, -100, 100) })?;
        let mirrored = AxisMap::Gather((0..self.len).rev().map(Some).collect());
        let map = TensorMap::identity().with_axis(3, mirrored);
        builder.linear(vec![LinearTerm { tensor: y, multiplier: 1, map }], 0)
    }
}

fn rings() -> LayerRegistry {
    LayerRegistry::new().with("test/ring", |params| {
        let len =
            params.try_into().map(u32::from_le_bytes).map_err(|_| "a ring's length has four bytes".to_string())?;
        if len == 0 { Err("a ring is not empty".into()) } else { Ok(Box::new(Ring { len })) }
    })
}

fn ring_circuit(len: u32) -> Result<Circuit, CircuitError> {
    let mut c = CircuitBuilder::new();
    let x = input(&mut c, 4, Bits::I8);
    let w = c.weight([4], Bits::I8).unwrap();
    let y = c.custom(&Ring { len }, &[x, w])?;
    let z = c.requant(y, Requant { range: Range::Auto, ..Requant::plain(1, -100, 100) })?;
    c.output(z)?;
    c.finish()
}

#[test]
fn a_custom_layer_is_stored_by_id_and_built_by_a_registry() {
    let circuit = ring_circuit(4).unwrap();
    let bytes = circuit.to_bytes();
    assert_eq!(Circuit::from_bytes_with(&bytes, &rings()), Ok(circuit.clone()));
    let unknown = Circuit::from_bytes(&bytes).unwrap_err();
    assert_eq!(unknown, CircuitError::UnknownLayer { op: 2, id: "test/ring".into() });
    assert!(unknown.to_string().contains("test/ring"));
    let weights: Vec<_> = circuit.wires_of(WireKind::Weight).map(|_| Arc::new(Ints::I8(vec![1, 2, 3, 4]))).collect();
    let witness = evaluate(&circuit, &Ints::I8(vec![10, 20, -30, 40]), &weights).unwrap();
    check(&circuit, &witness).unwrap();
    let y = witness.wire(convince_circuit::WireId(4)).iter().collect::<Vec<_>>();
    // (200 - 1, -600 - 2, -1200 - 3, 400 - 4) / 8, rounded, clamped, mirrored.
    assert_eq!(y, [50, -100, -75, 25]);
}

#[test]
fn hostile_parameters_of_custom_layers_are_refused() {
    assert!(matches!(ring_circuit(3), Err(CircuitError::Parameter { what, .. }) if what.contains("ring")));
    let bytes = ring_circuit(4).unwrap().to_bytes();
    let at = bytes.windows(9).position(|w| w == b"test/ring").unwrap() + 9;
    // One byte of length, then the parameters.
    assert_eq!(bytes[at..at + 5], [4, 4, 0, 0, 0]);
    for params in [[0u8; 4], [5, 0, 0, 0], [255; 4]] {
        let mut bad = bytes.clone();
        bad[at + 1..at + 5].copy_from_slice(&params);
        assert!(Circuit::from_bytes_with(&bad, &rings()).is_err());
    }
    let mut short = bytes.clone();
    short[at] = 3;
    short.remove(at + 4);
    let refused = Circuit::from_bytes_with(&short, &rings()).unwrap_err();
    assert!(matches!(refused, CircuitError::Layer { op: 2, ref reason, .. } if reason.contains("four bytes")));
    // A registry that reads more than one encoding of the same parameters.
    let careless = LayerRegistry::new().with("test/ring", |_| Ok(Box::new(Ring { len: 4 })));
    let mut other = bytes.clone();
    other[at + 4] = 9;
    assert!(matches!(Circuit::from_bytes_with(&other, &careless), Err(CircuitError::Layer { .. })));
    assert!(Circuit::from_bytes_with(&bytes, &careless).is_ok());
}

/// A layer that is made of itself.
struct Endless;

impl CustomLayer for Endless {
    fn id(&self) -> &str {
        "test/endless"
    }

    fn params(&self) -> Vec<u8> {
        vec![]
    }

    fn build(&self, builder: &mut CircuitBuilder, inputs: &[Tensor]) -> Result<Tensor, CircuitError> {
        builder.custom(self, inputs)
    }
}

#[test]
fn failed_custom_layers_leave_a_circuit_that_can_be_stored() {
    let mut c = CircuitBuilder::new();
    let x = input(&mut c, 4, Bits::signed(20));
    assert!(matches!(c.custom(&Endless, &[x]), Err(CircuitError::Parameter { .. })));
    let w = c.weight([4], Bits::I8).unwrap();
    assert!(c.custom(&Ring { len: 4 }, &[x, w]).is_err(), "products of 40 bits");
    let y = c.gates(&[x], [1, 1, 1, 1], [Gate::add(0, 1, A(0))]).unwrap();
    c.output(y).unwrap();
    let circuit = c.finish().unwrap();
    assert_eq!(Circuit::from_bytes(&circuit.to_bytes()), Ok(circuit));
}

#[test]
fn a_short_key_of_claims_without_end_is_refused() {
    // Every layer passes its claims on twice.
    let build = |depth: usize| {
        let mut c = CircuitBuilder::new();
        let mut x = input(&mut c, 2, Bits::unsigned(1));
        for _ in 0..depth {
            x = c.linear(vec![LinearTerm::plain(1, x), LinearTerm::plain(1, x)], 0).unwrap();
        }
        c.output(x).unwrap();
        c.finish()
    };
    assert!(build(10).is_ok());
    assert!(matches!(build(24), Err(CircuitError::Incomplete(what)) if what.contains("claims")));
}
