//! A prover keeps within the memory that it is given, or says what it needs.

use serde_json::Value;

use crate::common::{convince, convince_json, folder, has_keys, text};

/// A network whose lookups are most of its memory, and little else: some 30 MB of 70 can be done without.
const NETWORK: &str = "squeezenet";

#[test]
fn the_peak_of_memory_stays_below_every_budget_that_is_taken() {
    let folder = folder();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let (model, key, verifier) = (path("model.cnvm"), path("prover.key"), path("verifier.key"));
    convince(&["zoo", NETWORK, "-o", &model]).succeeds();
    convince(&["setup", &model, "--private", "none", "-o", text(folder.path())]).succeeds();
    let (input, proof) = (path("input.json"), path("p.cnvp"));
    let plane = vec![vec![vec![0.5; 32]; 32]; 3];
    std::fs::write(&input, serde_json::to_vec(&plane).expect("numbers")).expect("writes");
    let prove = |budget: &str| {
        let args =
            ["prove", "--key", &key, "--input", &input, "-o", &proof, "--threads", "2", "--memory-budget", budget];
        convince_json(&args)
    };
    let printed = |budget: &str| -> Value { prove(budget).succeeds().json() };

    let refused = prove("1M").fails_with(2).stderr;
    assert!(!std::path::Path::new(&proof).exists());
    let least = refused.split_once(" may take ").and_then(|(_, rest)| rest.split_once(" MB"));
    let least: f64 = least.and_then(|(number, _)| number.parse().ok()).unwrap_or_else(|| panic!("{refused}"));
    let below = prove(&format!("{:.1}M", least - 0.2)).fails_with(2).stderr;
    assert!(below.contains(&format!("{least:.1} MB")), "{below}");

    let unbounded = printed("100G");
    has_keys(&unbounded, &["peak_rss_bytes"]);
    let Some(most) = unbounded["peak_rss_bytes"].as_f64() else { return };
    // All three ways of proving.
    let mut peaks = Vec::new();
    for megabytes in [least, 1.15 * least, 1.35 * least] {
        let peak = printed(&format!("{megabytes:.1}M"))["peak_rss_bytes"].as_f64().expect("told before");
        assert!(peak <= 1e6 * megabytes, "{peak} bytes were held, {megabytes:.1} MB allowed");
        convince(&["verify", "--key", &verifier, &proof]).succeeds();
        peaks.push(peak);
    }
    assert!(peaks[0] < 0.85 * most, "the least memory is {peaks:?} of {most} bytes");
}
