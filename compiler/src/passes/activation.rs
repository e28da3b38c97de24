//! Activations into the layers that make what they are applied to, and before what repeats pixels.

use dreamlet_runtime::engine::compiled::format::Activation;

use crate::ir::{Net, Op};

/// Whether a layer of this kind can end with an activation.
fn takes_activation(op: &Op) -> bool {
    matches!(
        op,
        Op::Dense { .. } | Op::Conv { .. } | Op::Activate | Op::Affine { .. } | Op::Binary(..)
    )
}

/// Gives an activation to the layer before it, or drops one that does nothing.
pub(super) fn fuse(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        if net.nodes[at].op != Op::Activate {
            continue;
        }
        let activation = net.nodes[at].activation;
        if activation == Activation::None {
            let (input, output) = (net.nodes[at].inputs[0], net.nodes[at].output);
            net.replace(output, input);
            net.nodes.remove(at);
            return true;
        }
        let Some(before) = net.only_producer(at) else {
            continue;
        };
        let node = &net.nodes[before];
        if takes_activation(&node.op) && node.activation == Activation::None {
            net.nodes[before].activation = activation;
            net.nodes[before].output = net.nodes[at].output;
            net.nodes.remove(at);
            return true;
        }
        if node.op == Op::Nearest {
            super::nearest::swap(net, before, at);
            return true;
        }
    }
    false
}
