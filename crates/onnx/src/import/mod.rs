//! From a file to a float network.

mod activation;
mod arithmetic;
mod attributes;
mod axes;
mod batch_norm;
mod builder;
mod call;
mod chain;
mod constants;
mod contrib;
mod conv2d;
mod depth;
mod gemm;
mod lrn;
mod operators;
mod pool;
mod quantised;
mod reduce;
mod resize;
mod shape;
mod simplify;
mod view;
mod window;

use std::collections::HashMap;

use convince_model::MAX_TOTAL_LEN;
use prost::Message;

use self::attributes::Attributes;
use self::builder::{Builder, shape_of};
use self::call::{Call, Computed, Value};
use self::operators::operator_import;
use self::simplify::{needed, simplify};
use self::view::View;
use crate::float::{FloatGraph, FloatOp, Quantizer};
use crate::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorShapeProto, ValueInfoProto, data_type};
use crate::tensor::{Data, Tensor};
use crate::{NodeProblem, OnnxError};

/// Operator sets whose definition of the supported operators is the one implemented.
const OPSETS: std::ops::RangeInclusive<i64> = 9..=21;

/// Reads an ONNX file. Time and memory are linear in its length.
///
/// A batch axis without a size is taken as 1. A network that transposes its input `[1, H, W, C]` before anything else
/// takes `[1, C, H, W]`. Every node must be of a supported operator, whether the output needs it
/// or not.
///
/// # Errors
/// Any [`OnnxError`] but those of quantisation.
pub fn import(bytes: &[u8]) -> Result<FloatGraph, OnnxError> {
    read(bytes, false).map(|(graph, _)| graph)
}

/// Reads a file whose quantisation is kept: what QuantizeLinear does are nodes, parameters know their integers, and
/// nothing is merged. Its input may be integers of 8 bits; the first node then quantises the numbers that they stand for,
/// and is returned too.
///
/// # Errors
/// Those of [`import`].
pub(crate) fn import_quantised(bytes: &[u8]) -> Result<(FloatGraph, Option<Quantizer>), OnnxError> {
    read(bytes, true)
}

fn read(bytes: &[u8], keeps_quantisation: bool) -> Result<(FloatGraph, Option<Quantizer>), OnnxError> {
    let model = ModelProto::decode(bytes)?;
    let graph = model.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    let opset = model.opset_import.iter().find(|set| is_standard(&set.domain)).map(|set| set.version);
    let Some(opset) = opset.filter(|version| OPSETS.contains(version)) else {
        return Err(OnnxError::Opset { found: opset });
    };
    let mut values = HashMap::new();
    let mut constants = 0usize;
    for proto in &graph.initializer {
        let tensor = Tensor::from_proto(proto)?;
        constants = constants.saturating_add(tensor.len());
        define(&mut values, &proto.name, Value::Constant(tensor))?;
    }
    let mut importer = Importer { opset, values, builder: Builder::new(constants) };
    importer.builder.origins = keeps_quantisation.then(quantised::Origins::default);
    let quantizer = importer.define_input(graph)?;
    for node in &graph.node {
        importer.add_node(node)?;
    }
    Ok((importer.finish(graph)?, quantizer))
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

struct Importer<'a> {
    opset: i64,
    values: HashMap<&'a str, Value>,
    builder: Builder,
}

fn define<'a>(values: &mut HashMap<&'a str, Value>, name: &'a str, value: Value) -> Result<(), OnnxError> {
    match values.insert(name, value) {
        None => Ok(()),
        Some(_) => Err(OnnxError::DuplicateName(name.to_owned())),
    }
}

impl<'a> Importer<'a> {
    /// The one input that is no initialiser; what its integers stand for, if it is of integers.
    fn define_input(&mut self, graph: &'a GraphProto) -> Result<Option<Quantizer>, OnnxError> {
        let is_input =
            |info: &&ValueInfoProto| !matches!(self.values.get(info.name.as_str()), Some(Value::Constant(_)));
        let inputs: Vec<_> = graph.input.iter().filter(is_input).collect();
        let [info] = inputs[..] else {
            return Err(OnnxError::InputCount(inputs.len()));
        };
        let dims = input_dims(info)?;
        let quantizer = self.input_quantizer(graph, info)?;
        self.builder.grow(&dims, 0).map_err(|_| OnnxError::TooLarge { limit: MAX_TOTAL_LEN })?;
        self.builder.input_shape = shape_of(&dims);
        let mut input = Computed { id: 0, view: View::row_major(&dims) };
        if let ([batch, rows, columns, channels], true) = (shape_of(&dims), is_transposed(graph, &info.name)) {
            self.builder.input_shape = [batch, channels, rows, columns];
            input.view = View::row_major(&self.builder.input_shape).transposed(&[0, 2, 3, 1]);
        }
        let Some(format) = quantizer else {
            define(&mut self.values, &info.name, Value::Computed(input))?;
            return Ok(None);
        };
        info.name.clone_into(&mut self.builder.name);
        let quantised = quantised::quantise(&mut self.builder, &input, format);
        let quantised = quantised.map_err(|_| bad_input(info, "of a scale that is not supported".into()))?;
        define(&mut self.values, &info.name, quantised)?;
        Ok(quantizer)
    }

    /// What integers of 8 bits as the network's input stand for, as their first reader says.
    fn input_quantizer(&self, graph: &GraphProto, info: &ValueInfoProto) -> Result<Option<Quantizer>, OnnxError> {
        let is_signed = match element_type(info) {
            Some(data_type::FLOAT) => return Ok(None),
            Some(data_type::UINT8) if self.builder.origins.is_some() => false,
            Some(data_type::INT8) if self.builder.origins.is_some() => true,
            other => return Err(bad_input(info, format!("of element type {}", other.unwrap_or_default()))),
        };
        let constant = |name: Option<&String>| match self.values.get(name?.as_str()) {
            Some(Value::Constant(tensor)) if tensor.len() == 1 => Some(&tensor.data),
            _ => None,
        };
        let mut readers = graph.node.iter().filter(|node| node.input.first() == Some(&info.name));
        let parameters = readers.find_map(|node| match constant(node.input.get(1))? {
            Data::Floats(scale) => Some((scale[0], constant(node.input.get(2)))),
            _ => None,
        });
        match parameters {
            Some((scale, None)) if scale > 0.0 => Ok(Some(Quantizer { scale, zero: 0, is_signed })),
            Some((scale, Some(Data::Bytes { values, is_signed: signs }))) if scale > 0.0 && *signs == is_signed => {
                // A byte fits.
                Ok(Some(Quantizer { scale, zero: values[0] as i32, is_signed }))
            }
            _ => Err(bad_input(info, "of integers that no node gives a scale".into())),
        }
    }

    fn add_node(&mut self, proto: &'a NodeProto) -> Result<(), OnnxError> {
        let name = if proto.name.is_empty() { proto.output.first().map_or("", String::as_str) } else { &proto.name };
        let operator = match is_standard(&proto.domain) {
            true => proto.op_type.clone(),
            false => format!("{}.{}", proto.domain, proto.op_type),
        };
        let Some(import) = operator_import(&operator) else {
            return Err(OnnxError::UnsupportedOperator { operator, node: name.to_owned() });
        };
        let constant = constant_of(proto, name).transpose()?;
        name.clone_into(&mut self.builder.name);
        let problem = |problem| OnnxError::Node { operator: operator.clone(), node: name.to_owned(), problem };
        check_outputs(proto).map_err(problem)?;
        let inputs = inputs(&self.values, proto).map_err(problem)?;
        let (inputs, quantisation) = quantised::seen(&operator, inputs).map_err(problem)?;
        let attributes = Attributes::new(&proto.attribute).map_err(problem)?;
        let (operator_name, opset, outputs) = (proto.op_type.as_str(), self.opset, proto.output.len());
        let inputs = inputs.iter().map(Option::as_ref).collect();
        let call = Call { operator: operator_name, opset, inputs, attributes, constant, outputs };
        let outputs = match constants::import(&call, &mut self.builder) {
            Some(outcome) => outcome,
            None => import(&call, &mut self.builder),
        };
        for (name, value) in proto.output.iter().zip(outputs.map_err(problem)?) {
            if !name.is_empty() {
                let value = match (value, quantisation) {
                    (Value::Computed(computed), Some(quantisation)) => Value::Quantised(computed, quantisation),
                    (value, _) => value,
                };
                define(&mut self.values, name, value)?;
            }
        }
        Ok(())
    }

    /// The network that computes the output.
    fn finish(mut self, graph: &GraphProto) -> Result<FloatGraph, OnnxError> {
        let [output] = &graph.output[..] else {
            return Err(OnnxError::OutputCount(graph.output.len()));
        };
        let Some(Value::Computed(value) | Value::Quantised(value, _)) = self.values.get(output.name.as_str()) else {
            return Err(OnnxError::Output(output.name.clone()));
        };
        let is_head = |op: &FloatOp| matches!(op, FloatOp::ArgMax | FloatOp::Softmax);
        let id = match value.view.is_row_major() {
            true => value.id,
            false => {
                output.name.clone_into(&mut self.builder.name);
                let problem =
                    |problem| OnnxError::Node { operator: "Transpose".into(), node: output.name.clone(), problem };
                self.builder.arrange(value.id, &value.view.four()).map_err(problem)?
            }
        };
        let Builder { input_shape, nodes, origins, .. } = self.builder;
        let network = match origins {
            None => simplify(FloatGraph { input_shape, nodes }, id),
            Some(_) => needed(FloatGraph { input_shape, nodes }, id),
        };
        let network = without_last_rounding(network);
        let inner = network.nodes.split_last().map_or(&[][..], |(_, inner)| inner);
        match inner.iter().find(|node| is_head(&node.op)) {
            None => Ok(network),
            Some(node) => Err(OnnxError::Node {
                operator: node.op.name().to_owned(),
                node: node.name.clone(),
                problem: NodeProblem::NotLast,
            }),
        }
    }
}

/// The network without the rounding of a softmax's or an arg-max's result, which follows it where quantisation is kept:
/// what is proven are the logits.
fn without_last_rounding(mut network: FloatGraph) -> FloatGraph {
    let is_head = |op: &FloatOp| matches!(op, FloatOp::ArgMax | FloatOp::Softmax);
    if let [.., head, last] = &network.nodes[..]
        && matches!(last.op, FloatOp::Quantize(_))
        && last.inputs == [network.nodes.len() - 1]
        && is_head(&head.op)
    {
        network.nodes.pop();
    }
    network
}

/// Whether a network reads its input `[1, H, W, C]` as `[1, C, H, W]` alone, as exporters from TensorFlow write it.
fn is_transposed(graph: &GraphProto, input: &str) -> bool {
    let transposes = |node: &NodeProto| {
        let order = node.attribute.iter().find(|attribute| attribute.name == "perm");
        node.op_type == "Transpose" && order.is_some_and(|order| order.ints == [0, 3, 1, 2])
    };
    let mut readers = graph.node.iter().filter(|node| node.input.iter().any(|name| name == input)).peekable();
    readers.peek().is_some() && readers.all(transposes) && graph.output.iter().all(|output| output.name != input)
}

/// A node's inputs; left-out ones are `None`.
fn inputs(values: &HashMap<&str, Value>, proto: &NodeProto) -> Result<Vec<Option<Value>>, NodeProblem> {
    let input = |name: &String| match (name.as_str(), values.get(name.as_str())) {
        ("", _) => Ok(None),
        (_, Some(value)) => Ok(Some(value.clone())),
        (name, None) => Err(NodeProblem::UndefinedInput(name.to_owned())),
    };
    proto.input.iter().map(input).collect()
}

/// One output with a name, or several of Split; Dropout's mask may be there too, but is not defined.
fn check_outputs(proto: &NodeProto) -> Result<(), NodeProblem> {
    let is_named = proto.output.first().is_some_and(|name| !name.is_empty());
    let others = proto.output.iter().skip(1).filter(|name| !name.is_empty()).count();
    match proto.op_type.as_str() {
        "Dropout" if is_named => Ok(()),
        "Split" if !proto.output.is_empty() => Ok(()),
        _ if is_named && others == 0 => Ok(()),
        _ => Err(NodeProblem::Arity { inputs: proto.input.len(), outputs: proto.output.len() }),
    }
}

/// The tensor of a Constant node, which often has no name of its own.
fn constant_of(proto: &NodeProto, node: &str) -> Option<Result<Tensor, OnnxError>> {
    let has_value = matches!(proto.op_type.as_str(), "Constant" | "ConstantOfShape");
    let is_value = |attribute: &&AttributeProto| has_value && attribute.name == "value";
    let tensor = proto.attribute.iter().find(is_value)?.t.as_ref()?;
    Some(Tensor::from_proto(tensor).map_err(|error| match error {
        OnnxError::Tensor { name, problem } if name.is_empty() => OnnxError::Tensor { name: node.to_owned(), problem },
        error => error,
    }))
}

fn bad_input(info: &ValueInfoProto, found: String) -> OnnxError {
    OnnxError::Input { name: info.name.clone(), found }
}

fn element_type(info: &ValueInfoProto) -> Option<i32> {
    Some(info.r#type.as_ref()?.tensor_type.as_ref()?.elem_type)
}

fn input_dims(info: &ValueInfoProto) -> Result<Vec<usize>, OnnxError> {
    let bad = |found: String| bad_input(info, found);
    let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).ok_or_else(|| bad("no tensor".into()))?;
    let shape = tensor.shape.as_ref().ok_or_else(|| bad("of unknown shape".into()))?;
    let of_shape = || bad(format!("of shape {}", show(shape)));
    if !(2..=4).contains(&shape.dim.len()) {
        return Err(of_shape());
    }
    let mut dims = Vec::with_capacity(4);
    for (axis, dim) in shape.dim.iter().enumerate() {
        // A batch axis without a size is written with a name, with nothing, or as 0 or -1.
        let size = match dim.dim_value {
            None | Some(-1..=0) if axis == 0 => 1,
            value => value.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        };
        if size == 0 || (axis == 0 && size != 1) {
            return Err(of_shape());
        }
        dims.push(size);
    }
    Ok(dims)
}

fn show(shape: &TensorShapeProto) -> String {
    let axis = |dim: &crate::proto::DimensionProto| match (&dim.dim_value, &dim.dim_param) {
        (Some(value), _) => value.to_string(),
        (None, Some(name)) => format!("{name:?}"),
        (None, None) => "?".into(),
    };
    let mut axes: Vec<_> = shape.dim.iter().take(8).map(axis).collect();
    if shape.dim.len() > axes.len() {
        axes.push("...".into());
    }
    format!("[{}]", axes.join(", "))
}
