//! What every system must do before it is measured: accept honest proofs, and refuse whatever else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, Result, anyhow, ensure};

use crate::system::System;
use crate::workload::{Layer, Lie, Public, Requant, Step, Trace, Workload, tiny_cnn, tiny_mlp};

/// Tries a system on a small MLP and a tiny CNN:
///
/// - an honest proof verifies, also of a network with other weights under the same keys, unless keys bind the weights;
/// - it is refused for a changed output and for a changed input, when it is cut off, and when it is empty;
/// - no proof from a witness with one false value, for each layer, up or down, is accepted.
///
/// # Errors
/// The first of these that does not hold, and where.
pub fn check_system<S: System>(system: &S) -> Result<()> {
    for make in [tiny_mlp, tiny_cnn] {
        let workload = make(1);
        check_on(system, &workload, &make(2))
            .with_context(|| format!("{} on {}", system.facts().name, workload.name))?;
    }
    Ok(())
}

/// [`check_system`] on one network and another of the same shape: for systems that only networks of some shapes fit.
///
/// # Errors
/// As there.
pub fn check_on<S: System>(system: &S, workload: &Workload, other: &Workload) -> Result<()> {
    system.fits(workload).map_err(|unfit| anyhow!("{unfit}"))?;
    let prepared = system.setup(workload).context("setup")?;
    let honest = workload.trace();
    let proof = prove(system, &prepared, workload, &honest).context("an honest proof")?;
    let public = honest.public();
    system.verify(&prepared, &public, &proof).context("an honest proof is refused")?;
    if !system.facts().binds_weights {
        let trace = other.trace();
        let proof = prove(system, &prepared, other, &trace).context("a proof for other weights")?;
        system.verify(&prepared, &trace.public(), &proof).context("other weights under the same keys are refused")?;
    }
    let refused = |what: &str, public: &Public, proof: &[u8]| {
        // A verifier that panics does not accept: that it panics is its authors' concern.
        let answer = catch_unwind(AssertUnwindSafe(|| system.verify(&prepared, public, proof)));
        ensure!(!matches!(answer, Ok(Ok(()))), "{what} is accepted");
        Ok(())
    };
    for element in 0..public.output.len() {
        let mut changed = public.clone();
        changed.output[element] += 1;
        refused(&format!("output {element}, changed,"), &changed, &proof)?;
    }
    for element in [0, public.input.len() - 1] {
        let mut changed = public.clone();
        changed.input[element] ^= 1;
        refused(&format!("input {element}, changed,"), &changed, &proof)?;
    }
    refused("an empty proof", &public, &[])?;
    refused("a proof cut in half", &public, &proof[..proof.len() / 2])?;
    for lie in lies(workload) {
        let trace = workload.lying_trace(lie);
        if let Some(proof) = attempt(system, &prepared, workload, &trace) {
            refused(&format!("{lie:?}"), &trace.public(), &proof)?;
        }
    }
    Ok(())
}

/// For each layer some false values that change the output: one more and one less, and what is out of a clamp's range on either side.
pub fn lies(workload: &Workload) -> Vec<Lie> {
    let trace = workload.trace();
    let honest = trace.public();
    let mut lies = Vec::new();
    for (step, Step { layer, .. }) in workload.steps.iter().enumerate() {
        let values = trace.output(step);
        let mut differences: Vec<Box<dyn Fn(i32) -> i32>> = vec![Box::new(|_| 1), Box::new(|_| -1)];
        if let &Layer::Requant(Requant { low, high, .. }) = layer {
            differences.push(Box::new(move |v| low - 1 - v));
            differences.push(Box::new(move |v| high + 1 - v));
        }
        for difference in differences {
            let mut each =
                (0..values.len()).map(|element| Lie { step, element, difference: difference(values[element]) });
            // What a later layer hides, a maximum or a clamp, is no false statement.
            lies.extend(each.find(|&lie| workload.lying_trace(lie).public() != honest));
        }
    }
    lies
}

fn prove<S: System>(system: &S, prepared: &S::Prepared, workload: &Workload, trace: &Trace) -> Result<Vec<u8>> {
    let witness = system.witness(prepared, workload, trace)?;
    system.prove(prepared, witness)
}

/// A proof from a false witness, if the prover makes one at all.
fn attempt<S: System>(system: &S, prepared: &S::Prepared, workload: &Workload, trace: &Trace) -> Option<Vec<u8>> {
    catch_unwind(AssertUnwindSafe(|| prove(system, prepared, workload, trace))).ok()?.ok()
}
