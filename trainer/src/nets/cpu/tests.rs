//! Held to burn's own operations, values and gradients.

use burn::module::{Param, ParamId};
use burn::nn::BatchNormConfig;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor, TensorData, activation, module};

use super::*;
use crate::config::OutputActivation;
use crate::random::{Purpose, stream};

fn elements<const D: usize>(salt: u64, shape: [usize; D]) -> Tensor<D> {
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

/// Values of `expected` and `found` and their gradients with respect to each of `inputs`.
fn alike<const D: usize, const E: usize>(
    what: &str,
    inputs: &[Tensor<D>],
    [expected, found]: [Tensor<E>; 2],
) {
    near(what, expected.clone(), found.clone());
    let pull = elements(500, expected.dims());
    let (a, b) = (
        (expected * pull.clone()).sum().backward(),
        (found * pull).sum().backward(),
    );
    for (at, input) in inputs.iter().enumerate() {
        near(
            &format!("{what}, input {at}"),
            input.grad(&a).unwrap(),
            input.grad(&b).unwrap(),
        );
    }
}

/// Kernel, stride, padding, big size, big channels, small channels, images.
type Case = (usize, usize, usize, [usize; 2], usize, usize, usize);

/// Few channels and many, panels that are full and that are not, taps that reach a pixel never,
/// once and often.
const CASES: [Case; 12] = [
    (4, 2, 1, [28, 28], 1, 6, 5),
    (4, 2, 1, [14, 14], 5, 7, 33),
    (4, 2, 1, [8, 12], 3, 2, 1),
    (3, 1, 1, [9, 7], 4, 3, 10),
    (5, 3, 0, [14, 11], 2, 4, 3),
    (1, 1, 0, [5, 5], 3, 8, 4),
    (3, 2, 2, [7, 7], 2, 2, 2),
    (4, 2, 1, [14, 14], 40, 33, 9),
    (3, 1, 1, [9, 7], 12, 64, 10),
    (5, 3, 0, [14, 11], 9, 4, 3),
    (3, 2, 2, [7, 7], 8, 2, 2),
    (2, 3, 0, [8, 8], 8, 3, 2),
];

#[test]
fn convolutions_equal_burns_with_their_gradients() {
    for (case, (kernel, stride, padding, big, channels, small, count)) in (0..).zip(CASES) {
        let geometry = Geometry {
            kernel,
            stride,
            padding,
            big,
            groups: 1,
        };
        let x = elements(case, [count, channels, big[0], big[1]]);
        let weight = elements(100 + case, [small, channels, kernel, kernel]);
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        let expected = module::conv2d(x.clone(), weight.clone(), None, options);
        let found = first(conv2d(last(x.clone()), weight.clone(), geometry));
        alike(&format!("case {case}"), &[x, weight], [expected, found]);
    }
}

#[test]
fn grouped_convolutions_equal_burns_with_their_gradients() {
    for (case, (kernel, stride, groups, of_group, small, count)) in (0..).zip([
        (3, 1, 2, 16, 16, 5),
        (3, 1, 3, 5, 7, 9),
        (1, 1, 4, 2, 8, 3),
        (4, 2, 2, 3, 20, 2),
        (3, 1, 6, 1, 1, 4),
    ]) {
        let geometry = Geometry {
            kernel,
            stride,
            padding: kernel / 3,
            big: [6, 8],
            groups,
        };
        let x = elements(case, [count, groups * of_group, 6, 8]);
        let weight = elements(100 + case, [groups * small, of_group, kernel, kernel]);
        let options = ConvOptions::new([stride; 2], [kernel / 3; 2], [1; 2], groups);
        let expected = module::conv2d(x.clone(), weight.clone(), None, options);
        let found = first(conv2d(last(x.clone()), weight.clone(), geometry));
        alike(&format!("groups {case}"), &[x, weight], [expected, found]);
    }
}

#[test]
fn doubling_and_halving_have_each_other_as_gradients() {
    for (case, [height, width, channels]) in (0..).zip([[4, 6, 3], [1, 2, 40], [7, 5, 1]]) {
        let x = elements(case, [2, height, width, channels]);
        let y = elements(50 + case, [2, 2 * height, 2 * width, channels]);
        let sum = |a: Tensor<4>, b: Tensor<4>| (a * b).sum();
        let up = sum(doubled(x.clone()), y.clone());
        let down = sum(x.clone(), halved(y.clone())).mul_scalar(4.0);
        near("the adjoint", up.clone(), down.clone());
        let (a, b) = (up.backward(), down.backward());
        near("of the small", x.grad(&a).unwrap(), x.grad(&b).unwrap());
        near("of the big", y.grad(&a).unwrap(), y.grad(&b).unwrap());
    }
}

#[test]
fn transposed_convolutions_equal_burns_with_their_gradients() {
    for (case, (kernel, stride, padding, small_size, channels, small, count)) in (0..).zip(CASES) {
        let big = small_size.map(|n| ((n - 1) * stride + kernel).saturating_sub(2 * padding));
        let geometry = Geometry {
            kernel,
            stride,
            padding,
            big,
            groups: 1,
        };
        assert_eq!(geometry.small(), small_size);
        let x = elements(case, [count, small, small_size[0], small_size[1]]);
        let weight = elements(100 + case, [small, channels, kernel, kernel]);
        let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0; 2], [1; 2], 1);
        let expected = module::conv_transpose2d(x.clone(), weight.clone(), None, options);
        let found = first(conv_transpose2d(last(x.clone()), weight.clone(), geometry));
        alike(&format!("case {case}"), &[x, weight], [expected, found]);
    }
}

#[test]
fn normalization_equals_burns_with_its_gradients() {
    for (case, shape) in (0..).zip([[5, 3, 7, 7], [64, 8, 4, 4], [2, 1, 1, 3]]) {
        let channels = shape[1];
        let x = elements(300 + case, shape);
        let [gamma, beta] = [310, 320].map(|salt| elements(salt + case, [1, channels, 1, 1]));
        let flat = |numbers: &Tensor<4>| numbers.clone().reshape([channels]);
        for slope in [0.0, 0.2] {
            let mut layer = BatchNormConfig::new(channels).init(&x.device());
            layer.gamma = Param::initialized(ParamId::new(), flat(&gamma));
            layer.beta = Param::initialized(ParamId::new(), flat(&beta));
            let expected = activation::leaky_relu(layer.forward(x.clone()), slope);
            let (gamma_row, beta_row) = (flat(&gamma), flat(&beta));
            let (found, _, _) =
                batch_norm(last(x.clone()), gamma_row, beta_row, layer.epsilon, slope);
            let inputs = [x.clone(), gamma.clone(), beta.clone()];
            let what = format!("case {case}, slope {slope}");
            alike(&what, &inputs, [expected, first(found)]);
        }
    }
}

#[test]
fn statistics_of_a_batch_far_from_zero_are_right() {
    let device = Device::flex().autodiff();
    let values: Vec<f32> = (0..4096).map(|i| 1000.0 + (i % 2) as f32).collect();
    let x = Tensor::<4>::from_data(TensorData::new(values, [64, 8, 8, 1]), &device);
    let one = Tensor::<1>::ones([1], &device);
    let (_, mean, variance) = batch_norm(x, one.clone(), one, 1e-5, 0.0);
    assert!((mean.into_scalar::<f32>() - 1000.5).abs() < 1e-3);
    assert!((variance.into_scalar::<f32>() - 0.25).abs() < 1e-6);
}

#[test]
fn leaky_relu_equals_burns_with_its_gradient() {
    let x = elements(400, [3, 2, 5, 5]);
    let expected = activation::leaky_relu(x.clone(), 0.2);
    let found = leaky_relu(x.clone(), 0.2);
    alike("leaky_relu", &[x], [expected, found]);
}

#[test]
fn only_tensors_with_gradients_in_flex_are_meant() {
    assert!(on_cpu_backend(&elements(1, [1])));
    assert!(!on_cpu_backend(&Tensor::<1>::zeros([1], &Device::flex())));
}

#[test]
fn bias_and_leaky_relu_equal_burns_with_their_gradients() {
    for shape in [[3, 1], [70, 784], [5, 40_000]] {
        let x = elements(410, shape);
        let bias = elements(411, [1, shape[1]]);
        for slope in [0.0, 0.2, 1.0] {
            let sum = x.clone() + bias.clone();
            let expected = if slope == 1.0 {
                sum
            } else {
                activation::leaky_relu(sum, slope)
            };
            let found = bias_leaky_relu(x.clone(), bias.clone().reshape([shape[1]]), slope);
            let what = format!("{shape:?}, slope {slope}");
            alike(&what, &[x.clone(), bias.clone()], [expected, found]);
        }
    }
}

#[test]
fn logistic_function_and_tanh_equal_burns_with_their_gradients() {
    let x = elements(420, [9, 1111]);
    let logistic = [
        activation::sigmoid(x.clone()),
        activate(x.clone(), OutputActivation::Sigmoid),
    ];
    alike("sigmoid", core::slice::from_ref(&x), logistic);
    let squashed = [
        activation::tanh(x.clone()),
        activate(x.clone(), OutputActivation::Tanh),
    ];
    alike("tanh", &[x], squashed);
}

#[test]
fn terms_of_the_evidence_bound_equal_burns_with_their_gradients() {
    for shape in [[130, 784], [3, 5], [2, 20_000]] {
        let [logits, mean, log_variance] =
            [430, 431, 432].map(|salt| elements(salt, shape).mul_scalar(3.0).detach());
        let [logits, mean, log_variance] = [logits, mean, log_variance].map(|t| t.require_grad());
        let [x, noise] = [433, 434].map(|salt| elements(salt, shape).detach());
        let expected =
            (activation::log_sigmoid(logits.clone().neg()) + x.clone() * logits.clone()).sum_dim(1);
        let found = bernoulli(logits.clone(), x);
        let what = |name: &str| format!("{name}, {shape:?}");
        alike(
            &what("likelihood"),
            &[logits],
            [expected, found.reshape([shape[0], 1])],
        );
        let both = [mean.clone(), log_variance.clone()];
        let expected = mean.clone() + log_variance.clone().mul_scalar(0.5).exp() * noise.clone();
        let found = reparameterize(mean.clone(), log_variance.clone(), noise);
        alike(&what("latents"), &both, [expected, found]);
        let inner = log_variance.clone().add_scalar(1.0)
            - mean.clone().square()
            - log_variance.clone().exp();
        let expected = inner.mul_scalar(-0.5).mean_dim(0);
        let found = divergences(mean, log_variance).reshape([1, shape[1]]);
        alike(&what("divergences"), &both, [expected, found]);
    }
}

#[test]
fn a_weight_over_its_singular_value_equals_burns_with_its_gradient() {
    for [rows, columns] in [[1, 7], [6, 5], [300, 90], [784, 256], [9, 20_000]] {
        let weight = elements(440, [rows, columns]);
        let left = elements(441, [1, rows]).detach();
        let fixed = weight.clone().detach();
        let unit = |v: Tensor<2>| v.clone() / v.square().sum().sqrt().reshape([1, 1]);
        let right = unit(left.clone().matmul(fixed.clone()));
        let next = unit(right.clone().matmul(fixed.transpose()));
        let sigma = (next.clone().matmul(weight.clone()) * right).sum();
        let expected = weight.clone() / sigma.reshape([1, 1]);
        let (found_next, found) = spectral_norm(weight.clone(), left.reshape([rows]));
        let what = format!("{rows}x{columns}");
        near(&what, next, found_next.reshape([1, rows]));
        alike(&what, &[weight], [expected, found]);
    }
}

#[test]
fn an_average_moves_by_its_share() {
    let [average, current] = [450, 451].map(|salt| elements(salt, [3, 10_000]).inner());
    let expected = average.clone() * 0.75 + current.clone() * 0.25;
    near("average", expected, lerp(average, current, 0.25));
}

#[test]
fn products_of_matrices_equal_burns_with_their_gradients() {
    for [rows, inputs, outputs] in [
        [1, 1, 1],
        [5, 300, 33],
        [130, 784, 20],
        [128, 784, 256],
        [37, 64, 1000],
    ] {
        let x = elements(460, [rows, inputs]);
        let weight = elements(461, [inputs, outputs]);
        let pair = [
            x.clone().matmul(weight.clone()),
            matmul(x.clone(), weight.clone()),
        ];
        alike(&format!("{rows}x{inputs}x{outputs}"), &[x, weight], pair);
    }
}

#[test]
fn vectors_are_the_widest_of_this_processor() {
    #[cfg(target_arch = "x86_64")]
    let expected = match (
        is_x86_feature_detected!("avx512f"),
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
    ) {
        (true, _) => 16,
        (false, true) => 8,
        (false, false) => 1,
    };
    #[cfg(target_arch = "aarch64")]
    let expected = 4;
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    assert_eq!(simd_width(), expected);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let geometry = Geometry {
        kernel: 4,
        stride: 2,
        padding: 1,
        big: [14, 14],
        groups: 1,
    };
    let made = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let x = elements(470, [37, 14, 14, 9]);
            let weight = elements(471, [40, 9, 4, 4]);
            let dense = elements(472, [40 * 49, 50]);
            let bias = elements(473, [50]);
            let (_, spectral_norm) =
                spectral_norm(dense.clone(), elements(474, [40 * 49]).detach());
            let maps = conv2d(x.clone(), weight.clone(), geometry);
            let y = matmul(maps.reshape([37, 40 * 49]), spectral_norm);
            let y = activate(
                bias_leaky_relu(y, bias.clone(), 0.2),
                OutputActivation::Tanh,
            );
            let gradients = y.clone().sum().backward();
            let bytes = |t: Option<Tensor<1>>| t.unwrap().into_data();
            [
                y.into_data(),
                bytes(x.grad(&gradients).map(|t| t.flatten(0, 3))),
                bytes(weight.grad(&gradients).map(|t| t.flatten(0, 3))),
                bytes(dense.grad(&gradients).map(|t| t.flatten(0, 1))),
                bytes(bias.grad(&gradients)),
            ]
        })
    };
    assert_eq!(made(1), made(3));
}
