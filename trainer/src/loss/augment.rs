//! Differentiable augmentation (Zhao et al. 2020): what the discriminator sees, real or generated,
//! is changed at random, so that it cannot learn a small data set by heart, and the generator's
//! gradient goes through the change.

use burn::tensor::{Tensor, TensorData};
use dreamlet_runtime::latent::Stream;

/// Largest shift, as a share of the image's side.
const SHIFT: f32 = 0.125;
/// Side of the square that is cut out, as a share of the image's side.
const CUTOUT: f32 = 0.5;

/// Shift, cutout, and brightness, contrast and saturation, each with `probability` for each image,
/// as numbers for a batch.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    rows: usize,
    /// Multiplies what a pixel differs from its image's mean by.
    contrast: Vec<f32>,
    /// Added to every pixel.
    brightness: Vec<f32>,
    /// Multiplies what a coloured pixel differs from its own grey by.
    saturation: Vec<f32>,
    /// Columns right and rows down.
    shifts: Vec<[i32; 2]>,
    /// Left and upper edge of the square that is cut out.
    holes: Vec<Option<[i32; 2]>>,
    side: [usize; 2],
}

impl Changes {
    /// Draws the changes of images `[N, C, H, W]` of this `shape` whose pixels span `span` from
    /// black to white.
    pub(crate) fn draw(
        stream: &mut Stream,
        [rows, channels, height, width]: [usize; 4],
        span: f32,
        probability: f64,
    ) -> Self {
        let side = [height, width];
        let mut changes = Self {
            rows,
            contrast: Vec::new(),
            brightness: Vec::new(),
            saturation: Vec::new(),
            shifts: Vec::new(),
            holes: Vec::new(),
            side,
        };
        for _ in 0..rows {
            // Always the same number of draws, so that one image's luck does not move another's.
            let coins: [bool; 3] =
                core::array::from_fn(|_| f64::from(stream.uniform()) < probability);
            let numbers: [f32; 6] = core::array::from_fn(|_| stream.uniform());
            let among = |u: f32, extent: usize| {
                let reach = (extent as f32 * SHIFT).round();
                ((2.0 * reach + 1.0) * u).floor() - reach
            };
            let [height, width] = side;
            changes.shifts.push(if coins[0] {
                [
                    among(numbers[0], width) as i32,
                    among(numbers[1], height) as i32,
                ]
            } else {
                [0, 0]
            });
            let edge = |u: f32, extent: usize| {
                (u * extent as f32 - CUTOUT * extent as f32 / 2.0).round() as i32
            };
            let hole = [edge(numbers[2], width), edge(numbers[3], height)];
            changes.holes.push(coins[1].then_some(hole));
            changes.brightness.push(if coins[2] {
                (numbers[4] - 0.5) * span * 0.5
            } else {
                0.0
            });
            changes
                .contrast
                .push(if coins[2] { numbers[5] + 0.5 } else { 1.0 });
            // Grey has none, and draws as it did before there was colour.
            let saturation = if channels > 1 {
                2.0 * stream.uniform()
            } else {
                1.0
            };
            changes
                .saturation
                .push(if coins[2] { saturation } else { 1.0 });
        }
        changes
    }

    /// The images `[N, C, H, W]` changed. What a shift uncovers and a cutout covers is 0. What is
    /// added to an image counts `share` times, `[N]`; once where there is none.
    pub(crate) fn apply(&self, x: Tensor<4>, share: Option<&Tensor<1>>) -> Tensor<4> {
        let [_, channels, height, width] = x.dims();
        let device = x.device();
        let column = |values: &[f32]| {
            let data = TensorData::new(values.to_vec(), [self.rows, 1, 1, 1]);
            Tensor::<4>::from_data(data, &device)
        };
        // Brightness, contrast and saturation are of colours, not of alpha.
        let (mut x, alpha) = if channels == 4 {
            let part = |from, to| {
                x.clone()
                    .slice([0..self.rows, from..to, 0..height, 0..width])
            };
            (part(0, 3), Some(part(3, 4)))
        } else {
            (x, None)
        };
        let colours = channels.min(3);
        if self.contrast.iter().any(|c| *c != 1.0) || self.brightness.iter().any(|b| *b != 0.0) {
            let mean = x
                .clone()
                .reshape([self.rows, colours * height * width])
                .mean_dim(1)
                .reshape([self.rows, 1, 1, 1]);
            let contrast = column(&self.contrast);
            let mut brightness = column(&self.brightness);
            if let Some(share) = share {
                let share = share.clone().reshape([self.rows, 1, 1, 1]);
                brightness = brightness * Tensor::from_inner(share);
            }
            x = (x - mean.clone()) * contrast + mean + brightness;
        }
        if self.saturation.iter().any(|s| *s != 1.0) {
            let grey = x.clone().mean_dim(1);
            x = (x - grey.clone()) * column(&self.saturation) + grey;
        }
        if let Some(alpha) = alpha {
            x = Tensor::cat(vec![x, alpha], 1);
        }
        if self.shifts.iter().any(|s| *s != [0, 0]) {
            // Shifts are products with matrices of zeros and ones, for which every device has
            // gradients.
            let move_by = |extent: usize, pick: fn(&[i32; 2]) -> i32| {
                let mut data = vec![0.0; self.rows * extent * extent];
                let matrices = data.chunks_exact_mut((extent * extent).max(1));
                for (matrix, shift) in matrices.zip(&self.shifts) {
                    for (to, row) in matrix.chunks_exact_mut(extent).enumerate() {
                        let from = i64::try_from(to).unwrap_or(0) - i64::from(pick(shift));
                        if let Some(entry) = usize::try_from(from).ok().and_then(|f| row.get_mut(f))
                        {
                            *entry = 1.0;
                        }
                    }
                }
                let shape = [self.rows, 1, extent, extent];
                Tensor::<4>::from_data(TensorData::new(data, shape), &device)
            };
            let down = move_by(height, |s| s[1]);
            let right = move_by(width, |s| s[0]).swap_dims(2, 3);
            x = down
                .expand([self.rows, channels, height, height])
                .matmul(x)
                .matmul(right.expand([self.rows, channels, width, width]));
        }
        if self.holes.iter().any(Option::is_some) {
            x = x * Tensor::<4>::from_data(self.mask(), &device);
        }
        x
    }

    /// 0 where pixels are cut out, else 1, `[N, 1, H, W]`.
    fn mask(&self) -> TensorData {
        let [height, width] = self.side;
        let reach = |extent: usize| (extent as f32 * CUTOUT).round() as i32;
        let mut mask = vec![1.0; self.rows * height * width];
        let images = mask.chunks_exact_mut((height * width).max(1));
        for (image, hole) in images.zip(&self.holes) {
            let Some([left, top]) = hole else { continue };
            for (y, row) in (0..).zip(image.chunks_exact_mut(width)) {
                for (x, pixel) in (0..).zip(row) {
                    let inside = (*left..left + reach(width)).contains(&x)
                        && (*top..top + reach(height)).contains(&y);
                    if inside {
                        *pixel = 0.0;
                    }
                }
            }
        }
        TensorData::new(mask, [self.rows, 1, height, width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn stream() -> Stream {
        Stream::new(3, "test.augment", 0)
    }

    fn images() -> Tensor<4> {
        let device = Device::flex().autodiff();
        let values = (1..=2 * 64).map(|v| v as f32).collect::<Vec<_>>();
        Tensor::from_data(TensorData::new(values, [2, 1, 8, 8]), &device)
    }

    #[test]
    fn probability_zero_changes_nothing() {
        let changes = Changes::draw(&mut stream(), [2, 1, 8, 8], 2.0, 0.0);
        let same = changes.apply(images(), None).into_data();
        assert_eq!(same, images().into_data());
    }

    #[test]
    fn a_shift_moves_pixels_and_uncovers_zeros() {
        let mut changes = Changes::draw(&mut stream(), [2, 1, 8, 8], 2.0, 0.0);
        changes.shifts = vec![[1, 0], [0, -1]];
        let found: Vec<f32> = changes
            .apply(images(), None)
            .into_data()
            .try_to_vec()
            .unwrap();
        assert_eq!(found[..4], [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(found[64..68], [64.0 + 9.0, 74.0, 75.0, 76.0]);
        assert_eq!(found[120..], [0.0; 8]);
    }

    #[test]
    fn a_cutout_is_a_square_of_zeros_and_brightness_a_constant() {
        let mut changes = Changes::draw(&mut stream(), [2, 1, 8, 8], 2.0, 0.0);
        changes.holes = vec![Some([-2, 6]), None];
        changes.brightness = vec![0.0, 0.5];
        changes.contrast = vec![1.0, 2.0];
        let found: Vec<f32> = changes
            .apply(images(), None)
            .into_data()
            .try_to_vec()
            .unwrap();
        let zeros = found[..64].iter().filter(|v| **v == 0.0).count();
        assert_eq!(zeros, 2 * 2);
        // Mean 96.5: the first pixel, 65, goes to 96.5 - 2 * 31.5 + 0.5.
        assert!((found[64] - 34.0).abs() < 1e-4, "{}", found[64]);
    }

    #[test]
    fn saturation_moves_colours_to_and_from_their_grey() {
        let mut changes = Changes::draw(&mut stream(), [2, 3, 1, 1], 2.0, 0.0);
        changes.saturation = vec![0.0, 2.0];
        let colours = Tensor::<1>::from_floats([1.0, 2.0, 6.0, 1.0, 2.0, 6.0], &Device::flex());
        let found = changes.apply(colours.reshape([2, 3, 1, 1]), None);
        let found: Vec<f32> = found.into_data().try_to_vec().unwrap();
        assert_eq!(found, [3.0, 3.0, 3.0, -1.0, 1.0, 9.0]);
        let drawn = Changes::draw(&mut stream(), [9, 3, 8, 8], 2.0, 1.0).saturation;
        assert!(drawn.iter().all(|s| (0.0..2.0).contains(s)) && drawn[0] != drawn[1]);
    }

    #[test]
    fn alpha_is_moved_and_cut_out_and_keeps_its_values() {
        let shape = [2, 4, 8, 8];
        let mut changes = Changes::draw(&mut stream(), shape, 2.0, 0.0);
        changes.brightness = vec![0.5, -0.5];
        changes.contrast = vec![2.0, 0.5];
        changes.saturation = vec![0.0, 2.0];
        changes.shifts = vec![[1, 0], [0, 0]];
        changes.holes = vec![None, Some([0, 0])];
        let values: Vec<f32> = (0..2 * 4 * 64).map(|v| (v * 37 % 101) as f32).collect();
        let x = Tensor::<1>::from_floats(values.as_slice(), &Device::flex());
        let found = changes.apply(x.reshape(shape), None).into_data();
        let found: Vec<f32> = found.try_to_vec().unwrap();
        let alpha = |image: usize| 4 * 64 * image + 3 * 64;
        for (at, value) in found[alpha(0)..][..64].iter().enumerate() {
            let expected = if at % 8 == 0 {
                0.0
            } else {
                values[alpha(0) + at - 1]
            };
            assert_eq!(*value, expected, "{at}");
        }
        for (at, value) in found[alpha(1)..][..64].iter().enumerate() {
            let cut = at % 8 < 4 && at / 8 < 4;
            assert_eq!(
                *value,
                if cut { 0.0 } else { values[alpha(1) + at] },
                "{at}"
            );
        }
        // The grey of the first image is in all its colours.
        assert!((found[1] - found[65]).abs() < 1e-4 && (found[1] - found[129]).abs() < 1e-4);
    }

    #[test]
    fn about_that_share_of_images_is_changed_and_gradients_go_through() {
        let changes = Changes::draw(&mut stream(), [2000, 1, 8, 8], 2.0, 0.3);
        let share = changes.holes.iter().flatten().count() as f64 / 2000.0;
        assert!((share - 0.3).abs() < 0.04, "{share}");
        let changes = Changes::draw(&mut stream(), [2, 1, 8, 8], 2.0, 1.0);
        let x = images().require_grad();
        let gradients = changes.apply(x.clone(), None).sum().backward();
        let gradient = x.grad(&gradients).unwrap().abs().sum().into_scalar::<f32>();
        assert!(gradient > 1.0);
    }
}
