//! Rewriting a [network](super::net) into one that makes the same picture with less work and without moving numbers about.
//!
//! Each pass changes the first place it can and says whether it did; [`rewrite`] repeats them until nothing changes.

mod activation;
mod affine;
mod lookup;
mod nearest;
mod pad;
mod point;
mod reorder;

use super::net::Net;

/// A pass: changes one place of the network, if there is one to change.
type Pass = fn(&mut Net) -> bool;

const PASSES: [Pass; 8] = [
    affine::fold,
    activation::fuse,
    reorder::simplify,
    reorder::into_neighbours,
    lookup::fold,
    point::to_dense,
    pad::into_convolution,
    nearest::fold,
];

/// Applies all passes until none finds anything to change.
pub(crate) fn rewrite(net: &mut Net) {
    net.prune();
    // Each change removes a node, or moves one before another of fewer kinds; the bound only guards against a defect.
    let most = 16 * (net.nodes.len() + 4);
    for _ in 0..most {
        if !PASSES.iter().any(|pass| pass(net)) {
            break;
        }
        net.prune();
    }
}
