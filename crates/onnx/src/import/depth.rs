//! Blocks of channels as pixels, and back: reshapes and transposes.

use super::builder::Builder;
use super::call::{Call, Computed, Outcome, shape as unfit};
use crate::NodeProblem;

/// DepthToSpace and SpaceToDepth.
pub(super) fn import(call: &Call<'_>, _: &mut Builder) -> Outcome {
    call.expect(1, &["blocksize", "mode"])?;
    let attributes = &call.attributes;
    let input = call.computed(0)?;
    let dims = input.view.dims();
    let [batch, channels, rows, columns] = dims[..] else { return Err(unfit("input", &dims)) };
    let block = attributes.int("blocksize")?.ok_or(NodeProblem::MissingAttribute("blocksize"))?;
    let b = usize::try_from(block).ok().filter(|b| (1..1 << 16).contains(b));
    let b = b.ok_or_else(|| attributes.unsupported("blocksize"))?;
    let by_columns = match attributes.string("mode")? {
        None | Some(b"DCR") => false,
        Some(b"CRD") => true,
        Some(_) => return Err(attributes.unsupported("mode")),
    };
    let (split, order, joined): (_, [usize; 6], _) = match (call.operator, by_columns) {
        ("SpaceToDepth", by_columns) => {
            let split = [batch, channels, rows / b, b, columns / b, b];
            let order = if by_columns { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] };
            (split, order, [batch, channels * b * b, rows / b, columns / b])
        }
        (_, by_columns) => {
            let c = channels / (b * b);
            let joined = [batch, c, rows * b, columns * b];
            match by_columns {
                true => ([batch, c, b, b, rows, columns], [0, 1, 4, 2, 5, 3], joined),
                false => ([batch, b, b, c, rows, columns], [0, 3, 4, 1, 5, 2], joined),
            }
        }
    };
    let view = input.view.reshaped(&split).map(|view| view.transposed(&order));
    let view = view.and_then(|view| view.reshaped(&joined)).ok_or_else(|| unfit("input", &dims))?;
    Ok(Computed { id: input.id, view }.into())
}
