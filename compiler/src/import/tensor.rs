//! The tensors in the file.

use dreamlet_onnx::proto::TensorProto;
use dreamlet_onnx::proto::tensor_proto::DataType;

use dreamlet_onnx::graph_builder::{Constant, Data};

/// The tensor as 32-bit floats or 64-bit integers; `None` for other elements and wrong lengths, which the check has refused.
pub(super) fn constant(tensor: &TensorProto) -> Option<Constant> {
    let shape: Vec<usize> = tensor
        .dims
        .iter()
        .map(|&dim| usize::try_from(dim).ok())
        .collect::<Option<_>>()?;
    let count = shape
        .iter()
        .try_fold(1usize, |all, &dim| all.checked_mul(dim))?;
    let data = match DataType::try_from(tensor.data_type).ok()? {
        DataType::Float => Data::F32(
            raw(tensor)
                .map(f32::from_le_bytes)
                .chain(tensor.float_data.iter().copied())
                .collect(),
        ),
        DataType::Double => {
            let doubles = raw(tensor)
                .map(f64::from_le_bytes)
                .chain(tensor.double_data.iter().copied());
            Data::F32(doubles.map(|x| x as f32).collect())
        }
        DataType::Float16 => {
            let halves = raw(tensor)
                .map(u16::from_le_bytes)
                .chain(tensor.int32_data.iter().map(|&x| x as u16));
            Data::F32(
                halves
                    .map(|bits| half::f16::from_bits(bits).to_f32())
                    .collect(),
            )
        }
        DataType::Int64 => Data::I64(
            raw(tensor)
                .map(i64::from_le_bytes)
                .chain(tensor.int64_data.iter().copied())
                .collect(),
        ),
        DataType::Int32 => {
            let typed = tensor.int32_data.iter().copied();
            Data::I64(
                raw(tensor)
                    .map(i32::from_le_bytes)
                    .chain(typed)
                    .map(i64::from)
                    .collect(),
            )
        }
        DataType::Bool => {
            let typed = tensor.int32_data.iter().map(|&x| i64::from(x));
            Data::I64(
                tensor
                    .raw_data
                    .iter()
                    .map(|&x| i64::from(x))
                    .chain(typed)
                    .collect(),
            )
        }
        _ => return None,
    };
    (data.len() == count).then_some(Constant { shape, data })
}

/// The raw bytes in elements of `N`.
fn raw<const N: usize>(tensor: &TensorProto) -> impl Iterator<Item = [u8; N]> {
    tensor
        .raw_data
        .chunks_exact(N)
        .filter_map(|chunk| chunk.try_into().ok())
}
