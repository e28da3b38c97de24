//! Which layer makes a change of order.

use dreamlet_runtime::engine::compiled::format::HwcShape;

use crate::import::value::planar_position;
use crate::ir::len;

/// Whether element `i` comes from where CHW has it.
pub(super) fn is_planar(positions: &[u32], from: HwcShape) -> bool {
    let pairs = positions.iter().enumerate();
    positions.len() == len(from)
        && pairs
            .into_iter()
            .all(|(i, &at)| at as usize == planar_position(from, i))
}

/// Whether the result is HWC of CHW.
pub(super) fn is_interleaved(positions: &[u32], to: HwcShape) -> bool {
    (0..positions.len()).all(|i| positions[planar_position(to, i)] as usize == i)
}

/// Whether the order is CHW in both shapes.
pub(super) fn is_transposition(positions: &[u32], from: HwcShape, to: HwcShape) -> bool {
    (0..positions.len())
        .all(|i| positions[planar_position(to, i)] as usize == planar_position(from, i))
}

/// Whether blocks of channels become blocks of pixels, and in which of the two orders.
pub(super) fn shuffles(positions: &[u32], from: HwcShape, to: HwcShape) -> Option<bool> {
    let block = to.height.checked_div(from.height)?;
    let fits = block > 1
        && to.height == block * from.height
        && to.width == block * from.width
        && from.channels == block * block * to.channels;
    if !fits {
        return None;
    }
    [false, true].into_iter().find(|&crd| {
        positions.iter().enumerate().all(|(i, &at)| {
            let i = i as u32;
            let (pixel, channel) = (i / to.channels, i % to.channels);
            let (row, column) = (pixel / to.width, pixel % to.width);
            let within = row % block * block + column % block;
            let source = if crd {
                channel * block * block + within
            } else {
                within * to.channels + channel
            };
            at == (row / block * from.width + column / block) * from.channels + source
        })
    })
}
