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

/// One activation that does what both do, one after the other.
fn composed(first: Activation, second: Activation) -> Option<Activation> {
    use Activation::{Clip, None, Relu};
    match (first, second) {
        (None, only) => Some(only),
        (Relu, Relu) => Some(Relu),
        (Relu, Clip(low, high)) if high > 0.0 => Some(Clip(low.max(0.0), high)),
        (Clip(low, high), Clip(least, most)) if low.max(least) < high.min(most) => {
            Some(Clip(low.max(least), high.min(most)))
        }
        _ => Option::None,
    }
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
        if let Some(both) = composed(node.activation, activation)
            && takes_activation(&node.op)
        {
            net.nodes[before].activation = both;
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
