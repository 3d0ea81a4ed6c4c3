//! Proofs of accuracy, from files to files.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{command, convince, convince_json, fixture, folder, has_keys, names, text, vector};

/// Images that are proven about; three batches of three, of which the last is not full.
const IMAGES: usize = 8;
/// The first of them among the held-out digits: the network is right on all.
const FIRST: usize = 16;
/// Image whose label is false.
const WRONG: usize = 5;
/// Bytes of the header of the committed arrays.
const HEADER: usize = 128;

/// Keys for batches of three, eight digits as a `.npy` file, and their labels, one of them false.
struct Digits {
    folder: TempDir,
}

impl Digits {
    fn new(private: &str) -> Self {
        let digits = Self { folder: folder() };
        let (model, keys) = (fixture().path("model.cnvm"), text(digits.folder.path()).to_owned());
        let setup = ["setup", &model, "--reveal", "correct", "--private", private, "--batch", "3", "-o", &keys];
        let printed = convince_json(&setup).succeeds().json();
        assert_eq!(printed["reveal"], json!("correct"));
        let images = std::fs::read(vector("mnist/heldout-images.npy")).unwrap();
        digits.write(
            "images.npy",
            &npy(&format!("({IMAGES}, 1, 28, 28)"), &images[HEADER + FIRST * 28 * 28..][..IMAGES * 28 * 28]),
        );
        digits.relabel("labels.npy", &[WRONG]);
        digits
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name)).to_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Writes the labels, those of some images replaced.
    fn relabel(&self, name: &str, wrong: &[usize]) {
        let labels = std::fs::read(vector("mnist/heldout-labels.npy")).unwrap();
        let label = |(index, &label): (usize, &u8)| if wrong.contains(&index) { (label + 1) % 10 } else { label };
        let labels: Vec<u8> = labels[HEADER + FIRST..][..IMAGES].iter().enumerate().map(label).collect();
        self.write(name, &npy(&format!("({IMAGES},)"), &labels));
    }

    fn prove(&self, proof: &str, more: &[&str]) -> Vec<String> {
        let files = [("--key", "prover.key"), ("--data", "images.npy"), ("--labels", "labels.npy"), ("-o", proof)];
        self.arguments("prove-accuracy", &files, more)
    }

    fn verify(&self, proof: &str, labels: &str, more: &[&str]) -> Vec<String> {
        let proof = self.path(proof);
        let files = [("--key", "verifier.key"), ("--labels", labels)];
        let mut arguments = self.arguments("verify-accuracy", &files, more);
        arguments.insert(1, proof);
        arguments
    }

    fn arguments(&self, command: &str, files: &[(&str, &str)], more: &[&str]) -> Vec<String> {
        let files = files.iter().flat_map(|(option, name)| [(*option).to_owned(), self.path(name)]);
        let more = more.iter().map(|argument| (*argument).to_owned());
        [command.to_owned()].into_iter().chain(files).chain(more).collect()
    }
}

fn npy(shape: &str, values: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), values].concat()
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

fn ok(arguments: &[String]) -> Value {
    convince_json(&borrowed(arguments)).succeeds().json()
}

#[track_caller]
fn fails(arguments: &[String], code: i32) -> String {
    convince(&borrowed(arguments)).fails_with(code).stderr
}

#[test]
fn as_many_as_are_right_are_proven_and_no_more() {
    let digits = Digits::new("model");
    let data = ["--data", &digits.path("images.npy")];
    let right = IMAGES - 1;
    let proved = ok(&digits.prove("all.cnvp", &["--nonce", "0badcafe"]));
    let size = std::fs::metadata(digits.path("all.cnvp")).unwrap().len();
    has_keys(&proved, &["prove_ms", "peak_rss_bytes", "images_per_second"]);
    for (key, value) in
        [("images", json!(8)), ("correct", json!(right)), ("batches", json!(3)), ("proof_bytes", json!(size))]
    {
        assert_eq!(proved[key], value, "{key}");
    }
    let nonce = [&data[..], &["--nonce", "0badcafe"]].concat();
    let verified = ok(&digits.verify("all.cnvp", "labels.npy", &nonce));
    for (key, value) in
        [("valid", json!(true)), ("images", json!(8)), ("correct", json!(right)), ("error", Value::Null)]
    {
        assert_eq!(verified[key], value, "{key}");
    }
    has_keys(&verified, &["verify_ms", "key_ms", "model_commitment", "network_digest", "status"]);
    let shown = convince(&borrowed(&digits.verify("all.cnvp", "labels.npy", &nonce))).succeeds().stdout;
    assert!(shown.contains("at least 7 of 8 images"), "{shown}");
    let inspected = convince_json(&["inspect", &digits.path("all.cnvp")]).succeeds().json();
    assert_eq!((&inspected["images"], &inspected["correct"]), (&json!(8), &json!(right)));

    // One too many: the error names the count, and no file is left, begun or whole.
    let refused = fails(&digits.prove("more.cnvp", &["--at-least", "8"]), 1);
    assert!(refused.contains("7 of 8 images"), "{refused}");
    assert!(names(digits.folder.path()).iter().all(|name| name != "more.cnvp" && !name.starts_with('.')));
    // Fewer than are right: a proof of the same length, which says no more than that number.
    let fewer = ok(&digits.prove("fewer.cnvp", &["--at-least", "3"]));
    assert_eq!((&fewer["correct"], &fewer["proof_bytes"]), (&json!(3), &json!(size)));
    assert_eq!(ok(&digits.verify("fewer.cnvp", "labels.npy", &data))["correct"], json!(3));
    fails(&digits.verify("fewer.cnvp", "labels.npy", &[&data[..], &["--at-least", "4"]].concat()), 1);

    // Other labels, other images, other numbers, another nonce, half a proof, another file.
    digits.relabel("true.npy", &[]);
    let refused = convince_json(&borrowed(&digits.verify("all.cnvp", "true.npy", &nonce))).fails_with(1).json();
    assert_eq!((&refused["valid"], &refused["correct"]), (&json!(false), &Value::Null));
    assert!(refused["error"].as_str().is_some_and(|error| error.contains("rejected: batch 0")), "{refused}");
    fails(&digits.verify("all.cnvp", "labels.npy", &data), 1);
    let mut images = std::fs::read(digits.path("images.npy")).unwrap();
    let last = images.len() - 400;
    images[last] ^= 128;
    digits.write("changed.npy", &images);
    fails(&digits.verify("all.cnvp", "labels.npy", &["--data", &digits.path("changed.npy"), "--nonce", "0badcafe"]), 1);
    let mut proof = std::fs::read(digits.path("all.cnvp")).unwrap();
    digits.write("cut.cnvp", &proof[..proof.len() / 2]);
    fails(&digits.verify("cut.cnvp", "labels.npy", &nonce), 1);
    proof[15] += 1;
    digits.write("claims.cnvp", &proof);
    fails(&digits.verify("claims.cnvp", "labels.npy", &nonce), 1);
    fails(&digits.verify("images.npy", "labels.npy", &nonce), 2);
    digits.write("seven.npy", &npy("(7,)", &[0; 7]));
    fails(&digits.verify("all.cnvp", "seven.npy", &nonce), 2);
}

#[test]
fn a_data_set_under_a_commitment_is_proven_about_and_no_other() {
    let digits = Digits::new("input,model");
    let (images, key) = (digits.path("images.npy"), digits.path("verifier.key"));
    let (set, opening) = (digits.path("a.commitment"), digits.path("a.opening"));
    let commit = |name: &str| {
        let (set, opening) = (digits.path(&format!("{name}.commitment")), digits.path(&format!("{name}.opening")));
        let commit = ["commit-data-set", "--key", &key, "--data", &images, "-o", &set, "--opening", &opening];
        convince_json(&commit).succeeds().json()
    };
    let printed = commit("a");
    assert_eq!(printed["images"], json!(8));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(Path::new(&opening).metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let committed = ["--data-set", &set, "--opening", &opening];
    ok(&digits.prove("set.cnvp", &committed));
    let verified = ok(&digits.verify("set.cnvp", "labels.npy", &["--data-set", &set]));
    assert_eq!((&verified["correct"], &verified["data_set_commitment"]), (&json!(7), &printed["commitment"]));

    // The same images under another commitment, other images under the same.
    let other = (commit("b"), digits.path("b.commitment")).1;
    fails(&digits.verify("set.cnvp", "labels.npy", &["--data-set", &other]), 1);
    let refused = fails(&digits.prove("no.cnvp", &["--data-set", &other, "--opening", &opening]), 2);
    assert!(refused.contains("another commitment"), "{refused}");
    let mut changed = std::fs::read(&images).unwrap();
    let last = changed.len() - 400;
    changed[last] ^= 128;
    digits.write("images.npy", &changed);
    let refused = fails(&digits.prove("no.cnvp", &committed), 2);
    assert!(refused.contains("images 6..8: they are not those"), "{refused}");
    assert!(names(digits.folder.path()).iter().all(|name| name != "no.cnvp" && !name.starts_with('.')));

    // Images in the clear where they are private, and the reverse.
    let refused = fails(&digits.prove("no.cnvp", &[]), 2);
    assert!(refused.contains("--data-set"), "{refused}");
    fails(&digits.verify("set.cnvp", "labels.npy", &["--data", &images]), 2);
    digits.write("map.json", b"{\"images.npy\": 7}");
    let refused = fails(&digits.verify("set.cnvp", "map.json", &["--data-set", &set]), 2);
    assert!(refused.contains("names are not known"), "{refused}");
}

/// Images on which the two classes of a network are equal: the lower is its label, and the higher is not.
#[test]
fn ties_go_to_the_lowest_index() {
    use convince::circuit::Bits;
    use convince::model::{Conv2d, Graph, Model, Node, Op, Preprocessing, Requant, ValueId};
    use convince_field::Ints;

    let folder = folder();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let classes = Conv2d::new(std::sync::Arc::new(Ints::I8(vec![1, 2, 2, 1])), [2, 2, 1, 1], Bits::I8);
    let ops = [Op::Conv2d(classes), Op::Requant(Requant::plain(0, -128, 127))];
    let node = |(k, op)| Node { name: format!("node{k}"), op, inputs: vec![ValueId(k as u32)] };
    let nodes = ops.into_iter().enumerate().map(node).collect();
    let graph = Graph { input_shape: [1, 2, 1, 1], input_bits: Bits::U8, nodes };
    let preprocessing = Preprocessing::pixels([2, 1, 1]);
    let model = Model { graph, preprocessing, output_scale: 1.0, labels: Vec::new(), report: Default::default() };
    std::fs::write(path("m.cnvm"), model.to_bytes()).unwrap();
    // Equal, equal, the second class is larger.
    std::fs::write(path("x.npy"), npy("(3, 2, 1, 1)", &[5, 5, 9, 9, 9, 1])).unwrap();
    let (m, key, verifier_key, x, proof) =
        (path("m.cnvm"), path("prover.key"), path("verifier.key"), path("x.npy"), path("p.cnvp"));
    convince(&["setup", &m, "--reveal", "correct", "--batch", "2", "-o", text(folder.path())]).succeeds();
    for (labels, right) in [("[0, 0, 1]", 3), ("[1, 0, 1]", 2), ("[1, 1, 0]", 0)] {
        std::fs::write(path("l.json"), labels).unwrap();
        let l = path("l.json");
        let prove = ["prove-accuracy", "--key", &key, "--data", &x, "--labels", &l, "-o", &proof];
        assert_eq!(convince_json(&prove).succeeds().json()["correct"], json!(right), "{labels}");
        let verify = ["verify-accuracy", "--key", &verifier_key, "--data", &x, "--labels", &l, &proof];
        assert_eq!(convince_json(&verify).succeeds().json()["correct"], json!(right), "{labels}");
    }
    // A label that is no class, or no label at all.
    for labels in ["[0, 0, 2]", "[0, 0, -1]", "[0, 0]", "[]"] {
        std::fs::write(path("l.json"), labels).unwrap();
        let l = path("l.json");
        convince(&["prove-accuracy", "--key", &key, "--data", &x, "--labels", &l, "-o", &proof]).fails_with(2);
        convince(&["verify-accuracy", "--key", &verifier_key, "--data", &x, "--labels", &l, &proof]).fails_with(2);
    }
}

#[test]
fn keys_are_for_the_proofs_that_they_were_made_for() {
    let (digits, f) = (Digits::new("model"), fixture());
    let (prover_key, verifier_key) = (digits.path("prover.key"), digits.path("verifier.key"));
    let (images, labels, proof) = (digits.path("images.npy"), digits.path("labels.npy"), digits.path("p.cnvp"));
    let refused = convince(&["prove", "--key", &prover_key, "--input", &images, "-o", &proof]).fails_with(2).stderr;
    assert!(refused.contains("convince prove-accuracy"), "{refused}");
    let refused = convince(&["verify", "--key", &verifier_key, &f.path("proof.cnvp")]).fails_with(2).stderr;
    assert!(refused.contains("convince verify-accuracy"), "{refused}");
    let key = f.path("prover.key");
    let prove = ["prove-accuracy", "--key", &key, "--data", &images, "--labels", &labels, "-o", &proof];
    let refused = convince(&prove).fails_with(2).stderr;
    assert!(refused.contains("--reveal correct"), "{refused}");
    let key = f.path("verifier.key");
    let file = f.path("proof.cnvp");
    convince(&["verify-accuracy", "--key", &key, "--data", &images, "--labels", &labels, &file]).fails_with(2);
    for key in [&key, &verifier_key] {
        let (set, opening) = (digits.path("s"), digits.path("o"));
        convince(&["commit-data-set", "--key", key, "--data", &images, "-o", &set, "--opening", &opening])
            .fails_with(2);
    }
    convince(&["bench", &f.path("model.cnvm"), "--reveal", "correct", "--runs", "1"]).fails_with(2);
}

/// A prover that is killed while it writes leaves nothing where it was asked to put a file, nor beside it.
#[cfg(target_os = "linux")]
#[test]
fn a_prover_that_is_killed_leaves_nothing() {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use rustix::fs::{Mode, OFlags, open};

    let digits = Digits::new("model");
    let place = folder();
    if open(place.path(), OFlags::TMPFILE | OFlags::WRONLY, Mode::RUSR).is_err() {
        // Not on every file system: there the file has another name, and a process that is killed leaves it.
        return;
    }
    // A path that begins at the root is not in the digits' folder.
    let arguments = digits.prove(text(&place.path().join("all.cnvp")), &["--threads", "1"]);
    let mut prover = command(&borrowed(&arguments)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let files = format!("/proc/{}/fd", prover.id());
    let has_begun = || {
        let links = std::fs::read_dir(&files).into_iter().flatten().flatten();
        links.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|file| file.starts_with(place.path()))
    };
    let start = Instant::now();
    while !has_begun() {
        assert!(start.elapsed() < Duration::from_secs(60) && prover.try_wait().unwrap().is_none(), "it never wrote");
        std::thread::sleep(Duration::from_millis(1));
    }
    prover.kill().unwrap();
    assert_eq!(prover.wait().unwrap().signal(), Some(9), "it was done before it could be killed");
    assert_eq!(names(place.path()), Vec::<String>::new());
}
