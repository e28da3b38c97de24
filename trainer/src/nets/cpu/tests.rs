//! Held to burn's own operations, values and gradients.

use burn::nn::conv::{Conv2dConfig, ConvTranspose2dConfig};
use burn::nn::{BatchNormConfig, PaddingConfig2d};
use burn::tensor::activation::leaky_relu;
use burn::tensor::{Device, Tensor, TensorData};

use super::*;
use crate::random::{Purpose, stream};

fn numbers<const D: usize>(salt: u64, shape: [usize; D]) -> Tensor<D> {
    let mut values = vec![0.0; shape.iter().product()];
    stream(7, Purpose::Score, salt).fill_normal(&mut values);
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(values, shape), &device).require_grad()
}

/// Channels last.
fn last(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 2, 3, 1])
}

/// Channels first.
fn first(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

fn near<const D: usize>(what: &str, expected: Tensor<D>, found: Tensor<D>) {
    assert_eq!(expected.dims(), found.dims(), "{what}");
    let (a, b): (Vec<f32>, Vec<f32>) = (
        expected.into_data().try_to_vec().unwrap(),
        found.into_data().try_to_vec().unwrap(),
    );
    let scale = a.iter().fold(1e-3_f32, |m, v| m.max(v.abs()));
    for (at, (a, b)) in a.iter().zip(&b).enumerate() {
        assert!(
            (a - b).abs() <= 2e-5 * scale,
            "{what} at {at}: {a} expected, {b} found (of {scale})"
        );
    }
}

/// Kernel, stride, padding, big size, big channels, small channels, pictures.
type Case = (usize, usize, usize, [usize; 2], usize, usize, usize);

const CASES: [Case; 7] = [
    (4, 2, 1, [28, 28], 1, 6, 5),
    (4, 2, 1, [14, 14], 5, 7, 33),
    (4, 2, 1, [8, 12], 3, 2, 1),
    (3, 1, 1, [9, 7], 4, 3, 10),
    (5, 3, 0, [14, 11], 2, 4, 3),
    (1, 1, 0, [5, 5], 3, 8, 4),
    (3, 2, 2, [7, 7], 2, 2, 2),
];

#[test]
fn convolutions_equal_burns_with_their_gradients() {
    for (case, (kernel, stride, padding, big, channels, small, count)) in
        CASES.into_iter().enumerate()
    {
        let geometry = Geometry {
            kernel,
            stride,
            padding,
            big,
        };
        let x = numbers(case as u64, [count, channels, big[0], big[1]]);
        let weight = numbers(100 + case as u64, [small, channels, kernel, kernel]);
        let config = Conv2dConfig::new([channels, small], [kernel, kernel])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(
                padding, padding, padding, padding,
            ))
            .with_bias(false);
        let mut layer = config.init(&x.device());
        layer.weight = burn::module::Param::from_tensor(weight.clone());
        let expected = layer.forward(x.clone());
        let found = first(convolve(last(x.clone()), weight.clone(), geometry));
        near(&format!("case {case}"), expected.clone(), found.clone());
        let pull = numbers(200 + case as u64, expected.dims());
        let (a, b) = (
            (expected * pull.clone()).sum().backward(),
            (found * pull).sum().backward(),
        );
        near(
            &format!("case {case}, input"),
            x.grad(&a).unwrap(),
            x.grad(&b).unwrap(),
        );
        near(
            &format!("case {case}, weight"),
            layer.weight.val().grad(&a).unwrap(),
            weight.grad(&b).unwrap(),
        );
    }
}

#[test]
fn transposed_convolutions_equal_burns_with_their_gradients() {
    for (case, (kernel, stride, padding, small_size, channels, small, count)) in
        CASES.into_iter().enumerate()
    {
        let big = small_size.map(|n| ((n - 1) * stride + kernel).saturating_sub(2 * padding));
        let geometry = Geometry {
            kernel,
            stride,
            padding,
            big,
        };
        assert_eq!(geometry.small(), small_size);
        let x = numbers(case as u64, [count, small, small_size[0], small_size[1]]);
        let weight = numbers(100 + case as u64, [small, channels, kernel, kernel]);
        let config = ConvTranspose2dConfig::new([small, channels], [kernel, kernel])
            .with_stride([stride, stride])
            .with_padding([padding, padding])
            .with_bias(false);
        let mut layer = config.init(&x.device());
        layer.weight = burn::module::Param::from_tensor(weight.clone());
        let expected = layer.forward(x.clone());
        let found = first(convolve_transposed(
            last(x.clone()),
            weight.clone(),
            geometry,
        ));
        near(&format!("case {case}"), expected.clone(), found.clone());
        let pull = numbers(200 + case as u64, expected.dims());
        let (a, b) = (
            (expected * pull.clone()).sum().backward(),
            (found * pull).sum().backward(),
        );
        near(
            &format!("case {case}, input"),
            x.grad(&a).unwrap(),
            x.grad(&b).unwrap(),
        );
        near(
            &format!("case {case}, weight"),
            layer.weight.val().grad(&a).unwrap(),
            weight.grad(&b).unwrap(),
        );
    }
}

#[test]
fn normalization_equals_burns_with_its_gradients() {
    for (case, shape) in [[5, 3, 7, 7], [64, 8, 4, 4], [2, 1, 1, 3]]
        .into_iter()
        .enumerate()
    {
        let x = numbers(300 + case as u64, shape);
        let [gamma, beta] = [310, 320].map(|salt| numbers(salt + case as u64, [shape[1]]));
        for slope in [0.0, 0.2] {
            let mut layer = BatchNormConfig::new(shape[1]).init(&x.device());
            layer.gamma = burn::module::Param::from_tensor(gamma.clone());
            layer.beta = burn::module::Param::from_tensor(beta.clone());
            let expected = leaky_relu(layer.forward(x.clone()), slope);
            let (found, _, _) = normalize(
                last(x.clone()),
                gamma.clone(),
                beta.clone(),
                layer.epsilon,
                slope,
            );
            let found = first(found);
            let what = format!("case {case}, slope {slope}");
            near(&what, expected.clone(), found.clone());
            let pull = numbers(330 + case as u64, shape);
            let (a, b) = (
                (expected * pull.clone()).sum().backward(),
                (found * pull).sum().backward(),
            );
            near(
                &format!("{what}, x"),
                x.grad(&a).unwrap(),
                x.grad(&b).unwrap(),
            );
            let [own_gamma, own_beta] = [layer.gamma.val(), layer.beta.val()];
            near(
                &format!("{what}, gamma"),
                own_gamma.grad(&a).unwrap(),
                gamma.grad(&b).unwrap(),
            );
            near(
                &format!("{what}, beta"),
                own_beta.grad(&a).unwrap(),
                beta.grad(&b).unwrap(),
            );
        }
    }
}

#[test]
fn statistics_of_a_batch_far_from_zero_are_right() {
    let device = Device::flex().autodiff();
    let values: Vec<f32> = (0..4096).map(|i| 1000.0 + (i % 2) as f32).collect();
    let x = Tensor::<4>::from_data(TensorData::new(values, [64, 8, 8, 1]), &device);
    let one = Tensor::<1>::ones([1], &device);
    let (_, mean, variance) = normalize(x, one.clone(), one, 1e-5, 0.0);
    assert!((mean.into_scalar::<f32>() - 1000.5).abs() < 1e-3);
    assert!((variance.into_scalar::<f32>() - 0.25).abs() < 1e-6);
}

#[test]
fn leaky_relu_equals_burns_with_its_gradient() {
    let x = numbers(400, [3, 2, 5, 5]);
    let pull = numbers(401, [3, 2, 5, 5]);
    let (expected, found) = (leaky_relu(x.clone(), 0.2), leak(x.clone(), 0.2));
    near("values", expected.clone(), found.clone());
    let (a, b) = (
        (expected * pull.clone()).sum().backward(),
        (found * pull).sum().backward(),
    );
    near("gradient", x.grad(&a).unwrap(), x.grad(&b).unwrap());
}

#[test]
fn only_tensors_with_gradients_in_flex_are_meant() {
    assert!(usable(&numbers(1, [1])));
    assert!(!usable(&Tensor::<1>::zeros([1], &Device::flex())));
}
