//! Transposed convolutions that are a doubling of pixels and a 3x3 convolution, see
//! [`UpsampleConv`](dreamlet_runtime::engine::compiled::format::Op::UpsampleConv).
//!
//! The rewritings make transposed convolutions of all enlargements ([`super::passes`]). Whether one
//! comes from a doubling is told by its weights alone: along each axis its four taps are `c`, `b +
//! c`, `a + b` and `a` of a kernel `a b c`, so that the first and the third have the sum of the
//! second and the last. This holds still when scales have been folded into them, and for a learned
//! 4x4 kernel it does not.

use dreamlet_runtime::engine::compiled::format::{Convolution, HwcShape, padded};

/// Products of a pair of channels.
pub(crate) fn products(from: HwcShape) -> u64 {
    9 * u64::from(from.height) * u64::from(from.width)
}

/// What it costs to move an element once, in products: layers of 32 to 16 channels take as long one
/// way as the other (7x7 pixels, AVX-512).
const MOVED: u64 = 8;

/// Whether nine products for each pixel, the differences of pixels and the sums of products are
/// less work than so many products.
pub(crate) fn pays(from: HwcShape, to: HwcShape, direct: u64) -> bool {
    let (inputs, outputs) = (
        u64::from(from.channels),
        padded(to.channels as usize) as u64,
    );
    let moved = u64::from(from.height) * u64::from(from.width) * (5 * inputs + 9 * outputs);
    let products = products(from) * inputs * outputs;
    products.saturating_add(MOVED * moved) < direct.saturating_mul(inputs * outputs)
}

/// How far the two sums may be apart, in parts of the largest weight: weights are f32, sums of up
/// to nine of a kernel that was f32.
const MOST_DIFFERENCE: f64 = 1e-6;

/// By kind of weight (the sum of the taps, the first one negated, the last one), the shares that
/// the four taps of the transposed convolution have.
const KINDS: [[f64; 4]; 3] = [[0.5; 4], [0.0, 0.0, 0.0, -1.0], [1.0, 0.0, 0.0, 0.0]];

/// The weights `[row kind][column kind][n][c]` of a transposed convolution with weights
/// `[n][c][4][4]`; `None` if it is no doubling and convolution.
pub(crate) fn kinds(
    geometry: &Convolution,
    weights: &[f32],
    from: HwcShape,
    to: HwcShape,
) -> Option<Vec<f32>> {
    let doubling = Convolution {
        kernel: [4; 2],
        stride: [2; 2],
        pad: [1; 2],
        dilation: [1; 2],
        groups: 1,
        transposed: true,
        planar: false,
    };
    let doubles = (to.height, to.width) == (2 * from.height, 2 * from.width);
    if *geometry != doubling || !doubles || !weights.chunks(16).all(is_doubling) {
        return None;
    }
    let mut all = Vec::with_capacity(weights.len() / 16 * 9);
    for rows in KINDS {
        for columns in KINDS {
            all.extend(weights.chunks(16).map(|kernel| {
                let taps = kernel.iter().enumerate();
                let sum: f64 = taps
                    .map(|(i, &w)| rows[i / 4] * columns[i % 4] * f64::from(w))
                    .sum();
                sum as f32
            }));
        }
    }
    Some(all)
}

/// Whether the rows and the columns of a 4x4 kernel are those of a doubling.
fn is_doubling(kernel: &[f32]) -> bool {
    let largest = kernel
        .iter()
        .fold(0.0, |most: f64, &w| most.max(f64::from(w).abs()));
    let alike = |at: [usize; 4]| {
        let [first, second, third, last] = at.map(|i| f64::from(kernel[i]));
        (first + third - second - last).abs() <= MOST_DIFFERENCE * largest
    };
    (0..4).all(|i| {
        alike([4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3]) && alike([i, i + 4, i + 8, i + 12])
    })
}
