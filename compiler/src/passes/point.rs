//! Convolutions of an image of one pixel, as DCGANs begin: a matrix product.

use dreamlet_runtime::engine::compiled::ConvAxis;

use crate::ir::{Net, Op, len};

/// Makes a convolution (transposed or not, of one group) whose input is one pixel a dense layer, if
/// that has not many more weights.
pub(super) fn to_dense(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        let node = &net.nodes[at];
        let Op::Conv {
            geometry,
            weights,
            bias,
        } = &node.op
        else {
            continue;
        };
        let (from, to) = (net.shape(node.inputs[0]), net.shape(node.output));
        if (from.height, from.width, geometry.groups) != (1, 1, 1) {
            continue;
        }
        let inputs = from.channels as usize;
        let taps = (geometry.kernel[0] * geometry.kernel[1]) as usize;
        // Most outputs meet a tap, or the matrix would be mostly zeros.
        if len(to) > 2 * taps * to.channels as usize {
            continue;
        }
        // For each row or column of outputs, the tap that reads the pixel.
        let readers: Vec<Vec<Option<usize>>> = ConvAxis::pair(geometry, from, to)
            .iter()
            .map(|axis| {
                let phases = axis.phases();
                let read = |output: usize| {
                    let (phase, position) = (output % phases, output / phases);
                    let taps = axis.taps(phase);
                    let reads = |offset: isize| (position * axis.step()) as isize + offset == 0;
                    let found = taps.iter().find(|tap| reads(tap.offset));
                    found.map(|tap| tap.kernel)
                };
                (0..axis.output).map(read).collect()
            })
            .collect();
        let mut matrix = Vec::with_capacity(len(to).saturating_mul(inputs));
        let mut biases = Vec::with_capacity(len(to));
        for row in &readers[0] {
            for column in &readers[1] {
                for (output, &bias) in bias.iter().enumerate() {
                    biases.push(bias);
                    let tap = row
                        .zip(*column)
                        .map(|(row, column)| row * geometry.kernel[1] as usize + column);
                    matrix.extend((0..inputs).map(|input| {
                        tap.map_or(0.0, |tap| weights[(output * inputs + input) * taps + tap])
                    }));
                }
            }
        }
        net.nodes[at].op = Op::Dense {
            weights: matrix,
            bias: biases,
        };
        return true;
    }
    false
}
