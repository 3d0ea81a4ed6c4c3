//! Model files: round trips, and hostile ones whose checksum is right.

use std::sync::Arc;

use convince_field::{AxisMap, Bits, Ints, TensorMap};
use convince_model::{
    Conv2d, Gemm, Graph, Linear, LinearTerm, MaxPool, Model, ModelError, Node, NodeError, Op, Preprocessing,
    QuantizationReport, Requant, ValueId, run,
};
use convince_transcript::container::{ContainerError, Kind, open, seal};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn model() -> Model {
    let weights = Arc::new(Ints::I8((0..18).map(|i| i * 7 - 60).collect()));
    let conv = Conv2d::new(weights, [2, 1, 3, 3], Bits::I8)
        .with_bias(Arc::new(Ints::I16(vec![-500, 500])), Bits::signed(12))
        .with_window(1, 1);
    let slices = TensorMap::on_axis(2, AxisMap::Gather(vec![None, Some(2), Some(1), None, Some(4)]));
    let sums = TensorMap::on_axis(2, AxisMap::Window { kernel: 2, stride: 1, padding: [1, 0] })
        .with_axis(1, AxisMap::Scale(vec![2, -1]));
    let terms = vec![LinearTerm { multiplier: -3, map: slices }, LinearTerm { multiplier: 2, map: sums }];
    let gemm = Gemm {
        weight: Arc::new(Ints::I8((0..16).collect())),
        weight_shape: [2, 8],
        weight_bits: Bits::I8,
        bias: None,
        bias_bits: Bits::I8,
    };
    let requant = Requant {
        multipliers: Some(Arc::new(vec![3, -2])),
        table: Some(vec![0, 0, 1, 1, 2, 2, 3, 3]),
        ..Requant::plain(3, 0, 7)
    };
    let ops = [
        (Op::Conv2d(conv), vec![0]),
        (Op::Requant(requant), vec![1]),
        (Op::Linear(Linear { terms, constant: -1 }), vec![2, 2]),
        (Op::Product, vec![2, 3]),
        (Op::MaxPool(MaxPool::square(2)), vec![4]),
        (Op::Gemm(gemm), vec![5]),
    ];
    let nodes = ops.into_iter().enumerate().map(|(i, (op, inputs))| Node {
        name: format!("n{i}"),
        op,
        inputs: inputs.into_iter().map(ValueId).collect(),
    });
    Model {
        graph: Graph { input_shape: [1, 1, 5, 4], input_bits: Bits::U8, nodes: nodes.collect() },
        preprocessing: Preprocessing::pixels([1, 5, 4]),
        output_scale: 0.125,
        labels: vec!["cat".into(), "dog".into()],
        report: QuantizationReport { top1_agreement: 1.0, max_logit_error: 0.5, mean_logit_error: 0.25 },
    }
}

fn payload() -> Vec<u8> {
    open(Kind::Model, &model().to_bytes()).expect("just sealed").to_vec()
}

#[test]
fn files_hold_the_model() {
    let bytes = model().to_bytes();
    assert_eq!(Model::from_bytes(&bytes), Ok(model()));
    assert_eq!(model().logits(&[8, -4]), [1.0, -0.5]);
    assert_eq!((model().label(1), model().label(2)), (Some("dog"), None));
}

#[test]
fn truncated_and_extended_files_are_rejected() {
    let payload = payload();
    for len in 0..payload.len() {
        assert!(Model::from_bytes(&seal(Kind::Model, &payload[..len])).is_err(), "{len} bytes");
    }
    let extended = [&payload[..], &[0, 0]].concat();
    assert_eq!(Model::from_bytes(&seal(Kind::Model, &extended)), Err(ModelError::TrailingBytes(2)));
    assert!(Model::from_bytes(&seal(Kind::Proof, &payload)).is_err());
    let mut old = model().to_bytes();
    old[5] = 1;
    assert_eq!(Model::from_bytes(&old), Err(ModelError::Container(ContainerError::Version { found: 1 })));
    assert!(Model::from_bytes(&[]).is_err());
}

#[test]
fn other_encodings_of_the_same_model_are_rejected() {
    // The first varint is the batch axis: 1, here with a needless second byte.
    let payload = payload();
    assert_eq!(payload[0], 1);
    let padded = [&[0x81, 0x00], &payload[1..]].concat();
    assert_eq!(Model::from_bytes(&seal(Kind::Model, &padded)), Err(ModelError::NotCanonical));
}

#[test]
fn lengths_beyond_the_file_are_errors() {
    let payload = payload();
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    for place in 0..payload.len() {
        let bad = [&payload[..place], &huge, &payload[place + 1..]].concat();
        assert!(Model::from_bytes(&seal(Kind::Model, &bad)).is_err(), "place {place}");
    }
}

/// A change to a model that makes it invalid.
type Change = fn(&mut Model);

#[test]
fn invalid_models_are_rejected() {
    let changes: [(&str, Change); 20] = [
        ("weight", |m| conv(m).weight_bits = Bits::signed(4)),
        ("bias", |m| conv(m).bias_bits = Bits::signed(9)),
        ("padding", |m| conv(m).padding[3] = usize::MAX),
        ("stride", |m| conv(m).stride[1] = 0),
        ("dilation", |m| conv(m).dilation = [3, 1]),
        ("groups", |m| conv(m).groups = 2),
        ("multipliers", |m| requant(m).multipliers = Some(Arc::new(vec![1; 3]))),
        ("shift", |m| requant(m).shift = 41),
        ("batch axis", |m| linear(m).terms[0].map.order = [1, 0, 2, 3]),
        ("map", |m| linear(m).terms[1].map.axes[2] = AxisMap::Gather(vec![Some(5); 5])),
        ("cycle", |m| m.graph.nodes[0].inputs[0] = ValueId(2)),
        ("no nodes", |m| m.graph.nodes.clear()),
        ("output scale", |m| m.output_scale = f64::NAN),
        ("input scale", |m| m.preprocessing.input_scale = 0.0),
        ("mean", |m| m.preprocessing.mean = vec![f32::INFINITY]),
        ("deviation", |m| m.preprocessing.std = vec![0.0]),
        ("channels", |m| m.preprocessing.mean = vec![0.0; 2]),
        ("format", |m| m.preprocessing.bits = Bits::I8),
        ("labels", |m| m.labels.push("cow".into())),
        ("report", |m| m.report.top1_agreement = 1.5),
    ];
    for (what, change) in changes {
        let mut bad = model();
        change(&mut bad);
        assert!(Model::from_bytes(&bad.to_bytes()).is_err(), "{what}");
    }
}

fn requant(model: &mut Model) -> &mut Requant {
    match &mut model.graph.nodes[1].op {
        Op::Requant(requant) => requant,
        other => panic!("{}", other.name()),
    }
}

fn linear(model: &mut Model) -> &mut Linear {
    match &mut model.graph.nodes[2].op {
        Op::Linear(linear) => linear,
        other => panic!("{}", other.name()),
    }
}

fn conv(model: &mut Model) -> &mut Conv2d {
    match &mut model.graph.nodes[0].op {
        Op::Conv2d(conv) => conv,
        other => panic!("{}", other.name()),
    }
}

#[test]
fn errors_name_the_node() {
    let mut bad = model();
    conv(&mut bad).weight_bits = Bits::signed(4);
    let error = bad.validate().expect_err("weights of 8 bits");
    let problem = NodeError::ParameterRange { what: "weight", index: 0, value: -60, bits: Bits::signed(4) };
    assert_eq!(error, ModelError::Node { index: 0, name: "n0".into(), problem });
    assert!(error.to_string().starts_with("node 0 \"n0\": weight 0 is -60"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn changed_files_are_errors_or_valid_models(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..5),
    ) {
        let mut bytes = payload();
        for (place, byte, kind) in changes {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        let file = seal(Kind::Model, &bytes);
        if let Ok(model) = Model::from_bytes(&file) {
            prop_assert_eq!(model.to_bytes(), file);
            let values = model.graph.infer().expect("validated");
            let total: usize = values.iter().map(|v| v.num_elements()).sum();
            if total < 1 << 16 {
                let input = vec![values[0].high as i32; values[0].num_elements()];
                let trace = run(&model.graph, &input).expect("validated");
                for (value, info) in trace.values().iter().zip(&values) {
                    prop_assert_eq!(value.len(), info.num_elements());
                    prop_assert!(value.iter().all(|&v| (info.low..=info.high).contains(&v.into())));
                }
            }
        }
    }
}
