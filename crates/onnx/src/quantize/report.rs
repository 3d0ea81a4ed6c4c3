use convince_model::{Model, QuantizationReport, argmax, run};

use crate::{FloatGraph, OnnxError};

/// Accuracy of `model` against the float network that it was made from, over inputs of the network's input space.
///
/// One run of each network per input.
///
/// # Errors
/// [`OnnxError::NoInputs`] if there are none; those of [`FloatGraph::run`] and of [`run`].
pub fn evaluate<'a>(
    model: &Model,
    graph: &FloatGraph,
    inputs: impl IntoIterator<Item = &'a [f32]>,
) -> Result<QuantizationReport, OnnxError> {
    let (mut count, mut agreed, mut largest, mut sum, mut logits) = (0u64, 0u64, 0f64, 0f64, 0u64);
    for input in inputs {
        let float = graph.run(input)?;
        let trace = run(&model.graph, &model.preprocessing.quantize(input))?;
        count += 1;
        agreed += u64::from(argmax(trace.output()) == argmax_float(&float));
        for (integer, float) in model.logits(trace.output()).into_iter().zip(float) {
            let error = (integer - f64::from(float)).abs();
            largest = largest.max(error);
            sum += error;
            logits += 1;
        }
    }
    if count == 0 {
        return Err(OnnxError::NoInputs);
    }
    Ok(QuantizationReport {
        top1_agreement: agreed as f64 / count as f64,
        max_logit_error: largest,
        mean_logit_error: sum / logits.max(1) as f64,
    })
}

/// Index of the largest value, the lowest of several.
fn argmax_float(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}
