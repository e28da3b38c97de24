//! Quantized values: integers that are computed as float32, in which those of up to 24 bits are
//! exact.

use super::arithmetic::ValueResult;
use super::conv::Sliding;
use super::linear::product;
use crate::build::Builder;
use crate::constant::DType;
use crate::error::ModelError;
use crate::graph::{Binary, Op, Reduction, Unary, ValueId};
use crate::node::{Made, OnnxNode};
use crate::proto::tensor_proto::DataType;

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let made = match node.pb.op_type.as_str() {
        "QuantizeLinear" => quantize_linear(node, b),
        "DequantizeLinear" => dequantize_linear(node, b),
        "DynamicQuantizeLinear" => return Some(dynamic(node, b)),
        "QLinearConv" => qlinear_conv(node, b),
        "QLinearMatMul" => qlinear_matmul(node, b),
        "ConvInteger" => conv_integer(node, b),
        "MatMulInteger" => matmul_integer(node, b),
        _ => return None,
    };
    Some(made.map(|id| vec![id]))
}

/// The type of quantized values, and its least and greatest number.
#[derive(Clone, Copy)]
struct Range {
    dtype: DType,
    low: f32,
    high: f32,
}

impl Range {
    fn of(node: &OnnxNode<'_>, dtype: DType) -> Result<Self, ModelError> {
        let (low, high) = match dtype {
            DType::I8 | DType::U8 | DType::I16 | DType::U16 => dtype.bounds(),
            other => return Err(node.shape_error("a zero point of 8 or 16 bits", other)),
        };
        let (low, high) = (low as f32, high as f32);
        Ok(Self { dtype, low, high })
    }

    /// That of the zero point, or that of `output_dtype`, or uint8.
    fn given(
        node: &OnnxNode<'_>,
        b: &Builder<'_>,
        zero_point: Option<ValueId>,
    ) -> Result<Self, ModelError> {
        let four = |dtype, low, high| Ok(Self { dtype, low, high });
        let code = node.int("output_dtype", 0)?;
        let data = i32::try_from(code)
            .ok()
            .and_then(|code| DataType::try_from(code).ok());
        match (zero_point, data) {
            (Some(zero_point), _) => match b.declared(zero_point) {
                // A zero point that was computed has lost its type.
                DType::I64 | DType::F32 => Self::of(node, DType::U8),
                declared => Self::of(node, declared),
            },
            (None, Some(DataType::Undefined)) => Self::of(node, DType::U8),
            (None, Some(DataType::Int4)) => four(DType::I8, -8.0, 7.0),
            (None, Some(DataType::Uint4)) => four(DType::U8, 0.0, 15.0),
            (None, _) => match i32::try_from(code).ok().and_then(DType::of) {
                Some(dtype) => Self::of(node, dtype),
                None => {
                    let expected = "an integer type of 4, 8 or 16 bits";
                    Err(node.attribute_error("output_dtype", expected, code))
                }
            },
        }
    }
}

/// Integers as float32.
fn integers(node: &OnnxNode<'_>, b: &mut Builder<'_>, index: usize) -> ValueResult {
    let id = node.input(index)?;
    match b.dtype(id) {
        DType::Bool => Err(node.shape_error("quantized values", DType::Bool)),
        _ => b.cast(id, DType::F32),
    }
}

/// A scale or zero point as float32, in a shape that broadcasts to the value: a single one, one for
/// each place of an axis, or one for each block along it.
fn spread(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    index: usize,
    x: ValueId,
) -> Result<Option<ValueId>, ModelError> {
    let Some(given) = node.optional(index) else {
        return Ok(None);
    };
    if b.dtype(given) == DType::Bool {
        return Err(node.shape_error("numbers", DType::Bool));
    }
    let given = b.cast(given, DType::F32)?;
    let (rank, shape) = (b.rank(x), b.shape(given).to_vec());
    if shape.iter().all(|dim| *dim == 1) {
        return b.reshape(given, &[]).map(Some);
    }
    let axis = node.axis(node.int("axis", 1)?, rank)?;
    let size = b.dim(x, axis);
    if shape == [size] {
        return b.along(given, axis, rank).map(Some);
    }
    let block = node.int("block_size", 0)?;
    let block = usize::try_from(block).map_or(0, |block| block.min(size));
    let blocks = size.checked_div(block).map(|_| size.div_ceil(block));
    let others = |shape: &[usize]| -> Vec<usize> {
        shape
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != axis)
            .map(|(_, dim)| *dim)
            .collect()
    };
    let fits = shape.len() == rank && others(&shape) == others(b.shape(x));
    let Some(blocks) = blocks.filter(|blocks| fits && shape.get(axis) == Some(blocks)) else {
        let found = (shape.as_slice(), b.shape(x));
        let expected = "a scale and zero point for all, for an axis or for blocks of it";
        return Err(node.shape_error(expected, found));
    };
    let mut split = shape.clone();
    split.insert(axis + 1, 1);
    let one_each = b.reshape(given, &split)?;
    if let Some(dim) = split.get_mut(axis + 1) {
        *dim = block;
    }
    let repeated = b.expand(one_each, &split)?;
    let mut whole = shape;
    if let Some(dim) = whole.get_mut(axis) {
        *dim = blocks.saturating_mul(block);
    }
    let whole = b.reshape(repeated, &whole)?;
    b.slice(whole, axis, 0, size).map(Some)
}

/// Whether all elements are known to be 0.
fn is_zero(b: &Builder<'_>, id: ValueId) -> bool {
    let floats = b.value(id).and_then(|value| value.floats());
    floats.is_some_and(|all| all.iter().all(|x| *x == 0.0))
}

/// What is left without the zero point.
fn centred(b: &mut Builder<'_>, x: ValueId, zero_point: Option<ValueId>) -> ValueResult {
    match zero_point {
        Some(zero_point) if !is_zero(b, zero_point) => b.sub(x, zero_point),
        _ => Ok(x),
    }
}

/// `round(x) + zero_point`, within the range of the type.
fn saturated(
    b: &mut Builder<'_>,
    x: ValueId,
    zero_point: Option<ValueId>,
    range: Range,
) -> ValueResult {
    let mut made = b.unary(Unary::Round, x)?;
    if let Some(zero_point) = zero_point.filter(|id| !is_zero(b, *id)) {
        made = b.add_to(made, zero_point)?;
    }
    let made = b.unary(Unary::Clip(range.low, range.high), made)?;
    b.declare(made, range.dtype);
    Ok(made)
}

fn quantize_linear(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(2, 3)?;
    node.floats_only(b, &[1])?;
    let x = integers(node, b, 0)?;
    let range = Range::given(node, b, node.optional(2))?;
    let zero_point = spread(node, b, 2, x)?;
    let Some(scale) = spread(node, b, 1, x)? else {
        return Err(node.not_constant("scale"));
    };
    let scaled = b.div(x, scale)?;
    saturated(b, scaled, zero_point, range)
}

fn dequantize_linear(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(2, 3)?;
    node.floats_only(b, &[1])?;
    let x = integers(node, b, 0)?;
    let zero_point = spread(node, b, 2, x)?;
    let Some(scale) = spread(node, b, 1, x)? else {
        return Err(node.not_constant("scale"));
    };
    let centred = centred(b, x, zero_point)?;
    b.mul(centred, scale)
}

/// To uint8 by the range that the value has, 0 within it. Gives value, scale and zero point.
fn dynamic(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(1, 1)?;
    node.floats_only(b, &[0])?;
    let x = node.input(0)?;
    let range = Range::of(node, DType::U8)?;
    let axes: Vec<usize> = (0..b.rank(x)).collect();
    let (most, least) = (
        b.reduce(Reduction::Max, x, &axes)?,
        b.reduce(Reduction::Min, x, &axes)?,
    );
    let (most, least) = (b.reshape(most, &[])?, b.reshape(least, &[])?);
    let most = b.with_number(Binary::Max, most, 0.0)?;
    let least = b.with_number(Binary::Min, least, 0.0)?;
    let width = b.sub(most, least)?;
    let scale = b.with_number(Binary::Div, width, range.high)?;
    // Where all is 0 any scale does, but 0.
    let (zero, one) = (b.scalar(scale, 0.0), b.scalar(scale, 1.0));
    let flat = b.binary(Binary::Equal, scale, zero)?;
    let scale = b.select(flat, one, scale)?;
    let place = b.div(least, scale)?;
    let place = b.unary(Unary::Neg, place)?;
    let zero_point = saturated(b, place, None, range)?;
    let scaled = b.div(x, scale)?;
    let made = saturated(b, scaled, Some(zero_point), range)?;
    Ok(vec![made, scale, zero_point])
}

/// A scale or zero point, given if at all for all or for each place along an axis that is `after`
/// from the last.
fn by_axis(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    index: usize,
    after: usize,
) -> Result<Option<ValueId>, ModelError> {
    if node.optional(index).is_none() {
        return Ok(None);
    }
    let id = integers(node, b, index)?;
    match b.shape(id) {
        [] | [1] => b.reshape(id, &[]).map(Some),
        &[len] => {
            let shape: Vec<usize> = [len].into_iter().chain([1].repeat(after)).collect();
            b.reshape(id, &shape).map(Some)
        }
        _ => Ok(Some(id)),
    }
}

/// A scale that the operator needs.
fn scale(node: &OnnxNode<'_>, b: &mut Builder<'_>, index: usize, after: usize) -> ValueResult {
    node.floats_only(b, &[index])?;
    let found = by_axis(node, b, index, after)?;
    found.ok_or_else(|| node.not_constant("scale"))
}

/// What the scales of inputs and output, in this order, make of a sum of products.
fn rescaled(b: &mut Builder<'_>, sums: ValueId, [x, y, made]: [ValueId; 3]) -> ValueResult {
    let both = b.mul(x, y)?;
    let factor = b.div(both, made)?;
    b.mul(sums, factor)
}

/// The convolution of integers without their zero points, which pads have too.
fn convolution(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    x: ValueId,
    weights: ValueId,
    bias: Option<ValueId>,
) -> ValueResult {
    let kernel = b.shape(weights).get(2..).unwrap_or_default().to_vec();
    if b.rank(x) < 3 || b.rank(weights) != b.rank(x) {
        let found = (b.shape(x), b.shape(weights));
        return Err(node.shape_error("an image and weights of as many dimensions", found));
    }
    if node.has("kernel_shape") && node.sizes("kernel_shape", kernel.len(), 1, 1)? != kernel {
        let found = b.shape(weights);
        return Err(node.shape_error("the weights to have the kernel_shape", found));
    }
    let mut sliding = Sliding::of(node, kernel)?;
    let group = node.int("group", 1)?;
    let groups = usize::try_from(group).ok().filter(|groups| *groups > 0);
    let Some(groups) = groups else {
        return Err(node.attribute_error("group", "a positive number", group));
    };
    sliding.window.groups = groups;
    let window = sliding.over(b.shape(x).get(2..).unwrap_or_default());
    let inputs: Vec<ValueId> = [x, weights].into_iter().chain(bias).collect();
    b.push(Op::Conv(window), &inputs)
}

fn conv_integer(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(2, 4)?;
    let (x, weights) = (integers(node, b, 0)?, integers(node, b, 1)?);
    let zero_point = by_axis(node, b, 2, 0)?;
    let x = centred(b, x, zero_point)?;
    let zero_point = by_axis(node, b, 3, b.rank(weights).saturating_sub(1))?;
    let weights = centred(b, weights, zero_point)?;
    let made = convolution(node, b, x, weights, None)?;
    b.declare(made, DType::I32);
    Ok(made)
}

/// x, its scale and zero point, weights, theirs, the output's, biases by both scales.
fn qlinear_conv(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(8, 9)?;
    let (x, weights) = (integers(node, b, 0)?, integers(node, b, 3)?);
    let zero_point = by_axis(node, b, 2, 0)?;
    let x = centred(b, x, zero_point)?;
    let zero_point = by_axis(node, b, 5, b.rank(weights).saturating_sub(1))?;
    let weights = centred(b, weights, zero_point)?;
    let bias = match node.optional(8) {
        Some(_) => Some(integers(node, b, 8)?),
        None => None,
    };
    let sums = convolution(node, b, x, weights, bias)?;
    let channels = b.rank(sums).saturating_sub(2);
    let scales = [
        scale(node, b, 1, 0)?,
        scale(node, b, 4, channels)?,
        scale(node, b, 6, 0)?,
    ];
    let scaled = rescaled(b, sums, scales)?;
    let range = Range::given(node, b, node.optional(7))?;
    let zero_point = by_axis(node, b, 7, 0)?;
    saturated(b, scaled, zero_point, range)
}

/// Zero points and scales of the left matrix are one for all or one for each row, those of the
/// right one for all or one for each column.
fn matmul_integer(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(2, 4)?;
    let (x, y) = (integers(node, b, 0)?, integers(node, b, 1)?);
    let zero_point = by_axis(node, b, 2, 1)?;
    let x = centred(b, x, zero_point)?;
    let zero_point = by_axis(node, b, 3, 0)?;
    let y = centred(b, y, zero_point)?;
    let made = product(node, b, x, y)?;
    b.declare(made, DType::I32);
    Ok(made)
}

fn qlinear_matmul(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(8, 8)?;
    let (x, y) = (integers(node, b, 0)?, integers(node, b, 3)?);
    let zero_point = by_axis(node, b, 2, 1)?;
    let x = centred(b, x, zero_point)?;
    let zero_point = by_axis(node, b, 5, 0)?;
    let y = centred(b, y, zero_point)?;
    let sums = product(node, b, x, y)?;
    let scales = [
        scale(node, b, 1, 1)?,
        scale(node, b, 4, 0)?,
        scale(node, b, 6, 1)?,
    ];
    let scaled = rescaled(b, sums, scales)?;
    let range = Range::given(node, b, node.optional(7))?;
    let zero_point = by_axis(node, b, 7, 1)?;
    saturated(b, scaled, zero_point, range)
}
