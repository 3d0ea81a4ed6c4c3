//! Functions of one number, composed of what ONNX has operators for.
//!
//! A file may spell an activation out: `x * sigmoid(x)`, or five operators for a GELU. The importer follows such
//! arithmetic as an expression in the value that it starts from, and asks [`Expr::recognised`] for its name.

use std::sync::Arc;

use super::{Activation, erf};

/// An expression in `x`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// `x`.
    Input,
    /// A number.
    Constant(f64),
    /// A function of an expression.
    Unary(Unary, Arc<Expr>),
    /// Two expressions together.
    Binary(Binary, Arc<Expr>, Arc<Expr>),
}

/// A function of one number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Unary {
    /// One with a name of its own.
    Activation(Activation),
    /// `|x|`.
    Abs,
    /// Error function.
    Erf,
    /// Exponential.
    Exp,
    /// Natural logarithm.
    Log,
    /// Square root.
    Sqrt,
    /// `x / (1 + |x|)`.
    Softsign,
}

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient.
    Div,
    /// Power.
    Pow,
    /// The larger.
    Max,
    /// The smaller.
    Min,
}

/// Most operations of an expression: what activations need, with room; evaluation stays cheap.
const MAX_SIZE: usize = 64;

impl Expr {
    /// The expression's value at `x`.
    pub(crate) fn apply(&self, x: f64) -> f64 {
        match self {
            Self::Input => x,
            Self::Constant(value) => *value,
            Self::Unary(function, inner) => function.apply(inner.apply(x)),
            Self::Binary(operation, a, b) => operation.apply(a.apply(x), b.apply(x)),
        }
    }

    /// Takes the expression's operations off `budget`; false if there are more.
    fn spend(&self, budget: &mut usize) -> bool {
        let Some(rest) = budget.checked_sub(1) else { return false };
        *budget = rest;
        match self {
            Self::Input | Self::Constant(_) => true,
            Self::Unary(Unary::Activation(Activation::Composed(composed)), inner) => {
                composed.spend(budget) && inner.spend(budget)
            }
            Self::Unary(_, inner) => inner.spend(budget),
            Self::Binary(_, a, b) => a.spend(budget) && b.spend(budget),
        }
    }

    /// Whether the expression, a tree of shared parts, is small enough to be an activation.
    pub(crate) fn is_small(&self) -> bool {
        self.spend(&mut { MAX_SIZE })
    }

    /// The expression with `inner` in place of `x`.
    pub(crate) fn of(self: &Arc<Self>, inner: &Arc<Self>) -> Arc<Self> {
        match &**self {
            Self::Input => inner.clone(),
            Self::Constant(_) => self.clone(),
            Self::Unary(function, a) => Arc::new(Self::Unary(function.clone(), a.of(inner))),
            Self::Binary(operation, a, b) => Arc::new(Self::Binary(*operation, a.of(inner), b.of(inner))),
        }
    }

    /// The activation with a name of its own that this is; found by values, so however it is written.
    pub(crate) fn recognised(&self) -> Option<Activation> {
        let candidates = [
            Activation::Relu,
            Activation::Sigmoid,
            Activation::Silu,
            Activation::Gelu,
            Activation::GeluTanh,
            Activation::HardSwish,
            Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 },
            Activation::HardSigmoid { alpha: 0.2, beta: 0.5 },
            Activation::Softplus,
            Activation::Tanh,
        ];
        // Odd steps, so that no sample is a point where two candidates agree.
        let samples = || (-48..=48).map(|i| f64::from(i) * 0.1703);
        let same = |candidate: &Activation| {
            samples().all(|x| {
                let (expected, found) = (f64::from(candidate.apply(x as f32)), self.apply(f64::from(x as f32)));
                // NaN is not close.
                (found - expected).abs() <= 2e-6 * (1.0 + expected.abs())
            })
        };
        candidates.into_iter().find(same)
    }
}

impl Unary {
    fn apply(&self, x: f64) -> f64 {
        match self {
            Self::Activation(Activation::Composed(expression)) => expression.apply(x),
            Self::Activation(activation) => f64::from(activation.apply(x as f32)),
            Self::Abs => x.abs(),
            Self::Erf => erf(x),
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Softsign => x / (1.0 + x.abs()),
        }
    }
}

impl Binary {
    /// The operation on two numbers.
    pub(crate) fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
            Self::Pow => a.powf(b),
            Self::Max => a.max(b),
            Self::Min => a.min(b),
        }
    }
}
