//! From a file to a float network.

mod add;
mod attributes;
mod call;
mod conv2d;
mod gemm;
mod max_pool;
mod shape;

use std::collections::HashMap;

use convince_model::{MAX_TOTAL_LEN, Shape};
use prost::Message;

use self::attributes::Attributes;
use self::call::{Call, Computed, Outcome, Placed, Value};
use crate::float::{FloatGraph, FloatNode, FloatOp};
use crate::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorShapeProto, ValueInfoProto, data_type};
use crate::tensor::Tensor;
use crate::{NodeProblem, OnnxError};

/// Operator sets whose definition of the supported operators is the one implemented.
const OPSETS: std::ops::RangeInclusive<i64> = 9..=21;

/// Reads an ONNX file. Time and memory are linear in its length.
///
/// A batch axis without a size is taken as 1. Every node must be of a supported operator, whether the output needs it
/// or not.
///
/// # Errors
/// Any [`OnnxError`] but those of quantisation.
pub fn import(bytes: &[u8]) -> Result<FloatGraph, OnnxError> {
    let model = ModelProto::decode(bytes)?;
    let graph = model.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    let opset = model.opset_import.iter().find(|set| is_standard(&set.domain)).map(|set| set.version);
    if !opset.is_some_and(|version| OPSETS.contains(&version)) {
        return Err(OnnxError::Opset { found: opset });
    }
    let mut importer = Importer { values: HashMap::new(), nodes: Vec::new(), size: 0 };
    for tensor in &graph.initializer {
        importer.define(&tensor.name, Value::Constant(Tensor::from_proto(tensor)?))?;
    }
    let input_shape = importer.define_input(graph)?;
    for node in &graph.node {
        importer.add_node(node)?;
    }
    Ok(FloatGraph { input_shape, nodes: importer.chain(graph)? })
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

struct Importer<'a> {
    values: HashMap<&'a str, Value>,
    nodes: Vec<Placed>,
    /// Values and parameters so far.
    size: usize,
}

impl<'a> Importer<'a> {
    fn define(&mut self, name: &'a str, value: Value) -> Result<(), OnnxError> {
        match self.values.insert(name, value) {
            None => Ok(()),
            Some(_) => Err(OnnxError::DuplicateName(name.to_owned())),
        }
    }

    /// The one input that is no initialiser.
    fn define_input(&mut self, graph: &'a GraphProto) -> Result<Shape, OnnxError> {
        let is_input =
            |info: &&ValueInfoProto| !matches!(self.values.get(info.name.as_str()), Some(Value::Constant(_)));
        let inputs: Vec<_> = graph.input.iter().filter(is_input).collect();
        let [info] = inputs[..] else {
            return Err(OnnxError::InputCount(inputs.len()));
        };
        let dims = input_dims(info)?;
        self.grow(dims.iter().try_fold(1usize, |product, &n| product.checked_mul(n)))?;
        let shape = shape_of(&dims);
        self.define(&info.name, Value::Computed(Computed { id: 0, dims }))?;
        Ok(shape)
    }

    fn grow(&mut self, len: Option<usize>) -> Result<(), OnnxError> {
        let size = len.and_then(|len| self.size.checked_add(len)).filter(|&size| size <= MAX_TOTAL_LEN);
        self.size = size.ok_or(OnnxError::TooLarge { limit: MAX_TOTAL_LEN })?;
        Ok(())
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
        let outcome = self.call(proto, constant).and_then(|call| import(&call));
        let value = match check_outputs(proto).and(outcome) {
            Ok(Outcome::Value(value)) => value,
            Ok(Outcome::Node { op, input, dims }) => Value::Computed(self.place(name, op, input, dims)?),
            Err(problem) => return Err(OnnxError::Node { operator, node: name.to_owned(), problem }),
        };
        self.define(&proto.output[0], value)
    }

    /// The node's inputs, attributes and surroundings, checked as far as they are the same for all operators.
    fn call<'s>(&'s self, proto: &'a NodeProto, constant: Option<Tensor>) -> Result<Call<'s>, NodeProblem> {
        let input = |name: &String| match (name.as_str(), self.values.get(name.as_str())) {
            ("", _) => Ok(None),
            (_, Some(value)) => Ok(Some(value)),
            (name, None) => Err(NodeProblem::UndefinedInput(name.to_owned())),
        };
        let inputs = proto.input.iter().map(input).collect::<Result<_, _>>()?;
        let attributes = Attributes::new(&proto.attribute)?;
        Ok(Call { inputs, attributes, constant, outputs: proto.output.len(), nodes: &self.nodes })
    }

    fn place(&mut self, name: &str, op: FloatOp, input: usize, dims: Vec<usize>) -> Result<Computed, OnnxError> {
        let len = dims.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        self.grow(len.and_then(|len| len.checked_add(op.parameters())))?;
        self.nodes.push(Placed { node: FloatNode { name: name.to_owned(), op, shape: shape_of(&dims) }, input });
        Ok(Computed { id: self.nodes.len(), dims })
    }

    /// The nodes that the output is computed by, first to last.
    fn chain(&self, graph: &GraphProto) -> Result<Vec<FloatNode>, OnnxError> {
        let [output] = &graph.output[..] else {
            return Err(OnnxError::OutputCount(graph.output.len()));
        };
        let Some(Value::Computed(value)) = self.values.get(output.name.as_str()) else {
            return Err(OnnxError::Output(output.name.clone()));
        };
        // A node's input is an earlier node, so this ends at the graph's input, 0.
        let place = |id: usize| id.checked_sub(1).and_then(|index| self.nodes.get(index));
        let backwards = std::iter::successors(place(value.id), |placed| place(placed.input));
        let mut nodes: Vec<_> = backwards.map(|placed| placed.node.clone()).collect();
        nodes.reverse();
        Ok(nodes)
    }
}

type Import = fn(&Call<'_>) -> Result<Outcome, NodeProblem>;

fn operator_import(operator: &str) -> Option<Import> {
    Some(match operator {
        "Conv" => conv2d::import,
        "Gemm" => gemm::import_gemm,
        "MatMul" => gemm::import_matmul,
        "Add" => add::import,
        "Relu" => shape::import_relu,
        "MaxPool" => max_pool::import,
        "Flatten" => shape::import_flatten,
        "Reshape" => shape::import_reshape,
        "Identity" => shape::import_identity,
        "Dropout" => shape::import_dropout,
        "Constant" => shape::import_constant,
        _ => return None,
    })
}

/// One output with a name; Dropout's mask may be there too, but is not defined.
fn check_outputs(proto: &NodeProto) -> Result<(), NodeProblem> {
    let named = proto.output.first().is_some_and(|name| !name.is_empty());
    let others = proto.output.iter().skip(1).filter(|name| !name.is_empty()).count();
    if named && (others == 0 || proto.op_type == "Dropout") {
        return Ok(());
    }
    Err(NodeProblem::Arity { inputs: proto.input.len(), outputs: proto.output.len() })
}

/// The tensor of a Constant node, which often has no name of its own.
fn constant_of(proto: &NodeProto, node: &str) -> Option<Result<Tensor, OnnxError>> {
    let is_value = |attribute: &&AttributeProto| proto.op_type == "Constant" && attribute.name == "value";
    let tensor = proto.attribute.iter().find(is_value)?.t.as_ref()?;
    Some(Tensor::from_proto(tensor).map_err(|error| match error {
        OnnxError::Tensor { name, problem } if name.is_empty() => OnnxError::Tensor { name: node.to_owned(), problem },
        error => error,
    }))
}

/// `[1, N]` is held as `[1, N, 1, 1]`.
fn shape_of(dims: &[usize]) -> Shape {
    let mut shape = [1; 4];
    shape.iter_mut().zip(dims).for_each(|(axis, &n)| *axis = n);
    shape
}

fn input_dims(info: &ValueInfoProto) -> Result<Vec<usize>, OnnxError> {
    let bad = |found: String| OnnxError::Input { name: info.name.clone(), found };
    let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).ok_or_else(|| bad("no tensor".into()))?;
    if tensor.elem_type != data_type::FLOAT {
        return Err(bad(format!("of element type {}", tensor.elem_type)));
    }
    let shape = tensor.shape.as_ref().ok_or_else(|| bad("of unknown shape".into()))?;
    let of_shape = || bad(format!("of shape {}", show(shape)));
    if !matches!(shape.dim.len(), 2 | 4) {
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
