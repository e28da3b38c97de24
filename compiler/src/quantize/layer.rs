//! One layer's weights, biases and multipliers as integers.

use dreamlet_runtime::engine::compiled::format::{DType, Op as Layer, padded};

use super::lut::{Table, clamps, table};
use super::qparams::{Format, limits, multipliers, sum_multipliers};
use crate::CompileError;
use crate::pack::pack_int8;
use crate::steps::{F32Weights, Packed, PackedRequantization, Step};

/// The greatest weight.
const MOST: f64 = 127.0;
/// A channel's scale is at least the greatest one over this, so that all multipliers are exact to
/// 20 bits.
const SCALES: f64 = 1024.0;
/// Fractions of a channel's greatest weight that are tried as its range, in hundredths.
const RANGES: std::ops::RangeInclusive<u32> = 80..=100;

/// Quantizes a layer that multiplies. `input` and `output` are not f32; `before` is the greatest
/// absolute value before the activation.
///
/// # Errors
/// [`CompileError::NonFinite`].
pub(super) fn quantize(
    step: &Step,
    weights: &F32Weights,
    input: Format,
    output: Format,
    before: f64,
) -> Result<Packed, CompileError> {
    let bias = weights.bias.as_deref().unwrap_or_default();
    if !weights.weights.iter().chain(bias).all(|x| x.is_finite()) {
        return Err(CompileError::NonFinite {
            layer: step.origin.clone(),
        });
    }
    let outputs = match step.op {
        Layer::Dense => step.output_shape.len() as usize,
        _ => step.output_shape.channels as usize,
    };
    let Format::Scaled(_, scale) = input else {
        return Err(unquantizable(step));
    };
    let (_, most) = limits(input.dtype());
    let rows: Vec<&[f32]> = weights
        .weights
        .chunks((weights.weights.len() / outputs.max(1)).max(1))
        .collect();
    let mut scales: Vec<f64> = rows.iter().map(|row| best_scale(row)).collect();
    let least = scales.iter().fold(0.0, |a: f64, b| a.max(*b)) / SCALES;
    let mut integers = Vec::with_capacity(weights.weights.len());
    let mut biases = Vec::with_capacity(padded(outputs));
    for (n, (row, own)) in rows.iter().zip(&mut scales).enumerate() {
        *own = own.max(least);
        if *own == 0.0 {
            // Weights that are all zeros take any scale.
            *own = 1.0 / MOST;
        }
        let bias = f64::from(bias.get(n).copied().unwrap_or(0.0));
        *own = fitting(row, bias, *own, scale, most);
        integers.extend(row.iter().map(|&w| rounded(w, *own) as f32));
        // `as` saturates.
        biases.push((bias / (scale * *own)).round() as i32);
    }
    let (step_of_sums, table) = unit_of_sums(step, output, before)?;
    let factors: Vec<f64> = scales
        .iter()
        .map(|own| scale * own / step_of_sums)
        .collect();
    let (mut multipliers, shift) = multipliers(&factors);
    multipliers.resize(padded(outputs), 0);
    biases.resize(padded(outputs), 0);
    let bytes = |integers: &[i32]| integers.iter().flat_map(|x| x.to_le_bytes()).collect();
    Ok(Packed {
        dtype: DType::I8,
        weights: pack_int8(step, &integers),
        bias: Some(bytes(&biases)),
        requantization: Some(PackedRequantization {
            multipliers: bytes(&multipliers),
            shift,
            table: table.map(|table| (table.bytes, table.bits)),
        }),
    })
}

/// What a sum of bytes has in the place of weights. `inputs` are the scales of what is added, the
/// second negative for a difference; `before` is the greatest absolute value before the activation.
///
/// # Errors
/// [`CompileError::Node`] for an output that cannot be written as integers.
pub(super) fn sum(
    step: &Step,
    inputs: [f64; 2],
    output: Format,
    before: f64,
) -> Result<Packed, CompileError> {
    let (unit, table) = unit_of_sums(step, output, before)?;
    let (multipliers, shift) = sum_multipliers(inputs.map(|scale| scale / unit));
    Ok(Packed {
        dtype: DType::I8,
        weights: Vec::new(),
        bias: None,
        requantization: Some(PackedRequantization {
            multipliers: multipliers.iter().flat_map(|x| x.to_le_bytes()).collect(),
            shift,
            table: table.map(|table| (table.bytes, table.bits)),
        }),
    })
}

/// What one more of a requantized sum is before the activation, and the table where a clamp is not
/// the activation.
fn unit_of_sums(
    step: &Step,
    output: Format,
    before: f64,
) -> Result<(f64, Option<Table>), CompileError> {
    if clamps(step.activation, output) {
        let Format::Scaled(_, scale) = output else {
            return Err(unquantizable(step));
        };
        Ok((scale, None))
    } else {
        let table = table(step.activation, output, before);
        Ok((table.step, Some(table)))
    }
}

fn unquantizable(step: &Step) -> CompileError {
    CompileError::Node {
        node: step.origin.clone(),
        reason: "what it reads or writes cannot be written as integers".into(),
    }
}

/// A weight as a whole number.
fn rounded(weight: f32, scale: f64) -> f64 {
    (f64::from(weight) / scale).round().clamp(-MOST, MOST)
}

/// The scale of a channel's weights with the least square error; 0 for a channel of zeros.
fn best_scale(row: &[f32]) -> f64 {
    let most = row.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
    let mut best = (f64::INFINITY, f64::from(most) / MOST);
    for part in RANGES {
        let scale = f64::from(most) * f64::from(part) / 100.0 / MOST;
        if scale == 0.0 {
            return 0.0;
        }
        let lost = |&w: &f32| (f64::from(w) - rounded(w, scale) * scale).powi(2);
        let error = row.iter().map(lost).sum::<f64>();
        if error <= best.0 {
            best = (error, scale);
        }
    }
    best.1
}

/// The least scale from `own` on, by doubling, with which the largest possible sum fits 32 bits.
fn fitting(row: &[f32], bias: f64, mut own: f64, input: f64, most: f64) -> f64 {
    for _ in 0..64 {
        let sum: f64 = row.iter().map(|&w| rounded(w, own).abs()).sum();
        if sum * most + (bias / (input * own)).abs() + 1.0 <= f64::from(i32::MAX) {
            break;
        }
        own *= 2.0;
    }
    own
}

/// The rows of a table for classes as 16-bit integers.
pub(super) fn lookup(weights: &F32Weights, format: Format) -> Packed {
    let bytes = weights.weights.iter().flat_map(|&x| {
        let whole = format.position(f64::from(x)).round() as i16;
        whole.to_le_bytes()
    });
    Packed {
        dtype: format.dtype(),
        weights: bytes.collect(),
        bias: None,
        requantization: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channels_scale_loses_no_more_than_its_greatest_weight_would() {
        let row = [0.5_f32, -0.3, 0.2, 0.123, -1.0];
        let scale = best_scale(&row);
        assert!((0.8 / MOST..=1.0 / MOST).contains(&scale));
        assert_eq!(best_scale(&[0.0; 4]), 0.0);
        assert_eq!(rounded(-1e9, scale), -127.0);
    }

    #[test]
    fn sums_that_would_not_fit_get_coarser_weights() {
        let row = [1.0_f32; 516];
        let own = 1.0 / MOST;
        assert_eq!(fitting(&row, 0.0, own, 1e-3, 255.0), own);
        // 516 products of 127 and 32767 are all that there is room for.
        let with_bias = fitting(&row, 100.0, own, 1e-4, 32767.0);
        assert_eq!(with_bias, 2.0 * own);
        let huge = fitting(&row, 1e12, own, 1e-4, 32767.0);
        assert!((1e12 / (huge * 1e-4)) < f64::from(i32::MAX), "{huge}");
    }
}
