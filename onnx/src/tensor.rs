//! The tensors that a file holds.

use crate::constant::{Constant, DType, Data};
use crate::graph::Value;
use crate::proto::TensorProto;
use crate::proto::tensor_proto::DataType;
use crate::shape::elements;

use super::error::{ModelError, proto_name, shorten};

/// Most dimensions of a value.
pub(super) const MAX_RANK: usize = 8;
/// Each dimension is below this.
pub(super) const MAX_DIM: usize = 1 << 24;
/// Values of at most this many elements are computed while shapes are followed: shapes, axes, pads.
pub(super) const MAX_KNOWN: u64 = 64;

/// Checks a tensor of the file: type, dimensions, length of its data, finite weights.
pub(super) fn load(tensor: &TensorProto, name: &str) -> Result<Value, ModelError> {
    let name = || shorten(name);
    let Some(dtype) = DType::of(tensor.data_type) else {
        let found = match DataType::try_from(tensor.data_type) {
            Ok(known) => proto_name(known),
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
    let bytes = count.checked_mul(dtype.size()).ok_or_else(dims)?;
    let typed = [
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
        tensor.uint64_data.len(),
        tensor.string_data.len(),
    ];
    let given: u64 = typed.iter().map(|len| *len as u64).sum();
    let own = match dtype {
        DType::F32 => tensor.float_data.len(),
        DType::F64 => tensor.double_data.len(),
        DType::I64 => tensor.int64_data.len(),
        DType::I32 | DType::Bool | DType::F16 => tensor.int32_data.len(),
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
    if let Some(index) = first_non_finite(tensor, dtype) {
        return Err(ModelError::NonFinite {
            tensor: name(),
            index,
        });
    }
    // Shapes and scales, which are needed to go on.
    let needed = matches!(dtype, DType::F32 | DType::I32 | DType::I64);
    let constant = if needed && count <= MAX_KNOWN {
        constant(tensor)
    } else {
        None
    };
    Ok(Value {
        fixed: true,
        constant,
        ..Value::computed(dtype, shape)
    })
}

/// The elements of a tensor; `None` for types and lengths that [`load`] refuses.
pub(super) fn constant(tensor: &TensorProto) -> Option<Constant> {
    let dims = tensor.dims.iter();
    let shape: Vec<usize> = dims
        .map(|dim| usize::try_from(*dim).ok())
        .collect::<Option<_>>()?;
    let ints = tensor.int32_data.iter().copied();
    let data = match DType::of(tensor.data_type)? {
        DType::F32 => Data::F32(floats(tensor).collect()),
        DType::F64 => Data::F32(doubles(tensor).map(|x| x as f32).collect()),
        DType::F16 => Data::F32(halves(tensor).map(half::f16::to_f32).collect()),
        DType::I64 => {
            let typed = tensor.int64_data.iter().copied();
            Data::I64(raw(tensor).map(i64::from_le_bytes).chain(typed).collect())
        }
        DType::I32 => {
            let all = raw(tensor).map(i32::from_le_bytes).chain(ints);
            Data::I64(all.map(i64::from).collect())
        }
        DType::Bool => {
            let bytes = tensor.raw_data.iter().map(|x| i64::from(*x));
            Data::I64(bytes.chain(ints.map(i64::from)).collect())
        }
    };
    (elements(&shape) == Some(data.len() as u64)).then_some(Constant { shape, data })
}

/// The raw bytes in elements of `N`.
fn raw<const N: usize>(tensor: &TensorProto) -> impl Iterator<Item = [u8; N]> {
    tensor
        .raw_data
        .chunks_exact(N)
        .filter_map(|chunk| chunk.try_into().ok())
}

fn floats(tensor: &TensorProto) -> impl Iterator<Item = f32> {
    let typed = tensor.float_data.iter().copied();
    raw(tensor).map(f32::from_le_bytes).chain(typed)
}

fn doubles(tensor: &TensorProto) -> impl Iterator<Item = f64> {
    let typed = tensor.double_data.iter().copied();
    raw(tensor).map(f64::from_le_bytes).chain(typed)
}

fn halves(tensor: &TensorProto) -> impl Iterator<Item = half::f16> {
    let typed = tensor.int32_data.iter().map(|x| *x as u16);
    let bits = raw(tensor).map(u16::from_le_bytes).chain(typed);
    bits.map(half::f16::from_bits)
}

fn first_non_finite(tensor: &TensorProto, dtype: DType) -> Option<usize> {
    match dtype {
        DType::F32 => floats(tensor).position(|x| !x.is_finite()),
        DType::F64 => doubles(tensor).position(|x| !x.is_finite()),
        DType::F16 => halves(tensor).position(|x| !x.is_finite()),
        DType::I32 | DType::I64 | DType::Bool => None,
    }
}
