//! Element types, and tensors whose elements are known.

use std::fmt;

use crate::proto::tensor_proto::DataType;

/// ONNX's element types, as far as they are read.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the field's")]
pub enum DType {
    F32,
    F64,
    F16,
    BF16,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    /// A byte, 0 or 1.
    Bool,
}

/// The name that ONNX and its exporters use, for messages.
impl fmt::Debug for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::Bool => "bool",
        })
    }
}

impl DType {
    /// The type of ONNX's code, if it is one of these.
    #[must_use]
    pub fn of(code: i32) -> Option<Self> {
        Some(match DataType::try_from(code).ok()? {
            DataType::Float => Self::F32,
            DataType::Double => Self::F64,
            DataType::Float16 => Self::F16,
            DataType::Bfloat16 => Self::BF16,
            DataType::Int8 => Self::I8,
            DataType::Int16 => Self::I16,
            DataType::Int32 => Self::I32,
            DataType::Int64 => Self::I64,
            DataType::Uint8 => Self::U8,
            DataType::Uint16 => Self::U16,
            DataType::Uint32 => Self::U32,
            DataType::Uint64 => Self::U64,
            DataType::Bool => Self::Bool,
            _ => return None,
        })
    }

    /// ONNX's code.
    #[must_use]
    pub const fn code(self) -> i32 {
        (match self {
            Self::F32 => DataType::Float,
            Self::F64 => DataType::Double,
            Self::F16 => DataType::Float16,
            Self::BF16 => DataType::Bfloat16,
            Self::I8 => DataType::Int8,
            Self::I16 => DataType::Int16,
            Self::I32 => DataType::Int32,
            Self::I64 => DataType::Int64,
            Self::U8 => DataType::Uint8,
            Self::U16 => DataType::Uint16,
            Self::U32 => DataType::Uint32,
            Self::U64 => DataType::Uint64,
            Self::Bool => DataType::Bool,
        }) as i32
    }

    /// Bytes of an element.
    #[must_use]
    pub const fn size(self) -> u64 {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether it is a floating-point type.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::BF16)
    }

    /// The type in which it is computed: float32, int64 or bool.
    #[must_use]
    pub const fn canonical(self) -> Self {
        match self {
            Self::Bool => Self::Bool,
            _ if self.is_float() => Self::F32,
            _ => Self::I64,
        }
    }

    /// An integer as this type holds it: what is beyond goes around.
    pub(crate) const fn wrap(self, x: i64) -> i64 {
        match self {
            Self::I8 => x as i8 as i64,
            Self::I16 => x as i16 as i64,
            Self::I32 => x as i32 as i64,
            Self::U8 => x as u8 as i64,
            Self::U16 => x as u16 as i64,
            Self::U32 => x as u32 as i64,
            _ => x,
        }
    }

    /// Least and greatest element of an integer type, as far as int64 holds them.
    pub(crate) const fn bounds(self) -> (i64, i64) {
        match self {
            Self::I8 => (i8::MIN as i64, i8::MAX as i64),
            Self::I16 => (i16::MIN as i64, i16::MAX as i64),
            Self::I32 => (i32::MIN as i64, i32::MAX as i64),
            Self::U8 => (0, u8::MAX as i64),
            Self::U16 => (0, u16::MAX as i64),
            Self::U32 => (0, u32::MAX as i64),
            Self::U64 => (0, i64::MAX),
            Self::Bool => (0, 1),
            _ => (i64::MIN, i64::MAX),
        }
    }
}

/// Elements of a constant, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Floating-point ones.
    F32(Vec<f32>),
    /// Integers and truth values.
    I64(Vec<i64>),
}

impl Data {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::I64(data) => data.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A tensor whose elements are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its elements.
    pub data: Data,
}

impl Constant {
    /// A tensor of f32.
    #[must_use]
    pub fn f32s(shape: Vec<usize>, data: Vec<f32>) -> Self {
        Self {
            shape,
            data: Data::F32(data),
        }
    }

    /// A single f32.
    #[must_use]
    pub fn scalar(x: f32) -> Self {
        Self::f32s(Vec::new(), vec![x])
    }

    /// A vector of i64.
    #[must_use]
    pub fn i64s(data: Vec<i64>) -> Self {
        Self {
            shape: vec![data.len()],
            data: Data::I64(data),
        }
    }

    /// The elements, if they are f32.
    #[must_use]
    pub fn as_f32s(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(data) => Some(data),
            Data::I64(_) => None,
        }
    }

    /// The elements, if they are i64.
    #[must_use]
    pub fn as_i64s(&self) -> Option<&[i64]> {
        match &self.data {
            Data::I64(data) => Some(data),
            Data::F32(_) => None,
        }
    }
}
