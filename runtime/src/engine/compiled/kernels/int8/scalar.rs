//! The portable path: no vectors by name and no `unsafe`, for microcontrollers above all.
//!
//! Four output channels of one pixel are summed at a time, so that their sums stay in registers
//! while the input's channels go by; taps are found once for each phase, and nothing is divided for
//! a pixel.

use super::call::{Int8Conv, QuantizedSlice};
use super::element::QuantizedElement;
use super::finish::Finish;
use crate::engine::compiled::format::BLOCK;

/// Bytes of the weights of four input channels and a block of output channels.
const GROUP: usize = 4 * BLOCK;

/// A convolution, see [`Int8Conv`]; `None` if a slice is too short for the geometry.
pub(super) fn conv(call: &Int8Conv<'_, QuantizedSlice<'_>>, mut finish: Finish<'_>) -> Option<()> {
    let [rows, columns] = &call.axes;
    let tap_len = call.inputs.div_ceil(4) * GROUP;
    let block_len = rows.kernel * columns.kernel * tap_len;
    let mut phase_weights = 0;
    for row_phase in 0..rows.phases() {
        let row_taps = rows.taps(row_phase);
        for column_phase in 0..columns.phases() {
            let column_taps = columns.taps(column_phase);
            for row in 0..rows.outputs(row_phase) {
                let y = row * rows.phases() + row_phase;
                for column in 0..columns.outputs(column_phase) {
                    let x = column * columns.phases() + column_phase;
                    let at = (y * columns.output + x) * call.outputs;
                    for quarter in 0..call.outputs.div_ceil(4) {
                        let channel = 4 * quarter;
                        let mut sums = finish.first(channel)?;
                        let mut weights = phase_weights + channel / BLOCK * block_len;
                        for row_tap in row_taps.iter() {
                            // A position above the image wraps around to one far below it.
                            let y = (row * rows.step()).wrapping_add_signed(row_tap.offset);
                            if y >= rows.input {
                                weights += tap_len * column_taps.len();
                                continue;
                            }
                            for column_tap in column_taps.iter() {
                                let x = (column * columns.step())
                                    .wrapping_add_signed(column_tap.offset);
                                if x < columns.input {
                                    let at = (y * columns.input + x) * call.inputs;
                                    add_products(
                                        call.x.part(at, call.inputs)?,
                                        call.weights.get(weights..)?.get(..tap_len)?,
                                        quarter % 4,
                                        &mut sums,
                                    );
                                }
                                weights += tap_len;
                            }
                        }
                        finish.store(sums, channel, at + channel, call.outputs - channel)?;
                    }
                }
            }
            phase_weights += row_taps.len() * column_taps.len() * tap_len;
        }
    }
    Some(())
}

/// Adds the products of all channels of one input pixel with the weights, `[channel / 4][16][4]`,
/// of the output channels `4 * quarter` to `4 * quarter + 3` of a block.
fn add_products(x: QuantizedSlice<'_>, weights: &[i8], quarter: usize, sums: &mut [i32; 4]) {
    match x {
        QuantizedSlice::I8(x) => add_elements(x, weights, quarter, sums),
        QuantizedSlice::U8(x) => add_elements(x, weights, quarter, sums),
        QuantizedSlice::I16(x) => add_elements(x, weights, quarter, sums),
    }
}

fn add_elements<X: QuantizedElement>(x: &[X], weights: &[i8], quarter: usize, sums: &mut [i32; 4]) {
    let (fours, rest) = x.as_chunks::<4>();
    let quarters = weights.as_chunks::<16>().0;
    let mut groups = quarters.as_chunks::<4>().0.iter();
    let mut registers = *sums;
    for (x, group) in fours.iter().zip(groups.by_ref()) {
        add_four(*x, &group[quarter % 4], &mut registers);
    }
    if let (false, Some(group)) = (rest.is_empty(), groups.next()) {
        let mut x = [X::default(); 4];
        for (to, from) in x.iter_mut().zip(rest) {
            *to = *from;
        }
        add_four(x, &group[quarter % 4], &mut registers);
    }
    *sums = registers;
}

/// Four channels times four output channels.
#[inline(always)]
fn add_four<X: QuantizedElement>(x: [X; 4], weights: &[i8; 16], sums: &mut [i32; 4]) {
    let x = x.map(X::wide);
    for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<4>().0) {
        for (x, weight) in x.iter().zip(weights) {
            // A model with weights of -128 can go around: the same way on every target.
            *sum = sum.wrapping_add(x * i32::from(*weight));
        }
    }
}
