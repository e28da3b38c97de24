//! Penalties on the discriminator's gradient with respect to its input, exact, without second
//! derivatives and without a pass backwards of their own.
//!
//! burn differentiates once. What is needed is the gradient, with respect to the discriminator's
//! weights, of a loss L of the logits plus a function f of the length of g = ∇ₓD(x). The second is
//! ∂f(‖g‖) = v·∂g with v = f′(‖g‖)/‖g‖ · g held fixed, and v·∇ₓD(x) is the derivative of D along v.
//! The first is s·∂D(x) with s = ∂L/∂D(x) held fixed. A net of linear layers and LeakyReLU is linear
//! around x, so that both are one forward pass on s·x + v ([`Pass::Along`]), which is differentiated
//! as any other.

use burn::tensor::Tensor;

use crate::nets::Pass;

/// The logits `[N, 1]` of images `[N, C, H, W]`, or what else a pass computes.
pub(crate) type Judge<'a> = dyn Fn(Tensor<4>, &mut Pass) -> Tensor<2> + 'a;

/// f′(l)/l of a function f of gradients' lengths l, `[N]`.
pub(crate) type OfLength = fn(Tensor<1>) -> Tensor<1>;

/// Of ½‖g‖²: R1 on real images (Mescheder et al. 2018, equation 9) and R2 on generated ones (the
/// same, section 4.1), to be multiplied by γ.
pub(crate) fn half_square(length: Tensor<1>) -> Tensor<1> {
    length.ones_like()
}

/// Of (‖g‖ − 1)², for points between real and generated images (Gulrajani et al. 2017, equation 3).
pub(crate) fn one_lipschitz(length: Tensor<1>) -> Tensor<1> {
    let excess = length.clone().sub_scalar(1.0);
    excess.mul_scalar(2.0) / length.clamp_min(1e-12)
}

/// Points between real and generated images. `mix` `[N]` says where between, from 0 (fake) to 1
/// (real).
pub(crate) fn between(real: Tensor<4>, fake: Tensor<4>, mix: Tensor<1>) -> Tensor<4> {
    let [rows, ..] = real.dims();
    fake.clone() + (real - fake) * mix.reshape([rows, 1, 1, 1])
}

/// A pass through a discriminator at some images.
///
/// The discriminator is linear layers and LeakyReLU. Batch normalization mixes the images of a
/// batch: no image has a gradient of its own there.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// `[N, C, H, W]`.
    images: Tensor<4>,
    /// The logits, `[N, 1]`.
    pub(crate) logits: Tensor<2>,
    /// Their gradients with respect to the images, `[N, C, H, W]`.
    gradient: Tensor<4>,
    pass: Pass,
}

impl Recorded {
    /// At images `x` `[N, C, H, W]` on a device that differentiates. `frozen` is the discriminator
    /// without gradients for its weights. What is kept has no gradients.
    pub(crate) fn new(x: Tensor<4>, frozen: &Judge<'_>) -> Self {
        let input = x.detach().require_grad();
        let mut pass = Pass::Record(Vec::new());
        let logits = frozen(input.clone(), &mut pass);
        let gradients = logits.clone().sum().backward();
        let gradient = input.grad(&gradients);
        let images = input.inner();
        Self {
            gradient: gradient.unwrap_or_else(|| images.zeros_like()),
            images,
            logits: logits.inner(),
            pass,
        }
    }

    /// The directions v of a function of the gradients' lengths, times `weights` `[N]`.
    pub(crate) fn directions(&self, f: OfLength, weights: Tensor<1>) -> Tensor<4> {
        let shape @ [rows, ..] = self.gradient.dims();
        let squares = self.gradient.clone().mul(self.gradient.clone());
        let length = squares.reshape([rows as i32, -1]).sum_dim(1).sqrt();
        let factor = f(length.reshape([rows])) * weights;
        self.gradient.clone() * factor.reshape([rows, 1, 1, 1]).expand(shape)
    }

    /// A scalar, shape `[1]`, whose gradient with respect to the weights of `trained`, the
    /// discriminator, is that of a loss and of penalties: `slopes` `[N]` are the loss's derivatives
    /// by the logits, `directions` the sum of [`Recorded::directions`].
    pub(crate) fn objective(
        self,
        trained: &Judge<'_>,
        slopes: Tensor<1>,
        directions: Tensor<4>,
    ) -> Tensor<1> {
        let [rows] = slopes.dims();
        let x = self.images * slopes.clone().reshape([rows, 1, 1, 1]) + directions;
        trained(Tensor::from_inner(x), &mut self.pass.along(slopes)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, normals};
    use burn::tensor::Device;

    const PIXELS: usize = 12;
    const HIDDEN: usize = 7;
    const ROWS: usize = 5;
    const SLOPE: f64 = 0.2;

    fn draw(index: u64, rows: usize, columns: usize) -> Tensor<2> {
        let device = Device::flex().autodiff();
        normals(9, Purpose::Score, index, rows, columns, &device)
    }

    fn to_vec(t: Tensor<2>) -> Vec<f64> {
        let values: Vec<f32> = t.into_data().try_to_vec().unwrap();
        values.into_iter().map(f64::from).collect()
    }

    /// What a loss and a penalty of a logit and of the length of its gradient add up to.
    type OfImage = fn(f64, f64) -> f64;

    /// The mean over the images `x` of `of(D(x), ‖∇D(x)‖)` with D(x) = Σₖ uₖ·l(aₖ + Σⱼ vⱼₖ·l(bⱼ +
    /// wⱼ·x)) and LeakyReLU l, in double precision.
    fn expected([w, b, v, a, u]: &[Vec<f64>; 5], x: &[f64], of: OfImage) -> f64 {
        let leaky = |x: f64| if x > 0.0 { 1.0 } else { SLOPE };
        let of_image = |x: &[f64]| {
            let before =
                |j: usize| b[j] + (0..PIXELS).map(|i| w[i * HIDDEN + j] * x[i]).sum::<f64>();
            let first: Vec<f64> = (0..HIDDEN).map(before).collect();
            let second = |k: usize| {
                let terms = (0..HIDDEN).map(|j| v[j * HIDDEN + k] * leaky(first[j]) * first[j]);
                a[k] + terms.sum::<f64>()
            };
            let second: Vec<f64> = (0..HIDDEN).map(second).collect();
            let logit = (0..HIDDEN).map(|k| u[k] * leaky(second[k]) * second[k]);
            let back: Vec<f64> = (0..HIDDEN).map(|k| u[k] * leaky(second[k])).collect();
            let back = |j: usize| {
                let terms = (0..HIDDEN).map(|k| v[j * HIDDEN + k] * back[k]);
                leaky(first[j]) * terms.sum::<f64>()
            };
            let gradient = |i: usize| {
                (0..HIDDEN)
                    .map(|j| w[i * HIDDEN + j] * back(j))
                    .sum::<f64>()
            };
            let square: f64 = (0..PIXELS).map(|i| gradient(i).powi(2)).sum();
            of(logit.sum(), square.sqrt())
        };
        x.chunks(PIXELS).map(of_image).sum::<f64>() / ROWS as f64
    }

    /// Compares the gradient of a loss, whose derivative by the logit is given, plus a penalty with
    /// finite differences in double precision.
    fn compare(slope: fn(f64) -> f64, f: OfLength, in_double: OfImage) {
        let weights = [
            draw(0, PIXELS, HIDDEN).mul_scalar(0.5),
            draw(5, 1, HIDDEN),
            draw(1, HIDDEN, HIDDEN).mul_scalar(0.5),
            draw(6, 1, HIDDEN),
            draw(2, HIDDEN, 1),
        ];
        let weights = weights.map(|w| w.detach().require_grad());
        let images = draw(3, ROWS, PIXELS);
        let layer = |x: Tensor<2>, weight: &Tensor<2>, bias: &Tensor<2>, pass: &mut Pass| {
            let bias = match pass.share() {
                Some(share) => {
                    Tensor::from_inner(share.clone().reshape([ROWS, 1])).matmul(bias.clone())
                }
                None => bias.clone().expand([ROWS, HIDDEN]),
            };
            pass.leaky_relu(x.matmul(weight.clone()) + bias, SLOPE)
        };
        let judge = |x: Tensor<4>, pass: &mut Pass, [w, b, v, a, u]: &[Tensor<2>; 5]| {
            let x = layer(x.reshape([-1, PIXELS as i32]), w, b, pass);
            layer(x, v, a, pass).matmul(u.clone())
        };
        let fixed = weights.clone().map(Tensor::detach);
        let images_there = images.clone().reshape([ROWS, 1, 3, 4]);
        let at = Recorded::new(images_there, &|x, pass| judge(x, pass, &fixed));
        let each = |values: Vec<f32>| Tensor::<1>::from_floats(values.as_slice(), &Device::flex());
        let logits: Vec<f64> = to_vec(Tensor::from_inner(at.logits.clone()));
        let slopes = logits.iter().map(|logit| slope(*logit) / ROWS as f64);
        let slopes = each(slopes.map(|slope| slope as f32).collect());
        let directions = at.directions(f, each(vec![1.0 / ROWS as f32; ROWS]));
        let objective = at.objective(&|x, pass| judge(x, pass, &weights), slopes, directions);
        let gradients = objective.backward();
        let at = weights.clone().map(to_vec);
        let x = to_vec(images);
        for (which, weight) in weights.iter().enumerate() {
            let found = to_vec(Tensor::from_inner(weight.grad(&gradients).unwrap()));
            let slope = |i: usize| {
                let moved = |by: f64| {
                    let mut at = at.clone();
                    at[which][i] += by;
                    expected(&at, &x, in_double)
                };
                (moved(1e-6) - moved(-1e-6)) / 2e-6
            };
            let expected: Vec<f64> = (0..found.len()).map(slope).collect();
            let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
            let pairs = found.iter().zip(&expected);
            let difference: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
            let error = length(&difference) / length(&expected).max(1e-3);
            assert!(error < 1e-5, "weight {which}: {error:.1e}");
        }
    }

    #[test]
    fn the_gradient_of_r1_is_that_of_finite_differences() {
        compare(|_| 0.0, half_square, |_, length| 0.5 * length * length);
    }

    #[test]
    fn the_gradient_of_the_gradient_penalty_is_that_of_finite_differences() {
        compare(|_| 0.0, one_lipschitz, |_, length| (length - 1.0).powi(2));
    }

    #[test]
    fn a_loss_and_a_penalty_have_the_gradient_of_their_sum() {
        compare(
            |logit| 1.0 / (1.0 + (-logit).exp()),
            half_square,
            |logit, length| logit.exp().ln_1p() + 0.5 * length * length,
        );
    }

    #[test]
    fn a_discriminator_that_sees_nothing_has_no_direction() {
        let judge = |x: Tensor<4>, _: &mut Pass| {
            let x: Tensor<2> = x.flatten(1, 3);
            x.sum_dim(1).mul_scalar(0.0)
        };
        let x = draw(4, 3, PIXELS).reshape([3, 1, 3, 4]);
        for f in [half_square as OfLength, one_lipschitz] {
            let at = Recorded::new(x.clone(), &judge);
            let found = at.directions(f, Tensor::ones([3], &Device::flex()));
            assert_eq!(found.abs().max().into_scalar::<f32>(), 0.0);
        }
    }

    #[test]
    fn points_between_are_between() {
        let [real, fake] = [1, 2].map(|index| draw(index, 3, 4).reshape([3, 1, 2, 2]));
        let mix = Tensor::from_floats([0.0, 0.5, 1.0], &real.device());
        let found = between(real.clone(), fake.clone(), mix);
        let at = |x: &Tensor<4>, row: usize| -> Vec<f32> {
            x.clone()
                .narrow(0, row, 1)
                .into_data()
                .try_to_vec()
                .unwrap()
        };
        assert_eq!(at(&found, 0), at(&fake, 0));
        let middle = (real.clone() + fake.clone()).mul_scalar(0.5);
        for (row, expected) in [(1, &middle), (2, &real)] {
            let pairs = at(&found, row).into_iter().zip(at(expected, row));
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }
}
