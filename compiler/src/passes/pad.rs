//! Borders of zeros into the convolution after them.

use crate::ir::{Net, Op};

/// Largest pad of a compiled convolution.
const MAX_PAD: u32 = 1 << 12;

/// A convolution takes what lies outside the image as zeros anyway, to the right and below as far
/// as its outputs reach.
pub(super) fn into_convolution(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        let Op::Conv { geometry, .. } = &net.nodes[at].op else {
            continue;
        };
        if geometry.transposed {
            continue;
        }
        let Some(before) = net.producer(net.nodes[at].inputs[0]) else {
            continue;
        };
        let Op::Pad([top, left], fill) = net.nodes[before].op else {
            continue;
        };
        let pad = [geometry.pad[0] + top, geometry.pad[1] + left];
        if fill != 0.0 || pad.iter().any(|&pad| pad > MAX_PAD) {
            continue;
        }
        let input = net.nodes[before].inputs[0];
        net.nodes[at].inputs[0] = input;
        if let Op::Conv { geometry, .. } = &mut net.nodes[at].op {
            geometry.pad = pad;
        }
        return true;
    }
    false
}
