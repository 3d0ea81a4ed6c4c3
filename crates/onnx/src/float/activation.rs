//! Elementwise functions of one value.

mod expression;
mod functions;

use std::sync::Arc;

pub(crate) use self::expression::{Binary, Expr, Unary};
pub(crate) use self::functions::erf;
use self::functions::{gelu, gelu_tanh, sigmoid, softplus};

/// A function that is applied to every element of a value.
///
/// Formulas are ONNX's. Single precision; transcendental functions are evaluated in double precision and rounded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, min), max)`; an end that the file leaves out is the largest finite number.
    Clip { min: f32, max: f32 },
    /// `x` for `x >= 0`, `alpha * x` otherwise.
    LeakyRelu { alpha: f32 },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `x` for `x >= 0`, `alpha * (exp(x) - 1)` otherwise.
    Elu { alpha: f32 },
    /// `gamma * x` for `x > 0`, `gamma * alpha * (exp(x) - 1)` otherwise.
    Selu { alpha: f32, gamma: f32 },
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `min(max(alpha * x + beta, 0), 1)`.
    HardSigmoid { alpha: f32, beta: f32 },
    /// `x * min(max(x / 6 + 1/2, 0), 1)`.
    HardSwish,
    /// `x * sigmoid(x)`.
    Silu,
    /// `x * (1 + erf(x / sqrt 2)) / 2`.
    Gelu,
    /// `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2`.
    GeluTanh,
    /// What a file's arithmetic on one value comes to where it is none of the above.
    Composed(Arc<Expr>),
}

impl Activation {
    /// The function's value; may be infinite or no number where a composed one is not defined.
    pub(crate) fn apply(&self, x: f32) -> f32 {
        let wide = f64::from(x);
        match *self {
            Self::Relu => x.max(0.0),
            Self::Clip { min, max } => x.max(min).min(max),
            Self::LeakyRelu { alpha } => {
                if x < 0.0 {
                    alpha * x
                } else {
                    x
                }
            }
            Self::Sigmoid => sigmoid(wide) as f32,
            Self::Tanh => wide.tanh() as f32,
            Self::Elu { alpha } => {
                if x < 0.0 {
                    (f64::from(alpha) * wide.exp_m1()) as f32
                } else {
                    x
                }
            }
            Self::Selu { alpha, gamma } if x <= 0.0 => (f64::from(gamma) * f64::from(alpha) * wide.exp_m1()) as f32,
            Self::Selu { gamma, .. } => gamma * x,
            Self::Softplus => softplus(wide) as f32,
            Self::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::Silu => (wide * sigmoid(wide)) as f32,
            Self::Gelu => gelu(wide) as f32,
            Self::GeluTanh => gelu_tanh(wide) as f32,
            Self::Composed(ref expression) => expression.apply(wide) as f32,
        }
    }

    /// Whether the function is known not to decrease anywhere, so that it commutes with maxima.
    pub(crate) fn is_monotone(&self) -> bool {
        match *self {
            Self::Relu | Self::Clip { .. } | Self::Sigmoid | Self::Tanh | Self::Softplus => true,
            Self::LeakyRelu { alpha } | Self::Elu { alpha } | Self::HardSigmoid { alpha, .. } => alpha >= 0.0,
            Self::Selu { alpha, gamma } => alpha * gamma >= 0.0 && gamma >= 0.0,
            Self::HardSwish | Self::Silu | Self::Gelu | Self::GeluTanh | Self::Composed(_) => false,
        }
    }

    /// The operator's name in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Relu => "Relu",
            Self::Clip { .. } => "Clip",
            Self::LeakyRelu { .. } => "LeakyRelu",
            Self::Sigmoid => "Sigmoid",
            Self::Tanh => "Tanh",
            Self::Elu { .. } => "Elu",
            Self::Selu { .. } => "Selu",
            Self::Softplus => "Softplus",
            Self::HardSigmoid { .. } => "HardSigmoid",
            Self::HardSwish => "HardSwish",
            Self::Silu => "Silu",
            Self::Gelu | Self::GeluTanh => "Gelu",
            Self::Composed(_) => "a composed function",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> impl Iterator<Item = f32> {
        (-400..=400).map(|i| i as f32 / 32.0)
    }

    #[test]
    fn functions_that_are_called_monotone_never_decrease() {
        let functions = [
            Activation::Relu,
            Activation::Clip { min: -1.0, max: 6.0 },
            Activation::LeakyRelu { alpha: 0.1 },
            Activation::LeakyRelu { alpha: -0.1 },
            Activation::Sigmoid,
            Activation::Tanh,
            Activation::Elu { alpha: 1.5 },
            Activation::Elu { alpha: -1.5 },
            Activation::Selu { alpha: 1.67, gamma: 1.05 },
            Activation::Selu { alpha: -1.67, gamma: 1.05 },
            Activation::Softplus,
            Activation::HardSigmoid { alpha: 0.2, beta: 0.5 },
            Activation::HardSwish,
            Activation::Silu,
            Activation::Gelu,
            Activation::GeluTanh,
        ];
        for function in functions {
            let values: Vec<f32> = samples().map(|x| function.apply(x)).collect();
            let increases = values.windows(2).all(|pair| pair[0] <= pair[1]);
            assert_eq!(increases, function.is_monotone(), "{function:?}");
        }
    }

    #[test]
    fn functions_have_their_known_values() {
        let close = |function: Activation, x: f32, y: f32| {
            assert!((function.apply(x) - y).abs() < 1e-6, "{function:?} at {x}: {}", function.apply(x));
        };
        close(Activation::Sigmoid, 2.0, 0.880_797_1);
        close(Activation::Sigmoid, -200.0, 0.0);
        close(Activation::Softplus, 200.0, 200.0);
        close(Activation::Softplus, 0.0, std::f32::consts::LN_2);
        close(Activation::Silu, -1.0, -0.268_941_4);
        close(Activation::Gelu, 1.0, 0.841_344_7);
        close(Activation::Gelu, -40.0, 0.0);
        close(Activation::GeluTanh, 1.0, 0.841_192);
        close(Activation::HardSwish, 1.0, 4.0 / 6.0);
        close(Activation::Elu { alpha: 2.0 }, -1.0, -1.264_241_1);
        close(Activation::Clip { min: 3.0, max: 1.0 }, 7.0, 1.0);
    }
}
