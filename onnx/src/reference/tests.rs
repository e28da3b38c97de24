use super::*;
use crate::constant::DType;
use crate::graph::{Binary, Node, Reduction, Unary, Value, Window};
use crate::shape::Part;

/// Numbers between -1 and 1 that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % end
    }

    fn tensor(&mut self, shape: &[usize]) -> Constant {
        let count: usize = shape.iter().product();
        let data = (0..count).map(|_| self.below(2001) as f32 / 1000.0 - 1.0);
        Constant::f32s(shape.to_vec(), data.collect())
    }
}

fn floats(shape: &[usize], data: &[f32]) -> Constant {
    Constant::f32s(shape.to_vec(), data.to_vec())
}

fn ints(shape: &[usize], data: &[i64]) -> Constant {
    Constant {
        shape: shape.to_vec(),
        data: Data::I64(data.to_vec()),
    }
}

/// The result, of the shape that the operator says.
fn result(op: &Op, inputs: &[&Constant]) -> Option<Constant> {
    let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
    evaluate(op, inputs, &op.shape(&shapes)?)
}

fn on_floats(op: Unary, x: &[f32]) -> Vec<f32> {
    let made = result(&Op::Unary(op), &[&floats(&[x.len()], x)]).unwrap();
    made.as_f32s().unwrap().to_vec()
}

fn on_ints(op: Binary, x: i64, y: i64) -> Option<i64> {
    let made = result(&Op::Binary(op), &[&ints(&[1], &[x]), &ints(&[], &[y])])?;
    made.as_i64s()?.first().copied()
}

fn close(found: &Constant, expected: &Constant) {
    assert_eq!(found.shape, expected.shape);
    let pairs = found
        .as_f32s()
        .unwrap()
        .iter()
        .zip(expected.as_f32s().unwrap());
    for (found, expected) in pairs {
        let allowed = 1e-6 * expected.abs().max(1.0);
        assert!(
            (found - expected).abs() <= allowed,
            "{found}, not {expected}"
        );
    }
}

#[test]
fn unary_operators_are_onnx_s() {
    let is = |op, x: &[f32], expected: &[f32]| {
        let found = on_floats(op, x);
        let same =
            |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-7 || a == b || a.is_nan() && b.is_nan();
        assert!(
            found.iter().zip(expected).all(same),
            "{op:?}: {found:?}, not {expected:?}"
        );
        assert_eq!(found.len(), expected.len());
    };
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    is(Unary::Relu, &[-1.0, 2.0, nan], &[0.0, 2.0, nan]);
    is(Unary::LeakyRelu(0.1), &[-1.0, 2.0, nan], &[-0.1, 2.0, nan]);
    is(Unary::Tanh, &[0.5, -inf], &[0.462_117_16, -1.0]);
    is(
        Unary::Sigmoid,
        &[0.0, 1.0, -1000.0, 1000.0],
        &[0.5, 0.731_058_6, 0.0, 1.0],
    );
    is(
        Unary::Softplus,
        &[0.0, 1.0, -1000.0, 1000.0, -30.0, nan],
        &[
            std::f32::consts::LN_2,
            1.313_261_6,
            0.0,
            1000.0,
            9.357_623e-14,
            nan,
        ],
    );
    is(Unary::Elu(2.0), &[-1.0, 3.0], &[-1.264_241_1, 3.0]);
    is(
        Unary::Clip(-1.0, 2.0),
        &[-3.0, 0.5, 3.0, nan],
        &[-1.0, 0.5, 2.0, nan],
    );
    // The upper bound wins.
    is(Unary::Clip(3.0, 2.0), &[0.0, 9.0], &[2.0, 2.0]);
    is(Unary::Clip(-inf, inf), &[-inf, 4.0], &[-inf, 4.0]);
    is(Unary::Exp, &[1.0, 100.0, -200.0], &[2.718_281_7, inf, 0.0]);
    is(Unary::Log, &[1.0, 0.0, -1.0], &[0.0, -inf, nan]);
    is(Unary::Sqrt, &[4.0, -1.0], &[2.0, nan]);
    is(Unary::Reciprocal, &[4.0, 0.0], &[0.25, inf]);
    is(
        Unary::Erf,
        &[0.5, -1.0, 3.0],
        &[0.520_499_9, -0.842_700_8, 0.999_977_9],
    );
    is(Unary::Sin, &[1.0], &[0.841_471]);
    is(Unary::Cos, &[1.0], &[0.540_302_3]);
    is(
        Unary::Atan,
        &[1.0, inf],
        &[std::f32::consts::FRAC_PI_4, std::f32::consts::FRAC_PI_2],
    );
    is(Unary::Neg, &[1.0, -2.0], &[-1.0, 2.0]);
    is(Unary::Abs, &[1.0, -2.0], &[1.0, 2.0]);
    is(Unary::Floor, &[1.5, -1.5], &[1.0, -2.0]);
    is(Unary::Ceil, &[1.5, -1.5], &[2.0, -1.0]);
    is(
        Unary::Round,
        &[0.5, 1.5, 2.5, -0.5, -1.5, 2.4],
        &[0.0, 2.0, 2.0, 0.0, -2.0, 2.0],
    );
    is(Unary::Sign, &[-3.0, 0.0, 5.0, nan], &[-1.0, 0.0, 1.0, nan]);
}

#[test]
fn unary_operators_on_integers_do_not_wrap() {
    let on = |op, x: &[i64]| result(&Op::Unary(op), &[&ints(&[x.len()], x)]);
    assert_eq!(on(Unary::Neg, &[1, -2]), Some(ints(&[2], &[-1, 2])));
    assert_eq!(on(Unary::Sign, &[-7, 0, 7]), Some(ints(&[3], &[-1, 0, 1])));
    assert_eq!(on(Unary::Not, &[0, 1]), Some(ints(&[2], &[1, 0])));
    assert_eq!(on(Unary::Relu, &[-4, 4]), Some(ints(&[2], &[0, 4])));
    let infinite = Unary::Clip(f32::NEG_INFINITY, 5.0);
    assert_eq!(
        on(infinite, &[i64::MIN, 9]),
        Some(ints(&[2], &[i64::MIN, 5]))
    );
    assert_eq!(on(Unary::Neg, &[i64::MIN]), None);
    assert_eq!(on(Unary::Abs, &[i64::MIN]), None);
    assert_eq!(on(Unary::Sqrt, &[4]), None);
}

#[test]
fn integers_are_divided_towards_0_and_their_remainder_has_the_divisor_s_sign() {
    assert_eq!(on_ints(Binary::Div, -7, 2), Some(-3));
    assert_eq!(on_ints(Binary::Mod, -7, 3), Some(2));
    assert_eq!(on_ints(Binary::Mod, 7, -3), Some(-2));
    assert_eq!(on_ints(Binary::Mod, 6, -3), Some(0));
    assert_eq!(on_ints(Binary::Mod, i64::MIN, -1), Some(0));
    assert_eq!(on_ints(Binary::Pow, 3, 4), Some(81));
    assert_eq!(on_ints(Binary::Max, 3, 4), Some(4));
    assert_eq!(on_ints(Binary::Min, 3, 4), Some(3));
}

#[test]
fn integers_that_cannot_be_computed_are_none() {
    assert_eq!(on_ints(Binary::Div, 1, 0), None);
    assert_eq!(on_ints(Binary::Mod, 1, 0), None);
    assert_eq!(on_ints(Binary::Div, i64::MIN, -1), None);
    assert_eq!(on_ints(Binary::Add, i64::MAX, 1), None);
    assert_eq!(on_ints(Binary::Sub, i64::MIN, 1), None);
    assert_eq!(on_ints(Binary::Mul, i64::MAX, 2), None);
    assert_eq!(on_ints(Binary::Pow, 10, 20), None);
    assert_eq!(on_ints(Binary::Pow, 10, -1), None);
}

#[test]
fn predicates_make_truth_values() {
    assert_eq!(on_ints(Binary::Equal, 2, 2), Some(1));
    assert_eq!(on_ints(Binary::Less, 2, 2), Some(0));
    assert_eq!(on_ints(Binary::And, 1, 0), Some(0));
    assert_eq!(on_ints(Binary::Or, 1, 0), Some(1));
    assert_eq!(on_ints(Binary::Xor, 1, 1), Some(0));
    let (a, b) = (floats(&[3], &[1.0, f32::NAN, 3.0]), floats(&[1], &[3.0]));
    assert_eq!(
        result(&Op::Binary(Binary::Less), &[&a, &b]),
        Some(ints(&[3], &[1, 0, 0]))
    );
    assert_eq!(
        result(&Op::Binary(Binary::Equal), &[&a, &b]),
        Some(ints(&[3], &[0, 0, 1]))
    );
    assert_eq!(result(&Op::Binary(Binary::And), &[&a, &b]), None);
}

#[test]
fn binary_operators_broadcast() {
    let (a, b) = (
        floats(&[2, 1], &[8.0, -7.0]),
        floats(&[3], &[2.0, 3.0, -4.0]),
    );
    let is = |op, expected: [f32; 6]| {
        let found = result(&Op::Binary(op), &[&a, &b]).unwrap();
        close(&found, &floats(&[2, 3], &expected));
    };
    is(Binary::Add, [10.0, 11.0, 4.0, -5.0, -4.0, -11.0]);
    is(Binary::Sub, [6.0, 5.0, 12.0, -9.0, -10.0, -3.0]);
    is(Binary::Mul, [16.0, 24.0, -32.0, -14.0, -21.0, 28.0]);
    is(Binary::Div, [4.0, 8.0 / 3.0, -2.0, -3.5, -7.0 / 3.0, 1.75]);
    is(Binary::Mod, [0.0, 2.0, 0.0, -1.0, -1.0, -3.0]);
    is(
        Binary::Pow,
        [64.0, 512.0, 1.0 / 4096.0, 49.0, -343.0, 1.0 / 2401.0],
    );
    is(Binary::Max, [8.0, 8.0, 8.0, 2.0, 3.0, -4.0]);
    is(Binary::Min, [2.0, 3.0, -4.0, -7.0, -7.0, -7.0]);
}

#[test]
fn nan_passes_through_greatest_and_least() {
    let (a, b) = (
        floats(&[2], &[f32::NAN, 1.0]),
        floats(&[2], &[1.0, f32::NAN]),
    );
    for op in [Binary::Max, Binary::Min] {
        let found = result(&Op::Binary(op), &[&a, &b]).unwrap();
        assert!(found.as_f32s().unwrap().iter().all(|x| x.is_nan()));
    }
    for reduction in [Reduction::Max, Reduction::Min] {
        let found = result(&Op::Reduce(reduction, vec![0]), &[&b]).unwrap();
        assert!(found.as_f32s().unwrap()[0].is_nan());
    }
}

/// Broadcasting by the definition, one position after another.
#[test]
fn select_and_binary_follow_every_broadcast() {
    let mut random = Random(1);
    for _ in 0..300 {
        let rank = random.below(5);
        let shape: Vec<usize> = (0..rank).map(|_| 1 + random.below(3)).collect();
        let mut narrowed = || -> Vec<usize> {
            let skipped = random.below(rank + 1);
            let dims = shape.iter().skip(skipped);
            dims.map(|dim| if random.below(2) == 0 { 1 } else { *dim })
                .collect()
        };
        let shapes = [narrowed(), narrowed(), shape.clone()];
        let [a, b, full] = shapes.map(|shape| random.tensor(&shape));
        let at = |from: &Constant, position: usize| {
            let mut rest = position;
            let (mut at, mut step) = (0, 1);
            for (i, dim) in shape.iter().enumerate().rev() {
                let index = rest % dim;
                rest /= dim;
                let Some(axis) = (i + from.shape.len()).checked_sub(rank) else {
                    continue;
                };
                at += if from.shape[axis] == 1 {
                    0
                } else {
                    index * step
                };
                step *= from.shape[axis];
            }
            from.as_f32s().unwrap()[at]
        };
        let sum = result(&Op::Binary(Binary::Add), &[&a, &b]).unwrap();
        let all = result(&Op::Binary(Binary::Mul), &[&sum, &full]).unwrap();
        let truth = Constant {
            shape: a.shape.clone(),
            data: cast_to(&a, DType::I64).data,
        };
        let chosen = result(&Op::Select, &[&truth, &b, &full]).unwrap();
        let expanded = result(&Op::Expand(shape.clone()), &[&b]).unwrap();
        assert_eq!(all.shape, shape);
        for position in 0..shape.iter().product() {
            let (x, y, z) = (at(&a, position), at(&b, position), at(&full, position));
            assert_eq!(all.as_f32s().unwrap()[position], (x + y) * z);
            let one = if x as i64 != 0 { y } else { z };
            assert_eq!(chosen.as_f32s().unwrap()[position], one);
            assert_eq!(expanded.as_f32s().unwrap()[position], y);
        }
    }
}

fn cast_to(a: &Constant, to: DType) -> Constant {
    result(&Op::Cast(to), &[a]).unwrap()
}

#[test]
fn casts_truncate_and_saturate() {
    let a = floats(&[5], &[-1.9, 1.9, 1e30, f32::NAN, 0.0]);
    assert_eq!(
        cast_to(&a, DType::I64),
        ints(&[5], &[-1, 1, i64::MAX, 0, 0])
    );
    assert_eq!(cast_to(&a, DType::Bool), ints(&[5], &[1, 1, 1, 1, 0]));
    let b = ints(&[2], &[-3, 16_777_217]);
    assert_eq!(cast_to(&b, DType::F32), floats(&[2], &[-3.0, 16_777_216.0]));
    assert_eq!(cast_to(&b, DType::Bool), ints(&[2], &[1, 1]));
    assert_eq!(cast_to(&b, DType::I64), b);
}

#[test]
fn matrices_are_multiplied() {
    let a = floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let b = floats(&[3, 2], &[7.0, 8.0, 9.0, 10.0, 11.0, 12.0]);
    let found = result(&Op::MatMul, &[&a, &b]);
    assert_eq!(found, Some(floats(&[2, 2], &[58.0, 64.0, 139.0, 154.0])));
    let found = result(
        &Op::MatMul,
        &[&cast_to(&a, DType::I64), &cast_to(&b, DType::I64)],
    );
    assert_eq!(found, Some(ints(&[2, 2], &[58, 64, 139, 154])));
    let most = ints(&[1, 1], &[i64::MAX]);
    assert_eq!(result(&Op::MatMul, &[&most, &ints(&[1, 1], &[2])]), None);
}

#[test]
fn matrices_of_any_size_and_batch_are_multiplied() {
    let mut random = Random(2);
    let batches: [(&[usize], &[usize]); 6] = [
        (&[], &[]),
        (&[3], &[]),
        (&[], &[3]),
        (&[2, 1], &[3]),
        (&[2, 3], &[1, 1, 1]),
        (&[1, 2], &[2, 2]),
    ];
    for (batch_a, batch_b) in batches {
        for _ in 0..20 {
            let [m, k, n] = [1 + random.below(9), random.below(9), 1 + random.below(300)];
            let a = random.tensor(&[batch_a, &[m, k]].concat());
            let b = random.tensor(&[batch_b, &[k, n]].concat());
            let found = result(&Op::MatMul, &[&a, &b]).unwrap();
            // As a sum over the last axis of a broadcast product.
            let wide =
                |x: &Constant, shape: &[usize]| result(&Op::Reshape(shape.to_vec()), &[x]).unwrap();
            let rank = b.shape.len();
            let order = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
            let turned = result(&Op::Transpose(order), &[&b]).unwrap();
            let a = wide(&a, &[batch_a, &[m, 1, k]].concat());
            let turned = wide(&turned, &[batch_b, &[1, n, k]].concat());
            let products = result(&Op::Binary(Binary::Mul), &[&a, &turned]).unwrap();
            let last = products.shape.len() - 1;
            let sums = Op::Reduce(Reduction::Sum, vec![last]);
            let sums = result(&sums, &[&products]).unwrap();
            close(&found, &wide(&sums, &found.shape));
        }
    }
}

fn window(kernel: &[usize]) -> Window {
    Window {
        kernel: kernel.to_vec(),
        strides: vec![1; kernel.len()],
        dilations: vec![1; kernel.len()],
        pads: vec![(0, 0); kernel.len()],
        output_padding: vec![0; kernel.len()],
        groups: 1,
    }
}

#[test]
fn a_convolution_is_a_weighted_sum_over_its_window() {
    let x = floats(&[1, 1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let w = floats(&[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0]);
    let b = floats(&[1], &[0.5]);
    let op = Op::Conv(window(&[2, 2]));
    let expected = floats(&[1, 1, 1, 2], &[5421.5, 6532.5]);
    assert_eq!(result(&op, &[&x, &w, &b]), Some(expected));
    let padded = Op::Conv(Window {
        pads: vec![(1, 0), (0, 1)],
        ..window(&[2, 2])
    });
    let expected = [2100.0, 3200.0, 300.0, 5421.0, 6532.0, 603.0];
    assert_eq!(
        result(&padded, &[&x, &w]),
        Some(floats(&[1, 1, 2, 3], &expected))
    );
}

#[test]
fn a_transposed_convolution_spreads_its_input() {
    let x = floats(&[1, 1, 3], &[1.0, 2.0, 3.0]);
    let w = floats(&[1, 1, 3], &[1.0, 10.0, 100.0]);
    let op = |window| Op::ConvTranspose(window);
    let expected = floats(&[1, 1, 5], &[1.0, 12.0, 123.0, 230.0, 300.0]);
    assert_eq!(result(&op(window(&[3])), &[&x, &w]), Some(expected));
    let wide = Window {
        strides: vec![2],
        output_padding: vec![1],
        pads: vec![(1, 0)],
        ..window(&[3])
    };
    let expected = floats(&[1, 1, 7], &[10.0, 102.0, 20.0, 203.0, 30.0, 300.0, 0.0]);
    assert_eq!(result(&op(wide), &[&x, &w]), Some(expected));
}

/// A convolution by its definition: every pair of an input and an output that a tap joins.
fn by_pairs(w: &Window, transposed: bool, x: &Constant, k: &Constant, shape: &[usize]) -> Constant {
    let unravel = |shape: &[usize], mut at: usize| -> Vec<usize> {
        let mut all = vec![0; shape.len()];
        for (one, dim) in all.iter_mut().zip(shape).rev() {
            *one = at % dim;
            at /= dim;
        }
        all
    };
    let ravel = |shape: &[usize], at: &[usize]| {
        shape
            .iter()
            .zip(at)
            .fold(0, |sum, (dim, at)| sum * dim + at)
    };
    let mut sums = vec![0.0f64; shape.iter().product()];
    // Of a transposed one, what is spread is its input.
    let (small, large) = if transposed {
        (&x.shape[..], shape)
    } else {
        (shape, &x.shape[..])
    };
    let (own_small, own_large) = (small[1] / w.groups, large[1] / w.groups);
    for (i, weight) in k.as_f32s().unwrap().iter().enumerate() {
        let tap = unravel(&k.shape, i);
        let group = tap[0] / own_small;
        for pixel in 0..small[2..].iter().product() {
            let pixel = unravel(&small[2..], pixel);
            let met: Option<Vec<usize>> = (0..pixel.len())
                .map(|axis| {
                    let at = pixel[axis] * w.strides[axis] + tap[axis + 2] * w.dilations[axis];
                    at.checked_sub(w.pads[axis].0)
                        .filter(|at| *at < large[axis + 2])
                })
                .collect();
            let Some(met) = met else { continue };
            for image in 0..small[0] {
                let near = ravel(small, &[&[image, tap[0]], &pixel[..]].concat());
                let far = [&[image, group * own_large + tap[1]], &met[..]].concat();
                let far = ravel(large, &far);
                let (from, to) = if transposed { (near, far) } else { (far, near) };
                sums[to] += f64::from(*weight) * f64::from(x.as_f32s().unwrap()[from]);
            }
        }
    }
    floats(
        shape,
        &sums.iter().map(|sum| *sum as f32).collect::<Vec<_>>(),
    )
}

#[test]
fn convolutions_of_any_geometry_are_sums_over_pairs() {
    let mut random = Random(3);
    let mut tried = 0;
    while tried < 600 {
        let axes = 1 + random.below(3);
        let transposed = random.below(2) == 0;
        let mut each =
            |end: usize| -> Vec<usize> { (0..axes).map(|_| random.below(end)).collect() };
        let one_up = |all: Vec<usize>| -> Vec<usize> { all.iter().map(|x| x + 1).collect() };
        let sides = one_up(each(if axes == 3 { 5 } else { 9 }));
        let strides = one_up(each(4));
        let window = Window {
            kernel: one_up(each(4)),
            dilations: one_up(each(3)),
            pads: each(4).into_iter().zip(each(4)).collect(),
            output_padding: match transposed {
                true => strides.iter().zip(each(4)).map(|(s, p)| p % s).collect(),
                false => vec![0; axes],
            },
            strides,
            groups: 1 + random.below(3),
        };
        let [a, b] = [1 + random.below(5), 1 + random.below(5)];
        let images = 1 + random.below(2);
        let x = random.tensor(&[&[images, a * window.groups], &sides[..]].concat());
        let op = match transposed {
            true => Op::ConvTranspose(window.clone()),
            false => Op::Conv(window.clone()),
        };
        let weights = match transposed {
            true => [a * window.groups, b],
            false => [b * window.groups, a],
        };
        let k = random.tensor(&[&weights, &window.kernel[..]].concat());
        let Some(found) = result(&op, &[&x, &k]) else {
            continue;
        };
        let expected = by_pairs(&window, transposed, &x, &k, &found.shape);
        close(&found, &expected);
        let bias = random.tensor(&[b * window.groups]);
        let column = [&[b * window.groups], &vec![1; axes][..]].concat();
        let wide = result(&Op::Reshape(column), &[&bias]).unwrap();
        let expected = result(&Op::Binary(Binary::Add), &[&expected, &wide]).unwrap();
        close(&result(&op, &[&x, &k, &bias]).unwrap(), &expected);
        tried += 1;
    }
}

#[test]
fn convolutions_wider_than_a_block_are_sums_over_pairs() {
    let mut random = Random(4);
    for transposed in [false, true] {
        let window = Window {
            strides: vec![2, 1],
            pads: vec![(1, 1), (1, 1)],
            ..window(&[3, 3])
        };
        let (x, k) = (random.tensor(&[1, 9, 37, 41]), random.tensor(&[9, 9, 3, 3]));
        let op = match transposed {
            true => Op::ConvTranspose(window.clone()),
            false => Op::Conv(window.clone()),
        };
        let found = result(&op, &[&x, &k]).unwrap();
        close(&found, &by_pairs(&window, transposed, &x, &k, &found.shape));
    }
}

#[test]
fn pooling_takes_the_greatest_element_that_is_there() {
    let x = floats(&[1, 1, 2, 3], &[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]);
    let op = Op::MaxPool(Window {
        strides: vec![2, 2],
        pads: vec![(1, 0), (1, 1)],
        ..window(&[2, 2])
    });
    assert_eq!(
        result(&op, &[&x]),
        Some(floats(&[1, 1, 1, 2], &[-1.0, -2.0]))
    );
    let wide = Op::MaxPool(Window {
        dilations: vec![1, 2],
        ..window(&[2, 2])
    });
    assert_eq!(result(&wide, &[&x]), Some(floats(&[1, 1, 1, 1], &[-1.0])));
    let many = floats(
        &[2, 2, 1, 2],
        &[1.0, 2.0, 4.0, 3.0, 5.0, f32::NAN, -8.0, -7.0],
    );
    let found = result(&Op::MaxPool(window(&[1, 2])), &[&many]).unwrap();
    let found = found.as_f32s().unwrap();
    assert_eq!([found[0], found[1], found[3]], [2.0, 4.0, -7.0]);
    assert!(found[2].is_nan());
}

#[test]
fn reductions_keep_their_axes() {
    let a = floats(
        &[2, 2, 3],
        &[
            1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0,
        ],
    );
    let is = |reduction, axes: &[usize], shape: &[usize], expected: &[f32]| {
        let found = result(&Op::Reduce(reduction, axes.to_vec()), &[&a]);
        assert_eq!(found, Some(floats(shape, expected)));
    };
    is(
        Reduction::Sum,
        &[1],
        &[2, 1, 3],
        &[5.0, 7.0, 9.0, 17.0, 19.0, 21.0],
    );
    is(Reduction::Sum, &[0, 2], &[1, 2, 1], &[30.0, 48.0]);
    is(Reduction::Mean, &[0, 1, 2], &[1, 1, 1], &[6.5]);
    is(Reduction::Max, &[2], &[2, 2, 1], &[3.0, 6.0, 9.0, 12.0]);
    is(
        Reduction::Min,
        &[0],
        &[1, 2, 3],
        &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    );
    is(Reduction::Prod, &[1, 2], &[2, 1, 1], &[720.0, 665_280.0]);
    is(Reduction::Sum, &[], &[2, 2, 3], a.as_f32s().unwrap());
    let b = ints(&[3], &[-4, 7, 2]);
    let on = |reduction| result(&Op::Reduce(reduction, vec![0]), &[&b]);
    assert_eq!(on(Reduction::Sum), Some(ints(&[1], &[5])));
    assert_eq!(on(Reduction::Mean), Some(ints(&[1], &[1])));
    assert_eq!(on(Reduction::Max), Some(ints(&[1], &[7])));
    assert_eq!(on(Reduction::Min), Some(ints(&[1], &[-4])));
    assert_eq!(on(Reduction::Prod), Some(ints(&[1], &[-56])));
    let most = ints(&[2], &[i64::MAX, 1]);
    assert_eq!(result(&Op::Reduce(Reduction::Sum, vec![0]), &[&most]), None);
}

#[test]
fn sums_are_exact_beyond_f32() {
    let a = floats(&[3], &[1e8, 1.0, -1e8]);
    let found = result(&Op::Reduce(Reduction::Sum, vec![0]), &[&a]);
    assert_eq!(found, Some(floats(&[1], &[1.0])));
    let (row, ones) = (
        floats(&[1, 3], &[1e8, 1.0, -1e8]),
        floats(&[3, 1], &[1.0; 3]),
    );
    assert_eq!(
        result(&Op::MatMul, &[&row, &ones]),
        Some(floats(&[1, 1], &[1.0]))
    );
}

#[test]
fn elements_move() {
    let a = floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let is = |op: Op, shape: &[usize], expected: &[f32]| {
        assert_eq!(result(&op, &[&a]), Some(floats(shape, expected)), "{op:?}");
    };
    is(
        Op::Reshape(vec![3, 2]),
        &[3, 2],
        &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    );
    is(
        Op::Transpose(vec![1, 0]),
        &[3, 2],
        &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0],
    );
    let twice = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    is(Op::Expand(vec![2, 2, 3]), &[2, 2, 3], &twice);
    let part = |first, count, step| Part { first, count, step };
    let parts = vec![part(1, 2, -1), part(2, 2, -2)];
    is(Op::Slice(parts), &[2, 2], &[6.0, 4.0, 3.0, 1.0]);
    let parts = vec![part(0, 2, 1), part(1, 2, 1)];
    is(Op::Slice(parts), &[2, 2], &[2.0, 3.0, 5.0, 6.0]);
    is(Op::Slice(vec![part(0, 2, 1), part(1, 0, 1)]), &[2, 0], &[]);
    let border = Op::Pad {
        begin: vec![0, 1],
        end: vec![1, 0],
        fill: 9.0,
    };
    let expected = [9.0, 1.0, 2.0, 3.0, 9.0, 4.0, 5.0, 6.0, 9.0, 9.0, 9.0, 9.0];
    is(border.clone(), &[3, 4], &expected);
    let found = result(&border, &[&ints(&[1, 1], &[5])]);
    assert_eq!(found, Some(ints(&[2, 2], &[9, 5, 9, 9])));
}

#[test]
fn axes_are_transposed_in_any_order() {
    let a = ints(&[2, 3, 4], &(0..24).collect::<Vec<_>>());
    let found = result(&Op::Transpose(vec![2, 0, 1]), &[&a]).unwrap();
    assert_eq!(found.shape, [4, 2, 3]);
    let expected: Vec<i64> = (0..4)
        .flat_map(|i| (0..2).flat_map(move |j| (0..3).map(move |k| j * 12 + k * 4 + i)))
        .collect();
    assert_eq!(found.as_i64s().unwrap(), expected);
}

#[test]
fn tensors_are_joined_along_an_axis() {
    let (a, b) = (ints(&[2, 1], &[1, 2]), ints(&[2, 2], &[3, 4, 5, 6]));
    let found = result(&Op::Concat(1), &[&a, &b, &a]);
    assert_eq!(found, Some(ints(&[2, 4], &[1, 3, 4, 1, 2, 5, 6, 2])));
    assert_eq!(
        result(&Op::Concat(1), &[&a, &cast_to(&b, DType::F32)]),
        None
    );
    let found = result(&Op::Concat(0), &[&a, &ints(&[0, 1], &[])]);
    assert_eq!(found, Some(a));
}

#[test]
fn rows_are_picked_from_the_end_too() {
    let a = floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let found = result(&Op::Gather(1), &[&a, &ints(&[2, 1], &[-1, 0])]);
    assert_eq!(found, Some(floats(&[2, 2, 1], &[3.0, 1.0, 6.0, 4.0])));
    let found = result(&Op::Gather(0), &[&a, &ints(&[], &[1])]);
    assert_eq!(found, Some(floats(&[3], &[4.0, 5.0, 6.0])));
    for index in [2, -3, i64::MIN, i64::MAX] {
        assert_eq!(result(&Op::Gather(0), &[&a, &ints(&[1], &[index])]), None);
    }
}

#[test]
fn resizing_adds_taps_along_its_axis() {
    let a = floats(&[2, 2, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let taps = vec![vec![(0, 0.25), (1, 0.75)], vec![(1, 1.0)], vec![]];
    let op = |axis| Op::Resample {
        axis,
        taps: taps.clone(),
    };
    let expected = [2.5, 3.5, 3.0, 4.0, 0.0, 0.0, 6.5, 7.5, 7.0, 8.0, 0.0, 0.0];
    assert_eq!(result(&op(1), &[&a]), Some(floats(&[2, 3, 2], &expected)));
    let expected = [
        1.75, 2.0, 0.0, 3.75, 4.0, 0.0, 5.75, 6.0, 0.0, 7.75, 8.0, 0.0,
    ];
    assert_eq!(result(&op(2), &[&a]), Some(floats(&[2, 2, 3], &expected)));
    let flip = Op::Resample {
        axis: 0,
        taps: vec![vec![(1, 1.0)], vec![(0, 1.0)]],
    };
    assert_eq!(
        result(&flip, &[&ints(&[2], &[3, 4])]),
        Some(ints(&[2], &[4, 3]))
    );
    assert_eq!(result(&op(0), &[&ints(&[2], &[3, 4])]), None);
}

#[test]
fn empty_tensors_are_computed() {
    let none = floats(&[0, 3], &[]);
    let sum = result(&Op::Reduce(Reduction::Sum, vec![0]), &[&none]);
    assert_eq!(sum, Some(floats(&[1, 3], &[0.0; 3])));
    assert_eq!(cast_to(&none, DType::I64), ints(&[0, 3], &[]));
    let less = Op::Binary(Binary::Less);
    assert_eq!(result(&less, &[&none, &none]), Some(ints(&[0, 3], &[])));
    let product = result(&Op::MatMul, &[&floats(&[2, 0], &[]), &none]);
    assert_eq!(product, Some(floats(&[2, 3], &[0.0; 6])));
}

#[test]
fn what_does_not_go_together_is_none() {
    let a = floats(&[2], &[1.0, 2.0]);
    let negation = Op::Unary(Unary::Neg);
    assert_eq!(evaluate(&negation, &[&a], &[3]), None);
    assert_eq!(evaluate(&negation, &[], &[2]), None);
    assert_eq!(evaluate(&negation, &[&floats(&[3], &[1.0])], &[3]), None);
    let endless = floats(&[0, usize::MAX, usize::MAX], &[]);
    assert_eq!(evaluate(&negation, &[&endless], &endless.shape), None);
    let parts = [
        (1, 2, 1),
        (0, 2, i64::MIN),
        (0, 2, -1),
        (usize::MAX, 1, 1),
        (7, 2, i64::MAX),
    ];
    for (first, count, step) in parts {
        let op = Op::Slice(vec![Part { first, count, step }]);
        assert_eq!(result(&op, &[&a]), None);
    }
}

/// A stride far beyond the input and a kernel without end cost no more than what they touch.
#[test]
fn hostile_windows_are_computed_at_once() {
    let one = floats(&[1, 1, 1], &[2.0]);
    let mut random = Random(5);
    let k = random.tensor(&[1, 1, 200_000]);
    let op = Op::ConvTranspose(Window {
        strides: vec![usize::MAX],
        ..window(&[200_000])
    });
    let found = result(&op, &[&one, &k]).unwrap();
    let double = k.as_f32s().unwrap().iter().map(|x| x * 2.0);
    assert_eq!(found.as_f32s().unwrap(), double.collect::<Vec<_>>());
    let op = Op::MaxPool(Window {
        pads: vec![(1 << 20, 0)],
        ..window(&[(1 << 20) + 1])
    });
    assert_eq!(result(&op, &[&one]), Some(one));
}

/// -latent times the class's row of a table.
fn conditional() -> Graph {
    let value = |dtype, shape: &[usize], constant| Value {
        dtype,
        shape: shape.to_vec(),
        constant,
    };
    let node = |op, inputs: &[ValueId], output| Node {
        name: String::new(),
        op_type: String::new(),
        op,
        inputs: inputs.to_vec(),
        output,
    };
    let table = floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    Graph {
        values: vec![
            value(DType::F32, &[1, 2], None),
            value(DType::I64, &[1], None),
            value(DType::F32, &[2, 2], Some(table)),
            value(DType::F32, &[1, 2], None),
            value(DType::F32, &[1, 2], None),
            value(DType::F32, &[1, 2], None),
        ],
        nodes: vec![
            node(Op::Gather(0), &[2, 1], 3),
            node(Op::Unary(Unary::Neg), &[0], 4),
            node(Op::Binary(Binary::Mul), &[4, 3], 5),
        ],
        latent: 0,
        class: Some(1),
        image: 5,
    }
}

#[test]
fn a_graph_makes_the_image_of_a_latent_and_a_class() {
    let mut graph = conditional();
    assert_eq!(run(&graph, &[0.5, -1.0], 1), Some(vec![-1.5, 4.0]));
    assert_eq!(run(&graph, &[0.5, -1.0], 0), Some(vec![-0.5, 2.0]));
    let all = run_all(&graph, &[0.5, -1.0], 1);
    assert_eq!(all.len(), 6);
    assert_eq!(all[3], Some(floats(&[1, 2], &[3.0, 4.0])));
    assert_eq!(all[1], Some(ints(&[1], &[1])));
    assert_eq!(all[5], Some(floats(&[1, 2], &[-1.5, 4.0])));
    // No such class, another length, values that are not there.
    assert_eq!(run(&graph, &[0.5, -1.0], 2), None);
    assert_eq!(run(&graph, &[0.5], 1), None);
    graph.image = 17;
    assert_eq!(run(&graph, &[0.5, -1.0], 1), None);
    graph.nodes[0].inputs[0] = 18;
    graph.nodes[1].output = 19;
    assert_eq!(run_all(&graph, &[0.5, -1.0], 1)[5], None);
}
