//! What this machine can do at most, on one thread.

use std::time::Instant;

use pulp::{Simd, WithSimd};

use crate::nets::cpu::simd_width;

/// Sums side by side: enough to hide the latency of a multiplication.
const SUMS: usize = 24;

/// Measured peaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Floor {
    /// f32 multiplications with addition, a second.
    pub products: f64,
    /// Bytes read from a block as large as a generator's weights, a second.
    pub bytes: f64,
}

struct Products(usize);

impl WithSimd for Products {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (a, b) = (simd.splat_f32s(1.000_001), simd.splat_f32s(0.5));
        let mut sums = [simd.splat_f32s(0.0); SUMS];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(a, *sum, b);
            }
        }
        sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum()
    }
}

struct Read<'a>(&'a [f32]);

impl WithSimd for Read<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (vectors, _) = S::as_simd_f32s(self.0);
        let mut sums = [simd.splat_f32s(0.0); 8];
        for eight in vectors.chunks_exact(8) {
            for (sum, vector) in sums.iter_mut().zip(eight) {
                *sum = simd.add_f32s(*sum, *vector);
            }
        }
        sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum()
    }
}

/// The shortest of several repetitions, in seconds.
fn shortest(mut work: impl FnMut() -> f32) -> f64 {
    let mut shortest = f64::INFINITY;
    for _ in 0..10 {
        let begin = Instant::now();
        std::hint::black_box(work());
        shortest = shortest.min(begin.elapsed().as_secs_f64());
    }
    shortest
}

impl Floor {
    /// Measures for about a tenth of a second. `bytes` is the size of the block that is read again
    /// and again.
    pub(crate) fn measure(bytes: usize) -> Self {
        let arch = pulp::Arch::new();
        let turns = 100_000;
        let seconds = shortest(|| arch.dispatch(Products(turns)));
        let products = (turns * SUMS * simd_width()) as f64 / seconds;
        let block = vec![1.0f32; bytes.max(1 << 16) / 4];
        let seconds = shortest(|| arch.dispatch(Read(&block)));
        Self {
            products,
            bytes: (block.len() * 4) as f64 / seconds,
        }
    }

    /// Seconds for an image of so many multiplications with addition that reads so many bytes of
    /// weights, if both could be done at once.
    pub(crate) fn seconds(&self, work: u64, bytes: usize) -> f64 {
        (work as f64 / self.products).max(bytes as f64 / self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_multiplies_and_reads_at_a_finite_rate() {
        let floor = Floor::measure(1 << 20);
        assert!(floor.products > 1e7 && floor.products < 1e13, "{floor:?}");
        assert!(floor.bytes > 1e7 && floor.bytes < 1e13, "{floor:?}");
        let (products, bytes) = (2e9, 4e9);
        let floor = Floor { products, bytes };
        assert_eq!(floor.seconds(2_000_000_000, 4_000), 1.0);
        assert_eq!(floor.seconds(4_000, 8_000_000_000), 2.0);
    }
}
