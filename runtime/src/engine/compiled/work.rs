//! How much work an image is.

use super::format::{FormatError, HwcShape, Layer, Op};
use super::strided::parts;

/// The layers of a model, as it gives them.
pub(super) trait Layers: Iterator<Item = Result<Layer, FormatError>> {}

impl<T: Iterator<Item = Result<Layer, FormatError>>> Layers for T {}

/// Multiplications of one image in dense layers, convolutions and strided layers, padding included.
#[cfg(feature = "std")]
pub(super) fn products(layers: impl Layers, weights: &[u8]) -> u64 {
    layers.flatten().fold(0, |sum: u64, layer| {
        sum.saturating_add(products_of(&layer, weights))
    })
}

/// All work of one image: multiplications, and elements that are read and written.
pub(super) fn work(layers: impl Layers, weights: &[u8]) -> u64 {
    let of = |layer: &Layer| {
        products_of(layer, weights)
            .saturating_add(layer.input_shape.len())
            .saturating_add(layer.output_shape.len())
    };
    layers
        .flatten()
        .fold(0, |sum: u64, layer| sum.saturating_add(of(&layer)))
}

fn products_of(layer: &Layer, weights: &[u8]) -> u64 {
    let pixels = |shape: HwcShape| u64::from(shape.height).saturating_mul(shape.width.into());
    let (from, to) = (layer.input_shape, layer.output_shape);
    match layer.op {
        Op::Dense => from.len().saturating_mul(to.len()),
        Op::Conv(c) | Op::Col2ImConv(c) | Op::GroupConv(c) => {
            let places = if c.transposed {
                pixels(from)
            } else {
                pixels(to)
            };
            let taps = u64::from(c.kernel[0]) * u64::from(c.kernel[1]);
            let each =
                u64::from(from.channels) * u64::from(to.channels) / u64::from(c.groups.max(1));
            places.saturating_mul(taps).saturating_mul(each)
        }
        Op::UpsampleConv => pixels(from)
            .saturating_mul(9 * u64::from(from.channels))
            .saturating_mul(to.channels.into()),
        Op::Strided(kind, words) => {
            parts(layer, kind, words, weights).map_or(0, |strided| strided.work())
        }
        _ => 0,
    }
}
