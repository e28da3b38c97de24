//! Each operation alone: burn and, exported, tract.

use burn::tensor::activation::{leaky_relu, relu, sigmoid, softmax, softplus, tanh};
use burn::tensor::module::{batch_norm, conv_transpose2d, conv2d, embedding, interpolate, linear};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::super::testing::{agrees, operators, weights};
use super::super::trace;

const Z: usize = 12;

/// Images of these channels, rows and columns.
fn shaped<const D: usize>(x: Tensor<D>, [channels, height, width]: [usize; 3]) -> Tensor<4> {
    let batch = x.dims()[0];
    x.reshape([batch, channels, height, width])
}

fn image(x: Tensor<2>) -> Tensor<4> {
    let [_, len] = x.dims();
    shaped(x, [1, 1, len])
}

/// Images of 3 channels, 2 rows and 2 columns from 12 latents.
fn planes(z: Tensor<2>) -> Tensor<4> {
    shaped(z, [3, 2, 2])
}

fn enlarged(z: Tensor<2>, size: [usize; 2], mode: InterpolateMode) -> Tensor<4> {
    interpolate(
        planes(z),
        InterpolateOptions::new(mode).with_output_size(size),
    )
}

/// The operators of a function that every engine computes alike.
fn exported(f: impl Fn(&Device, Tensor<2>) -> Tensor<4>) -> Vec<String> {
    let model = agrees(Z, None, &|device, z, _| f(device, z));
    operators(&model).into_iter().map(str::to_owned).collect()
}

fn elementwise(f: impl Fn(&Device, Tensor<2>) -> Tensor<2>) -> Vec<String> {
    exported(|device, z| image(f(device, z)))
}

/// Why a function is not exported.
fn refused(f: impl Fn(&Device, Tensor<2>) -> Tensor<4>) -> String {
    let error = trace(Z, None, |device, z, _| f(device, z)).unwrap_err();
    error.to_string()
}

#[test]
fn linear_becomes_one_gemm() {
    for bias in [true, false] {
        let layer = |d: &Device, z| {
            let bias = bias.then(|| weights::<1>(2, [5], d));
            linear(z, weights::<2>(1, [Z, 5], d), bias)
        };
        assert_eq!(elementwise(layer), ["Gemm", "Reshape"]);
    }
}

#[test]
fn linear_on_rows_becomes_a_product_and_a_sum() {
    let found = exported(|d, z| {
        let [batch, _] = z.dims();
        let bias = Some(weights::<1>(2, [5], d));
        let rows = linear(z.reshape([batch, 3, 4]), weights::<2>(1, [4, 5], d), bias);
        shaped(rows, [1, 3, 5])
    });
    assert_eq!(found, ["Reshape", "MatMul", "Add", "Reshape"]);
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
    exported(|_, z| {
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
    let found = elementwise(|_, z| (z + 1.5) * 2.0 / 3.0 - 0.25);
    assert_eq!(found, ["Add", "Mul", "Div", "Sub", "Reshape"]);
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
    let leaky = elementwise(|_, z| leaky_relu(z, 0.2));
    assert_eq!(leaky, ["LeakyRelu", "Reshape"]);
    assert_eq!(elementwise(|_, z| sigmoid(z)), ["Sigmoid", "Reshape"]);
    assert_eq!(elementwise(|_, z| tanh(z)), ["Tanh", "Reshape"]);
}

#[test]
fn softplus_is_recognized_and_log1p_spelled_out() {
    let expected = ["Relu", "Abs", "Neg", "Exp", "Add", "Log", "Add", "Reshape"];
    assert_eq!(elementwise(|_, z| softplus(z, 1.0)), expected);
    elementwise(|_, z| softplus(z * 300.0, 2.0));
    let log1p = elementwise(|_, z| z.exp().log1p());
    assert_eq!(log1p, ["Exp", "Add", "Log", "Reshape"]);
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
        let options = ConvOptions::new([2, 1], [1, 2], [1, 2], 1);
        let bias = Some(weights::<1>(2, [3], d));
        let kernels = weights::<4>(1, [3, 3, 3, 3], d);
        conv2d(shaped(z, [3, 4, 4]), kernels, bias, options)
    });
    assert_eq!(operators(&model), ["Reshape", "Conv"]);
}

#[test]
fn convolution_in_groups() {
    agrees(36, None, &|d, z, _| {
        let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 3);
        let kernels = weights::<4>(1, [3, 1, 2, 2], d);
        conv2d(shaped(z, [3, 3, 4]), kernels, None, options)
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
        exported(|d, z| {
            let options = ConvTransposeOptions::new(stride, padding, padding_out, dilation, 1);
            let bias = Some(weights::<1>(2, [1], d));
            conv_transpose2d(planes(z), weights::<4>(1, [3, 1, 4, 4], d), bias, options)
        });
    }
}

#[test]
fn transposed_convolution_in_groups() {
    exported(|d, z| {
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
    let mut nodes = model.graph.unwrap().node.into_iter();
    let node = nodes.find(|node| node.op_type == "ConvTranspose").unwrap();
    let pads = node.attribute.iter().find(|a| a.name == "pads").unwrap();
    assert_eq!(pads.ints, [1, 1, 0, 0]);
    assert!(node.attribute.iter().all(|a| a.name != "output_padding"));
}

#[test]
fn batch_normalization_alone_becomes_product_and_sum() {
    let found = exported(|d, z| {
        let [g, b, m, v] = [1, 2, 3, 4].map(|salt| weights::<1>(salt, [3], d));
        batch_norm(tanh(planes(z)), g, b, m, v.abs() + 0.1, 1e-5)
    });
    assert_eq!(found, ["Reshape", "Tanh", "Mul", "Add"]);
}

#[test]
fn nearest_upsampling() {
    let found = exported(|_, z| enlarged(z, [4, 6], InterpolateMode::Nearest));
    assert_eq!(found, ["Reshape", "Resize"]);
}

#[test]
fn bilinear_upsampling() {
    let found = exported(|_, z| {
        let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false);
        interpolate(planes(z), options.with_output_size([4, 6]))
    });
    assert_eq!(found, ["Reshape", "Resize"]);
}

#[test]
fn other_upsampling_is_refused_by_name() {
    for (size, mode, word) in [
        ([3, 4], InterpolateMode::Nearest, "multiple"),
        ([4, 6], InterpolateMode::Bicubic, "Bicubic"),
    ] {
        let error = refused(|_, z| enlarged(z, size, mode.clone()));
        assert!(
            error.contains("Interpolate") && error.contains(word),
            "{error}"
        );
    }
}

#[test]
fn axes_are_swapped_and_permuted() {
    exported(|_, z| {
        let swapped = planes(z).swap_dims(2, 3);
        swapped.permute([0, 1, 3, 2]).swap_dims(2, 3)
    });
    elementwise(|_, z| {
        let [batch, _] = z.dims();
        let rows = z.reshape([batch, 3, 4]);
        rows.permute([0, 2, 1]).reshape([batch, Z])
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
    let error = refused(|_, z| image(z.slice([0..1, 0..Z])));
    assert!(error.contains("batch"), "{error}");
}

#[test]
fn columns_are_selected() {
    elementwise(|d, z| {
        let columns = TensorData::from([3i64, 0, 11]);
        z.select(1, Tensor::<1, Int>::from_data(columns, d))
    });
}

#[test]
fn classes_are_looked_up() {
    let model = agrees(Z, Some(4), &|d, z, class| {
        let [batch, _] = z.dims();
        let class = class.unwrap().reshape([batch, 1]);
        let row = embedding(weights::<2>(1, [4, Z], d), class);
        image(z * row.reshape([batch, Z]))
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
    exported(|_, z| planes(z).repeat_dim(2, 3));
    exported(|_, z| {
        let [batch, _] = z.dims();
        image(z).expand([batch, 3, 2, Z])
    });
}

#[test]
fn a_constant_for_each_image_of_the_batch_is_refused_by_name() {
    let error = refused(|d, z| {
        let [batch, _] = z.dims();
        let repeated = weights::<2>(1, [1, 3], d).expand([batch, 3]);
        image(Tensor::cat(vec![z, repeated], 1))
    });
    assert!(error.contains("Expand"), "{error}");
    let error = refused(|d, z| {
        let zeros = Tensor::<2>::zeros(z.dims(), d);
        image(z + zeros)
    });
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
        let more = weights::<2>(2, [2, Z], d).exp().reshape([Z, 2]);
        let more = more.swap_dims(0, 1).transpose();
        z.matmul(Tensor::cat(vec![table, more], 1))
    };
    assert_eq!(elementwise(layer), ["Gemm", "Reshape"]);
}

#[test]
fn an_operation_that_is_not_lowered_is_named() {
    let error = refused(|_, z| image(z.cumsum(1)));
    assert!(error.contains("CumSum"), "{error}");
    let error = refused(|_, z| image(softmax(z, 1)));
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
    let error = refused(|d, z| {
        let bias = Tensor::from_data(TensorData::from([0.0f32, f32::NAN]), d);
        image(linear(z, weights::<2>(1, [Z, 2], d), Some(bias)))
    });
    assert!(
        error.contains("gemm_0_bias") && error.contains('1'),
        "{error}"
    );
}

#[test]
fn images_of_the_wrong_shape_are_refused() {
    let two = refused(|_, z| shaped(z, [2, 2, 3]));
    assert!(two.contains("C = 1, 3 or 4"));
    assert!(trace(0, None, |_, z, _| image(z)).is_err());
    assert!(trace(Z, Some(0), |_, z, _| image(z)).is_err());
}
