//! Elementwise arithmetic on one value: what becomes one activation.
//!
//! Every function of one value that a file spells out is a chain of nodes, or two chains that meet: `x * sigmoid(x)`.
//! [`ancestors`] follows a value back to those that it is a function of; where two meet, the whole is a function of the
//! nearest common one.

use std::sync::Arc;

use convince_field::TensorMap;

use super::builder::Builder;
use super::call::Computed;
use crate::NodeProblem;
use crate::float::{Activation, Binary, Expr, FloatOp, Unary};

/// Nodes that are followed back.
const MAX_DEPTH: usize = 16;

/// A value that another is a function of.
pub(super) struct Ancestor {
    pub(super) id: usize,
    /// The later value, with this one as `x`.
    pub(super) function: Arc<Expr>,
    /// Whether the function is of the form `a*x + b`.
    pub(super) is_affine: bool,
}

/// The value itself, then those that it is a function of, nearest first.
pub(super) fn ancestors(builder: &Builder, id: usize) -> Vec<Ancestor> {
    let mut found = vec![Ancestor { id, function: Arc::new(Expr::Input), is_affine: true }];
    while let (Some(last), true) = (found.last(), found.len() <= MAX_DEPTH) {
        let Some(node) = builder.node(last.id) else { break };
        let Some((step, is_affine)) = step(&node.op) else { break };
        let function = last.function.of(&step);
        if !function.is_small() {
            break;
        }
        let is_affine = is_affine && last.is_affine;
        found.push(Ancestor { id: node.inputs[0], function, is_affine });
    }
    found
}

/// The operator as a function of its input, if it is one.
fn step(op: &FloatOp) -> Option<(Arc<Expr>, bool)> {
    match op {
        FloatOp::Activation(Activation::Composed(function)) => Some((function.clone(), false)),
        FloatOp::Activation(function) => Some((unary(Unary::Activation(function.clone())), false)),
        FloatOp::Linear(linear) => match &linear.terms[..] {
            [term] if term.map == TensorMap::IDENTITY => Some((affine(term.factor, linear.constant), true)),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn unary(function: Unary) -> Arc<Expr> {
    Arc::new(Expr::Unary(function, Arc::new(Expr::Input)))
}

pub(super) fn constant(value: f32) -> Arc<Expr> {
    Arc::new(Expr::Constant(value.into()))
}

fn affine(factor: f32, offset: f32) -> Arc<Expr> {
    let mut out = Arc::new(Expr::Input);
    if factor != 1.0 {
        out = Arc::new(Expr::Binary(Binary::Mul, out, constant(factor)));
    }
    if offset != 0.0 {
        out = Arc::new(Expr::Binary(Binary::Add, out, constant(offset)));
    }
    out
}

/// `factor * input + offset`. Part of the activation before it if that is what a file spells out.
pub(super) fn scale_and_add(
    builder: &mut Builder,
    input: &Computed,
    factor: f32,
    offset: f32,
) -> Result<Computed, NodeProblem> {
    if (factor, offset) == (1.0, 0.0) {
        return Ok(input.clone());
    }
    let step = affine(factor, offset);
    let known = ancestors(builder, input.id).into_iter().filter(|ancestor| !ancestor.is_affine).find_map(|ancestor| {
        let activation = step.of(&ancestor.function).recognised()?;
        Some((ancestor.id, activation))
    });
    match known {
        Some((id, activation)) => builder.activate(&Computed { id, view: input.view.clone() }, activation),
        None if composed(builder, input.id).is_some() => compose(builder, input, step),
        None => builder.affine(input, factor, offset),
    }
}

/// A function of `input`; together with the one before it if either has no name of its own.
pub(super) fn apply(builder: &mut Builder, input: &Computed, function: Unary) -> Result<Computed, NodeProblem> {
    match (function, composed(builder, input.id)) {
        (Unary::Activation(activation), None) => builder.activate(input, activation),
        (function, _) => compose(builder, input, unary(function)),
    }
}

/// `function` of `input`, which is a function of the value before it if that has no name of its own.
pub(super) fn compose(builder: &mut Builder, input: &Computed, function: Arc<Expr>) -> Result<Computed, NodeProblem> {
    let whole = composed(builder, input.id).map(|(id, inner)| (id, function.of(&inner)));
    match whole.filter(|(_, function)| function.is_small()) {
        Some((id, function)) => named(builder, &Computed { id, view: input.view.clone() }, function),
        None => named(builder, input, function),
    }
}

fn composed(builder: &Builder, id: usize) -> Option<(usize, Arc<Expr>)> {
    let node = builder.node(id)?;
    match &node.op {
        FloatOp::Activation(Activation::Composed(function)) => Some((node.inputs[0], function.clone())),
        _ => None,
    }
}

/// The activation under its own name if it has one.
fn named(builder: &mut Builder, input: &Computed, function: Arc<Expr>) -> Result<Computed, NodeProblem> {
    let activation = function.recognised().unwrap_or(Activation::Composed(function));
    builder.activate(input, activation)
}

/// Two functions of one value together, if that is what the inputs are and the whole is not of the form `a*x + b`.
pub(super) fn join(
    builder: &mut Builder,
    operation: Binary,
    a: &Computed,
    b: &Computed,
) -> Result<Option<Computed>, NodeProblem> {
    if a.view != b.view || builder.shape(a.id) != builder.shape(b.id) {
        return Ok(None);
    }
    let others = ancestors(builder, b.id);
    let common = ancestors(builder, a.id).into_iter().find_map(|left| {
        let right = others.iter().find(|right| right.id == left.id)?;
        let is_affine = matches!(operation, Binary::Add | Binary::Sub) && left.is_affine && right.is_affine;
        let whole = Expr::Binary(operation, left.function, right.function.clone());
        Some((left.id, whole, is_affine))
    });
    match common {
        Some((id, whole, false)) if whole.is_small() => {
            named(builder, &Computed { id, view: a.view.clone() }, Arc::new(whole)).map(Some)
        }
        _ => Ok(None),
    }
}
