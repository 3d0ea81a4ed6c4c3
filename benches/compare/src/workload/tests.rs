use convince::model;

use super::*;

/// Those that a debug build runs in a moment.
fn small() -> Vec<Workload> {
    let named = ["mlp-10k", "mlp-4-layers", "lenet5"].map(|name| Entry::find(name).expect("in the catalogue"));
    let named = named.map(|entry| entry.workload().expect("a valid workload"));
    [tiny_mlp(0), tiny_cnn(0)].into_iter().chain(named).collect()
}

#[test]
fn the_reference_equals_the_interpreter_of_the_model() {
    for workload in small() {
        let trace = model::run(&workload.model.graph, &workload.input).expect("a valid network");
        assert_eq!(workload.trace().values, trace.values(), "{}", workload.name);
    }
}

#[test]
fn all_values_are_within_their_bounds_and_quotients_fit_theirs() {
    for workload in small() {
        let trace = workload.trace();
        for (index, step) in workload.steps.iter().enumerate() {
            let within = |values: &[i32], value: Value| values.iter().all(|&v| value.range.contains(v.into()));
            assert!(within(trace.input(index), step.input), "{} {}", workload.name, step.name);
            assert!(within(trace.output(index), step.output), "{} {}", workload.name, step.name);
            if let Layer::Requant(requant) = step.layer {
                let quotients = requant.quotients(step.input.range);
                for &x in trace.input(index) {
                    let (quotient, remainder) = (requant.quotient(x), requant.remainder(x));
                    assert!(quotients.contains(quotient) && (0..1 << requant.shift).contains(&remainder));
                    assert_eq!((quotient << requant.shift) + remainder, i64::from(x) + requant.half());
                }
            }
        }
    }
}

#[test]
fn activations_are_alive_at_every_depth() {
    for workload in small() {
        let trace = workload.trace();
        for (index, step) in workload.steps.iter().enumerate() {
            assert!(
                trace.output(index).iter().any(|&v| v != trace.output(index)[0]),
                "{} {}",
                workload.name,
                step.name
            );
        }
    }
}

#[test]
fn sizes_are_those_of_the_model_and_of_the_literature() {
    for workload in small() {
        assert_eq!(workload.parameters(), workload.model.graph.parameters());
    }
    let lenet5 = Entry::find("lenet5").expect("in the catalogue").workload().expect("valid");
    assert_eq!((lenet5.parameters(), lenet5.depth()), (61_706, 5));
    assert_eq!(Entry::find("mlp-10k").expect("in the catalogue").workload().expect("valid").depth(), 3);
}

#[test]
fn every_term_of_a_convolution_is_in_its_window_once() {
    let workload = tiny_cnn(0);
    let step = &workload.steps[3];
    let Layer::Linear(linear) = &step.layer else { panic!("{step:?}") };
    assert_eq!(linear.kind, Kind::Conv { kernel: [2; 2], stride: 2, padding: 1 });
    // The first window of 3x3 places with zeros around, in steps of two, holds one real place.
    let first: Vec<Term> = linear.terms(0).collect();
    assert_eq!(first, [Term { weight: 3, input: 0 }, Term { weight: 7, input: 9 }]);
    let counted: usize = (0..step.output.len()).map(|output| linear.terms(output).count()).sum();
    assert_eq!(linear.macs(), counted as u64);
}

#[test]
fn a_lie_stays_in_the_trace() {
    let workload = tiny_mlp(0);
    // The last hidden value's.
    let lie = Lie { step: 3, element: 2, difference: 1 };
    let (honest, lying) = (workload.trace(), workload.lying_trace(lie));
    assert_eq!(honest.values[..4], lying.values[..4]);
    assert_eq!(honest.output(3)[2] + 1, lying.output(3)[2]);
    assert_ne!(honest.public(), lying.public());
}
