//! How much a convolution multiplies.

use dreamlet_runtime::engine::compiled::format::{Convolution, HwcShape, padded};
use dreamlet_runtime::engine::compiled::{ConvAxis, col2im_scratch};

/// Pairs of an output and a tap along both axes, of which an input position exists.
pub(crate) fn products(geometry: &Convolution, from: HwcShape, to: HwcShape) -> u64 {
    let pairs = |axis: &ConvAxis| -> u64 {
        let phases = 0..axis.phases();
        phases
            .map(|phase| {
                let outputs = axis.outputs(phase);
                let taps = axis.taps(phase);
                let inside = taps.iter().map(|tap| {
                    let (begin, end) = axis.inside(tap.offset, 0, outputs);
                    (end - begin) as u64
                });
                inside.sum::<u64>()
            })
            .sum()
    };
    ConvAxis::pair(geometry, from, to)
        .iter()
        .map(pairs)
        .product()
}

/// Whether multiplying every input pixel with all taps at once is less work than gathering for each
/// output, with both padded to blocks.
pub(super) fn prefers_col2im(geometry: &Convolution, from: HwcShape, to: HwcShape) -> bool {
    let taps = geometry.kernel[0] as usize * geometry.kernel[1] as usize;
    let channels = u64::from(from.channels);
    let col2im = padded(to.channels as usize * taps) as u64
        * u64::from(from.height)
        * u64::from(from.width)
        * channels;
    let gather = products(geometry, from, to) * u64::from(to.channels);
    let direct = products(geometry, from, to) * padded(to.channels as usize) as u64 * channels;
    col2im_scratch(geometry, from, to).is_some() && col2im + gather < direct
}
