use convince_model::{Affine, Conv2d, Gemm, MaxPool, Requant as ModelRequant, run};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;

fn node(name: &str, op: Op, inputs: &[u32]) -> Node {
    Node { name: name.into(), op, inputs: inputs.iter().map(|&id| ValueId(id)).collect() }
}

fn ints(len: usize, rng: &mut ChaCha20Rng) -> Arc<Ints> {
    Arc::new(Ints::I8((0..len).map(|_| rng.r#gen()).collect()))
}

fn conv(shape: [usize; 4], padding: usize, stride: usize, rng: &mut ChaCha20Rng) -> Op {
    Op::Conv2d(Conv2d {
        weight: ints(shape.iter().product(), rng),
        weight_shape: shape,
        weight_bits: Bits::I8,
        bias: Some(ints(shape[0], rng)),
        bias_bits: Bits::I8,
        stride,
        padding,
    })
}

fn requant(shift: u32, low: i32, high: i32, table: Option<Vec<i32>>) -> Op {
    Op::Requant(ModelRequant { shift, low, high, table })
}

/// Two pools (one with a rising table), a residual sum and a fully connected layer.
fn graph(rng: &mut ChaCha20Rng) -> Graph {
    let pool = Op::MaxPool(MaxPool { window: 2, stride: 2 });
    let rising = (-100..=100).map(|v| v / 2 + 3).collect();
    let dense = Gemm {
        weight: ints(7 * 4 * 3 * 2, rng),
        weight_shape: [7, 4 * 3 * 2],
        weight_bits: Bits::I8,
        bias: None,
        bias_bits: Bits::I8,
    };
    Graph {
        input_shape: [1, 2, 13, 9],
        input_bits: Bits::U8,
        nodes: vec![
            node("conv1", conv([3, 2, 3, 3], 1, 1, rng), &[0]),
            node("relu1", requant(7, 0, 255, None), &[1]),
            node("pool1", pool.clone(), &[2]),
            node("conv2", conv([4, 3, 3, 3], 1, 1, rng), &[3]),
            node("skip", conv([4, 3, 1, 1], 0, 1, rng), &[3]),
            node("sum", Op::Affine(Affine { multipliers: vec![1, -3], constant: 9 }), &[4, 5]),
            node("act2", requant(9, -100, 100, Some(rising)), &[6]),
            node("pool2", pool, &[7]),
            node("dense", Op::Gemm(dense), &[8]),
        ],
    }
}

#[test]
fn the_circuit_computes_what_the_interpreter_defines_pools_fused() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for _ in 0..20 {
        let graph = graph(&mut rng);
        let lowered = lower(&graph).unwrap();
        let input: Vec<i32> = (0..2 * 13 * 9).map(|_| rng.gen_range(0..256)).collect();
        let witness = lowered.witness(&input).unwrap();
        convince_circuit::check(&lowered.circuit, &witness).unwrap();
        let trace = run(&graph, &input).unwrap();
        let output: Vec<i64> = witness.tensor(&lowered.circuit, lowered.circuit.output()).iter().collect();
        assert_eq!(output, trace.output().iter().map(|&v| v.into()).collect::<Vec<i64>>());
        assert_eq!(lowered.layer_names, ["conv1", "relu1", "conv2", "skip", "sum", "act2", "dense"]);
    }
}

#[test]
fn pools_that_cannot_be_fused_are_named() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut falling = graph(&mut rng);
    falling.nodes[6].op = requant(9, 0, 1, Some(vec![1, 0]));
    assert_eq!(lower(&falling).unwrap_err(), LowerError::Pool { node: "pool2".into() });
    let mut shared = graph(&mut rng);
    shared.nodes[1].inputs = vec![ValueId(1)];
    shared.nodes.truncate(3);
    shared.nodes.push(node("again", requant(0, 0, 9, None), &[2]));
    assert_eq!(lower(&shared).unwrap_err(), LowerError::Pool { node: "pool1".into() });
}

#[test]
fn inputs_out_of_format_are_named() {
    let lowered = lower(&graph(&mut ChaCha20Rng::seed_from_u64(3))).unwrap();
    assert!(matches!(lowered.witness(&[0; 5]), Err(WitnessError::Length { expected: 234, found: 5, .. })));
    let mut input = vec![0; 234];
    input[17] = 256;
    assert!(matches!(lowered.witness(&input), Err(WitnessError::Range { index: 17, value: 256, .. })));
}
