//! Convolutions of one value side by side, such as the queries, keys and values of an attention,
//! become one with the outputs of all: it fills vectors that few outputs would not.

use dreamlet_runtime::engine::compiled::format::Activation;

use super::reorder::placed;
use crate::ir::{Net, Op, OperandSource, len};

/// Joins the convolutions of one value, where only strided work reads what they make.
pub(super) fn join(net: &mut Net) -> bool {
    (0..net.nodes.len()).any(|at| join_at(net, at).is_some())
}

fn join_at(net: &mut Net, at: usize) -> Option<()> {
    let Op::Conv { geometry, .. } = &net.nodes[at].op else {
        return None;
    };
    let geometry = *geometry;
    if geometry.groups != 1 {
        return None;
    }
    let alike: Vec<usize> = (at..net.nodes.len())
        .filter(|&other| {
            let (first, node) = (&net.nodes[at], &net.nodes[other]);
            let same = matches!(&node.op, Op::Conv { geometry: own, .. } if *own == geometry);
            same && node.inputs == first.inputs
                && node.activation == Activation::None
                && only_strided(net, node.output)
        })
        .collect();
    if alike.len() < 2 || alike[0] != at {
        return None;
    }
    let (mut all, mut biases) = (Vec::new(), Vec::new());
    let mut parts = Vec::new();
    for &node in &alike {
        let Op::Conv { weights, bias, .. } = &net.nodes[node].op else {
            return None;
        };
        parts.push((net.nodes[node].output, biases.len()));
        all.extend_from_slice(weights);
        biases.extend_from_slice(bias);
    }
    // Where what was read of the parts lies in the whole.
    let channels = biases.len();
    let mut nodes = net.nodes.clone();
    let mut shape = net.shape(net.nodes[at].output);
    shape.channels = u32::try_from(channels).ok()?;
    let whole = net.values.len();
    for node in &mut nodes {
        let Op::Strided(works) = &mut node.op else {
            continue;
        };
        for work in works {
            for (source, walk) in &mut work.operands {
                let OperandSource::Input(input) = source else {
                    continue;
                };
                let value = *node.inputs.get(*input)?;
                if let Some((_, first)) = parts.iter().find(|(part, _)| *part == value) {
                    let own = net.shape(value).channels as usize;
                    let count = len(net.shape(value));
                    let place =
                        |i: usize| (i < count).then(|| i / own * channels + first + i % own);
                    *walk = placed(&work.sizes, walk, place)?;
                }
            }
        }
        for input in &mut node.inputs {
            if parts.iter().any(|(part, _)| part == input) {
                *input = whole;
            }
        }
    }
    nodes[at].op = Op::Conv {
        geometry,
        weights: all,
        bias: biases,
    };
    nodes[at].output = net.value(shape);
    for &other in alike.iter().skip(1).rev() {
        nodes.remove(other);
    }
    net.nodes = nodes;
    Some(())
}

/// Whether something reads `value`, and only strided work does.
fn only_strided(net: &Net, value: usize) -> bool {
    let mut readers = net.nodes.iter().filter(|node| node.inputs.contains(&value));
    net.image != value
        && net.uses(value) > 0
        && readers.all(|node| matches!(node.op, Op::Strided(_)))
}
