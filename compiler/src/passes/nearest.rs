//! Enlarging by whole factors and a convolution after it: one transposed convolution, or the
//! convolution first.

use dreamlet_runtime::engine::compiled::MAX_KERNEL;
use dreamlet_runtime::engine::compiled::format::{Activation, Convolution};

use crate::ir::{Net, NetNode, Op};

/// Folds one enlargement into the convolution after it, where that lowers the number of
/// multiplications.
pub(super) fn fold(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        let Op::Conv {
            geometry, weights, ..
        } = &net.nodes[at].op
        else {
            continue;
        };
        let plain =
            !geometry.transposed && geometry.stride == [1; 2] && geometry.dilation == [1; 2];
        let Some(before) = net.producer(net.nodes[at].inputs[0]) else {
            continue;
        };
        if !plain || net.nodes[before].op != Op::Nearest {
            continue;
        }
        let input = net.nodes[before].inputs[0];
        let (from, big) = (net.shape(input), net.shape(net.nodes[before].output));
        let factors = [big.height / from.height, big.width / from.width];
        if geometry.kernel == [1; 2] && geometry.pad == [0; 2] {
            let mut small = net.shape(net.nodes[at].output);
            (small.height, small.width) = (from.height, from.width);
            if (small.height * factors[0], small.width * factors[1]) != (big.height, big.width)
                || net.shape(net.nodes[at].output).height != big.height
                || net.shape(net.nodes[at].output).width != big.width
            {
                continue;
            }
            let origin = net.nodes[before].origin.clone();
            let value = net.value(small);
            let last = net.nodes[at].output;
            net.nodes[at].inputs[0] = input;
            net.nodes[at].output = value;
            net.nodes.insert(at + 1, enlarge(value, last, origin));
            return true;
        }
        let Some(folded) = transposed(geometry, factors) else {
            continue;
        };
        let weights = combine(weights, geometry, &folded, factors);
        if let Op::Conv {
            geometry,
            weights: own,
            ..
        } = &mut net.nodes[at].op
        {
            *geometry = folded;
            *own = weights;
        }
        net.nodes[at].inputs[0] = input;
        return true;
    }
    false
}

/// Joins two enlargements, as of rows and of columns.
pub(super) fn merge(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        let Some(before) = net.only_producer(at) else {
            continue;
        };
        let plain = net.nodes[before].activation == Activation::None;
        if net.nodes[at].op == Op::Nearest && net.nodes[before].op == Op::Nearest && plain {
            net.nodes[at].inputs = net.nodes[before].inputs.clone();
            net.nodes.remove(before);
            return true;
        }
    }
    false
}

fn enlarge(input: usize, output: usize, origin: String) -> NetNode {
    NetNode {
        op: Op::Nearest,
        activation: Activation::None,
        inputs: vec![input],
        output,
        origin,
    }
}

/// Puts the element-wise node `at` before the enlargement `before` that it works on: the same, on
/// fewer elements.
pub(super) fn swap(net: &mut Net, before: usize, at: usize) {
    let input = net.nodes[before].inputs[0];
    let middle = net.value(net.shape(input));
    let last = net.nodes[at].output;
    let origin = net.nodes[before].origin.clone();
    net.nodes[at].inputs[0] = input;
    net.nodes[at].output = middle;
    net.nodes.insert(at + 1, enlarge(middle, last, origin));
    net.nodes.remove(before);
}

/// How many times more weights are taken for fewer multiplications: 1.8 times for doubling and 3x3.
const MOST_GROWTH: u32 = 4;

/// The transposed convolution that equals enlarging by `factors` and then convolving, if there is
/// one with fewer multiplications and not far more weights.
///
/// Output `o` of the convolution reads by tap `t` the enlarged pixel `o + t - pad`, which is input
/// `i = (o + t - pad) div f`. In a transposed convolution of stride `f` and pad `k - 1 - pad`,
/// output `o` and input `i` meet by tap `o + k - 1 - pad - i * f`, so its tap `j` collects the taps
/// `t` for which `0 <= j + t - (k - 1) < f`: `f + k - 1` taps in all, of which an output meets
/// about `(f + k - 1) / f` in the place of `k`.
fn transposed(geometry: &Convolution, factors: [u32; 2]) -> Option<Convolution> {
    let mut folded = Convolution {
        stride: factors,
        transposed: true,
        ..*geometry
    };
    let (mut before, mut after, mut own) = (1, 1, 1);
    for (i, factor) in factors.into_iter().enumerate() {
        own *= geometry.kernel[i];
        folded.kernel[i] = factor + geometry.kernel[i] - 1;
        folded.pad[i] = (geometry.kernel[i] - 1).checked_sub(geometry.pad[i])?;
        // Over a whole period of outputs.
        before *= geometry.kernel[i] * factor;
        after *= folded.kernel[i];
    }
    let fits = folded.kernel.iter().all(|&k| k <= MAX_KERNEL as u32);
    (fits && after < before && after <= MOST_GROWTH * own).then_some(folded)
}

/// Sums the taps that fall together.
fn combine(
    weights: &[f32],
    geometry: &Convolution,
    folded: &Convolution,
    factors: [u32; 2],
) -> Vec<f32> {
    let taps = (geometry.kernel[0] * geometry.kernel[1]) as usize;
    // For each tap of the transposed convolution, the taps it collects.
    let collected = |i: usize| -> Vec<Vec<u32>> {
        let meets = |j: u32, t: u32| {
            (geometry.kernel[i] - 1..geometry.kernel[i] - 1 + factors[i]).contains(&(j + t))
        };
        (0..folded.kernel[i])
            .map(|j| (0..geometry.kernel[i]).filter(|&t| meets(j, t)).collect())
            .collect()
    };
    let (rows, columns) = (collected(0), collected(1));
    let mut all = Vec::new();
    for kernel in weights.chunks(taps.max(1)) {
        for row in &rows {
            for column in &columns {
                let pairs = row.iter().flat_map(|y| column.iter().map(move |x| (y, x)));
                let sum: f64 = pairs
                    .map(|(y, x)| f64::from(kernel[(y * geometry.kernel[1] + x) as usize]))
                    .sum();
                all.push(sum as f32);
            }
        }
    }
    all
}
