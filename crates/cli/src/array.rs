//! Arrays of numbers as files hold them, before a model's preprocessing.

use serde_json::Value;

/// The numbers of an array, with what they mean.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    /// 8-bit pixels, which the preprocessing turns into floats.
    Pixels(Vec<u8>),
    /// Floats of the network's input space.
    Floats(Vec<f32>),
    /// The quantised network's own integers.
    Integers(Vec<i64>),
}

/// Row-major numbers of a shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    /// Lengths of the axes.
    pub(crate) shape: Vec<usize>,
    /// As many numbers as the shape says.
    pub(crate) values: Values,
}

impl Values {
    /// Some of the numbers.
    pub(crate) fn slice(&self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::Pixels(v) => Self::Pixels(v[range].to_vec()),
            Self::Floats(v) => Self::Floats(v[range].to_vec()),
            Self::Integers(v) => Self::Integers(v[range].to_vec()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Pixels(v) => v.len(),
            Self::Floats(v) => v.len(),
            Self::Integers(v) => v.len(),
        }
    }
}

impl Array {
    /// One array, or those along the first axis if each has `len` numbers.
    pub(crate) fn split(self, len: usize) -> Vec<Self> {
        let total = self.values.len();
        match self.shape.split_first() {
            Some((&count, rest)) if total != len && count.checked_mul(len) == Some(total) => (0..count)
                .map(|k| Self { shape: rest.to_vec(), values: self.values.slice(k * len..(k + 1) * len) })
                .collect(),
            _ => vec![self],
        }
    }

    /// Reads JSON: nested arrays of numbers, or an object that says by its one key what the numbers are.
    pub(crate) fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let document: Value = serde_json::from_slice(bytes).map_err(|error| format!("not valid JSON: {error}"))?;
        let keys = ["input", "pixels", "integers"];
        let (key, value) = match &document {
            Value::Array(_) => ("input", &document),
            Value::Object(entries) => match keys.iter().find_map(|&key| Some((key, entries.get(key)?))) {
                Some(entry) if entries.len() == 1 => entry,
                _ => return Err("an object with one key, \"input\", \"pixels\" or \"integers\", is needed".into()),
            },
            other => return Err(format!("{} where an array of numbers is needed", describe(other))),
        };
        if !value.is_array() {
            return Err(format!("{} where an array of numbers is needed", describe(value)));
        }
        let mut flat = Flat::default();
        flat.add(value, 0)?;
        let values = match key {
            "pixels" => Values::Pixels(flat.all("a pixel, 0 to 255,", |n| n.as_u64()?.try_into().ok())?),
            "integers" => Values::Integers(flat.all("an integer", serde_json::Number::as_i64)?),
            _ => Values::Floats(flat.all("a number", |n| n.as_f64().map(|v| v as f32))?),
        };
        Ok(Self { shape: flat.shape, values })
    }
}

/// Nested arrays on their way to a flat one. The parser bounds the nesting.
#[derive(Default)]
struct Flat<'a> {
    shape: Vec<usize>,
    numbers: Vec<&'a serde_json::Number>,
}

impl<'a> Flat<'a> {
    fn add(&mut self, value: &'a Value, depth: usize) -> Result<(), String> {
        match value {
            Value::Array(items) => {
                // No number has been met yet, so this is the first array of its depth.
                if self.shape.len() == depth && self.numbers.is_empty() {
                    self.shape.push(items.len());
                }
                if self.shape.get(depth) != Some(&items.len()) {
                    return Err(format!("its arrays are ragged at number {}", self.numbers.len()));
                }
                items.iter().try_for_each(|item| self.add(item, depth + 1))
            }
            Value::Number(number) if depth == self.shape.len() => {
                self.numbers.push(number);
                Ok(())
            }
            Value::Number(_) => Err(format!("its arrays are ragged at number {}", self.numbers.len())),
            other => Err(format!("{} where number {} is needed", describe(other), self.numbers.len())),
        }
    }

    fn all<T>(&self, what: &str, get: impl Fn(&serde_json::Number) -> Option<T>) -> Result<Vec<T>, String> {
        let each = self.numbers.iter().enumerate();
        each.map(|(k, n)| get(n).ok_or_else(|| format!("number {k} is {n}, which is not {what} as needed"))).collect()
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Array, String> {
        Array::from_json(text.as_bytes())
    }

    #[test]
    fn nested_flat_and_named_arrays_are_read() {
        let floats = |shape: &[usize], values: &[f32]| {
            Ok(Array { shape: shape.to_vec(), values: Values::Floats(values.to_vec()) })
        };
        assert_eq!(json("[[1, 2.5], [3, -4e0]]"), floats(&[2, 2], &[1.0, 2.5, 3.0, -4.0]));
        assert_eq!(json("{\"input\": [7]}"), floats(&[1], &[7.0]));
        let integers = json("{\"integers\": [[-3]]}").map(|array| array.values);
        assert_eq!(integers, Ok(Values::Integers(vec![-3])));
        assert_eq!(json("{\"pixels\": [0, 255]}").map(|a| a.values), Ok(Values::Pixels(vec![0, 255])));
    }

    #[test]
    fn everything_else_is_an_error() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "nul",
            "null",
            "3",
            "\"a\"",
            "{}",
            "[NaN]",
            "[Infinity]",
            "[1e999]",
            "[\"1\"]",
            "[true]",
            "[1, [2]]",
            "[[1], 2]",
            "[[1, 2], [3]]",
            "[[], [1]]",
            "[[1], []]",
            "{\"input\": 3}",
            "{\"input\": [1], \"x\": 2}",
            "{\"pixels\": [256]}",
            "{\"pixels\": [-1]}",
            "{\"integers\": [1.5]}",
            "[1] x",
            &deep,
        ] {
            assert!(json(text).is_err(), "{text:.20}");
        }
    }

    #[test]
    fn batches_are_split_along_the_first_axis() {
        let array = |shape: &[usize], n: u8| Array { shape: shape.to_vec(), values: Values::Pixels((0..n).collect()) };
        let parts = array(&[3, 1, 2], 6).split(2);
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[1], Array { shape: vec![1, 2], values: Values::Pixels(vec![2, 3]) });
        assert_eq!(array(&[1, 2], 2).split(2), [array(&[1, 2], 2)]);
        assert_eq!(array(&[3, 2], 6).split(4), [array(&[3, 2], 6)]);
        assert_eq!(array(&[0, 2], 0).split(2), []);
    }
}
