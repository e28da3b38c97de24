//! How much work an image is.

use super::format::{HwcShape, Layer, Op};
use super::model::Model;
use super::strided::parts;

/// Multiplications of one image in dense layers, convolutions and strided layers, padding included.
pub(super) fn products(model: &Model<'_>) -> u64 {
    let of = |layer: &Layer| {
        let pixels = |shape: HwcShape| u64::from(shape.height) * u64::from(shape.width);
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
                parts(layer, kind, words, model.weights()).map_or(0, |strided| strided.work())
            }
            _ => 0,
        }
    };
    let layers = model.layers().flatten();
    layers.fold(0, |sum, layer| sum.saturating_add(of(&layer)))
}
