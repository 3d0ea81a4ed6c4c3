//! Many inputs that are read where they are needed, so that memory does not grow with their number.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use convince::model::Preprocessing;

use super::{Numbers, PNG_MAGIC, Sample, arrange, file, images_in};
use crate::array::Array;
use crate::error::{Context, Error};
use crate::npy;

/// The inputs of files and folders, one after the other.
pub(crate) struct DataSet {
    preprocessing: Preprocessing,
    parts: Vec<Part>,
    len: usize,
    /// The file that was read last, by its place among the parts: one that holds many inputs is not read for each.
    recent: Option<(usize, Vec<Sample>)>,
}

/// The inputs of one file.
struct Part {
    path: PathBuf,
    name: String,
    range: Range<usize>,
    source: Source,
}

enum Source {
    /// A `.npy` file, of which so much is read as is needed; the shape is that of one input.
    Array { layout: npy::Layout, shape: Vec<usize> },
    /// A file that is read whole, again each time.
    File,
    /// What came from a pipe, which is read once.
    Held(Vec<Sample>),
}

impl DataSet {
    /// Finds out how many inputs there are; PNG files are not decoded yet.
    pub(crate) fn open(paths: &[PathBuf], preprocessing: &Preprocessing) -> Result<Self, Error> {
        let mut data = Self { preprocessing: preprocessing.clone(), parts: Vec::new(), len: 0, recent: None };
        for path in paths {
            match path.is_dir() {
                true => images_in(path)?.into_iter().try_for_each(|image| data.add(image))?,
                false => data.add(path.clone())?,
            }
        }
        Ok(data)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), Error> {
        let (source, len) = source(&path, &self.preprocessing)?;
        if len == 0 {
            return Err(Error::new(format!("{}: holds no inputs", path.display())));
        }
        let end = self.len.checked_add(len).ok_or_else(|| Error::new("too many inputs"))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.parts.push(Part { path, name, range: self.len..end, source });
        self.len = end;
        Ok(())
    }

    /// Number of inputs.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Name of the file that holds an input, without its folder.
    pub(crate) fn name(&self, index: usize) -> Option<&str> {
        let part = self.parts.get(self.part(index))?;
        part.range.contains(&index).then_some(part.name.as_str())
    }

    /// Integers of the inputs of a range, one after the other.
    pub(crate) fn integers(&mut self, range: Range<usize>) -> Result<Vec<i32>, Error> {
        let mut integers = Vec::new();
        for index in self.part(range.start)..self.parts.len() {
            let part = &self.parts[index];
            if part.range.start >= range.end {
                break;
            }
            let first = part.range.start;
            let own = range.start.max(first) - first..range.end.min(part.range.end) - first;
            let preprocessing = &self.preprocessing;
            let mut add = |samples: &[Sample]| integers.extend(samples.iter().flat_map(|s| s.integers(preprocessing)));
            match &part.source {
                Source::Array { layout, shape } => add(&part.piece(layout, shape, own, preprocessing)?),
                Source::Held(samples) => add(&samples[own]),
                Source::File => {
                    let recent = self.recent.take().filter(|(which, _)| *which == index);
                    let (_, samples) = match recent {
                        Some(recent) => recent,
                        None => (index, file(&part.path, preprocessing)?),
                    };
                    let changed = || Error::new(format!("{}: has changed", part.path.display()));
                    add(samples.get(own).ok_or_else(changed)?);
                    self.recent = Some((index, samples));
                }
            }
        }
        Ok(integers)
    }

    /// The part that holds an input.
    fn part(&self, index: usize) -> usize {
        self.parts.partition_point(|part| part.range.end <= index)
    }
}

/// How a file is read, and how many inputs it holds.
fn source(path: &Path, preprocessing: &Preprocessing) -> Result<(Source, usize), Error> {
    let opened = File::open(path).at(path.display())?;
    let found = opened.metadata().at(path.display())?;
    if !found.is_file() {
        let samples = file(path, preprocessing)?;
        let len = samples.len();
        return Ok((Source::Held(samples), len));
    }
    let mut head = Vec::new();
    opened.take(npy::MAX_START).read_to_end(&mut head).at(path.display())?;
    if head.starts_with(npy::MAGIC) {
        return array(&head, found.len(), preprocessing).at(path.display());
    }
    let is_image = head.starts_with(PNG_MAGIC);
    let len = if is_image { 1 } else { file(path, preprocessing)?.len() };
    Ok((Source::File, len))
}

/// One input, or many along the first axis.
fn array(head: &[u8], file_len: u64, preprocessing: &Preprocessing) -> Result<(Source, usize), String> {
    let layout = npy::Layout::parse(head)?;
    layout.check_len(file_len.saturating_sub(layout.start))?;
    let product = |shape: &[usize]| shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
    let len = Some(preprocessing.shape.iter().product());
    let (shape, count) = match layout.shape.split_first() {
        _ if product(&layout.shape) == len => (layout.shape.clone(), 1),
        Some((&count, rest)) if product(rest) == len => (rest.to_vec(), count),
        _ => return Err(format!("its shape {:?} is not that of inputs {:?}", layout.shape, preprocessing.shape)),
    };
    Ok((Source::Array { layout, shape }, count))
}

impl Part {
    /// Some inputs of an array.
    fn piece(
        &self,
        layout: &npy::Layout,
        shape: &[usize],
        range: Range<usize>,
        preprocessing: &Preprocessing,
    ) -> Result<Vec<Sample>, Error> {
        let len: usize = shape.iter().product();
        let read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(layout.start + (range.start * len * layout.item) as u64))?;
            let mut bytes = vec![0; range.len() * len * layout.item];
            file.read_exact(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        let values = layout.values(&read().at(self.path.display())?).at(self.path.display())?;
        let input = |k| Array { shape: shape.to_vec(), values: values.slice(k * len..(k + 1) * len) };
        let sample = |numbers: Numbers| Sample { name: self.name.clone(), numbers };
        let samples = (0..range.len()).map(|k| arrange(input(k), preprocessing).map(sample));
        samples.collect::<Result<_, _>>().at(self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve inputs of 1x2x2 pixels: one in JSON, an array of one, three in JSON, seven in an array.
    fn set(folder: &Path) -> DataSet {
        let npy = |name: &str, shape: &str, values: std::ops::Range<u8>| {
            let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
            let values: Vec<u8> = values.collect();
            let bytes = [npy::MAGIC, &[1, 0], &(text.len() as u16).to_le_bytes(), text.as_bytes(), &values].concat();
            std::fs::write(folder.join(name), bytes).expect("writes");
        };
        let json = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("writes");
        json("a.json", "{\"pixels\": [0, 1, 2, 3]}");
        npy("b.npy", "(1, 2, 2)", 4..8);
        json("c.json", "{\"pixels\": [[8, 9, 10, 11], [12, 13, 14, 15], [16, 17, 18, 19]]}");
        npy("d.npy", "(7, 1, 2, 2)", 20..48);
        let paths = ["a.json", "b.npy", "c.json", "d.npy"].map(|name| folder.join(name));
        DataSet::open(&paths, &Preprocessing::pixels([1, 2, 2])).expect("inputs")
    }

    #[test]
    fn every_range_is_that_of_all_inputs_one_after_the_other() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let mut data = set(folder.path());
        assert_eq!(data.len(), 12);
        for start in 0..12 {
            for end in start..=12 {
                let expected: Vec<i32> = (4 * start as i32..4 * end as i32).collect();
                assert_eq!(data.integers(start..end).expect("reads"), expected, "{start}..{end}");
            }
        }
        let names: Vec<_> = [0, 1, 4, 5, 11, 12].map(|index| data.name(index)).to_vec();
        assert_eq!(names, [Some("a.json"), Some("b.npy"), Some("c.json"), Some("d.npy"), Some("d.npy"), None]);
    }

    #[test]
    fn files_that_lie_or_change_are_errors() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let mut data = set(folder.path());
        for name in ["c.json", "d.npy"] {
            let path = folder.path().join(name);
            let bytes = std::fs::read(&path).expect("is there");
            std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("writes");
            assert!(DataSet::open(&[path], &data.preprocessing).is_err(), "{name}");
            assert!(data.integers(0..12).is_err(), "{name}");
            std::fs::write(folder.path().join(name), bytes).expect("writes");
        }
        for shape in ["(4, 7)", "(28,)"] {
            let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
            let len = (text.len() as u16).to_le_bytes();
            let bytes = [npy::MAGIC, &[1, 0], &len, text.as_bytes(), &[0; 28]].concat();
            let path = folder.path().join("e.npy");
            std::fs::write(&path, bytes).expect("writes");
            let read = DataSet::open(&[path], &data.preprocessing).and_then(|mut data| data.integers(0..1));
            assert!(read.is_err(), "{shape}");
        }
        assert!(DataSet::open(&[folder.path().to_owned()], &data.preprocessing).is_err());
    }
}
