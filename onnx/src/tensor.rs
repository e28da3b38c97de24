//! Values of a graph as far as the check knows them, and the tensors that a file holds.

use crate::proto::TensorProto;
use crate::proto::tensor_proto::DataType;

use super::error::{ModelError, shorten};

/// Most dimensions of a value.
pub(super) const MAX_RANK: usize = 8;
/// Each dimension is below this.
pub(super) const MAX_DIM: usize = 1 << 24;
/// Integer values are followed through the graph up to this length: shapes, axes, pads.
const MAX_KNOWN: usize = 64;

/// Element types that the check knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    F32,
    F64,
    F16,
    I32,
    I64,
    Bool,
}

impl Type {
    pub(super) fn of(number: i32) -> Option<Self> {
        Some(match DataType::try_from(number).ok()? {
            DataType::Float => Self::F32,
            DataType::Double => Self::F64,
            DataType::Float16 => Self::F16,
            DataType::Int32 => Self::I32,
            DataType::Int64 => Self::I64,
            DataType::Bool => Self::Bool,
            _ => return None,
        })
    }

    /// Bytes of an element.
    pub(super) const fn size(self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 => 2,
            Self::Bool => 1,
        }
    }

    pub(super) const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16)
    }
}

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) ty: Type,
    pub(super) shape: Vec<usize>,
    /// The elements, of a short integer value that does not depend on the inputs' elements.
    pub(super) ints: Option<Vec<i64>>,
    /// The elements, of a short float value in the file.
    pub(super) floats: Option<Vec<f32>>,
    /// Whether it depends on no input of the graph, so that an engine may compute it while loading.
    pub(super) constant: bool,
}

impl Value {
    /// A value of which only type and shape are known.
    pub(super) const fn computed(ty: Type, shape: Vec<usize>) -> Self {
        Self {
            ty,
            shape,
            ints: None,
            floats: None,
            constant: false,
        }
    }

    /// A vector of known integers.
    pub(super) fn known(ints: Vec<i64>) -> Self {
        let shape = [ints.len()].to_vec();
        Self {
            ty: Type::I64,
            shape,
            ints: (ints.len() <= MAX_KNOWN).then_some(ints),
            floats: None,
            constant: true,
        }
    }

    /// Number of elements; small enough to count, for every value that is kept has been checked.
    pub(super) fn len(&self) -> u64 {
        elements(&self.shape).unwrap_or(u64::MAX)
    }
}

/// Product of dimensions.
pub(super) fn elements(shape: &[usize]) -> Option<u64> {
    shape
        .iter()
        .try_fold(1u64, |product, dim| product.checked_mul(*dim as u64))
}

/// Checks a tensor of the file: type, dimensions, length of its data, finite weights.
pub(super) fn load(tensor: &TensorProto, name: &str) -> Result<Value, ModelError> {
    let name = || shorten(name);
    let Some(ty) = Type::of(tensor.data_type) else {
        let found = match DataType::try_from(tensor.data_type) {
            Ok(known) => known.as_str_name().to_string(),
            Err(_) => format!("number {}", tensor.data_type),
        };
        return Err(ModelError::TensorType {
            tensor: name(),
            found,
        });
    };
    let dims = || ModelError::TensorDims {
        tensor: name(),
        found: tensor.dims.iter().copied().take(16).collect(),
    };
    // An empty vector stands for an input that is not given, as Resize's region.
    let empty = tensor.dims == [0];
    let shape: Option<Vec<usize>> = tensor
        .dims
        .iter()
        .map(|dim| {
            usize::try_from(*dim)
                .ok()
                .filter(|dim| (empty || *dim > 0) && *dim < MAX_DIM)
        })
        .collect();
    let shape = shape
        .filter(|shape| shape.len() <= MAX_RANK)
        .ok_or_else(dims)?;
    let count = elements(&shape).ok_or_else(dims)?;
    let bytes = count.checked_mul(ty.size()).ok_or_else(dims)?;
    let typed = [
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
        tensor.uint64_data.len(),
        tensor.string_data.len(),
    ];
    let given: u64 = typed.iter().map(|len| *len as u64).sum();
    let own = match ty {
        Type::F32 => tensor.float_data.len(),
        Type::F64 => tensor.double_data.len(),
        Type::I64 => tensor.int64_data.len(),
        Type::I32 | Type::Bool | Type::F16 => tensor.int32_data.len(),
    } as u64;
    let raw = tensor.raw_data.len() as u64;
    let length = |expected, found| {
        Err(ModelError::TensorLength {
            tensor: name(),
            expected,
            found,
        })
    };
    if raw > 0 {
        if raw != bytes {
            return length(bytes, raw);
        }
        if given > 0 {
            return length(0, given);
        }
    } else if own != count {
        return length(count, own);
    } else if given != own {
        return length(own, given);
    }
    if let Some(index) = first_non_finite(tensor, ty) {
        return Err(ModelError::NonFinite {
            tensor: name(),
            index,
        });
    }
    let short = count <= MAX_KNOWN as u64;
    Ok(Value {
        ty,
        shape,
        ints: short.then(|| ints(tensor, ty)).flatten(),
        floats: (short && ty == Type::F32).then(|| floats(tensor)),
        constant: true,
    })
}

/// The raw bytes in elements of `N`.
fn raw<const N: usize>(tensor: &TensorProto) -> impl Iterator<Item = [u8; N]> {
    tensor
        .raw_data
        .chunks_exact(N)
        .filter_map(|chunk| chunk.try_into().ok())
}

fn floats(tensor: &TensorProto) -> Vec<f32> {
    raw(tensor)
        .map(f32::from_le_bytes)
        .chain(tensor.float_data.iter().copied())
        .collect()
}

fn ints(tensor: &TensorProto, ty: Type) -> Option<Vec<i64>> {
    match ty {
        Type::I64 => Some(
            raw(tensor)
                .map(i64::from_le_bytes)
                .chain(tensor.int64_data.iter().copied())
                .collect(),
        ),
        Type::I32 => {
            let typed = tensor.int32_data.iter().copied();
            Some(
                raw(tensor)
                    .map(i32::from_le_bytes)
                    .chain(typed)
                    .map(i64::from)
                    .collect(),
            )
        }
        _ => None,
    }
}

fn first_non_finite(tensor: &TensorProto, ty: Type) -> Option<usize> {
    match ty {
        Type::F32 => raw(tensor)
            .map(f32::from_le_bytes)
            .chain(tensor.float_data.iter().copied())
            .position(|x| !x.is_finite()),
        Type::F64 => raw(tensor)
            .map(f64::from_le_bytes)
            .chain(tensor.double_data.iter().copied())
            .position(|x| !x.is_finite()),
        // Infinities and NaN of IEEE half precision have all bits of the exponent set.
        Type::F16 => raw(tensor)
            .map(u16::from_le_bytes)
            .chain(tensor.int32_data.iter().map(|x| *x as u16))
            .position(|x| x & 0x7c00 == 0x7c00),
        Type::I32 | Type::I64 | Type::Bool => None,
    }
}
