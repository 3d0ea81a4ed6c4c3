//! A folder of keys and proofs of the small network, and the commands on them.

use serde_json::Value;

use crate::common::{DIGIT, Outcome, convince, convince_json, folder, text, tiny, vector};

/// A folder of keys and proofs of [`tiny`].
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    /// Keys with these options.
    pub(crate) fn with_keys(options: &[&str]) -> Self {
        let place = Self { folder: folder() };
        convince(&[&["setup", tiny(), "-o", text(place.folder.path())], options].concat()).succeeds();
        place
    }

    pub(crate) fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name)).to_owned()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("written")
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("writes");
    }

    /// Proves with these options, into `p.cnvp`.
    pub(crate) fn prove(&self, options: &[&str]) -> Outcome {
        let (key, proof) = (self.path("prover.key"), self.path("p.cnvp"));
        convince_json(&[&["prove", "--key", &key, "-o", &proof], options].concat())
    }

    /// Verifies `p.cnvp`.
    pub(crate) fn verify(&self, options: &[&str]) -> Outcome {
        let (key, proof) = (self.path("verifier.key"), self.path("p.cnvp"));
        convince_json(&[&["verify", "--key", &key, &proof], options].concat())
    }

    /// Commits to a digit: `NAME.commitment` and `NAME.opening`.
    pub(crate) fn commit(&self, name: &str, digit: &str) -> Value {
        let (key, digit) = (self.path("verifier.key"), vector(digit));
        let [commitment, opening] = [format!("{name}.commitment"), format!("{name}.opening")].map(|n| self.path(&n));
        let args = ["commit-input", "--key", &key, "--input", &digit, "-o", &commitment, "--opening", &opening];
        convince_json(&args).succeeds().json()
    }

    pub(crate) fn open(&self, commitment: &str, opening: &str, options: &[&str]) -> Outcome {
        convince_json(&[&["open", &self.path(commitment), &self.path(opening)], options].concat())
    }
}

/// What the network says of [`DIGIT`].
pub(crate) fn run() -> Value {
    convince_json(&["run", tiny(), "--input", &vector(DIGIT)]).succeeds().json()
}

/// Only its owner may read the file.
#[track_caller]
pub(crate) fn is_secret(path: &str) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).expect("written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}
