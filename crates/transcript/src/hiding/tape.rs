use std::cell::RefCell;
use std::ops::{Add, Mul, Sub};
use std::rc::Rc;

use convince_field::ProofField;
use zeroize::Zeroizing;

use crate::{ChannelScalar, Check};

/// How a linear form was made, out of forms of smaller index.
enum Node<F> {
    /// `-pi_i`.
    Pad(usize),
    /// `z_k`.
    Product(usize),
    Add(u32, u32),
    Sub(u32, u32),
    Scale(u32, F),
}

type Nodes<F> = Rc<RefCell<Vec<Node<F>>>>;

/// A scalar that the verifier does not see: a public constant plus a linear form in pads and products.
#[derive(Clone)]
pub struct Hidden<F> {
    constant: F,
    /// None for a public constant.
    form: Option<(Nodes<F>, u32)>,
}

impl<F> std::fmt::Debug for Hidden<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.form {
            Some((_, index)) => write!(f, "hidden scalar {index}"),
            None => f.write_str("public scalar"),
        }
    }
}

impl<F: ProofField> Hidden<F> {
    /// Its value, if it is public.
    pub fn public(&self) -> Option<F> {
        self.form.is_none().then_some(self.constant)
    }

    fn push(constant: F, nodes: Nodes<F>, node: Node<F>) -> Self {
        let index = nodes.borrow().len() as u32;
        nodes.borrow_mut().push(node);
        Self { constant, form: Some((nodes, index)) }
    }

    fn index(&self) -> Option<usize> {
        self.form.as_ref().map(|(_, index)| *index as usize)
    }
}

impl<F: ProofField> Add for Hidden<F> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let constant = self.constant + other.constant;
        match (self.form, other.form) {
            (Some((nodes, a)), Some((_, b))) => Self::push(constant, nodes, Node::Add(a, b)),
            (form, None) | (None, form) => Self { constant, form },
        }
    }
}

impl<F: ProofField> Sub for Hidden<F> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let constant = self.constant - other.constant;
        match (self.form, other.form) {
            (Some((nodes, a)), Some((_, b))) => Self::push(constant, nodes, Node::Sub(a, b)),
            (None, Some((nodes, b))) => Self::push(constant, nodes, Node::Scale(b, -F::one())),
            (form, None) => Self { constant, form },
        }
    }
}

impl<F: ProofField> Mul<F> for Hidden<F> {
    type Output = Self;

    fn mul(self, factor: F) -> Self {
        let constant = self.constant * factor;
        match self.form {
            Some((nodes, a)) => Self::push(constant, nodes, Node::Scale(a, factor)),
            None => Self { constant, form: None },
        }
    }
}

impl<F: ProofField> ChannelScalar<F> for Hidden<F> {
    fn constant(value: F) -> Self {
        Self { constant: value, form: None }
    }
}

/// An affine form written out: `constant + sum_i pads[i] pi_i + sum_k products[k] z_k`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linear<F> {
    /// The public part.
    pub constant: F,
    /// One coefficient a pad.
    pub pads: Vec<F>,
    /// One coefficient a product.
    pub products: Vec<F>,
}

/// What a verifier did with hidden scalars, in order.
pub struct Tape<F> {
    nodes: Nodes<F>,
    messages: usize,
    products: Vec<[Hidden<F>; 2]>,
    assertions: Vec<(Hidden<F>, Check)>,
}

impl<F> Default for Tape<F> {
    fn default() -> Self {
        Self { nodes: Rc::default(), messages: 0, products: Vec::new(), assertions: Vec::new() }
    }
}

impl<F: ProofField> Tape<F> {
    /// Scalars received.
    pub fn num_messages(&self) -> usize {
        self.messages
    }

    /// The factors of every product.
    pub fn products(&self) -> &[[Hidden<F>; 2]] {
        &self.products
    }

    /// Forms that are zero, each with the check that it stands for.
    pub fn assertions(&self) -> &[(Hidden<F>, Check)] {
        &self.assertions
    }

    pub(super) fn receive(&mut self, masked: F) -> Hidden<F> {
        self.messages += 1;
        Hidden::push(masked, self.nodes.clone(), Node::Pad(self.messages - 1))
    }

    /// Always a new hidden scalar, even of constants: the number of products depends on nothing but the circuit.
    pub(super) fn mul(&mut self, a: &Hidden<F>, b: &Hidden<F>) -> Hidden<F> {
        self.products.push([a.clone(), b.clone()]);
        Hidden::push(F::zero(), self.nodes.clone(), Node::Product(self.products.len() - 1))
    }

    pub(super) fn assert_zero(&mut self, form: Hidden<F>, check: Check) {
        self.assertions.push((form, check));
    }

    /// `sum of weight * scalar` as one form. One sweep over the tape, two multiplications a step at most.
    pub fn weighted_sum(&self, scalars: impl IntoIterator<Item = (Hidden<F>, F)>) -> Linear<F> {
        let nodes = self.nodes.borrow();
        let mut weights = vec![F::zero(); nodes.len()];
        let mut sum = Linear {
            constant: F::zero(),
            pads: vec![F::zero(); self.messages],
            products: vec![F::zero(); self.products.len()],
        };
        for (scalar, weight) in scalars {
            sum.constant += scalar.constant * weight;
            if let Some(index) = scalar.index() {
                weights[index] += weight;
            }
        }
        for (index, node) in nodes.iter().enumerate().rev() {
            let weight = weights[index];
            if weight.is_zero() {
                continue;
            }
            match *node {
                Node::Pad(i) => sum.pads[i] -= weight,
                Node::Product(k) => sum.products[k] += weight,
                Node::Add(a, b) => {
                    weights[a as usize] += weight;
                    weights[b as usize] += weight;
                }
                Node::Sub(a, b) => {
                    weights[a as usize] += weight;
                    weights[b as usize] -= weight;
                }
                Node::Scale(a, factor) => weights[a as usize] += weight * factor,
            }
        }
        sum
    }

    /// The values of every product's factors, for who knows the pads: `[x_k, y_k]`, with `z_k = x_k y_k`.
    ///
    /// Panics if there are fewer pads than messages.
    pub fn factors(&self, pads: &[F]) -> Zeroizing<Vec<[F; 2]>> {
        let mut values = Zeroizing::new(Vec::with_capacity(self.nodes.borrow().len()));
        let mut factors: Zeroizing<Vec<[F; 2]>> = Zeroizing::new(Vec::with_capacity(self.products.len()));
        for node in self.nodes.borrow().iter() {
            let value = |i: u32| -> F { values[i as usize] };
            let next = match *node {
                Node::Pad(i) => -pads[i],
                Node::Product(k) => {
                    let of = |x: &Hidden<F>| x.constant + x.index().map_or(F::zero(), |i| values[i]);
                    let [x, y] = &self.products[k];
                    factors.push([of(x), of(y)]);
                    factors[k][0] * factors[k][1]
                }
                Node::Add(a, b) => value(a) + value(b),
                Node::Sub(a, b) => value(a) - value(b),
                Node::Scale(a, factor) => value(a) * factor,
            };
            values.push(next);
        }
        factors
    }
}
