//! Circuits built by hand, through keys, proofs and files.

use std::sync::Arc;

use convince::circuit::{
    Bits, Circuit, CircuitBuilder, CircuitError, CustomLayer, Gate, LayerRegistry, Place, Requant, Tensor,
};
use convince::{
    KeyError, Proof, ProveOptions, ProvingKey, SetupError, TestSeed, VerifyingKey, prove, setup_circuit_seeded, verify,
};
use convince_field::Ints;

const SEED: TestSeed = TestSeed([9; 32]);

fn inner_products(builder: &mut CircuitBuilder, x: Tensor, w: Tensor) -> Result<Tensor, CircuitError> {
    let gate = |k: usize| Gate::mul(k / 4, 1, Place::new(0, k % 4), Place::new(1, k));
    builder.gates(&[x, w], [1, 1, 1, 3], (0..12).map(gate))
}

/// A custom layer without parameters.
struct InnerProducts;

impl CustomLayer for InnerProducts {
    fn id(&self) -> &str {
        "test/inner-products"
    }

    fn params(&self) -> Vec<u8> {
        vec![]
    }

    fn build(&self, builder: &mut CircuitBuilder, inputs: &[Tensor]) -> Result<Tensor, CircuitError> {
        let &[x, w] = inputs else { return Err(builder.refuse("two inputs")) };
        inner_products(builder, x, w)
    }
}

fn registry() -> LayerRegistry {
    LayerRegistry::new().with("test/inner-products", |params| match params {
        [] => Ok(Box::new(InnerProducts)),
        _ => Err("there are no parameters".into()),
    })
}

/// `W x`, requantised and squared.
fn circuit(custom: bool) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 1, 4], Bits::I8).unwrap();
    let w = c.weight([3, 4], Bits::I8).unwrap();
    let y = if custom { c.custom(&InnerProducts, &[x, w]) } else { inner_products(&mut c, x, w) };
    let y = c.requant(y.unwrap(), Requant::plain(4, -500, 500)).unwrap();
    let z = c.gates(&[y], [1, 1, 1, 3], (0..3).map(|i| Gate::mul(i, 1, Place::new(0, i), Place::new(0, i)))).unwrap();
    c.output(z).unwrap();
    c.finish().unwrap()
}

fn weights(first: i8) -> Vec<Arc<Ints>> {
    vec![Arc::new(Ints::I8(vec![first, -2, 3, 100, 5, 6, -7, 8, 9, -10, 11, 12]))]
}

const INPUT: [i32; 4] = [10, -20, 30, 40];

fn accepts(key: &VerifyingKey, proof: Vec<u8>) -> bool {
    Proof::from_bytes(proof).is_ok_and(|proof| verify(key, &proof, None, &[]).is_ok())
}

#[test]
fn changed_proofs_by_hand_are_rejected() {
    let (proving, verifying) = setup_circuit_seeded(circuit(false), weights(1), SEED).unwrap();
    let proof = prove(&proving, &INPUT, &ProveOptions::default()).unwrap();
    // (10 + 40 + 90 + 4000) / 16 and so on, rounded, squared.
    let squares = [(10 + 40 + 90 + 4000, 259), (50 - 120 - 210 + 320, 3), (90 + 200 + 330 + 480, 69)];
    assert!(squares.iter().all(|&(acc, y): &(i32, i32)| ((acc + 8) >> 4).min(500) == y));
    assert_eq!(verify(&verifying, &proof, None, &[]).unwrap().output, Some(squares.map(|(_, y)| y * y).to_vec()));
    let bytes = proof.as_bytes();
    for at in (0..bytes.len()).step_by(41) {
        let mut bad = bytes.to_vec();
        bad[at] ^= 1;
        assert!(!accepts(&verifying, bad), "byte {at}");
    }
}

#[test]
fn other_weights_under_the_same_commitment_are_rejected() {
    let (proving, verifying) = setup_circuit_seeded(circuit(false), weights(1), SEED).unwrap();
    let other = convince::circuit::evaluate(
        verifying.circuit(),
        &Ints::I8(INPUT.iter().map(|&v| v as i8).collect()),
        &weights(2),
    );
    let proof = proving.prove_witness(&other.unwrap(), &ProveOptions::default());
    assert!(!accepts(&verifying, proof.as_bytes().to_vec()));
}

#[test]
fn a_circuit_of_gates_alone_needs_no_weights_and_no_advice() {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 1, 5], Bits::signed(4)).unwrap();
    let gates = |n: usize| (0..n).map(|i| Gate::mul(i, 1, Place::new(0, i), Place::new(0, i + 1)));
    let y = c.gates(&[x], [1, 1, 1, 4], gates(4)).unwrap();
    let z = c.gates(&[y], [1, 1, 1, 3], gates(3).chain([Gate::constant(1, -5)])).unwrap();
    c.output(z).unwrap();
    let (proving, verifying) = setup_circuit_seeded(c.finish().unwrap(), vec![], SEED).unwrap();
    assert_eq!((verifying.num_rows(), verifying.num_advice_rows()), (0, 0));
    let proof = prove(&proving, &[1, 2, -3, 4, -5], &ProveOptions::default()).unwrap();
    assert_eq!(verify(&verifying, &proof, None, &[]).unwrap().output, Some(vec![-12, 72 - 5, 240]));
    let bytes = proof.as_bytes();
    for at in (0..bytes.len()).step_by(23) {
        let mut bad = bytes.to_vec();
        bad[at] ^= 2;
        assert!(!accepts(&verifying, bad), "byte {at}");
    }
}

#[test]
fn keys_by_hand_are_read_back_and_custom_layers_need_their_registry() {
    let (proving, verifying) = setup_circuit_seeded(circuit(true), weights(1), SEED).unwrap();
    let (prover_file, verifier_file) = (proving.to_bytes(), verifying.to_bytes());
    let unknown = |error: Option<KeyError>| matches!(error, Some(KeyError::Circuit(CircuitError::UnknownLayer { id, .. })) if id == "test/inner-products");
    assert!(unknown(VerifyingKey::from_bytes(&verifier_file).err()));
    assert!(unknown(ProvingKey::from_bytes(&prover_file).err()));
    let proving = ProvingKey::from_bytes_with(&prover_file, &registry()).unwrap();
    let verifying = VerifyingKey::from_bytes_with(&verifier_file, &registry()).unwrap();
    assert_eq!(proving.to_bytes(), prover_file);
    assert_eq!(verifying.to_bytes(), verifier_file);
    assert!(proving.model().is_none());
    let proof = prove(&proving, &INPUT, &ProveOptions::default()).unwrap();
    verify(&verifying, &proof, None, &[]).unwrap();
    // The same gates without the layer's name are another circuit.
    let (_, anonymous) = setup_circuit_seeded(circuit(false), weights(1), SEED).unwrap();
    assert_eq!(anonymous.model_commitment(), verifying.model_commitment());
    assert!(verify(&anonymous, &proof, None, &[]).is_err());
}

#[test]
fn weights_that_do_not_fit_are_errors() {
    let refused = |weights| matches!(setup_circuit_seeded(circuit(false), weights, SEED), Err(SetupError::Weights(_)));
    assert!(refused(vec![]));
    assert!(refused(vec![Arc::new(Ints::I8(vec![0; 11]))]));
    assert!(refused(vec![Arc::new(Ints::I32(vec![128; 12]))]));
    assert!(!refused(weights(1)));
}
