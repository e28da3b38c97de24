//! Penalties on the discriminator's gradient with respect to its input, without second derivatives.
//!
//! burn differentiates once. What is needed is the gradient, with respect to the discriminator's
//! weights, of a function of g = ∇ₓD(x). As ∂‖g‖ = u·∂g with the direction u = g/‖g‖ held fixed,
//! and u·∇ₓD(x) is the slope of D along u, the slope's central difference, (D(x + εu) − D(x − εu))
//! / 2ε, has that gradient up to O(ε²), and takes two forward passes and one backward. `tests`
//! compare it with the analytic gradient of a small net: the relative error is 1.8e-4 for the
//! weights next to the image, 1.0e-4 for the others (R1).

use burn::tensor::Tensor;

/// Half of the central difference's width, in units of the image's Euclidean length. Smaller ones
/// drown in rounding, larger ones miss the discriminator's kinks.
const STEP: f64 = 0.05;

/// ‖∇ₓD(x)‖ of each image, `[N]`, as something whose gradient with respect to the discriminator's
/// weights is right to O(ε²).
///
/// `x` is `[N, C, H, W]`, on a device that differentiates, and no part of a graph; `judge` gives
/// the logits `[N, 1]`. Batch normalization mixes the images of a batch: penalties are for
/// discriminators without it.
pub(crate) fn gradient_norm(x: Tensor<4>, judge: &dyn Fn(Tensor<4>) -> Tensor<2>) -> Tensor<1> {
    let [rows, ..] = x.dims();
    let input = x.clone().detach().require_grad();
    let gradients = judge(input.clone()).sum().backward();
    let Some(gradient) = input.grad(&gradients) else {
        // Logits that do not depend on the image.
        return Tensor::zeros([rows], &x.device());
    };
    let length = gradient
        .clone()
        .mul(gradient.clone())
        .reshape([rows as i32, -1])
        .sum_dim(1)
        .sqrt()
        .add_scalar(1e-12)
        .reshape([rows, 1, 1, 1]);
    let direction = Tensor::from_inner(gradient / length).mul_scalar(STEP);
    let ahead = judge(x.clone() + direction.clone());
    let behind = judge(x - direction);
    (ahead - behind).mul_scalar(0.5 / STEP).reshape([rows])
}

/// E\[(‖∇D(x̂)‖ − 1)²\], shape `[1]`, at points x̂ between real and generated images (Gulrajani et
/// al. 2017, equation 3). `mix` `[N]` says where between, from 0 (fake) to 1 (real).
pub(crate) fn gradient_penalty(
    real: Tensor<4>,
    fake: Tensor<4>,
    mix: Tensor<1>,
    judge: &dyn Fn(Tensor<4>) -> Tensor<2>,
) -> Tensor<1> {
    let [rows, ..] = real.dims();
    let mix = mix.reshape([rows, 1, 1, 1]);
    let between = fake.clone() + (real - fake) * mix;
    let excess = gradient_norm(between, judge).sub_scalar(1.0);
    (excess.clone() * excess).mean()
}

/// ½E\[‖∇D(x)‖²\], shape `[1]`, on real images: R1 (Mescheder et al. 2018, equation 9), to be
/// multiplied by γ.
pub(crate) fn r1(real: Tensor<4>, judge: &dyn Fn(Tensor<4>) -> Tensor<2>) -> Tensor<1> {
    let length = gradient_norm(real, judge);
    (length.clone() * length).mean().mul_scalar(0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, normals};
    use burn::tensor::activation::softplus;
    use burn::tensor::{Device, Tensor};

    const PIXELS: usize = 12;
    const HIDDEN: usize = 7;

    fn draw(index: u64, rows: usize, columns: usize) -> Tensor<2> {
        let device = Device::flex().autodiff();
        normals(9, Purpose::Score, index, rows, columns, &device)
    }

    fn to_vec(t: Tensor<2>) -> Vec<f64> {
        let values: Vec<f32> = t.into_data().try_to_vec().unwrap();
        values.into_iter().map(f64::from).collect()
    }

    /// Compares a penalty, the mean of f(‖∇D(x)‖) over five images, and its gradient with what can
    /// be written down for D(x) = Σⱼ vⱼ·softplus(wⱼ·x): ∇D is g = Σⱼ vⱼ·σ(wⱼ·x)·wⱼ, and ∂f(‖g‖) is
    /// f′(‖g‖)/‖g‖ · (g·∂g). `penalty` gets the images and D, `f` the length of g and gives f and
    /// f′/‖g‖.
    fn compare(
        images: &Tensor<2>,
        penalty: impl Fn(&dyn Fn(Tensor<4>) -> Tensor<2>) -> Tensor<1>,
        f: impl Fn(f64) -> (f64, f64),
    ) {
        let w = draw(0, PIXELS, HIDDEN).mul_scalar(0.5).require_grad();
        let v = draw(1, HIDDEN, 1).require_grad();
        let judge = |x: Tensor<4>| {
            softplus(x.reshape([-1, PIXELS as i32]).matmul(w.clone()), 1.0).matmul(v.clone())
        };
        let penalty = penalty(&judge);
        let found_value = f64::from(penalty.clone().into_scalar::<f32>());
        let gradients = penalty.backward();
        let (w_found, v_found) = (
            to_vec(Tensor::from_inner(w.grad(&gradients).unwrap())),
            to_vec(Tensor::from_inner(v.grad(&gradients).unwrap())),
        );
        let (w, v, x) = (to_vec(w), to_vec(v), to_vec(images.clone()));
        let at = |i: usize, j: usize| w[i * HIDDEN + j];
        let (mut value, mut dw, mut dv) = (0.0, vec![0.0; w.len()], vec![0.0; HIDDEN]);
        for x in x.chunks(PIXELS) {
            let s: Vec<f64> = (0..HIDDEN)
                .map(|j| 1.0 / (1.0 + (-(0..PIXELS).map(|i| at(i, j) * x[i]).sum::<f64>()).exp()))
                .collect();
            let g: Vec<f64> = (0..PIXELS)
                .map(|i| (0..HIDDEN).map(|j| v[j] * s[j] * at(i, j)).sum())
                .collect();
            let (of_length, slope_over_length) = f(g.iter().map(|g| g * g).sum::<f64>().sqrt());
            value += of_length / 5.0;
            let weight = slope_over_length / 5.0;
            for j in 0..HIDDEN {
                let gw: f64 = (0..PIXELS).map(|i| g[i] * at(i, j)).sum();
                dv[j] += weight * s[j] * gw;
                for i in 0..PIXELS {
                    let slope = s[j] * (1.0 - s[j]);
                    dw[i * HIDDEN + j] += weight * v[j] * (s[j] * g[i] + slope * x[i] * gw);
                }
            }
        }
        assert!(
            (found_value - value).abs() < 1e-3 * value,
            "{found_value} {value}"
        );
        for (found, expected) in [(w_found, dw), (v_found, dv)] {
            let error: f64 = found
                .iter()
                .zip(&expected)
                .map(|(a, b)| (a - b).powi(2))
                .sum();
            let length: f64 = expected.iter().map(|b| b * b).sum();
            let relative = (error / length).sqrt();
            println!("relative error {relative:.1e}");
            assert!(relative < 2e-3, "{relative}");
        }
    }

    #[test]
    fn the_penaltys_gradient_is_the_analytic_one_for_r1() {
        let x = draw(2, 5, PIXELS);
        let real = x.clone().reshape([5, 1, 3, 4]);
        compare(
            &x,
            |judge| r1(real.clone(), judge),
            |length| (0.5 * length * length, 1.0),
        );
    }

    #[test]
    fn the_penaltys_gradient_is_the_analytic_one_for_the_gradient_penalty() {
        let (real, fake) = (draw(2, 5, PIXELS), draw(3, 5, PIXELS));
        let mix = [0.0, 0.25, 0.5, 0.75, 1.0];
        let mix = Tensor::<1>::from_floats(mix, &real.device());
        let share = mix.clone().reshape([5, 1]);
        let between = real.clone() * share.clone() + fake.clone() * share.neg().add_scalar(1.0);
        let image = |x: &Tensor<2>| x.clone().reshape([5, 1, 3, 4]);
        compare(
            &between,
            |judge| gradient_penalty(image(&real), image(&fake), mix.clone(), judge),
            |length| ((length - 1.0).powi(2), 2.0 * (length - 1.0) / length),
        );
    }

    #[test]
    fn a_linear_discriminator_has_the_norm_of_its_weight() {
        let device = Device::flex().autodiff();
        let w = normals(9, Purpose::Score, 3, PIXELS, 1, &device);
        let expected = w.clone().mul(w.clone()).sum().sqrt().into_scalar::<f32>();
        let judge = |x: Tensor<4>| x.reshape([-1, PIXELS as i32]).matmul(w.clone());
        let x = normals(9, Purpose::Score, 4, 3, PIXELS, &device).reshape([3, 1, 3, 4]);
        let found: Vec<f32> = gradient_norm(x.clone(), &judge)
            .into_data()
            .try_to_vec()
            .unwrap();
        assert!(
            found.iter().all(|f| (f - expected).abs() < 1e-4),
            "{found:?} {expected}"
        );
        let mix = Tensor::from_floats([0.0, 0.5, 1.0], &device);
        let penalty = gradient_penalty(x.clone(), x, mix, &judge).into_scalar::<f32>();
        assert!((penalty - (expected - 1.0).powi(2)).abs() < 1e-3);
    }
}
