//! Activations of int8 layers: tables, where a clamp does not do.

use dreamlet_runtime::engine::compiled::format::{Activation, DType};

use super::qparams::Format;
use crate::interpreter::activate;

/// Fewest and most bits of a table's index: 256 to 4096 bytes.
const BITS: std::ops::RangeInclusive<u32> = 8..=12;
/// By how much of the output's step two neighbouring entries differ at most, if the most bits allow
/// it.
const FINE: f64 = 0.5;
/// How far beyond the largest sum that was seen a table goes.
const MARGIN: f64 = 1.125;

/// A table, and what its index counts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    pub(super) bytes: Vec<u8>,
    pub(super) bits: u32,
    /// What one more of the index is before the activation.
    pub(super) step: f64,
}

/// Whether clamping to what the output can hold is the activation.
pub(super) fn clamps(activation: Activation, output: Format) -> bool {
    match (activation, output) {
        (Activation::None, Format::Scaled(DType::I8, _)) => true,
        (Activation::Relu, Format::Scaled(DType::U8, _)) => true,
        // Nothing that was seen lies above the upper end.
        (Activation::Clip(low, high), Format::Scaled(DType::U8, scale)) => {
            low == 0.0 && f64::from(high) >= scale * 254.5
        }
        (Activation::Clip(low, high), Format::Scaled(DType::I8, scale)) => {
            f64::from(low) <= -scale * 126.5 && f64::from(high) >= scale * 126.5
        }
        _ => false,
    }
}

/// The table of an activation for sums up to `before` in size, as short as is fine enough.
pub(super) fn table(activation: Activation, output: Format, before: f64) -> Table {
    let position = |x: f64| output.position(activate(activation, x));
    let reach = reach(&position, before * MARGIN);
    let mut bits = *BITS.start();
    loop {
        let half = 1_i32 << (bits - 1);
        let step = reach / f64::from(half - 1);
        let at = |i: i32| position(f64::from(i) * step);
        let coarse = (-half..half - 1).any(|i| (at(i + 1) - at(i)).abs() > FINE);
        if coarse && bits < *BITS.end() {
            bits += 1;
            continue;
        }
        let bytes = (-half..half).map(|i| byte(output.dtype(), at(i)));
        return Table {
            bytes: bytes.collect(),
            bits,
            step,
        };
    }
}

/// A byte as the device keeps it.
fn byte(dtype: DType, position: f64) -> u8 {
    let whole = position.round();
    if dtype == DType::I8 {
        (whole as i8).cast_unsigned()
    } else {
        whole as u8
    }
}

/// The size from which on the table stays as it is at `most`, or `most`.
fn reach(position: &impl Fn(f64) -> f64, most: f64) -> f64 {
    const PARTS: i32 = 4096;
    let most = if most > 0.0 && most.is_finite() {
        most
    } else {
        1.0
    };
    let ends = [position(most), position(-most)];
    let at = |i: i32| most * f64::from(i) / f64::from(PARTS);
    let changes = |i: &i32| {
        let near = |x: f64, end: f64| (position(x) - end).abs() < 0.25;
        !near(at(*i), ends[0]) || !near(-at(*i), ends[1])
    };
    let last = (1..PARTS).rev().find(changes);
    at(last.map_or(1, |i| i + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dreamlet_runtime::image::PixelRange;

    #[test]
    fn a_table_of_pixels_is_within_a_level_of_the_activation_everywhere() {
        for (activation, range) in [
            (Activation::Tanh, PixelRange::SIGNED),
            (Activation::Sigmoid, PixelRange::UNIT),
            (Activation::None, PixelRange::UNIT),
            (Activation::Clip(-0.5, 0.5), PixelRange::SIGNED),
        ] {
            let output = Format::Pixels(range);
            let table = table(activation, output, 20.0);
            assert_eq!(table.bytes.len(), 1 << table.bits);
            let half = 1 << (table.bits - 1);
            for i in -3000..3000 {
                let x = f64::from(i) * 0.01;
                let index = (x / table.step).round() as i32;
                let index = index.clamp(-half, half - 1) + half;
                let found = f64::from(table.bytes[index as usize]);
                let expected = output.position(activate(activation, x));
                assert!(
                    (found - expected).abs() <= 0.5 + FINE,
                    "{activation:?} {x}: {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn a_table_of_signed_bytes_holds_both_ends() {
        let output = Format::int8(false, 2.0);
        let table = table(Activation::LeakyRelu(0.2), output, 10.0);
        assert_eq!(table.bytes[0].cast_signed(), -127);
        assert_eq!(*table.bytes.last().unwrap(), 127);
        assert_eq!(table.bytes[table.bytes.len() / 2], 0);
        assert!(table.bytes.iter().all(|byte| byte.cast_signed() >= -127));
    }

    #[test]
    fn a_layer_that_was_only_seen_to_make_zeros_has_a_table_too() {
        for before in [0.0, f64::NAN, f64::INFINITY] {
            let table = table(Activation::Tanh, Format::int8(false, 1.0), before);
            assert!(table.step > 0.0 && table.step.is_finite());
        }
    }

    #[test]
    fn only_a_clamp_that_is_the_activation_goes_without_a_table() {
        let (signed, unsigned) = (Format::int8(false, 4.0), Format::int8(true, 4.0));
        assert!(clamps(Activation::None, signed));
        assert!(clamps(Activation::Relu, unsigned));
        assert!(clamps(Activation::Clip(0.0, 4.0), unsigned));
        assert!(!clamps(Activation::Clip(0.0, 3.0), unsigned));
        assert!(!clamps(Activation::Relu, signed));
        assert!(!clamps(Activation::Tanh, signed));
        assert!(!clamps(Activation::None, Format::Pixels(PixelRange::UNIT)));
    }
}
