//! Attributes of a node, read by name and type.

use crate::NodeProblem;
use crate::proto::AttributeProto;

/// A node's attributes, no two of one name.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a> {
    all: &'a [AttributeProto],
}

/// Values of `AttributeProto::type`.
const FLOAT: i32 = 1;
const INT: i32 = 2;
const STRING: i32 = 3;
const TENSOR: i32 = 4;
const FLOATS: i32 = 6;
const INTS: i32 = 7;

/// More attributes than any operator has.
const MAX_ATTRIBUTES: usize = 64;

impl<'a> Attributes<'a> {
    pub(super) fn new(all: &'a [AttributeProto]) -> Result<Self, NodeProblem> {
        let is_repeated = |i: usize| all[..i].iter().any(|earlier| earlier.name == all[i].name);
        let last = all.len().min(MAX_ATTRIBUTES);
        match (0..last).find(|&i| i + 1 == MAX_ATTRIBUTES || is_repeated(i)) {
            Some(i) => Err(NodeProblem::MalformedAttribute(all[i].name.clone())),
            None => Ok(Self { all }),
        }
    }

    /// Refuses attributes that are none of `names`.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), NodeProblem> {
        match self.all.iter().find(|attribute| !names.contains(&attribute.name.as_str())) {
            Some(attribute) => Err(NodeProblem::Attribute { name: attribute.name.clone(), value: show(attribute) }),
            None => Ok(()),
        }
    }

    /// The attribute, if it is there. Files of the oldest version have no types.
    fn get(&self, name: &str, kind: i32) -> Result<Option<&'a AttributeProto>, NodeProblem> {
        match self.all.iter().find(|attribute| attribute.name == name) {
            Some(attribute) if ![0, kind].contains(&attribute.r#type) => {
                Err(NodeProblem::MalformedAttribute(name.to_owned()))
            }
            found => Ok(found),
        }
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, NodeProblem> {
        Ok(self.get(name, INT)?.map(|attribute| attribute.i))
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, NodeProblem> {
        Ok(self.get(name, INTS)?.map(|attribute| attribute.ints.as_slice()))
    }

    /// A number; it may be infinite.
    pub(super) fn float(&self, name: &str) -> Result<Option<f32>, NodeProblem> {
        match self.get(name, FLOAT)?.map(|attribute| attribute.f) {
            Some(value) if value.is_nan() => Err(self.unsupported(name)),
            value => Ok(value),
        }
    }

    /// A finite number.
    pub(super) fn finite(&self, name: &str) -> Result<Option<f32>, NodeProblem> {
        match self.float(name)? {
            Some(value) if !value.is_finite() => Err(self.unsupported(name)),
            value => Ok(value),
        }
    }

    pub(super) fn floats(&self, name: &str) -> Result<Option<&'a [f32]>, NodeProblem> {
        Ok(self.get(name, FLOATS)?.map(|attribute| attribute.floats.as_slice()))
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<&'a [u8]>, NodeProblem> {
        Ok(self.get(name, STRING)?.map(|attribute| attribute.s.as_slice()))
    }

    /// Whether a tensor is there.
    pub(super) fn has_tensor(&self, name: &str) -> Result<bool, NodeProblem> {
        match self.get(name, TENSOR)? {
            None => Ok(false),
            Some(attribute) if attribute.t.is_some() => Ok(true),
            Some(_) => Err(NodeProblem::MalformedAttribute(name.to_owned())),
        }
    }

    /// The error that says that the attribute's value is not supported.
    pub(super) fn unsupported(&self, name: &str) -> NodeProblem {
        let value = self.all.iter().find(|attribute| attribute.name == name).map_or_else(|| "(left out)".into(), show);
        NodeProblem::Attribute { name: name.to_owned(), value }
    }

    /// Refuses an integer attribute that is there and not `only`.
    pub(super) fn int_is(&self, name: &str, only: i64) -> Result<(), NodeProblem> {
        match self.int(name)? {
            Some(value) if value != only => Err(self.unsupported(name)),
            _ => Ok(()),
        }
    }
}

/// An attribute's value for a message: lists of up to eight entries, strings of up to forty bytes.
fn show(attribute: &AttributeProto) -> String {
    match attribute.r#type {
        FLOAT => attribute.f.to_string(),
        INT => attribute.i.to_string(),
        STRING => format!("{:?}", String::from_utf8_lossy(&attribute.s[..attribute.s.len().min(40)])),
        FLOATS => list(&attribute.floats),
        INTS => list(&attribute.ints),
        TENSOR => "a tensor".into(),
        other => format!("a value of type {other}"),
    }
}

fn list<T: std::fmt::Debug>(values: &[T]) -> String {
    match values.len() {
        0..=8 => format!("{values:?}"),
        len => format!("a list of {len} values"),
    }
}
