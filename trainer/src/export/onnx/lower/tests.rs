//! Each operation alone: burn and, exported, tract.

use burn::tensor::activation::{leaky_relu, relu, sigmoid, softplus, tanh};
use burn::tensor::module::{batch_norm, conv_transpose2d, conv2d, embedding, interpolate, linear};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::super::testing::{agrees, operators, weights};
use super::super::trace;

const Z: usize = 12;

fn image(x: Tensor<2>) -> Tensor<4> {
    let [batch, len] = x.dims();
    x.reshape([batch, 1, 1, len])
}

/// Images of 3 channels, 2 rows and 2 columns from 12 latents.
fn planes(z: Tensor<2>) -> Tensor<4> {
    let [batch, _] = z.dims();
    z.reshape([batch, 3, 2, 2])
}

fn sized(size: [usize; 2], mode: InterpolateMode) -> InterpolateOptions {
    InterpolateOptions::new(mode).with_output_size(size)
}

fn elementwise(f: impl Fn(&Device, Tensor<2>) -> Tensor<2>) -> Vec<String> {
    let model = agrees(Z, None, &|device, z, _| image(f(device, z)));
    operators(&model).into_iter().map(str::to_owned).collect()
}

#[test]
fn linear_becomes_one_gemm() {
    let layer =
        |d: &Device, z| linear(z, weights::<2>(1, [Z, 5], d), Some(weights::<1>(2, [5], d)));
    assert_eq!(elementwise(layer), ["Gemm", "Reshape"]);
    assert_eq!(
        elementwise(|d, z| linear(z, weights::<2>(1, [Z, 5], d), None)),
        ["Gemm", "Reshape"]
    );
}

#[test]
fn linear_on_rows_becomes_a_product_and_a_sum() {
    let model = agrees(Z, None, &|d, z, _| {
        let [batch, _] = z.dims();
        let bias = Some(weights::<1>(2, [5], d));
        let rows = linear(z.reshape([batch, 3, 4]), weights::<2>(1, [4, 5], d), bias);
        rows.reshape([batch, 1, 3, 5])
    });
    assert_eq!(operators(&model), ["Reshape", "MatMul", "Add", "Reshape"]);
}

#[test]
fn a_product_and_a_sum_become_one_gemm() {
    let layer = |d: &Device, z: Tensor<2>| {
        z.matmul(weights::<2>(1, [Z, 5], d)) + weights::<2>(2, [1, 5], d)
    };
    assert_eq!(elementwise(layer), ["Gemm", "Reshape"]);
}

#[test]
fn a_product_of_two_results_stays_a_product() {
    agrees(Z, None, &|_, z, _| {
        let x = planes(z);
        x.clone().matmul(x)
    });
}

#[test]
fn arithmetic_of_two_tensors() {
    elementwise(|d, z| {
        z.clone() + weights::<2>(1, [1, Z], d)
            - z.clone() * weights::<2>(2, [1, Z], d) / (z.exp() + 1.0)
    });
}

#[test]
fn arithmetic_with_a_number() {
    assert_eq!(
        elementwise(|_, z| (z + 1.5) * 2.0 / 3.0 - 0.25),
        ["Add", "Mul", "Div", "Sub", "Reshape"]
    );
}

#[test]
fn negation_magnitude_root_and_powers() {
    elementwise(|_, z| {
        -(z.clone().abs().sqrt()) + (z.clone().abs() + 1.0).recip() + z.powi_scalar(2)
    });
}

#[test]
fn activations() {
    assert_eq!(elementwise(|_, z| relu(z)), ["Relu", "Reshape"]);
    assert_eq!(
        elementwise(|_, z| leaky_relu(z, 0.2)),
        ["LeakyRelu", "Reshape"]
    );
    assert_eq!(elementwise(|_, z| sigmoid(z)), ["Sigmoid", "Reshape"]);
    assert_eq!(elementwise(|_, z| tanh(z)), ["Tanh", "Reshape"]);
}

#[test]
fn softplus_is_recognized_and_log1p_spelled_out() {
    let expected = ["Relu", "Abs", "Neg", "Exp", "Add", "Log", "Add", "Reshape"];
    assert_eq!(elementwise(|_, z| softplus(z, 1.0)), expected);
    elementwise(|_, z| softplus(z * 300.0, 2.0));
    assert_eq!(
        elementwise(|_, z| z.exp().log1p()),
        ["Exp", "Add", "Log", "Reshape"]
    );
}

#[test]
fn clamps_of_either_side() {
    assert_eq!(elementwise(|_, z| z.clamp(-0.5, 0.5)), ["Clip", "Reshape"]);
    elementwise(|_, z| z.clamp_min(-0.5));
    elementwise(|_, z| z.clamp_max(0.5));
}

#[test]
fn convolution_with_stride_padding_and_dilation() {
    let model = agrees(48, None, &|d, z, _| {
        let [batch, _] = z.dims();
        let options = ConvOptions::new([2, 1], [1, 2], [1, 2], 1);
        conv2d(
            z.reshape([batch, 3, 4, 4]),
            weights::<4>(1, [3, 3, 3, 3], d),
            Some(weights::<1>(2, [3], d)),
            options,
        )
    });
    assert_eq!(operators(&model), ["Reshape", "Conv"]);
}

#[test]
fn convolution_in_groups() {
    agrees(36, None, &|d, z, _| {
        let [batch, _] = z.dims();
        conv2d(
            z.reshape([batch, 3, 3, 4]),
            weights::<4>(1, [3, 1, 2, 2], d),
            None,
            ConvOptions::new([1, 1], [0, 0], [1, 1], 3),
        )
    });
}

#[test]
fn transposed_convolution_with_every_option() {
    for (stride, padding, padding_out, dilation) in [
        ([2, 2], [1, 1], [0, 0], [1, 1]),
        ([2, 3], [1, 0], [1, 2], [1, 1]),
        ([2, 2], [0, 1], [1, 1], [2, 1]),
        ([1, 1], [2, 0], [0, 0], [1, 1]),
    ] {
        agrees(Z, None, &|d, z, _| {
            let options = ConvTransposeOptions::new(stride, padding, padding_out, dilation, 1);
            conv_transpose2d(
                planes(z),
                weights::<4>(1, [3, 1, 4, 4], d),
                Some(weights::<1>(2, [1], d)),
                options,
            )
        });
    }
}

#[test]
fn transposed_convolution_in_groups() {
    agrees(Z, None, &|d, z, _| {
        let options = ConvTransposeOptions::new([2, 2], [1, 1], [0, 0], [1, 1], 3);
        conv_transpose2d(planes(z), weights::<4>(1, [3, 1, 4, 4], d), None, options)
    });
}

/// Pads of an exported transposed convolution are never negative.
#[test]
fn output_padding_is_taken_from_the_end_padding() {
    let model = agrees(Z, None, &|d, z, _| {
        let options = ConvTransposeOptions::new([2, 2], [1, 1], [1, 1], [1, 1], 1);
        conv_transpose2d(planes(z), weights::<4>(1, [3, 1, 4, 4], d), None, options)
    });
    let node = model
        .graph
        .unwrap()
        .node
        .into_iter()
        .find(|node| node.op_type == "ConvTranspose")
        .unwrap();
    let pads = node.attribute.iter().find(|a| a.name == "pads").unwrap();
    assert_eq!(pads.ints, [1, 1, 0, 0]);
    assert!(node.attribute.iter().all(|a| a.name != "output_padding"));
}

#[test]
fn batch_normalization_alone_becomes_product_and_sum() {
    let model = agrees(Z, None, &|d, z, _| {
        let [g, b, m] = [1, 2, 3].map(|salt| weights::<1>(salt, [3], d));
        batch_norm(
            tanh(planes(z)),
            g,
            b,
            m,
            weights::<1>(4, [3], d).abs() + 0.1,
            1e-5,
        )
    });
    assert_eq!(operators(&model), ["Reshape", "Tanh", "Mul", "Add"]);
}

#[test]
fn nearest_upsampling() {
    let model = agrees(Z, None, &|_, z, _| {
        interpolate(planes(z), sized([4, 6], InterpolateMode::Nearest))
    });
    assert_eq!(operators(&model), ["Reshape", "Resize"]);
}

#[test]
fn other_upsampling_is_refused_by_name() {
    for (size, mode, word) in [
        ([3, 4], InterpolateMode::Nearest, "multiple"),
        ([4, 4], InterpolateMode::Bilinear, "Bilinear"),
    ] {
        let error = trace(Z, None, |_, z, _| {
            interpolate(planes(z), sized(size, mode.clone()))
        })
        .unwrap_err()
        .to_string();
        assert!(
            error.contains("Interpolate") && error.contains(word),
            "{error}"
        );
    }
}

#[test]
fn axes_are_swapped_and_permuted() {
    agrees(Z, None, &|_, z, _| {
        planes(z)
            .swap_dims(2, 3)
            .permute([0, 1, 3, 2])
            .swap_dims(2, 3)
    });
    elementwise(|_, z| {
        let [batch, _] = z.dims();
        z.reshape([batch, 3, 4])
            .permute([0, 2, 1])
            .reshape([batch, Z])
    });
}

#[test]
fn parts_are_cut_and_joined() {
    elementwise(|_, z| {
        let [batch, _] = z.dims();
        let head = z.clone().slice([0..batch, 2..7]);
        let tail = z.narrow(1, 6, 6);
        Tensor::cat(vec![tail, head], 1)
    });
}

#[test]
fn a_part_of_the_batch_is_refused() {
    let error = trace(Z, None, |_, z, _| image(z.slice([0..1, 0..Z])))
        .unwrap_err()
        .to_string();
    assert!(error.contains("batch"), "{error}");
}

#[test]
fn columns_are_selected() {
    elementwise(|d, z| {
        z.select(
            1,
            Tensor::<1, Int>::from_data(TensorData::from([3i64, 0, 11]), d),
        )
    });
}

#[test]
fn classes_are_looked_up() {
    let model = agrees(Z, Some(4), &|d, z, class| {
        let [batch, _] = z.dims();
        let row = embedding(
            weights::<2>(1, [4, Z], d),
            class.unwrap().reshape([batch, 1]),
        )
        .reshape([batch, Z]);
        image(z * row)
    });
    assert!(operators(&model).contains(&"Gather"));
    agrees(Z, Some(4), &|d, z, class| {
        image(z * weights::<2>(1, [4, Z], d).select(0, class.unwrap()))
    });
}

#[test]
fn classes_become_numbers() {
    agrees(Z, Some(4), &|_, z, class| {
        let [batch, _] = z.dims();
        image(z * class.unwrap().float().reshape([batch, 1]))
    });
}

#[test]
fn repeats_of_a_fixed_axis() {
    agrees(Z, None, &|_, z, _| planes(z).repeat_dim(2, 3));
    agrees(Z, None, &|_, z, _| {
        let [batch, _] = z.dims();
        z.reshape([batch, 1, 1, Z]).expand([batch, 3, 2, Z])
    });
}

#[test]
fn a_constant_for_each_image_of_the_batch_is_refused_by_name() {
    let error = trace(Z, None, |d, z, _| {
        let [batch, _] = z.dims();
        image(Tensor::cat(
            vec![z, weights::<2>(1, [1, 3], d).expand([batch, 3])],
            1,
        ))
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("Expand"), "{error}");
    let error = trace(Z, None, |d, z, _| {
        let zeros = Tensor::<2>::zeros(z.dims(), d);
        image(z + zeros)
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("batch"), "{error}");
}

#[test]
fn filled_tensors_are_constants() {
    elementwise(|d, z| z * Tensor::<2>::ones([1, Z], d) + Tensor::<2>::full([1, Z], 0.5, d));
}

#[test]
fn constants_of_constants_are_computed_at_export() {
    let layer = |d: &Device, z: Tensor<2>| {
        let table = weights::<2>(1, [6, Z], d).transpose().slice([0..Z, 1..4]) * 0.5;
        let more = weights::<2>(2, [2, Z], d)
            .exp()
            .reshape([Z, 2])
            .swap_dims(0, 1)
            .transpose();
        z.matmul(Tensor::cat(vec![table, more], 1))
    };
    assert_eq!(elementwise(layer), ["Gemm", "Reshape"]);
}

#[test]
fn an_operation_that_is_not_lowered_is_named() {
    let error = trace(Z, None, |_, z, _| image(z.cumsum(1)))
        .unwrap_err()
        .to_string();
    assert!(error.contains("CumSum"), "{error}");
    let error = trace(Z, None, |_, z, _| {
        image(burn::tensor::activation::softmax(z, 1))
    })
    .unwrap_err()
    .to_string();
    assert!(error.contains("Softmax"), "{error}");
}

#[test]
fn what_the_image_does_not_use_is_not_looked_at() {
    elementwise(|_, z| {
        drop(z.clone().cumsum(1));
        z + 1.0
    });
}

#[test]
fn weights_that_are_not_finite_are_named() {
    let error = trace(Z, None, |d, z, _| {
        image(linear(
            z,
            weights::<2>(1, [Z, 2], d),
            Some(Tensor::from_data(TensorData::from([0.0f32, f32::NAN]), d)),
        ))
    });
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("gemm_0_bias") && error.contains('1'),
        "{error}"
    );
}

#[test]
fn images_of_the_wrong_shape_are_refused() {
    let two = trace(Z, None, |_, z, _| {
        let [batch, _] = z.dims();
        z.reshape([batch, 2, 2, 3])
    });
    assert!(two.unwrap_err().to_string().contains("C = 1 or 3"));
    assert!(trace(0, None, |_, z, _| image(z)).is_err());
    assert!(trace(Z, Some(0), |_, z, _| image(z)).is_err());
}
