//! Running the program, and one set of files that all tests share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// What a run of the program came to.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The one JSON document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no JSON: {} {}", self.stdout, self.stderr))
    }

    /// Asserts the exit code and exactly one line on stderr that starts with `error: `.
    #[track_caller]
    pub(crate) fn fails_with(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.code, Some(code), "{stdout}\n{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.ends_with('\n'), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        self
    }

    /// Asserts success without a word on stderr.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// The program, with arguments.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convince"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the program.
pub(crate) fn convince(args: &[&str]) -> Outcome {
    command(args).output().expect("the program starts").into()
}

/// Runs the program with `--json`.
pub(crate) fn convince_json(args: &[&str]) -> Outcome {
    convince(&[args, &["--json"]].concat())
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A committed file.
pub(crate) fn vector(name: &str) -> String {
    format!("{}/../../vectors/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A folder that goes away with the test.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("temporary directory")
}

/// Names of all files in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

/// Every key that a JSON contract names is there.
#[track_caller]
pub(crate) fn has_keys(value: &Value, keys: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    for key in keys {
        assert!(object.contains_key(*key), "{key} is missing in {value}");
    }
}

/// Files made once, by the program itself.
pub(crate) struct Fixture {
    folder: PathBuf,
    /// What `quantize` printed.
    pub(crate) quantize: Value,
    /// What `setup` printed.
    pub(crate) setup: Value,
    /// What `prove` printed.
    pub(crate) prove: Value,
}

impl Fixture {
    /// A file of the fixture.
    pub(crate) fn path(&self, name: &str) -> String {
        text(&self.folder.join(name)).to_owned()
    }
}

/// The digit that the proofs of the fixture are about.
pub(crate) const DIGIT: &str = "mnist/digits/17_label_7.png";

/// `model.cnvm`, `prover.key`, `verifier.key`, `proof.cnvp` of [`DIGIT`], `nonce.cnvp` with nonce 0badcafe,
/// `detached.cnvp`, and `other/` with the keys of another setup of the same model.
pub(crate) fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        // Statics are not dropped: the folder is one that the next run of this test replaces.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-fixture");
        let folder = folder.join(std::process::id().to_string());
        forget_old_fixtures(folder.parent().expect("has a parent"));
        std::fs::create_dir_all(&folder).expect("a new folder");
        let mut fixture = Fixture { folder, quantize: Value::Null, setup: Value::Null, prove: Value::Null };
        let json = |args: &[&str]| convince_json(args).succeeds().json();
        let (model, prover) = (fixture.path("model.cnvm"), fixture.path("prover.key"));
        let (lenet, calibration) = (vector("mnist/lenet5.onnx"), vector("mnist/calibration"));
        fixture.quantize = json(&["quantize", &lenet, "--calibrate", &calibration, "-o", &model]);
        fixture.setup = json(&["setup", &model, "-o", text(&fixture.folder)]);
        json(&["setup", &model, "-o", &fixture.path("other")]);
        let prove = |name: &str, more: &[&str]| {
            let (digit, proof) = (vector(DIGIT), fixture.path(name));
            json(&[&["prove", "--key", &prover, "--input", &digit, "-o", &proof], more].concat())
        };
        let printed = prove("proof.cnvp", &[]);
        prove("nonce.cnvp", &["--nonce", "0badCAFE"]);
        prove("detached.cnvp", &["--detach-input"]);
        fixture.prove = printed;
        fixture
    })
}

/// A model file of a small network on the same digits.
pub(crate) fn tiny() -> &'static str {
    static TINY: OnceLock<String> = OnceLock::new();
    TINY.get_or_init(|| {
        let model = fixture().path("tiny.cnvm");
        let [onnx, inputs] = ["onnx", "input.npy"].map(|end| vector(&format!("onnx/keras-style-cnn.{end}")));
        convince(&["quantize", &onnx, "--calibrate", &inputs, "--layout", "nhwc", "-o", &model]).succeeds();
        model
    })
}

/// Removes the folders of runs that are long over.
fn forget_old_fixtures(folder: &Path) {
    let old = |path: &Path| {
        let modified = path.metadata().and_then(|found| found.modified()).ok();
        modified.and_then(|time| time.elapsed().ok()).is_some_and(|age| age.as_secs() > 600)
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| old(path)).for_each(|path| drop(std::fs::remove_dir_all(path)));
}

/// A small deterministic generator of positions.
pub(crate) struct Positions(pub(crate) u64);

impl Positions {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }
}
