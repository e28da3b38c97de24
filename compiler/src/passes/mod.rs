//! Rewriting a [network](super::ir) into one that makes the same image with less work, and without
//! moving elements about.
//!
//! Each pass changes the first place it can and says whether it did; [`run`] repeats them until
//! nothing changes.

mod activation;
mod affine;
mod attention;
mod bilinear;
pub(crate) mod crop;
mod lookup;
mod maps;
mod nearest;
mod pad;
mod point;
mod reorder;
mod siblings;

use super::ir::Net;

/// A pass: changes one place of the network, if there is one to change.
type Pass = fn(&mut Net) -> bool;

/// All passes by name, in the order in which they are tried.
pub(crate) const PASSES: [(&str, Pass); 15] = [
    ("scales and shifts", affine::fold),
    ("activations", activation::fuse),
    ("changes of order", reorder::simplify),
    ("changes of order into neighbours", reorder::into_neighbours),
    ("tables", lookup::fold),
    ("images of one pixel", point::to_dense),
    ("borders", pad::into_convolution),
    ("cuts", crop::into_convolution),
    ("enlarging twice", nearest::merge),
    ("enlarging", nearest::fold),
    ("bilinear doubling", bilinear::join),
    ("attention", attention::fuse),
    ("changes of order into strided work", reorder::into_strided),
    ("squares", maps::of_one_value),
    ("maps", maps::join),
];

/// Applies all passes until none finds anything to change.
pub(crate) fn run(net: &mut Net) {
    repeat(net, &PASSES);
}

/// What is left to do where layers stay f32.
pub(crate) fn run_f32(net: &mut Net) {
    let passes: [(&str, Pass); 2] = [
        ("maps", maps::join_shared),
        ("convolutions of one value", siblings::join),
    ];
    repeat(net, &passes);
}

fn repeat(net: &mut Net, passes: &[(&str, Pass)]) {
    net.prune();
    // Each change removes a node, or moves one before another of fewer kinds; the bound only guards
    // against a defect.
    let most = 16 * (net.nodes.len() + 4);
    let mut changes = 0;
    loop {
        let before = changes;
        for (_, pass) in passes {
            while changes < most && pass(net) {
                net.prune();
                changes += 1;
            }
        }
        if changes == before || changes >= most {
            break;
        }
    }
}
