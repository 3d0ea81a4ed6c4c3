//! The committed proofs of `vectors/golden/tiny.txt` and `tiny-hiding.txt` verify under the committed key, by the verifier alone:
//! `cargo test -p convince --no-default-features --test golden_verifier`.

#[path = "../../../vectors/golden/golden.rs"]
mod golden;

use convince::{Mode, ModelStatus, Proof, VerifyError, VerifyingKey, verify};
use golden::committed_bytes;

const FILES: [(&str, Mode); 2] = [("tiny.txt", Mode::Plain), ("tiny-hiding.txt", Mode::Hiding)];

fn committed(file: &str) -> (VerifyingKey, Proof) {
    let key = VerifyingKey::from_bytes(&committed_bytes("tiny.txt", "verifying key")).expect("the committed key");
    (key, Proof::from_bytes(committed_bytes(file, "proof")).expect("the committed proof"))
}

#[test]
fn the_committed_proofs_verify_and_say_what_they_said() {
    for (file, mode) in FILES {
        let (key, proof) = committed(file);
        let verified = verify(&key, &proof, None, b"golden").expect("a valid proof");
        assert_eq!((verified.mode, verified.status), (mode, ModelStatus::RangeProven));
        assert_eq!(verified.model_commitment.to_vec(), committed_bytes("tiny.txt", "model commitment"));
        assert_eq!(verified.input_digest.to_vec(), committed_bytes("tiny.txt", "input digest"));
        let (output, answer) = (verified.output.expect("a public output"), &verified.answers[0]);
        assert_eq!(output.get(answer.label), output.iter().max());
        assert_eq!(answer.label_name.as_deref(), Some(["a", "b", "c", "d"][answer.label]));
    }
}

#[test]
fn the_committed_proofs_are_of_their_nonce_and_of_all_their_bytes() {
    for (file, mode) in FILES {
        let (key, proof) = committed(file);
        assert!(verify(&key, &proof, None, b"silver").is_err());
        let bytes = proof.as_bytes();
        for at in (7..bytes.len()).step_by(97) {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1;
            let proof = Proof::from_bytes(flipped).expect("the header is whole");
            assert!(verify(&key, &proof, None, b"golden").is_err(), "{mode:?}, byte {at}");
        }
        let cut = Proof::from_bytes(bytes[..bytes.len() - 1].to_vec()).expect("the header is whole");
        assert!(matches!(verify(&key, &cut, None, b"golden"), Err(VerifyError::Protocol(_))));
    }
}
