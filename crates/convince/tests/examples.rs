//! The examples of circuits by hand run: each proves, verifies and compares with its definition.

#[path = "../examples/custom_layer.rs"]
mod custom_layer;
#[path = "../examples/matrix_power.rs"]
mod matrix_power;
#[path = "../examples/permutation.rs"]
mod permutation;

#[test]
fn matrix_power() {
    matrix_power::main().unwrap();
}

#[test]
fn permutation() {
    permutation::main().unwrap();
}

#[test]
fn custom_layer() {
    custom_layer::main().unwrap();
}
