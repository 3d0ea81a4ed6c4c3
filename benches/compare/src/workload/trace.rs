use super::{Layer, Linear, Public, Workload};

/// Every tensor of one inference: the input first, then what each layer gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// One tensor a layer and one more.
    pub values: Vec<Vec<i32>>,
}

/// One false value of an inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lie {
    /// The layer.
    pub step: usize,
    /// The element of what it gives.
    pub element: usize,
    /// Added to it.
    pub difference: i32,
}

impl Trace {
    /// What goes into layer `step`.
    pub fn input(&self, step: usize) -> &[i32] {
        &self.values[step]
    }

    /// What layer `step` gives.
    pub fn output(&self, step: usize) -> &[i32] {
        &self.values[step + 1]
    }

    /// Input and output of the network.
    pub fn public(&self) -> Public {
        Public { input: self.values[0].clone(), output: self.values[self.values.len() - 1].clone() }
    }
}

impl Workload {
    /// All integers of the inference. Some nanoseconds a multiply-accumulate, on one thread.
    pub fn trace(&self) -> Trace {
        self.run(None)
    }

    /// The inference with one false value, from which all later layers go on honestly: a witness that no system may prove.
    pub fn lying_trace(&self, lie: Lie) -> Trace {
        self.run(Some(lie))
    }

    fn run(&self, lie: Option<Lie>) -> Trace {
        let mut values = vec![self.input.clone()];
        for (index, step) in self.steps.iter().enumerate() {
            let input = &values[index];
            let mut output: Vec<i32> = match &step.layer {
                Layer::Linear(linear) => dot_products(linear, input),
                Layer::Requant(requant) => input.iter().map(|&x| requant.apply(x)).collect(),
                Layer::MaxPool(pool) => {
                    let largest = |o| pool.window(o).map(|place| input[place]).fold(i32::MIN, i32::max);
                    (0..step.output.len()).map(largest).collect()
                }
            };
            if let Some(lie) = lie.filter(|lie| lie.step == index) {
                output[lie.element] += lie.difference;
            }
            values.push(output);
        }
        Trace { values }
    }
}

/// Sums fit 32 bits: the model's own checks see to it.
fn dot_products(linear: &Linear, input: &[i32]) -> Vec<i32> {
    let sum = |output| -> i32 {
        let products = linear.terms(output).map(|term| i32::from(linear.weights[term.weight]) * input[term.input]);
        products.sum::<i32>() + linear.biases[linear.bias(output)]
    };
    (0..linear.output.iter().product()).map(sum).collect()
}
