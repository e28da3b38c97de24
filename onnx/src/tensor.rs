//! The tensors that a file holds.

use crate::constant::{Constant, DType, Data};
use crate::proto::TensorProto;
use crate::proto::tensor_proto::DataType;
use crate::shape::elements;

use super::error::{ModelError, proto_name, shorten};

/// Most dimensions of a value.
pub(super) const MAX_RANK: usize = 8;
/// Each dimension is below this.
pub(super) const MAX_DIM: usize = 1 << 24;

/// A tensor of the file: its type, dimensions and the length of its data are checked, and that its
/// elements are finite.
pub(super) fn load(tensor: &TensorProto, name: &str) -> Result<(DType, Constant), ModelError> {
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
    let dim = |dim: &i64| usize::try_from(*dim).ok().filter(|dim| *dim < MAX_DIM);
    let shape: Option<Vec<usize>> = tensor.dims.iter().map(dim).collect();
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
        DType::U32 | DType::U64 => tensor.uint64_data.len(),
        _ => tensor.int32_data.len(),
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
    let constant = Constant {
        shape,
        data: data(tensor, dtype),
    };
    match constant.as_f32s().and_then(non_finite) {
        Some(index) => Err(ModelError::NonFinite {
            tensor: name(),
            index,
        }),
        None => Ok((dtype, constant)),
    }
}

/// The first element that is NaN, or infinite where that is neither a bound, alone, nor a mask, of
/// which all others are 0.
fn non_finite(all: &[f32]) -> Option<usize> {
    let mask = all.len() == 1 || all.iter().all(|x| *x == 0.0 || x.is_infinite());
    all.iter()
        .position(|x| x.is_nan() || (x.is_infinite() && !mask))
}

/// The elements: those of the raw bytes, or of the list of their type; one of the two is empty.
fn data(tensor: &TensorProto, dtype: DType) -> Data {
    let small = || tensor.int32_data.iter().copied();
    let bytes = || tensor.raw_data.iter().copied();
    let ints = |all: &mut dyn Iterator<Item = i64>| Data::I64(all.collect());
    match dtype {
        DType::F32 => {
            let typed = tensor.float_data.iter().copied();
            Data::F32(raw(tensor).map(f32::from_le_bytes).chain(typed).collect())
        }
        DType::F64 => {
            let all = raw(tensor).map(f64::from_le_bytes);
            let all = all.chain(tensor.double_data.iter().copied());
            Data::F32(all.map(|x| x as f32).collect())
        }
        DType::F16 | DType::BF16 => {
            let bits = raw(tensor).map(u16::from_le_bytes);
            let bits = bits.chain(small().map(|x| x as u16));
            let float = match dtype {
                DType::F16 => |bits| half::f16::from_bits(bits).to_f32(),
                _ => |bits| half::bf16::from_bits(bits).to_f32(),
            };
            Data::F32(bits.map(float).collect())
        }
        DType::I8 => ints(
            &mut bytes()
                .map(|x| i64::from(x as i8))
                .chain(small().map(i64::from)),
        ),
        DType::U8 | DType::Bool => ints(&mut bytes().map(i64::from).chain(small().map(i64::from))),
        DType::I16 => {
            let all = raw(tensor).map(|x| i64::from(i16::from_le_bytes(x)));
            ints(&mut all.chain(small().map(i64::from)))
        }
        DType::U16 => {
            let all = raw(tensor).map(|x| i64::from(u16::from_le_bytes(x)));
            ints(&mut all.chain(small().map(i64::from)))
        }
        DType::I32 => {
            let all = raw(tensor).map(|x| i64::from(i32::from_le_bytes(x)));
            ints(&mut all.chain(small().map(i64::from)))
        }
        DType::U32 => {
            let all = raw(tensor).map(|x| i64::from(u32::from_le_bytes(x)));
            ints(&mut all.chain(tensor.uint64_data.iter().map(|x| *x as i64)))
        }
        DType::I64 => {
            let all = raw(tensor).map(i64::from_le_bytes);
            ints(&mut all.chain(tensor.int64_data.iter().copied()))
        }
        DType::U64 => {
            let all = raw(tensor).map(i64::from_le_bytes);
            ints(&mut all.chain(tensor.uint64_data.iter().map(|x| *x as i64)))
        }
    }
}

/// The raw bytes in elements of `N`.
fn raw<const N: usize>(tensor: &TensorProto) -> impl Iterator<Item = [u8; N]> {
    let chunks = tensor.raw_data.chunks_exact(N);
    chunks.filter_map(|chunk| chunk.try_into().ok())
}
