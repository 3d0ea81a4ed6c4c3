use convince_field::TensorMap;
use convince_model::{Conv2d, Gemm, LinearTerm, MaxPool, Requant as ModelRequant, Shape, ValueId, run};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;

fn node(name: &str, op: Op, inputs: &[u32]) -> Node {
    Node { name: name.into(), op, inputs: inputs.iter().map(|&id| ValueId(id)).collect() }
}

fn graph(input_shape: Shape, nodes: Vec<Node>) -> Graph {
    Graph { input_shape, input_bits: Bits::U8, nodes }
}

fn ints(len: usize, rng: &mut ChaCha20Rng) -> Arc<Ints> {
    Arc::new(Ints::I8((0..len).map(|_| rng.r#gen()).collect()))
}

fn conv(shape: [usize; 4], padding: usize, stride: usize, rng: &mut ChaCha20Rng) -> Conv2d {
    let bias = ints(shape[0], rng);
    let weights = ints(shape.iter().product(), rng);
    Conv2d::new(weights, shape, Bits::I8).with_bias(bias, Bits::I8).with_window(stride, padding)
}

fn dense(outputs: usize, taps: usize, rng: &mut ChaCha20Rng) -> Op {
    let (weight, weight_bits) = (ints(outputs * taps, rng), Bits::I8);
    Op::Gemm(Gemm { weight, weight_shape: [outputs, taps], weight_bits, bias: None, bias_bits: Bits::I8 })
}

fn requant(shift: u32, low: i32, high: i32) -> ModelRequant {
    ModelRequant::plain(shift, low, high)
}

/// The output of the lowered circuit is the interpreter's, its witness satisfies it, and every layer has a name.
fn agrees(graph: &Graph, rng: &mut ChaCha20Rng) -> Lowered {
    let lowered = lower(graph).unwrap();
    let len = graph.input_shape.iter().product();
    let (low, high) = (graph.input_bits.low() as i32, graph.input_bits.high() as i32);
    let extremes = rng.gen_bool(0.3);
    let value = |rng: &mut ChaCha20Rng| match extremes {
        true => [low, high][rng.gen_range(0..2)],
        false => rng.gen_range(low..=high),
    };
    let input: Vec<i32> = (0..len).map(|_| value(rng)).collect();
    let witness = lowered.witness(&input).unwrap();
    convince_circuit::check(&lowered.circuit, &witness).unwrap();
    let trace = run(graph, &input).unwrap();
    let output: Vec<i32> =
        witness.tensor(&lowered.circuit, lowered.circuit.output()).iter().map(|v| v as i32).collect();
    assert_eq!(output, trace.output());
    assert_eq!(lowered.layer_names.len(), lowered.circuit.layers().len());
    labels_agree(graph, &lowered, &input, &output);
    private_circuits_agree(graph, &lowered, &input, &output);
    lowered
}

/// A circuit that reveals labels alone has those of the output, and the same weights.
fn labels_agree(graph: &Graph, logits: &Lowered, input: &[i32], output: &[i32]) {
    let shape: [usize; 4] = logits.circuit.shape(logits.circuit.output()).try_into().unwrap();
    let strategies = Strategies { reveal: Reveal::Label, ..Strategies::default() };
    let lowered = lower_with(graph, strategies);
    if shape[2..] != [1, 1] {
        assert_eq!(lowered.err(), Some(LowerError::Label { shape }));
        return;
    }
    let Lowered { circuit, weights, layer_names } = lowered.unwrap();
    assert_eq!((weights.len(), layer_names.len()), (logits.weights.len(), circuit.layers().len()));
    let of_weights = |circuit: &Circuit| circuit.wires_of(convince_circuit::WireKind::Weight).collect::<Vec<_>>();
    assert_eq!(of_weights(&circuit), of_weights(&logits.circuit));
    let witness = Lowered { circuit: circuit.clone(), weights, layer_names }.witness(input).unwrap();
    convince_circuit::check(&circuit, &witness).unwrap();
    let labels: Vec<i64> = witness.tensor(&circuit, circuit.output()).iter().collect();
    let expected: Vec<i64> = output.chunks(shape[1]).map(|image| convince_model::argmax(image) as i64).collect();
    assert_eq!(labels, expected);
    counts_agree(graph, input, &expected);
}

/// A circuit that compares with given labels finds those of the output correct, and no others.
fn counts_agree(graph: &Graph, input: &[i32], own: &[i64]) {
    let lowered = lower_with(graph, Strategies { reveal: Reveal::Correct, ..Strategies::default() }).unwrap();
    let circuit = &lowered.circuit;
    assert_eq!(lowered.layer_names.len(), circuit.layers().len());
    let classes = circuit.correct_layer().unwrap().margins.shape[1] as i64;
    let given: Vec<u32> = own.iter().enumerate().map(|(b, l)| ((l + b as i64 % 2) % classes) as u32).collect();
    let witness = lowered.labelled_witness(input, &given).unwrap();
    convince_circuit::check(circuit, &witness).unwrap();
    let right: Vec<i64> = own.iter().zip(&given).map(|(&own, &given)| (own == given.into()).into()).collect();
    assert_eq!(witness.wire(circuit.correct().unwrap()).iter().collect::<Vec<_>>(), right);
    assert!(lowered.labelled_witness(input, &vec![u32::MAX; given.len()]).is_err());
    assert!(lowered.witness(input).is_err());
}

/// A circuit whose input and output are committed has the same weights and values.
fn private_circuits_agree(graph: &Graph, public: &Lowered, input: &[i32], output: &[i32]) {
    let strategies = Strategies { reveal: Reveal::Nothing, private_input: true, ..Strategies::default() };
    let lowered = lower_with(graph, strategies).unwrap();
    let circuit = &lowered.circuit;
    assert!(circuit.input_is_private() && circuit.output_is_private());
    assert_eq!(lowered.layer_names.len(), circuit.layers().len());
    let of_weights = |circuit: &Circuit| circuit.wires_of(convince_circuit::WireKind::Weight).collect::<Vec<_>>();
    assert_eq!(of_weights(circuit), of_weights(&public.circuit));
    let witness = lowered.witness(input).unwrap();
    convince_circuit::check(circuit, &witness).unwrap();
    let values = witness.tensor(circuit, circuit.output()).iter();
    assert_eq!(values.map(|v| v as i32).collect::<Vec<_>>(), output);
}

/// Two pools (one with a rising table), a residual sum and a fully connected layer.
fn residual(rng: &mut ChaCha20Rng) -> Graph {
    let pool = Op::MaxPool(MaxPool::square(2));
    let rising = Some((-100..=100).map(|v| v / 2 + 3).collect());
    let nodes = vec![
        node("conv1", Op::Conv2d(conv([3, 2, 3, 3], 1, 1, rng)), &[0]),
        node("relu1", Op::Requant(requant(7, 0, 255)), &[1]),
        node("pool1", pool.clone(), &[2]),
        node("conv2", Op::Conv2d(conv([4, 3, 3, 3], 1, 1, rng)), &[3]),
        node("skip", Op::Conv2d(conv([4, 3, 1, 1], 0, 1, rng)), &[3]),
        node("sum", Op::Linear(Linear::sum(&[1, -3], 9)), &[4, 5]),
        node("act2", Op::Requant(ModelRequant { table: rising, ..requant(9, -100, 100) }), &[6]),
        node("pool2", pool, &[7]),
        node("dense", dense(7, 4 * 3 * 2, rng), &[8]),
    ];
    graph([1, 2, 13, 9], nodes)
}

#[test]
fn the_circuit_computes_what_the_interpreter_defines_pools_fused() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for batch in [1, 1, 1, 2, 5] {
        let lowered = agrees(&residual(&mut rng).with_batch(batch), &mut rng);
        assert_eq!(lowered.layer_names, ["conv1", "relu1", "conv2", "skip", "sum", "act2", "dense"]);
    }
}

#[test]
fn pools_that_cannot_be_fused_are_layers() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut falling = residual(&mut rng);
    falling.nodes[6].op = Op::Requant(ModelRequant { table: Some(vec![1, 0]), ..requant(9, 0, 1) });
    assert!(agrees(&falling, &mut rng).layer_names.contains(&"pool2".into()));

    let mut shared = residual(&mut rng);
    let slice =
        TensorMap::on_plane(AxisMap::Gather((0..6).map(Some).collect()), AxisMap::Gather((0..4).map(Some).collect()));
    let terms = vec![LinearTerm::plain(1), LinearTerm { multiplier: -2, map: slice }];
    shared.nodes.truncate(3);
    shared.nodes.push(node("both", Op::Linear(Linear { terms, constant: 0 }), &[3, 2]));
    assert_eq!(agrees(&shared, &mut rng).layer_names, ["conv1", "relu1", "pool1", "both"]);

    for pool in [
        MaxPool { kernel: [2, 2], stride: [1, 1], padding: [0; 4] },
        MaxPool { kernel: [3, 2], stride: [3, 2], padding: [1, 0, 0, 1] },
    ] {
        let mut overlapping = residual(&mut rng);
        overlapping.nodes.truncate(3);
        overlapping.nodes[2].op = Op::MaxPool(pool);
        assert_eq!(agrees(&overlapping, &mut rng).layer_names, ["conv1", "relu1", "pool1"]);
    }
}

#[test]
fn pools_of_accumulators_join_the_requantisation_behind_them() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let scaled = |multipliers: [i32; 3]| {
        Op::Requant(ModelRequant { multipliers: Some(Arc::new(multipliers.to_vec())), ..requant(20, -90, 90) })
    };
    let mut pooled = residual(&mut rng);
    pooled.nodes.truncate(3);
    pooled.nodes[0].op = Op::Conv2d(conv([3, 2, 5, 5], 2, 1, &mut rng));
    pooled.nodes[1].op = Op::MaxPool(MaxPool { kernel: [3, 3], stride: [2, 2], padding: [1, 1, 0, 0] });
    pooled.nodes[2].op = scaled([1000, 0, 17000]);
    assert_eq!(agrees(&pooled, &mut rng).layer_names, ["conv1", "pool1"]);
    pooled.nodes[2].op = scaled([1000, -1, 17000]);
    let error = lower(&pooled).unwrap_err();
    assert!(matches!(&error, LowerError::Node { node, .. } if node == "relu1"), "{error}");
}

#[test]
fn what_the_output_does_not_depend_on_is_left_out() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let mut graph = residual(&mut rng);
    graph.nodes.insert(0, node("aside", Op::Product, &[0, 0]));
    for node in &mut graph.nodes[1..] {
        node.inputs.iter_mut().filter(|id| **id != ValueId::INPUT).for_each(|id| id.0 += 1);
    }
    let lowered = agrees(&graph, &mut rng);
    assert_eq!(lowered.layer_names, ["conv1", "relu1", "conv2", "skip", "sum", "act2", "dense"]);
}

#[test]
fn terms_of_multiplier_zero_do_not_count() {
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let sum = |multipliers: &[i64]| {
        graph([2, 3, 4, 5], vec![node("sum", Op::Linear(Linear::sum(multipliers, 7)), &[0, 0, 0])])
    };
    agrees(&sum(&[0, 3, 0]), &mut rng);
    agrees(&sum(&[0, 0, 0]), &mut rng);
}

/// Windows of any size, which become passes of at most nine places.
#[test]
fn large_windows_are_lowered_in_passes() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let alone = |shape, pool| graph(shape, vec![node("pool", Op::MaxPool(pool), &[0])]);
    let square = |size, stride, padding| MaxPool { kernel: [size; 2], stride: [stride; 2], padding: [padding; 4] };
    for (side, pool, layers) in [
        (7, square(7, 7, 0), 2),
        (28, square(28, 1, 0), 4),
        (28, square(28, 28, 0), 4),
        (29, square(13, 13, 0), 4),
        (24, square(12, 6, 0), 4),
        (13, square(13, 1, 6), 4),
        (9, square(5, 1, 2), 2),
        (30, square(27, 2, 13), 8),
        (40, square(23, 1, 0), 6),
    ] {
        assert_eq!(agrees(&alone([1, 2, side, side], pool), &mut rng).layer_names.len(), layers, "{pool:?}");
    }
    for _ in 0..60 {
        let kernel = [rng.gen_range(1..30), rng.gen_range(1..30)];
        let padding = [0, 1, 2, 3].map(|side| if rng.gen_bool(0.5) { rng.gen_range(0..kernel[side % 2]) } else { 0 });
        let pool = MaxPool { kernel, stride: [rng.gen_range(1..15), rng.gen_range(1..15)], padding };
        let shape = [rng.gen_range(1..3), 1, rng.gen_range(1..40), rng.gen_range(1..40)];
        if alone(shape, pool).validate().is_ok() {
            agrees(&alone(shape, pool), &mut rng);
        }
    }
}

#[test]
fn inputs_out_of_format_are_named() {
    let lowered = lower(&residual(&mut ChaCha20Rng::seed_from_u64(3))).unwrap();
    assert!(matches!(lowered.witness(&[0; 5]), Err(WitnessError::Length { expected: 234, found: 5, .. })));
    let mut input = vec![0; 234];
    input[17] = 256;
    assert!(matches!(lowered.witness(&input), Err(WitnessError::Range { index: 17, value: 256, .. })));
}

mod random {
    use super::*;

    /// A divisor of `n`.
    fn divisor(n: usize, rng: &mut ChaCha20Rng) -> usize {
        let divisors: Vec<usize> = (1..=n).filter(|&d| n.is_multiple_of(d)).collect();
        divisors[rng.gen_range(0..divisors.len())]
    }

    fn any_conv(channels: usize, rng: &mut ChaCha20Rng) -> Op {
        let groups = divisor(channels, rng);
        let shape = [groups * rng.gen_range(1..3), channels / groups, rng.gen_range(1..4), rng.gen_range(1..4)];
        let bits = [Bits::I8, Bits::signed(4), Bits::signed(11)][rng.gen_range(0..3)];
        let values: Vec<i64> =
            (0..shape.iter().product::<usize>()).map(|_| rng.gen_range(bits.low()..=bits.high())).collect();
        let padding = [0; 4].map(|_: usize| if rng.gen_bool(0.5) { rng.gen_range(0..5) } else { 0 });
        Op::Conv2d(Conv2d {
            bias: rng.gen_bool(0.5).then(|| ints(shape[0], rng)),
            stride: [rng.gen_range(1..4), rng.gen_range(1..4)],
            padding,
            dilation: [rng.gen_range(1..3), rng.gen_range(1..3)],
            groups,
            ..Conv2d::new(Arc::new(Ints::pack(bits, &values).unwrap()), shape, bits)
        })
    }

    fn any_requant(channels: usize, rng: &mut ChaCha20Rng) -> Op {
        let (low, len) = (rng.gen_range(-130..3), rng.gen_range(1..257));
        let multipliers: Vec<i32> = (0..channels).map(|_| rng.gen_range(-300..1000)).collect();
        let mut table: Vec<i32> = (0..len).map(|_| rng.gen_range(-128..128)).collect();
        if rng.gen_bool(0.6) {
            table.sort_unstable();
        }
        Op::Requant(ModelRequant {
            multipliers: rng.gen_bool(0.5).then(|| Arc::new(multipliers)),
            table: rng.gen_bool(0.5).then_some(table),
            ..requant(rng.gen_range(0..16), low, low + len - 1)
        })
    }

    fn any_pool(rng: &mut ChaCha20Rng) -> Op {
        if rng.gen_bool(0.5) {
            return Op::MaxPool(MaxPool::square(rng.gen_range(1..4)));
        }
        let kernel = [rng.gen_range(1..6), rng.gen_range(1..6)];
        let padding = [0, 1, 2, 3].map(|side| rng.gen_range(0..kernel[side % 2]));
        Op::MaxPool(MaxPool { kernel, stride: [rng.gen_range(1..4), rng.gen_range(1..4)], padding })
    }

    fn any_axis(from: usize, to: usize, rng: &mut ChaCha20Rng) -> AxisMap {
        let (kernel, stride) = (rng.gen_range(1..4), rng.gen_range(1..4));
        let padding = (stride * (to - 1) + kernel).saturating_sub(from);
        let window = AxisMap::Window { kernel, stride, padding: [padding / 2, padding - padding / 2] };
        match rng.gen_range(0..4) {
            0 if window.output_len(from) == Some(to) => window,
            1 if from == to => AxisMap::Scale((0..to).map(|_| rng.gen_range(-3..4)).collect()),
            2 if from == to => AxisMap::Identity,
            _ => AxisMap::Gather((0..to).map(|_| rng.gen_bool(0.8).then(|| rng.gen_range(0..from as u32))).collect()),
        }
    }

    fn any_linear(shapes: &[Shape], rng: &mut ChaCha20Rng) -> Op {
        let orders = [[0, 1, 2, 3], [0, 1, 2, 3], [0, 2, 1, 3], [0, 3, 1, 2], [0, 3, 2, 1]];
        let first = shapes[0];
        let keep = rng.gen_bool(0.5);
        let to = [1, 2, 3].map(|axis| if keep { first[axis] } else { rng.gen_range(1..8) });
        let terms = shapes.iter().map(|shape| {
            let mut map = TensorMap::permutation(orders[rng.gen_range(0..orders.len())]);
            for axis in 1..4 {
                map = map.clone().with_axis(axis, any_axis(shape[map.order[axis]], to[axis - 1], rng));
            }
            LinearTerm { multiplier: rng.gen_range(-3..4), map }
        });
        Op::Linear(Linear { terms: terms.collect(), constant: rng.gen_range(-99..99) })
    }

    /// Some nodes that fit what is there; values small enough to pool by themselves.
    fn any_graph(rng: &mut ChaCha20Rng) -> Graph {
        let shape = [rng.gen_range(1..4), rng.gen_range(1..5), rng.gen_range(1..10), rng.gen_range(1..10)];
        let input_bits = [Bits::U8, Bits::I8, Bits::signed(3)][rng.gen_range(0..3)];
        let mut graph = Graph { input_shape: shape, input_bits, nodes: Vec::new() };
        let mut infos = vec![ValueInfo { shape, low: input_bits.low(), high: input_bits.high() }];
        let wanted = rng.gen_range(1..8);
        for _ in 0..60 {
            let first = if rng.gen_bool(0.7) { infos.len() - 1 } else { rng.gen_range(0..infos.len()) };
            let shape = infos[first].shape;
            let same: Vec<usize> = (0..infos.len()).filter(|&i| infos[i].shape == shape).collect();
            let other = same[rng.gen_range(0..same.len())];
            let (op, inputs) = match rng.gen_range(0..12) {
                0..3 => (any_conv(shape[1], rng), vec![first]),
                3..6 => (any_requant(shape[1], rng), vec![first]),
                6..9 => (any_pool(rng), vec![first]),
                9 => {
                    let inputs: Vec<usize> = (1..rng.gen_range(2..4)).map(|_| rng.gen_range(0..infos.len())).collect();
                    let inputs = [&[first], &inputs[..]].concat();
                    (any_linear(&inputs.iter().map(|&i| infos[i].shape).collect::<Vec<_>>(), rng), inputs)
                }
                10 => (Op::Product, vec![first, other]),
                _ => (dense(rng.gen_range(1..9), shape[1..].iter().product(), rng), vec![first]),
            };
            let name = format!("{} {}", op.name(), graph.nodes.len());
            graph.nodes.push(node(&name, op, &inputs.iter().map(|&i| i as u32).collect::<Vec<_>>()));
            match graph.infer().map(|mut infos| infos.remove(graph.nodes.len())) {
                Ok(info) if info.num_elements() < 3000 && info.high - info.low < 1 << 18 => infos.push(info),
                _ => drop(graph.nodes.pop()),
            }
            if graph.nodes.len() == wanted {
                break;
            }
        }
        graph
    }

    #[test]
    fn random_graphs_compute_what_the_interpreter_defines() {
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let mut layers = std::collections::BTreeMap::new();
        for _ in 0..300 {
            let graph = any_graph(&mut rng);
            if graph.nodes.is_empty() {
                continue;
            }
            for layer in agrees(&graph, &mut rng).circuit.layers() {
                *layers.entry(layer.name()).or_insert(0) += 1;
            }
        }
        assert!(layers.len() == 4 && layers.values().all(|&count| count > 50), "{layers:?}");
    }
}
