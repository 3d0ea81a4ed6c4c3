//! From images and arrays to the integers that a graph takes.
//!
//! A pixel `p` of channel `c` is the float `(p * scale - mean[c]) / std[c]`, computed in `f32` as training pipelines
//! do; a float `f` is the integer `round(f / input_scale)`, halves away from zero, clamped to the input's format. A
//! proof authenticates the integers; this step is outside of it.

use convince_field::Bits;
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// Order of the axes of arrays handed in. Integers are always channel by channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// `[channel, row, column]`.
    #[default]
    Nchw,
    /// `[row, column, channel]`.
    Nhwc,
}

/// How images and arrays become a graph's input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Order of the axes of arrays; images are always `[row, column, channel]`.
    pub layout: Layout,
    /// `[channels, rows, columns]`: the graph's input without its batch axis.
    pub shape: [usize; 3],
    /// The graph's input format.
    pub bits: Bits,
    /// Subtracted from scaled pixels, one per channel; empty for 0.
    pub mean: Vec<f32>,
    /// What they are then divided by, one per channel; empty for 1.
    pub std: Vec<f32>,
    /// What pixels are multiplied by first.
    pub scale: f32,
    /// Float value of the integer 1.
    pub input_scale: f64,
}

/// Why an image or an array is no input of a model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InputError {
    /// An image of another size.
    #[error(
        "the image is {found_width}x{found_height} with {found_channels} channels, \
         the model takes {width}x{height} with {channels}"
    )]
    ImageSize {
        /// Columns that the model takes.
        width: usize,
        /// Rows that the model takes.
        height: usize,
        /// Channels that the model takes.
        channels: usize,
        /// Columns found.
        found_width: usize,
        /// Rows found.
        found_height: usize,
        /// Channels found.
        found_channels: usize,
    },
    /// An array of another shape.
    #[error("the array has shape {found:?}, the model takes {expected:?}")]
    Shape {
        /// The shape that the model takes; axes of size 1 may be left out, and it may be flattened.
        expected: [usize; 3],
        /// The shape found.
        found: Vec<usize>,
    },
    /// Another number of values than the shape says.
    #[error("{found} values where the shape says {expected}")]
    Length {
        /// Product of the shape.
        expected: usize,
        /// Number of values.
        found: usize,
    },
    /// A value that is no number.
    #[error("value {index} is {value}")]
    NotFinite {
        /// The value's place.
        index: usize,
        /// NaN or an infinity.
        value: f32,
    },
}

impl Preprocessing {
    /// Preprocessing of 8-bit pixels `p` to `p / 255`, whose integers are the pixels themselves.
    pub fn pixels(shape: [usize; 3]) -> Self {
        let (mean, std) = (Vec::new(), Vec::new());
        Self { layout: Layout::Nchw, shape, bits: Bits::U8, mean, std, scale: 1.0 / 255.0, input_scale: 1.0 / 255.0 }
    }

    /// The float that a pixel of channel `channel` stands for.
    pub fn pixel_to_float(&self, channel: usize, pixel: u8) -> f32 {
        let mean = self.mean.get(channel).copied().unwrap_or(0.0);
        let std = self.std.get(channel).copied().unwrap_or(1.0);
        (f32::from(pixel) * self.scale - mean) / std
    }

    /// The integer that a float of the model's input space becomes. NaN becomes 0.
    pub fn float_to_integer(&self, value: f32) -> i32 {
        let rounded = (f64::from(value) / self.input_scale).round();
        (rounded as i64).clamp(self.bits.low(), self.bits.high()).try_into().unwrap_or(0)
    }

    /// Floats, channel by channel, of an 8-bit image with interleaved channels.
    ///
    /// # Errors
    /// [`InputError::ImageSize`], [`InputError::Length`].
    pub fn image_to_floats(
        &self,
        pixels: &[u8],
        height: usize,
        width: usize,
        channels: usize,
    ) -> Result<Vec<f32>, InputError> {
        if self.shape != [channels, height, width] {
            let [c, h, w] = self.shape;
            let (found_width, found_height, found_channels) = (width, height, channels);
            return Err(InputError::ImageSize {
                width: w,
                height: h,
                channels: c,
                found_width,
                found_height,
                found_channels,
            });
        }
        check_len(&self.shape, pixels.len())?;
        Ok(self.pixels_to_floats(&self.by_channel(Layout::Nhwc, pixels)))
    }

    /// Integers of an 8-bit image with interleaved channels; no resizing.
    ///
    /// # Errors
    /// [`InputError::ImageSize`], [`InputError::Length`].
    pub fn image_to_integers(
        &self,
        pixels: &[u8],
        height: usize,
        width: usize,
        channels: usize,
    ) -> Result<Vec<i32>, InputError> {
        Ok(self.quantize(&self.image_to_floats(pixels, height, width, channels)?))
    }

    /// Floats, channel by channel, of an array of pixels in the declared layout; axes of size 1 may be left out or
    /// added, and the array may be flat.
    ///
    /// # Errors
    /// [`InputError::Shape`], [`InputError::Length`].
    pub fn bytes_to_floats(&self, shape: &[usize], values: &[u8]) -> Result<Vec<f32>, InputError> {
        self.check_shape(shape, values.len())?;
        Ok(self.pixels_to_floats(&self.by_channel(self.layout, values)))
    }

    /// Integers of an array of pixels; the shape as for [`Self::bytes_to_floats`].
    ///
    /// # Errors
    /// [`InputError::Shape`], [`InputError::Length`].
    pub fn bytes_to_integers(&self, shape: &[usize], values: &[u8]) -> Result<Vec<i32>, InputError> {
        Ok(self.quantize(&self.bytes_to_floats(shape, values)?))
    }

    /// An array that is in the model's float input space already, channel by channel.
    ///
    /// # Errors
    /// [`InputError::Shape`], [`InputError::Length`], [`InputError::NotFinite`].
    pub fn arrange_floats(&self, shape: &[usize], values: &[f32]) -> Result<Vec<f32>, InputError> {
        self.check_shape(shape, values.len())?;
        match values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            Some((index, &value)) => Err(InputError::NotFinite { index, value }),
            None => Ok(self.by_channel(self.layout, values)),
        }
    }

    /// Integers of an array that is in the model's float input space already.
    ///
    /// # Errors
    /// [`InputError::Shape`], [`InputError::Length`], [`InputError::NotFinite`].
    pub fn floats_to_integers(&self, shape: &[usize], values: &[f32]) -> Result<Vec<i32>, InputError> {
        Ok(self.quantize(&self.arrange_floats(shape, values)?))
    }

    /// Integers of floats that are channel by channel already.
    pub fn quantize(&self, floats: &[f32]) -> Vec<i32> {
        floats.iter().map(|&value| self.float_to_integer(value)).collect()
    }

    fn check_shape(&self, found: &[usize], len: usize) -> Result<(), InputError> {
        let [c, h, w] = self.shape;
        let expected = match self.layout {
            Layout::Nchw => [c, h, w],
            Layout::Nhwc => [h, w, c],
        };
        let squeeze = |shape: &[usize]| shape.iter().copied().filter(|&n| n != 1).collect::<Vec<_>>();
        let squeezed = squeeze(found);
        if squeezed != squeeze(&expected) && squeezed != squeeze(&[c.saturating_mul(h).saturating_mul(w)]) {
            return Err(InputError::Shape { expected, found: found.to_vec() });
        }
        check_len(&self.shape, len)
    }

    /// `values`, as many as the shape says, reordered to channel by channel.
    fn by_channel<T: Copy>(&self, layout: Layout, values: &[T]) -> Vec<T> {
        let channels = self.shape[0];
        match layout {
            Layout::Nhwc if channels > 1 => {
                (0..channels).flat_map(|c| values.iter().skip(c).step_by(channels).copied()).collect()
            }
            _ => values.to_vec(),
        }
    }

    fn pixels_to_floats(&self, pixels: &[u8]) -> Vec<f32> {
        let plane = (self.shape[1] * self.shape[2]).max(1);
        let by_plane = pixels.chunks(plane).enumerate();
        by_plane.flat_map(|(c, plane)| plane.iter().map(move |&pixel| self.pixel_to_float(c, pixel))).collect()
    }

    /// Checks that this makes the entries of a batch of shape `shape` and format `bits`, and that every number in it is
    /// one.
    ///
    /// # Errors
    /// [`ModelError::Preprocessing`], [`ModelError::Number`].
    pub fn validate(&self, shape: [usize; 4], bits: Bits) -> Result<(), ModelError> {
        let misfit = |what| Err(ModelError::Preprocessing { what });
        let channels = self.shape[0];
        match self {
            _ if self.shape != shape[1..] => misfit("another shape"),
            _ if self.bits != bits => misfit("another format"),
            _ if !self.mean.is_empty() && self.mean.len() != channels => misfit("one mean per channel is needed"),
            _ if !self.std.is_empty() && self.std.len() != channels => misfit("one deviation per channel is needed"),
            _ => self.validate_numbers(),
        }
    }

    fn validate_numbers(&self) -> Result<(), ModelError> {
        let finite = |value: f64| value.is_finite();
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let numbers = (self.mean.iter().map(|&m| ("a mean", f64::from(m), finite(m.into()))))
            .chain(self.std.iter().map(|&s| ("a deviation", f64::from(s), positive(s.into()))))
            .chain([("the pixel scale", f64::from(self.scale), positive(self.scale.into()))])
            .chain([("the input scale", self.input_scale, positive(self.input_scale))]);
        match numbers.into_iter().find(|&(_, _, allowed)| !allowed) {
            Some((what, value, _)) => Err(ModelError::Number { what, value }),
            None => Ok(()),
        }
    }
}

fn check_len(shape: &[usize], found: usize) -> Result<(), InputError> {
    let expected = shape.iter().fold(1usize, |product, &n| product.saturating_mul(n));
    if expected == found { Ok(()) } else { Err(InputError::Length { expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour() -> Preprocessing {
        let (mean, std) = (vec![0.5, 0.25, 0.0], vec![0.5, 0.25, 1.0]);
        let bits = Bits::I8;
        Preprocessing { mean, std, bits, input_scale: 3.0 / 127.0, ..Preprocessing::pixels([3, 1, 2]) }
    }

    #[test]
    fn plain_pixels_are_their_own_integers() {
        let pixels: Vec<u8> = (0..=255).collect();
        let integers = Preprocessing::pixels([1, 16, 16]).image_to_integers(&pixels, 16, 16, 1);
        assert_eq!(integers, Ok((0..=255).collect::<Vec<i32>>()));
    }

    #[test]
    fn images_are_split_by_channel_and_normalised() {
        let floats = colour().image_to_floats(&[0, 0, 0, 255, 255, 255], 1, 2, 3).expect("right size");
        assert_eq!(floats, [-1.0, 1.0, -1.0, 3.0, 0.0, 1.0]);
        assert_eq!(colour().quantize(&floats), [-42, 42, -42, 127, 0, 42]);
    }

    #[test]
    fn layouts_differ_only_in_order() {
        let nhwc = Preprocessing { layout: Layout::Nhwc, ..colour() };
        let a = colour().bytes_to_integers(&[1, 3, 1, 2], &[1, 2, 3, 4, 5, 6]);
        let b = nhwc.bytes_to_integers(&[1, 2, 3], &[1, 3, 5, 2, 4, 6]);
        assert_eq!(a, b);
        assert!(a.is_ok());
    }

    #[test]
    fn axes_of_one_and_flat_arrays_are_taken_and_others_are_not() {
        let plain = Preprocessing::pixels([1, 2, 3]);
        for shape in [&[2, 3][..], &[1, 2, 3], &[1, 1, 2, 3], &[6], &[1, 6]] {
            assert!(plain.floats_to_integers(shape, &[0.5; 6]).is_ok(), "{shape:?}");
        }
        for shape in [&[3, 2][..], &[2, 1, 2, 3], &[5], &[], &[0]] {
            assert!(matches!(plain.floats_to_integers(shape, &[0.5; 6]), Err(InputError::Shape { .. })), "{shape:?}");
        }
        assert_eq!(plain.bytes_to_integers(&[6], &[0; 5]), Err(InputError::Length { expected: 6, found: 5 }));
    }

    #[test]
    fn wrong_sizes_and_numbers_that_are_none_are_errors() {
        let plain = Preprocessing::pixels([1, 2, 2]);
        assert!(matches!(plain.image_to_integers(&[0; 12], 2, 2, 3), Err(InputError::ImageSize { .. })));
        assert!(matches!(plain.image_to_integers(&[0; 3], 2, 2, 1), Err(InputError::Length { .. })));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let result = plain.floats_to_integers(&[4], &[0.0, 1.0, bad, 0.0]);
            assert!(matches!(result, Err(InputError::NotFinite { index: 2, .. })));
        }
        assert_eq!(plain.floats_to_integers(&[4], &[f32::MAX, f32::MIN, 0.0, 1.0]), Ok(vec![255, 0, 0, 255]));
    }
}
