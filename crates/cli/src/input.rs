//! Reading files, and turning PNG, `.npy` and JSON files into a network's input.

mod data_set;
mod labels;

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use convince::container::kind_of;
use convince::model::{Model, Preprocessing};
use image::codecs::png::PngDecoder;
use image::{ColorType, ImageDecoder as _};

use crate::array::{Array, Values};
use crate::error::{Context, Error};
use crate::npy;

pub(crate) use self::data_set::DataSet;
pub(crate) use self::labels::labels;

/// Longest file that is read.
const MAX_FILE: u64 = 2 << 30;
/// Most that is read from a pipe or a device, whose length is not known before.
const MAX_STREAM: u64 = 64 << 20;
/// Longest JSON file: parsed, it takes some twenty times its length.
const MAX_JSON: usize = 64 << 20;

const PNG_MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A whole file. No file that this program reads is empty.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let file = File::open(path).at(path.display())?;
    let found = file.metadata().at(path.display())?;
    if found.is_dir() {
        return Err(Error::new(format!("{}: is a directory, a file is needed", path.display())));
    }
    let limit = if found.is_file() { MAX_FILE } else { MAX_STREAM };
    // The whole file in one go, if the system says how long it is; a wrong length costs memory that is never touched.
    let mut bytes = Vec::with_capacity(if found.is_file() { found.len().min(limit) as usize + 1 } else { 0 });
    let length = file.take(limit + 1).read_to_end(&mut bytes).at(path.display())?;
    if length == 0 {
        return Err(Error::new(format!("{}: the file is empty", path.display())));
    }
    if length as u64 > limit {
        return Err(Error::new(format!("{}: is longer than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

/// A model file.
pub(crate) fn model(path: &Path) -> Result<Model, Error> {
    Model::from_bytes(&read(path)?).at(path.display())
}

/// An input with the name of where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The file's name without its folder; the samples of one file share it.
    pub(crate) name: String,
    numbers: Numbers,
}

#[derive(Clone, Debug, PartialEq)]
enum Numbers {
    Floats(Vec<f32>),
    Integers(Vec<i32>),
}

impl Sample {
    /// What the quantised network takes.
    pub(crate) fn integers(&self, preprocessing: &Preprocessing) -> Vec<i32> {
        match &self.numbers {
            Numbers::Floats(floats) => preprocessing.quantize(floats),
            Numbers::Integers(integers) => integers.clone(),
        }
    }

    /// What the float network takes.
    pub(crate) fn floats(&self, preprocessing: &Preprocessing) -> Vec<f32> {
        match &self.numbers {
            Numbers::Floats(floats) => floats.clone(),
            Numbers::Integers(v) => v.iter().map(|&v| (f64::from(v) * preprocessing.input_scale) as f32).collect(),
        }
    }

    /// Whether the file held integers, which mean something only for one quantised network.
    pub(crate) fn is_quantized(&self) -> bool {
        matches!(self.numbers, Numbers::Integers(_))
    }
}

/// The integers of a file that holds one input.
pub(crate) fn one(path: &Path, preprocessing: &Preprocessing) -> Result<Vec<i32>, Error> {
    match &file(path, preprocessing)?[..] {
        [sample] => Ok(sample.integers(preprocessing)),
        samples => Err(Error::new(format!("{}: holds {} inputs, one is needed", path.display(), samples.len()))),
    }
}

/// The integers of files that together hold `count` inputs, one after the other.
pub(crate) fn batch(paths: &[PathBuf], preprocessing: &Preprocessing, count: usize) -> Result<Vec<i32>, Error> {
    let each = paths.iter().map(|path| file(path, preprocessing)).collect::<Result<Vec<_>, _>>()?;
    let samples = each.concat();
    match (samples.len(), paths) {
        (found, _) if found == count => Ok(samples.iter().flat_map(|s| s.integers(preprocessing)).collect()),
        (found, [path]) => {
            Err(Error::new(format!("{}: holds {found} inputs, {} needed", path.display(), needed(count))))
        }
        (found, _) => Err(Error::new(format!("--input: {found} inputs, {} needed", needed(count)))),
    }
}

fn needed(count: usize) -> String {
    if count == 1 { "one is".into() } else { format!("{count} are") }
}

/// The inputs of many files, and of all PNG files of folders, in the order of their names.
pub(crate) fn many(paths: &[PathBuf], preprocessing: &Preprocessing) -> Result<Vec<Sample>, Error> {
    let mut samples = Vec::new();
    for path in paths {
        let found = match path.is_dir() {
            true => {
                images_in(path)?.iter().map(|image| file(image, preprocessing)).collect::<Result<Vec<_>, _>>()?.concat()
            }
            false => file(path, preprocessing)?,
        };
        if found.is_empty() {
            return Err(Error::new(format!("{}: holds no inputs", path.display())));
        }
        samples.extend(found);
    }
    Ok(samples)
}

fn images_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(folder).at(folder.display())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>().at(folder.display())?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")));
    paths.sort();
    match paths.is_empty() {
        true => Err(Error::new(format!("{}: holds no PNG files", folder.display()))),
        false => Ok(paths),
    }
}

/// All inputs of one file.
fn file(path: &Path, preprocessing: &Preprocessing) -> Result<Vec<Sample>, Error> {
    let bytes = read(path)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let numbers = numbers(path, &bytes, preprocessing).at(path.display())?;
    Ok(numbers.into_iter().map(|numbers| Sample { name: name.clone(), numbers }).collect())
}

/// The format is told by the content, and by the name where the content does not tell.
fn numbers(path: &Path, bytes: &[u8], preprocessing: &Preprocessing) -> Result<Vec<Numbers>, String> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if bytes.starts_with(PNG_MAGIC) || extension == "png" {
        return Ok(vec![Numbers::Floats(png(bytes, preprocessing)?)]);
    }
    let array = if bytes.starts_with(npy::MAGIC) || extension == "npy" {
        npy::read(bytes)?
    } else if let Ok(kind) = kind_of(bytes) {
        return Err(format!("is a {kind} file, where an input (PNG, .npy or .json) is needed"));
    } else if matches!(bytes.trim_ascii_start().first(), Some(b'[' | b'{')) || extension == "json" {
        json(bytes)?
    } else {
        return Err("is no input: a PNG, .npy or .json file is needed".into());
    };
    let len = preprocessing.shape.iter().product();
    array.split(len).into_iter().map(|array| arrange(array, preprocessing)).collect()
}

fn json(bytes: &[u8]) -> Result<Array, String> {
    match bytes.len() {
        ..=MAX_JSON => Array::from_json(bytes),
        _ => Err(format!("is longer than {MAX_JSON} bytes; use .npy")),
    }
}

/// One array as the network takes it.
fn arrange(array: Array, preprocessing: &Preprocessing) -> Result<Numbers, String> {
    let Array { shape, values } = &array;
    match values {
        Values::Pixels(pixels) => preprocessing.bytes_to_floats(shape, pixels).map(Numbers::Floats),
        Values::Floats(floats) => preprocessing.arrange_floats(shape, floats).map(Numbers::Floats),
        Values::Integers(integers) => return arrange_integers(shape, integers, preprocessing),
    }
    .map_err(|error| error.to_string())
}

/// The network's own integers are always channel by channel, whatever the layout of floats and pixels.
fn arrange_integers(shape: &[usize], integers: &[i64], preprocessing: &Preprocessing) -> Result<Numbers, String> {
    let by_channel = Preprocessing { layout: Default::default(), ..preprocessing.clone() };
    by_channel.bytes_to_floats(shape, &vec![0; integers.len()]).map_err(|error| error.to_string())?;
    let bits = preprocessing.bits;
    let integer = |(k, &v): (usize, &i64)| match i32::try_from(v) {
        Ok(v) if bits.contains(v.into()) => Ok(v),
        _ => Err(format!("integer {k} is {v}, which is not in {}..={}", bits.low(), bits.high())),
    };
    Ok(Numbers::Integers(integers.iter().enumerate().map(integer).collect::<Result<_, _>>()?))
}

/// An 8-bit grey or RGB image of exactly the network's size.
fn png(bytes: &[u8], preprocessing: &Preprocessing) -> Result<Vec<f32>, String> {
    let [channels, height, width] = preprocessing.shape;
    let pixels = pixels(bytes, (width, height, channels))?;
    preprocessing.image_to_floats(&pixels, height, width, channels).map_err(|error| error.to_string())
}

/// The pixels of a grey square image.
pub(crate) fn grey(bytes: &[u8], side: usize) -> Result<Vec<u8>, String> {
    pixels(bytes, (side, side, 1))
}

/// The pixels of an image whose size is compared before anything is decoded.
fn pixels(bytes: &[u8], (width, height, channels): (usize, usize, usize)) -> Result<Vec<u8>, String> {
    let broken = |error: image::ImageError| format!("not a readable PNG image: {error}");
    let decoder = PngDecoder::new(Cursor::new(bytes)).map_err(broken)?;
    let (found_width, found_height) = decoder.dimensions();
    let (colour, found_channels) = (decoder.color_type(), usize::from(decoder.color_type().channel_count()));
    if (found_width as usize, found_height as usize, found_channels) != (width, height, channels) {
        return Err(format!(
            "the image is {found_width}x{found_height} with {found_channels} channels, \
             the model takes {width}x{height} with {channels}"
        ));
    }
    if !matches!(colour, ColorType::L8 | ColorType::Rgb8) {
        return Err(format!("the image's pixels are {colour:?}, 8-bit grey or RGB is needed"));
    }
    let mut pixels = vec![0; channels * height * width];
    decoder.read_image(&mut pixels).map_err(broken)?;
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Preprocessing {
        Preprocessing::pixels([1, 2, 2])
    }

    fn from_json(text: &str) -> Result<Vec<Vec<i32>>, String> {
        let numbers = numbers(Path::new("x.json"), text.as_bytes(), &plain())?;
        let sample = |numbers| Sample { name: String::new(), numbers };
        Ok(numbers.into_iter().map(|n| sample(n).integers(&plain())).collect())
    }

    #[test]
    fn floats_pixels_and_integers_agree() {
        let expected = Ok(vec![vec![0, 51, 102, 255]]);
        assert_eq!(from_json("[[0, 0.2], [0.4, 1]]"), expected);
        assert_eq!(from_json("{\"pixels\": [0, 51, 102, 255]}"), expected);
        assert_eq!(from_json("{\"integers\": [[[0, 51], [102, 255]]]}"), expected);
    }

    #[test]
    fn batches_hold_many_inputs() {
        assert_eq!(from_json("[[[0, 0], [0, 0]], [[1, 1], [1, 1]]]").map(|inputs| inputs.len()), Ok(2));
    }

    #[test]
    fn unsuitable_numbers_are_errors() {
        for text in
            ["[1, 2, 3]", "[0, 0, 0, 1e300]", "{\"integers\": [0, 0, 0, 256]}", "{\"integers\": [0, 0]}", "hello"]
        {
            assert!(from_json(text).is_err(), "{text}");
        }
    }
}
