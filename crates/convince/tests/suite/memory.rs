//! A budget of memory chooses how a proof is made and changes nothing in it.

use convince::{Mode, Proof, ProveError, ProveOptions, prove};

use crate::common::{SEED, TINY};

fn tiny(mode: Mode, memory_budget: Option<u64>) -> Result<Proof, ProveError> {
    let options = ProveOptions { mode, memory_budget, seed: Some(SEED), ..Default::default() };
    prove(&TINY.proving, &TINY.input, &options)
}

/// The least budget that is taken.
fn least() -> u64 {
    match tiny(Mode::Plain, Some(1)) {
        Err(ProveError::Memory { budget: 1, least }) => least,
        other => panic!("a budget of one byte: {other:?}"),
    }
}

#[test]
fn a_proof_within_any_budget_is_the_same() {
    let least = least();
    for mode in [Mode::Hiding, Mode::Plain] {
        let proof = tiny(mode, None).expect("proves");
        // From all that can be left out to nothing.
        for budget in [least, least + 1000, least + 10_000, u64::MAX] {
            assert_eq!(tiny(mode, Some(budget)).expect("proves").as_bytes(), proof.as_bytes(), "{budget} bytes");
        }
    }
}

#[test]
fn a_budget_below_the_least_is_refused_with_the_least() {
    let least = least();
    assert!(tiny(Mode::Plain, Some(least)).is_ok());
    assert_eq!(tiny(Mode::Plain, Some(least - 1)).unwrap_err(), ProveError::Memory { budget: least - 1, least });
}
