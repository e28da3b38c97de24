//! Weights in the orders that the device's layers read, as
//! [`Op`](dreamlet_runtime::engine::compiled::format::Op) documents them.

use dreamlet_runtime::engine::compiled::ConvAxis;
use dreamlet_runtime::engine::compiled::format::{
    BLOCK, Convolution, DType, HwcShape, Op as Layer, padded,
};
use half::f16;

use super::CompileError;
use super::ir::len;
use super::steps::{F32Weights, Packed, Step};

/// Packs the weights of a step as `dtype`, or as f32 where its kind of layer has no other.
///
/// # Errors
/// [`CompileError::Overflow`] for a weight beyond 16-bit floats, [`CompileError::NonFinite`] for
/// NaN or infinity.
pub(crate) fn pack(
    step: &Step,
    weights: &F32Weights,
    dtype: DType,
) -> Result<Packed, CompileError> {
    let (from, to) = (step.input_shape, step.output_shape);
    let multiplies = matches!(
        step.op,
        Layer::Dense | Layer::Conv(_) | Layer::Col2ImConv(_) | Layer::UpsampleConv
    );
    let dtype = if multiplies { dtype } else { DType::F32 };
    let elements = weights.weights.iter().chain(weights.bias.iter().flatten());
    if !elements.into_iter().all(|x| x.is_finite()) {
        return Err(CompileError::NonFinite {
            layer: step.origin.clone(),
        });
    }
    let ordered = ordered(step.op, &weights.weights, from, to);
    let bias = weights.bias.as_ref().map(|bias| {
        let mut bias = bias.clone();
        if multiplies {
            bias.resize(padded(bias.len()), 0.0);
        }
        bias.iter().flat_map(|x| x.to_le_bytes()).collect()
    });
    let bytes = if dtype == DType::F16 {
        let mut bytes = Vec::with_capacity(2 * ordered.len());
        for x in ordered {
            let half = f16::from_f32(x);
            if !half.is_finite() {
                return Err(CompileError::Overflow {
                    layer: step.origin.clone(),
                    found: x,
                    limit: f16::MAX.to_f32(),
                });
            }
            bytes.extend_from_slice(&half.to_le_bytes());
        }
        bytes
    } else {
        ordered.iter().flat_map(|x| x.to_le_bytes()).collect()
    };
    Ok(Packed {
        dtype,
        weights: bytes,
        bias,
        requantization: None,
    })
}

/// Weights in the order of the layer.
fn ordered(op: Layer, weights: &[f32], from: HwcShape, to: HwcShape) -> Vec<f32> {
    let taps = |geometry: Convolution| (geometry.kernel[0] * geometry.kernel[1]) as usize;
    let (inputs, outputs) = (from.channels as usize, to.channels as usize);
    match op {
        Layer::Dense => dense(weights, len(from), len(to)),
        Layer::Conv(geometry) => conv(weights, &ConvAxis::pair(&geometry, from, to), from, to),
        Layer::Col2ImConv(geometry) => col2im(weights, inputs, outputs, taps(geometry)),
        // `[kind][n][c]`, each kind a convolution of one tap.
        Layer::UpsampleConv => weights
            .chunks((inputs * outputs).max(1))
            .flat_map(|kind| dense(kind, inputs, outputs))
            .collect(),
        Layer::GroupConv(geometry) => grouped(weights, outputs, taps(geometry)),
        _ => weights.to_vec(),
    }
}

/// Packs int8 weights, whole numbers from -127 to 127. Input channels are padded to whole fours,
/// which are side by side for each output channel.
pub(crate) fn pack_int8(step: &Step, weights: &[f32]) -> Vec<u8> {
    let (mut from, to) = (step.input_shape, step.output_shape);
    let (inputs, taps) = match step.op {
        Layer::Conv(geometry) | Layer::Col2ImConv(geometry) => (
            from.channels as usize,
            (geometry.kernel[0] * geometry.kernel[1]) as usize,
        ),
        _ => (len(from), 1),
    };
    let mut padded = Vec::with_capacity(weights.len());
    for row in weights.chunks(inputs * taps) {
        padded.extend_from_slice(row);
        let missing = inputs.next_multiple_of(4) - inputs;
        padded.resize(padded.len() + missing * taps, 0.0);
    }
    if step.op == Layer::Dense {
        from = HwcShape::vector(inputs.next_multiple_of(4) as u32);
    } else {
        from.channels = from.channels.next_multiple_of(4);
    }
    let ordered = ordered(step.op, &padded, from, to);
    let mut bytes = Vec::with_capacity(ordered.len());
    for four in ordered.chunks(4 * BLOCK) {
        for output in 0..BLOCK {
            let column = four.iter().skip(output).step_by(BLOCK);
            bytes.extend(column.map(|&x| (x as i8).cast_unsigned()));
        }
    }
    bytes
}

/// `[n][k]` to `[n/16][k][16]`.
fn dense(weights: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let mut all = vec![0.0; padded(outputs) * inputs];
    for (n, row) in weights.chunks(inputs.max(1)).enumerate() {
        for (k, &weight) in row.iter().enumerate() {
            all[(n / BLOCK * inputs + k) * BLOCK + n % BLOCK] = weight;
        }
    }
    all
}

/// `[n][c][kernel row][kernel column]` to `[n/16][row phase][column phase][row tap][column
/// tap][c][16]`.
fn conv(weights: &[f32], axes: &[ConvAxis; 2], from: HwcShape, to: HwcShape) -> Vec<f32> {
    let (inputs, outputs) = (from.channels as usize, to.channels as usize);
    let [rows, columns] = axes;
    let taps = rows.kernel * columns.kernel;
    let mut all = Vec::with_capacity(padded(outputs) * inputs * taps);
    for block in 0..padded(outputs) / BLOCK {
        for row_phase in 0..rows.phases() {
            for column_phase in 0..columns.phases() {
                for row in rows.taps(row_phase).iter() {
                    for column in columns.taps(column_phase).iter() {
                        let tap = row.kernel * columns.kernel + column.kernel;
                        for input in 0..inputs {
                            all.extend((block * BLOCK..(block + 1) * BLOCK).map(|output| {
                                let at = (output * inputs + input) * taps + tap;
                                weights.get(at).copied().unwrap_or(0.0)
                            }));
                        }
                    }
                }
            }
        }
    }
    all
}

/// `[n][c][taps]` to `[m/16][c][16]`, where `m` counts `[n][taps]`.
fn col2im(weights: &[f32], inputs: usize, outputs: usize, taps: usize) -> Vec<f32> {
    let sums = outputs * taps;
    let mut all = vec![0.0; padded(sums) * inputs];
    for m in 0..sums {
        for input in 0..inputs {
            let weight = weights[(m / taps * inputs + input) * taps + m % taps];
            all[(m / BLOCK * inputs + input) * BLOCK + m % BLOCK] = weight;
        }
    }
    all
}

/// `[n][c of the group][taps]` to `[taps][c of the group][n]`.
fn grouped(weights: &[f32], outputs: usize, taps: usize) -> Vec<f32> {
    let inputs = weights.len() / (outputs * taps).max(1);
    let mut all = Vec::with_capacity(weights.len());
    for tap in 0..taps {
        for input in 0..inputs {
            all.extend((0..outputs).map(|output| weights[(output * inputs + input) * taps + tap]));
        }
    }
    all
}
