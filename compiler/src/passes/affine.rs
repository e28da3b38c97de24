//! Scales and shifts (batch normalization, arithmetic with constants) into the weights before or
//! after them.

use dreamlet_runtime::engine::compiled::ConvAxis;
use dreamlet_runtime::engine::compiled::format::{Activation, Convolution, HwcShape};

use crate::ir::{Net, Op, len};

/// Folds one scale and shift into a neighbour.
pub(super) fn fold(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        if !matches!(net.nodes[at].op, Op::Affine { .. }) {
            continue;
        }
        if into_producer(net, at) || into_consumer(net, at) {
            return true;
        }
    }
    false
}

/// `(x * scale + shift)` of what the layer before makes: its weights and biases, scaled.
fn into_producer(net: &mut Net, at: usize) -> bool {
    let Some(before) = net.only_producer(at) else {
        return false;
    };
    let producer = &net.nodes[before];
    let takes = matches!(
        producer.op,
        Op::Dense { .. } | Op::Conv { .. } | Op::Affine { .. } | Op::Nearest
    );
    if !takes || producer.activation != Activation::None {
        return false;
    }
    let Op::Affine { scale, shift } = net.nodes[at].op.clone() else {
        return false;
    };
    let shape = net.shape(net.nodes[at].output);
    match &mut net.nodes[before].op {
        Op::Dense { weights, bias } => scale_rows(weights, bias, &scale, &shift),
        Op::Conv { weights, bias, .. } if scale.len() == bias.len() => {
            scale_rows(weights, bias, &scale, &shift);
        }
        Op::Affine {
            scale: first,
            shift: second,
        } if scale.len() == first.len() => scale_rows(first, second, &scale, &shift),
        Op::Nearest if scale.len() == shape.channels as usize => {
            super::nearest::swap(net, before, at);
            return true;
        }
        _ => return false,
    }
    net.nodes[before].activation = net.nodes[at].activation;
    net.nodes[before].output = net.nodes[at].output;
    net.nodes.remove(at);
    true
}

/// Scales each output's row of weights and its bias.
fn scale_rows(weights: &mut [f32], bias: &mut [f32], scale: &[f32], shift: &[f32]) {
    let row = weights.len() / bias.len().max(1);
    for (i, bias) in bias.iter_mut().enumerate() {
        let (scale, shift) = (
            f64::from(scale[i % scale.len()]),
            f64::from(shift[i % shift.len()]),
        );
        for weight in &mut weights[i * row..(i + 1) * row] {
            *weight = (f64::from(*weight) * scale) as f32;
        }
        *bias = (f64::from(*bias) * scale + shift) as f32;
    }
}

/// `weights * (x * scale + shift)`: exact for a convolution only if no tap falls on the zeros
/// around the image, or nothing is shifted.
fn into_consumer(net: &mut Net, at: usize) -> bool {
    let (input, output) = (net.nodes[at].inputs[0], net.nodes[at].output);
    if net.nodes[at].activation != Activation::None || net.uses(output) != 1 {
        return false;
    }
    let Some(after) = net
        .nodes
        .iter()
        .position(|node| node.inputs.contains(&output))
    else {
        return false;
    };
    let reads = &net.nodes[after].op;
    if !matches!(reads, Op::Dense { .. } | Op::Conv { .. }) {
        return false;
    }
    let Op::Affine { scale, shift } = net.nodes[at].op.clone() else {
        return false;
    };
    let (from, to) = (net.shape(output), net.shape(net.nodes[after].output));
    let (groups, all) = match &net.nodes[after].op {
        Op::Dense { .. } => (1, len(from)),
        Op::Conv { geometry, .. } => {
            let shifted = shift.iter().any(|&x| x != 0.0);
            let per_channel = scale.len() == from.channels as usize;
            if !per_channel || (shifted && !covers(geometry, from, to)) {
                return false;
            }
            (geometry.groups.max(1) as usize, from.channels as usize)
        }
        _ => return false,
    };
    let (Op::Dense { weights, bias } | Op::Conv { weights, bias, .. }) = &mut net.nodes[after].op
    else {
        return false;
    };
    let (width, outputs, inputs) = (
        weights.len() / bias.len().max(1),
        bias.len() / groups,
        all / groups,
    );
    let taps = width / inputs.max(1);
    for (output, (bias, row)) in bias.iter_mut().zip(weights.chunks_mut(width)).enumerate() {
        let first = output / outputs * inputs;
        let mut more = 0.0;
        for (i, weight) in row.iter_mut().enumerate() {
            let input = first + i / taps;
            let own = f64::from(*weight);
            more += own * f64::from(shift[input % shift.len()]);
            *weight = (own * f64::from(scale[input % scale.len()])) as f32;
        }
        *bias = (f64::from(*bias) + more) as f32;
    }
    net.nodes[after].inputs[0] = input;
    net.nodes.remove(at);
    true
}

/// Whether every output has all its taps inside the image.
fn covers(geometry: &Convolution, from: HwcShape, to: HwcShape) -> bool {
    ConvAxis::pair(geometry, from, to).iter().all(|axis| {
        !axis.transposed
            && axis
                .taps(0)
                .iter()
                .all(|tap| axis.inside(tap.offset, 0, axis.outputs(0)) == (0, axis.outputs(0)))
    })
}
