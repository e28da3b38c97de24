//! Taking a part of an image: the convolution before it makes only that part.

use crate::ir::{Net, Op};
use dreamlet_runtime::engine::compiled::format::HwcShape;

/// Largest pad of a compiled convolution.
const MAX_PAD: u32 = 1 << 12;

/// The rows above and the columns left that are cut off, if `positions` cut a rectangle with all
/// channels out of an image.
pub(crate) fn cut(positions: &[u32], from: HwcShape, to: HwcShape) -> Option<[u32; 2]> {
    let first = positions.first()? / from.channels;
    let (top, left) = (first / from.width, first % from.width);
    let smaller = (to.height, to.width) != (from.height, from.width);
    let fits = smaller
        && to.channels == from.channels
        && top + to.height <= from.height
        && left + to.width <= from.width;
    let cuts = positions.iter().enumerate().all(|(i, &at)| {
        let i = i as u32;
        let (pixel, channel) = (i / to.channels, i % to.channels);
        let (row, column) = (pixel / to.width + top, pixel % to.width + left);
        at == (row * from.width + column) * from.channels + channel
    });
    (fits && cuts).then_some([top, left])
}

/// Folds a cut into the convolution before it: its outputs begin later and end earlier.
pub(super) fn into_convolution(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        let Op::Reorder(Some(positions)) = &net.nodes[at].op else {
            continue;
        };
        let Some(before) = net.only_producer(at) else {
            continue;
        };
        let output = net.nodes[at].output;
        let (from, to) = (net.shape(net.nodes[before].output), net.shape(output));
        let Op::Conv { geometry, .. } = &net.nodes[before].op else {
            continue;
        };
        let Some(cut) = cut(positions, from, to) else {
            continue;
        };
        let pad = |i: usize| {
            if geometry.transposed {
                Some(geometry.pad[i] + cut[i]).filter(|&pad| pad <= MAX_PAD)
            } else {
                geometry.pad[i].checked_sub(cut[i] * geometry.stride[i])
            }
        };
        let (Some(top), Some(left)) = (pad(0), pad(1)) else {
            continue;
        };
        if let Op::Conv { geometry, .. } = &mut net.nodes[before].op {
            geometry.pad = [top, left];
        }
        net.nodes[before].output = output;
        net.nodes.remove(at);
        return true;
    }
    false
}
