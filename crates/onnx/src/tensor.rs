//! Constants of a file.

use std::sync::Arc;

use crate::proto::{TensorProto, data_type};
use crate::{OnnxError, TensorProblem};

/// Most axes of a tensor.
pub(crate) const MAX_RANK: usize = 8;

/// A constant: shape and elements, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Data,
}

/// A constant's elements.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    /// Finite floats.
    Floats(Arc<Vec<f32>>),
    /// Integers and truth values.
    Ints(Arc<Vec<i64>>),
    /// Integers of 8 bits, signed or not: parameters of quantised networks.
    Bytes {
        /// The integers.
        values: Arc<Vec<i64>>,
        /// Whether they are of -128 to 127, or of 0 to 255.
        is_signed: bool,
    },
}

impl Tensor {
    /// A list or, if `shape` is empty, a scalar.
    pub(crate) fn floats(name: &str, shape: Vec<usize>, values: Vec<f32>) -> Result<Self, OnnxError> {
        match values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            Some((index, &value)) => Err(problem(name, TensorProblem::NotFinite { index, value })),
            None => Ok(Self { shape, data: Data::Floats(Arc::new(values)) }),
        }
    }

    /// Decodes a constant; elements are counted before anything is allocated.
    pub(crate) fn from_proto(proto: &TensorProto) -> Result<Self, OnnxError> {
        let name = &proto.name;
        if proto.data_location != 0 || !proto.external_data.is_empty() {
            return Err(problem(name, TensorProblem::External));
        }
        let dimensions =
            || problem(name, TensorProblem::Dimensions(proto.dims.iter().copied().take(MAX_RANK).collect()));
        if proto.dims.len() > MAX_RANK {
            return Err(dimensions());
        }
        // An empty list stands for an input that is left out; other empty tensors are of no use.
        let is_list = proto.dims.len() == 1;
        let size = |&n: &i64| usize::try_from(n).ok().filter(|&n| n > 0 || is_list);
        let shape: Vec<usize> = proto.dims.iter().map(size).collect::<Option<_>>().ok_or_else(dimensions)?;
        let count = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n)).ok_or_else(dimensions)?;
        let elements = Elements { proto, count };
        match proto.data_type {
            data_type::FLOAT => Self::floats(name, shape, elements.read(&proto.float_data, f32::from_le_bytes)?),
            data_type::DOUBLE => {
                let doubles = elements.read(&proto.double_data, f64::from_le_bytes)?;
                Self::floats(name, shape, doubles.into_iter().map(|v| v as f32).collect())
            }
            data_type::INT64 => Ok(Self::ints(shape, elements.read(&proto.int64_data, i64::from_le_bytes)?)),
            data_type::INT32 => Ok(Self::ints(shape, elements.read(&proto.int32_data, i32::from_le_bytes)?)),
            data_type::INT8 | data_type::UINT8 => {
                let is_signed = proto.data_type == data_type::INT8;
                let low = if is_signed { -128 } else { 0 };
                let values: Vec<i64> = match (proto.int32_data.is_empty(), is_signed) {
                    (false, _) => {
                        elements.read(&proto.int32_data, i32::from_le_bytes)?.into_iter().map(i64::from).collect()
                    }
                    (true, true) => elements.read(&[], i8::from_le_bytes)?.into_iter().map(i64::from).collect(),
                    (true, false) => elements.read(&[], u8::from_le_bytes)?.into_iter().map(i64::from).collect(),
                };
                match values.iter().all(|&v| (low..low + 256).contains(&v)) {
                    true => Ok(Self { shape, data: Data::Bytes { values: Arc::new(values), is_signed } }),
                    false => Err(problem(name, TensorProblem::Type(proto.data_type))),
                }
            }
            data_type::BOOL if proto.raw_data.is_empty() => {
                Ok(Self::ints(shape, elements.read(&proto.int32_data, i32::from_le_bytes)?))
            }
            data_type::BOOL => Ok(Self::ints(shape, elements.read(&[], u8::from_le_bytes)?)),
            other => Err(problem(name, TensorProblem::Type(other))),
        }
    }

    /// A tensor of integers.
    pub(crate) fn ints<T: Into<i64>>(shape: Vec<usize>, values: Vec<T>) -> Self {
        Self { shape, data: Data::Ints(Arc::new(values.into_iter().map(Into::into).collect())) }
    }

    /// A float without axes.
    pub(crate) fn scalar(value: f32) -> Self {
        Self { shape: Vec::new(), data: Data::Floats(Arc::new(vec![value])) }
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        match &self.data {
            Data::Floats(values) => values.len(),
            Data::Ints(values) | Data::Bytes { values, .. } => values.len(),
        }
    }
}

fn problem(name: &str, problem: TensorProblem) -> OnnxError {
    OnnxError::Tensor { name: name.to_owned(), problem }
}

struct Elements<'a> {
    proto: &'a TensorProto,
    count: usize,
}

impl Elements<'_> {
    /// The typed list, or the raw bytes if that is empty.
    fn read<T: Copy, const WIDTH: usize>(
        &self,
        typed: &[T],
        from_bytes: fn([u8; WIDTH]) -> T,
    ) -> Result<Vec<T>, OnnxError> {
        let length = |expected, found| Err(problem(&self.proto.name, TensorProblem::Length { expected, found }));
        if !typed.is_empty() {
            return if typed.len() == self.count { Ok(typed.to_vec()) } else { length(self.count, typed.len()) };
        }
        let (elements, rest) = self.proto.raw_data.as_chunks::<WIDTH>();
        if elements.len() != self.count || !rest.is_empty() {
            return length(self.count.saturating_mul(WIDTH), self.proto.raw_data.len());
        }
        Ok(elements.iter().map(|&bytes| from_bytes(bytes)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proto(dims: &[i64], data_type: i32) -> TensorProto {
        TensorProto { name: "w".into(), dims: dims.to_vec(), data_type, ..TensorProto::default() }
    }

    fn error(proto: &TensorProto) -> TensorProblem {
        match Tensor::from_proto(proto) {
            Err(OnnxError::Tensor { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn raw_and_typed_data_are_the_same_tensor() {
        let typed = TensorProto { float_data: vec![1.5, -2.0], ..proto(&[2], data_type::FLOAT) };
        let bytes = [1.5f32, -2.0].into_iter().flat_map(f32::to_le_bytes).collect();
        let raw = TensorProto { raw_data: bytes, ..proto(&[2], data_type::FLOAT) };
        let bytes = [1.5f64, -2.0].into_iter().flat_map(f64::to_le_bytes).collect();
        let double = TensorProto { raw_data: bytes, ..proto(&[2], data_type::DOUBLE) };
        assert_eq!(Tensor::from_proto(&typed), Tensor::from_proto(&raw));
        assert_eq!(Tensor::from_proto(&typed), Tensor::from_proto(&double));
        assert!(Tensor::from_proto(&typed).is_ok());
    }

    #[test]
    fn integers_of_all_widths_are_read() {
        let long = TensorProto { int64_data: vec![-1, 288], ..proto(&[2], data_type::INT64) };
        let int = TensorProto { int32_data: vec![-1, 288], ..proto(&[2], data_type::INT32) };
        assert_eq!(Tensor::from_proto(&long), Tensor::from_proto(&int));
        let scalar = TensorProto { raw_data: vec![1], ..proto(&[], data_type::BOOL) };
        assert_eq!(Tensor::from_proto(&scalar), Ok(Tensor::ints(vec![], vec![1])));
        assert_eq!(Tensor::from_proto(&proto(&[0], data_type::INT64)).map(|tensor| tensor.len()), Ok(0));
    }

    #[test]
    fn hostile_tensors_are_errors() {
        for dims in [&[1 << 40, 1 << 40][..], &[-1], &[3, 0], &[i64::MAX, 2, 2]] {
            assert_eq!(error(&proto(dims, data_type::FLOAT)), TensorProblem::Dimensions(dims.to_vec()));
        }
        let expected = 4usize << 40;
        assert_eq!(error(&proto(&[1 << 40], data_type::FLOAT)), TensorProblem::Length { expected, found: 0 });
        let short = TensorProto { float_data: vec![0.0; 3], ..proto(&[2, 2], data_type::FLOAT) };
        assert_eq!(error(&short), TensorProblem::Length { expected: 4, found: 3 });
        let ragged = TensorProto { raw_data: vec![0; 9], ..proto(&[2], data_type::FLOAT) };
        assert_eq!(error(&ragged), TensorProblem::Length { expected: 8, found: 9 });
        assert_eq!(error(&proto(&[1], 10)), TensorProblem::Type(10));
        let external = TensorProto { data_location: 1, ..proto(&[1], data_type::FLOAT) };
        assert_eq!(error(&external), TensorProblem::External);
        let nan = TensorProto { float_data: vec![0.0, f32::NAN], ..proto(&[2], data_type::FLOAT) };
        assert!(matches!(error(&nan), TensorProblem::NotFinite { index: 1, .. }));
        let overflow = TensorProto { double_data: vec![1e300], ..proto(&[1], data_type::DOUBLE) };
        assert!(matches!(error(&overflow), TensorProblem::NotFinite { index: 0, .. }));
    }
}
