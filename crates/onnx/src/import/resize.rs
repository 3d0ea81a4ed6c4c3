//! Nearest-neighbour resizing: every output place takes the input place that is nearest by the operator's rule.

use super::axes::take;
use super::builder::Builder;
use super::call::{Call, Outcome, shape as unfit};
use super::shape::is_empty;
use crate::NodeProblem;

/// Upsample: places are `floor(o / scale)`. The scales are an attribute up to operator set 8, an input in 9.
pub(super) fn import_upsample(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(2, &["mode", "scales"])?;
    check_nearest(call)?;
    let dims = call.computed(0)?.view.dims();
    let scales = match call.attributes.floats("scales")? {
        Some(scales) => scales,
        None => call.weights(1)?.1,
    };
    let axes: Vec<usize> = (0..dims.len()).collect();
    resize(call, builder, &axes, &by_scales(&axes, &dims, scales)?, Rule::ASYMMETRIC_FLOOR)
}

pub(super) fn import(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    let attributes = &call.attributes;
    let names = [
        "antialias",
        "axes",
        "coordinate_transformation_mode",
        "cubic_coeff_a",
        "exclude_outside",
        "extrapolation_value",
        "keep_aspect_ratio_policy",
        "mode",
        "nearest_mode",
    ];
    call.expect(4, &names)?;
    check_nearest(call)?;
    let dims = call.computed(0)?.view.dims();
    let axes = match attributes.ints("axes")? {
        Some(axes) => call.axes(axes, dims.len())?,
        None => (0..dims.len()).collect(),
    };
    if attributes.string("keep_aspect_ratio_policy")?.is_some_and(|policy| policy != b"stretch") {
        return Err(attributes.unsupported("keep_aspect_ratio_policy"));
    }
    // Operator set 10 has the scales as the second input and only one rule.
    if call.opset < 11 {
        return resize(call, builder, &axes, &by_scales(&axes, &dims, call.weights(1)?.1)?, Rule::ASYMMETRIC_FLOOR);
    }
    let lengths = match is_empty(call.input(2)) {
        false => by_scales(&axes, &dims, call.weights(2)?.1)?,
        true => by_sizes(call, &axes, &dims)?,
    };
    resize(call, builder, &axes, &lengths, Rule::read(call)?)
}

fn check_nearest(call: &Call<'_>) -> Result<(), NodeProblem> {
    match call.attributes.string("mode")? {
        None | Some(b"nearest") => Ok(()),
        Some(_) => Err(call.attributes.unsupported("mode")),
    }
}

/// Output length and scale of an axis.
type Length = (usize, f64);

/// Largest length of a resized axis.
const MAX_LEN: f64 = (1u64 << 31) as f64;

fn by_scales(axes: &[usize], dims: &[usize], scales: &[f32]) -> Result<Vec<Length>, NodeProblem> {
    let length = |(&axis, &scale): (&usize, &f32)| {
        let (scale, len) = (f64::from(scale), (dims[axis] as f64 * f64::from(scale)).floor());
        (scale > 0.0 && (1.0..MAX_LEN).contains(&len)).then_some((len as usize, scale))
    };
    let lengths: Option<Vec<_>> = axes.iter().zip(scales).map(length).collect();
    lengths.filter(|lengths| scales.len() == axes.len() && lengths.len() == axes.len()).ok_or(NodeProblem::Scales)
}

fn by_sizes(call: &Call<'_>, axes: &[usize], dims: &[usize]) -> Result<Vec<Length>, NodeProblem> {
    let sizes = call.ints(3)?.ok_or(NodeProblem::MissingInput(3))?;
    let length = |(&axis, &size): (&usize, &i64)| {
        let valid = (1..1 << 31).contains(&size);
        valid.then(|| (size as usize, size as f64 / dims[axis] as f64))
    };
    let lengths: Option<Vec<_>> = axes.iter().zip(sizes).map(length).collect();
    lengths.filter(|_| sizes.len() == axes.len()).ok_or_else(|| NodeProblem::sizes(sizes))
}

/// Which input place is nearest.
#[derive(Clone, Copy)]
struct Rule {
    coordinate: Coordinate,
    rounding: Rounding,
}

#[derive(Clone, Copy, PartialEq)]
enum Coordinate {
    HalfPixel,
    PytorchHalfPixel,
    HalfPixelSymmetric,
    Asymmetric,
    AlignCorners,
}

#[derive(Clone, Copy)]
enum Rounding {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
}

impl Rule {
    const ASYMMETRIC_FLOOR: Self = Self { coordinate: Coordinate::Asymmetric, rounding: Rounding::Floor };

    fn read(call: &Call<'_>) -> Result<Self, NodeProblem> {
        let attributes = &call.attributes;
        let coordinate = match attributes.string("coordinate_transformation_mode")? {
            None | Some(b"half_pixel") => Coordinate::HalfPixel,
            Some(b"pytorch_half_pixel") => Coordinate::PytorchHalfPixel,
            Some(b"half_pixel_symmetric") => Coordinate::HalfPixelSymmetric,
            Some(b"asymmetric") => Coordinate::Asymmetric,
            Some(b"align_corners") => Coordinate::AlignCorners,
            Some(_) => return Err(attributes.unsupported("coordinate_transformation_mode")),
        };
        let rounding = match attributes.string("nearest_mode")? {
            None | Some(b"round_prefer_floor") => Rounding::PreferFloor,
            Some(b"round_prefer_ceil") => Rounding::PreferCeil,
            Some(b"floor") => Rounding::Floor,
            Some(b"ceil") => Rounding::Ceil,
            Some(_) => return Err(attributes.unsupported("nearest_mode")),
        };
        Ok(Self { coordinate, rounding })
    }

    fn source(self, o: usize, (out, scale): Length, input: usize) -> usize {
        let (o, n) = (o as f64, input as f64);
        let place = match self.coordinate {
            Coordinate::PytorchHalfPixel if out == 1 => 0.0,
            Coordinate::HalfPixel | Coordinate::PytorchHalfPixel => (o + 0.5) / scale - 0.5,
            Coordinate::HalfPixelSymmetric => {
                let adjustment = out as f64 / (scale * n);
                n / 2.0 * (1.0 - adjustment) + (o + 0.5) / scale - 0.5
            }
            Coordinate::Asymmetric => o / scale,
            Coordinate::AlignCorners if out == 1 => 0.0,
            Coordinate::AlignCorners => o * (n - 1.0) / (out as f64 - 1.0),
        };
        let place = match self.rounding {
            Rounding::PreferFloor => (place - 0.5).ceil(),
            Rounding::PreferCeil => (place + 0.5).floor(),
            Rounding::Floor => place.floor(),
            Rounding::Ceil => place.ceil(),
        };
        place.clamp(0.0, n - 1.0) as usize
    }
}

fn resize(call: &Call<'_>, builder: &mut Builder, axes: &[usize], lengths: &[Length], rule: Rule) -> Outcome {
    let input = call.computed(0)?;
    let dims = input.view.dims();
    let mut maps = Vec::new();
    for (&axis, &length) in axes.iter().zip(lengths) {
        if length.0 != dims[axis] || length.1 != 1.0 {
            if axis == 0 {
                return Err(unfit("input", &dims));
            }
            builder.grow(&[length.0], 0)?;
            maps.push((axis, take((0..length.0).map(|o| rule.source(o, length, dims[axis])))));
        }
    }
    Ok(builder.map_axes(input, maps)?.into())
}
