//! Values computed by hand. Each operator is tried on constants and on inputs of the graph.

use crate::build::Builder;
use crate::constant::{Constant, DType, Data};
use crate::error::ModelError;
use crate::graph::{Op, Unary};
use crate::graph_builder::Attribute as A;
use crate::limits::Limits;
use crate::node::OnnxNode;
use crate::proto::{AttributeProto, NodeProto};
use crate::reference;

type Given = Option<(DType, Constant)>;

fn f(shape: &[usize], data: &[f32]) -> Given {
    Some((DType::F32, Constant::f32s(shape.to_vec(), data.to_vec())))
}

fn i(dtype: DType, shape: &[usize], data: &[i64]) -> Given {
    let (shape, data) = (shape.to_vec(), Data::I64(data.to_vec()));
    Some((dtype, Constant { shape, data }))
}

/// A node, and how many outputs of it are wanted.
struct Case {
    pb: NodeProto,
    opset: i64,
    inputs: Vec<Given>,
}

fn case(opset: i64, op: &str, attributes: &[(&str, A)], inputs: &[Given]) -> Case {
    let attributes = attributes.iter().cloned();
    let attributes = attributes.map(|(name, value)| AttributeProto::new(name, value));
    Case {
        pb: NodeProto::new("node", op, ["x"], "y", attributes),
        opset,
        inputs: inputs.to_vec(),
    }
}

impl Case {
    fn outputs(mut self, count: usize) -> Self {
        self.pb.output = (0..count).map(|index| format!("y{index}")).collect();
        self
    }

    /// What the node makes, with the operators that do it; inputs of floats are those of the graph
    /// if `computed`.
    fn made(&self, computed: bool) -> Result<(Vec<Constant>, Vec<Op>), ModelError> {
        let limits = Limits::default();
        let mut b = Builder::new(&limits);
        let mut known = Vec::new();
        let mut inputs = Vec::new();
        for given in &self.inputs {
            inputs.push(given.as_ref().map(|(dtype, constant)| {
                if !computed || !dtype.is_float() {
                    return b.constant(*dtype, constant.clone());
                }
                let id = b.input(*dtype, constant.shape.clone());
                known.push((id, constant.clone()));
                id
            }));
        }
        let node = OnnxNode {
            pb: &self.pb,
            inputs,
            opset: self.opset,
        };
        let made = super::translate(&node, &mut b)?;
        let mut values: Vec<_> = b
            .values
            .iter()
            .map(|value| value.constant.clone())
            .collect();
        for (id, constant) in known {
            values[id] = Some(constant);
        }
        for node in &b.nodes {
            let inputs: Vec<&Constant> = node
                .inputs
                .iter()
                .map(|id| values[*id].as_ref().unwrap())
                .collect();
            let shape = &b.values[node.output].shape;
            values[node.output] = Some(reference::evaluate(&node.op, &inputs, shape).unwrap());
        }
        let made = made.iter().map(|id| values[*id].clone().unwrap()).collect();
        Ok((made, b.nodes.into_iter().map(|node| node.op).collect()))
    }

    /// What the first output is, constants or not.
    fn value(&self) -> Constant {
        self.values().remove(0)
    }

    fn values(&self) -> Vec<Constant> {
        let known = self.made(false).unwrap().0;
        assert_eq!(known, self.made(true).unwrap().0);
        known
    }

    fn floats(&self) -> Vec<f32> {
        self.value().as_f32s().unwrap().to_vec()
    }

    fn ints(&self) -> Vec<i64> {
        self.value().as_i64s().unwrap().to_vec()
    }

    fn ops(&self) -> Vec<Op> {
        self.made(true).unwrap().1
    }

    fn refused(&self) -> String {
        self.made(true).unwrap_err().to_string()
    }
}

fn near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (x, y) in found.iter().zip(expected) {
        assert!(
            (x - y).abs() <= 1e-6 * y.abs().max(1.0),
            "{found:?}, not {expected:?}"
        );
    }
}

#[test]
fn softmax_before_13_is_over_all_axes_from_its_own_on() {
    let x = f(&[1, 2, 2], &[0.0; 4]);
    let softmax = |opset, attributes: &[_]| {
        case(opset, "Softmax", attributes, std::slice::from_ref(&x)).floats()
    };
    near(&softmax(11, &[]), &[0.25; 4]);
    near(&softmax(11, &[("axis", A::Int(2))]), &[0.5; 4]);
    near(&softmax(13, &[]), &[0.5; 4]);
    near(&softmax(13, &[("axis", A::Int(0))]), &[1.0; 4]);
}

#[test]
fn softmax_of_large_numbers_does_not_overflow() {
    let x = f(&[1, 2], &[10_000.0, 10_000.0]);
    near(
        &case(13, "Softmax", &[], std::slice::from_ref(&x)).floats(),
        &[0.5, 0.5],
    );
    let log = case(13, "LogSoftmax", &[], &[x]).floats();
    near(&log, &[-core::f32::consts::LN_2; 2]);
}

#[test]
fn hardmax_is_the_first_of_equal_ones() {
    let x = f(&[2, 2], &[3.0, 3.0, 1.0, 3.0]);
    let hardmax = |opset| case(opset, "Hardmax", &[], std::slice::from_ref(&x)).floats();
    assert_eq!(hardmax(13), [1.0, 0.0, 0.0, 1.0]);
    assert_eq!(hardmax(11), [1.0, 0.0, 0.0, 1.0]);
    let all = case(11, "Hardmax", &[("axis", A::Int(0))], &[x]).floats();
    assert_eq!(all, [1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn clip_takes_bounds_of_every_operator_set() {
    let x = || f(&[3], &[-5.0, 0.5, 5.0]);
    let one = |x| f(&[], &[x]);
    let low = case(
        9,
        "Clip",
        &[("min", A::Float(-1.0)), ("max", A::Float(f32::INFINITY))],
        &[x()],
    );
    assert_eq!(low.floats(), [-1.0, 0.5, 5.0]);
    assert_eq!(case(9, "Clip", &[], &[x()]).ops(), []);
    assert_eq!(
        case(11, "Clip", &[], &[x(), None, one(1.0)]).floats(),
        [-5.0, 0.5, 1.0]
    );
    let both = case(13, "Clip", &[], &[x(), one(2.0), one(1.0)]);
    assert_eq!(both.floats(), [1.0; 3]);
    let whole = |x: &[i64]| i(DType::I8, &[x.len()], x);
    let ints = case(12, "Clip", &[], &[whole(&[-9, 3]), whole(&[-4]), None]);
    assert_eq!(ints.ints(), [-4, 3]);
}

#[test]
fn batch_normalization_is_by_channel_or_by_place() {
    let vector = |x| f(&[2], &[x, x]);
    let inputs = [
        f(&[1, 2, 1], &[1.0, 3.0]),
        vector(2.0),
        vector(0.5),
        vector(1.0),
        vector(3.0),
    ];
    let epsilon = || ("epsilon", A::Float(1.0));
    let norm = case(9, "BatchNormalization", &[epsilon()], &inputs);
    near(&norm.floats(), &[0.5, 2.5]);
    // One scale for each place, in old files.
    let places: Vec<Given> = inputs
        .iter()
        .enumerate()
        .map(|(index, given)| match (index, given) {
            (0, given) => given.clone(),
            (_, Some((_, constant))) => f(&[2, 1], constant.as_f32s().unwrap()),
            (_, None) => None,
        })
        .collect();
    let spatial = ("spatial", A::Int(0));
    let norm = case(8, "BatchNormalization", &[epsilon(), spatial], &places);
    near(&norm.floats(), &[0.5, 2.5]);
}

#[test]
fn networks_in_training_are_refused_with_the_way_out() {
    let vector = || f(&[1], &[1.0]);
    let inputs = [
        f(&[1, 1, 2], &[1.0, 3.0]),
        vector(),
        vector(),
        vector(),
        vector(),
    ];
    let training = ("training_mode", A::Int(1));
    let modern = case(14, "BatchNormalization", &[training], &inputs);
    let old = case(7, "BatchNormalization", &[], &inputs).outputs(5);
    let [x, ..] = inputs;
    let yes = i(DType::Bool, &[], &[1]);
    let dropout = case(13, "Dropout", &[], &[x, f(&[], &[0.5]), yes]);
    for refused in [modern, old, dropout] {
        assert!(
            refused.refused().contains("model.eval()"),
            "{}",
            refused.refused()
        );
    }
}

#[test]
fn dropout_is_nothing_and_its_mask_true() {
    let x = f(&[2], &[1.0, 2.0]);
    let old = case(
        9,
        "Dropout",
        &[("ratio", A::Float(0.3))],
        std::slice::from_ref(&x),
    )
    .outputs(2);
    assert_eq!(old.values()[1].as_f32s(), Some(&[1.0, 1.0][..]));
    let new = case(13, "Dropout", &[], &[x]).outputs(2);
    assert_eq!(new.values()[0].as_f32s(), Some(&[1.0, 2.0][..]));
    assert_eq!(new.values()[1].as_i64s(), Some(&[1, 1][..]));
}

#[test]
fn group_normalization_scales_by_group_until_20_and_by_channel_from_21() {
    let x = || f(&[1, 4, 1], &[1.0, 3.0, 10.0, 30.0]);
    let groups = || [("num_groups", A::Int(2)), ("epsilon", A::Float(0.0))];
    let old = [x(), f(&[2], &[2.0, 3.0]), f(&[2], &[0.0, 1.0])];
    near(
        &case(18, "GroupNormalization", &groups(), &old).floats(),
        &[-2.0, 2.0, -2.0, 4.0],
    );
    let new = [x(), f(&[4], &[1.0, 2.0, 3.0, 4.0]), f(&[4], &[0.0; 4])];
    near(
        &case(21, "GroupNormalization", &groups(), &new).floats(),
        &[-1.0, 2.0, -3.0, 4.0],
    );
    assert!(
        case(21, "GroupNormalization", &groups(), &old)
            .refused()
            .contains("4 channels")
    );
}

#[test]
fn norms_of_nothing_are_not_divided_by() {
    let zero = f(&[1, 2], &[0.0, 0.0]);
    assert_eq!(
        case(22, "LpNormalization", &[], &[zero]).floats(),
        [0.0, 0.0]
    );
}

#[test]
fn reductions_do_the_rest_even_where_they_reduce_nothing() {
    let x = || f(&[2], &[2.0, -3.0]);
    let none = || ("noop_with_empty_axes", A::Int(1));
    let square = case(18, "ReduceSumSquare", &[none()], &[x()]);
    assert_eq!(square.floats(), [4.0, 9.0]);
    assert_eq!(
        case(13, "ReduceSum", &[none()], &[x()]).floats(),
        [2.0, -3.0]
    );
    let all = case(13, "ReduceSum", &[("keepdims", A::Int(0))], &[x()]).value();
    assert_eq!((all.shape, all.data), (vec![], Data::F32(vec![-1.0])));
    let axes = case(11, "ReduceMean", &[("axes", A::Ints(vec![-1]))], &[x()]).value();
    assert_eq!((axes.shape, axes.data), (vec![1], Data::F32(vec![-0.5])));
    let closed = f(&[2], &[f32::NEG_INFINITY; 2]);
    assert_eq!(
        case(13, "ReduceLogSumExp", &[], &[closed]).floats(),
        [f32::NEG_INFINITY]
    );
}

#[test]
fn powers_are_products_and_roots() {
    let power = |x: Given, y: Given| case(13, "Pow", &[], &[x, y]);
    let x = || f(&[2], &[4.0, 9.0]);
    for (exponent, expected) in [
        (1.0, [4.0, 9.0]),
        (2.0, [16.0, 81.0]),
        (3.0, [64.0, 729.0]),
        (0.5, [2.0, 3.0]),
        (-0.5, [0.5, 1.0 / 3.0]),
        (-1.0, [0.25, 1.0 / 9.0]),
        (1.5, [8.0, 27.0]),
    ] {
        near(&power(x(), f(&[], &[exponent])).floats(), &expected);
    }
    // The exponent's shape counts, its type does not.
    let square = power(x(), i(DType::I64, &[1, 1], &[2])).value();
    assert_eq!(
        (square.shape, square.data),
        (vec![1, 2], Data::F32(vec![16.0, 81.0]))
    );
    assert_eq!(
        power(i(DType::I32, &[1], &[4]), f(&[1], &[1.5])).ints(),
        [8]
    );
    let negative = power(f(&[1], &[-2.0]), f(&[], &[2.0]));
    assert_eq!(negative.floats(), [4.0]);
}

#[test]
fn remainders_have_the_sign_that_fmod_says() {
    let whole = |x: &[i64]| i(DType::I64, &[x.len()], x);
    let (x, y) = (|| whole(&[-7, 7]), || whole(&[3, -3]));
    assert_eq!(case(13, "Mod", &[], &[x(), y()]).ints(), [2, -2]);
    let of_dividend = || ("fmod", A::Int(1));
    assert_eq!(
        case(13, "Mod", &[of_dividend()], &[x(), y()]).ints(),
        [-1, 1]
    );
    let (x, y) = (|| f(&[2], &[-7.0, 7.0]), || f(&[2], &[3.0, -3.0]));
    assert_eq!(
        case(13, "Mod", &[of_dividend()], &[x(), y()]).floats(),
        [-1.0, 1.0]
    );
    assert_eq!(case(28, "Mod", &[], &[x(), y()]).floats(), [2.0, -2.0]);
}

#[test]
fn integers_are_divided_towards_0_and_by_known_numbers_alone() {
    let whole = |x: &[i64]| i(DType::I64, &[x.len()], x);
    assert_eq!(
        case(13, "Div", &[], &[whole(&[-7, 7]), whole(&[2])]).ints(),
        [-3, 3]
    );
    let zero = case(13, "Div", &[], &[whole(&[1]), whole(&[0])]);
    assert!(matches!(zero.made(false), Err(ModelError::Shape { .. })));
}

#[test]
fn known_integers_go_around_as_their_type_does() {
    let byte = |x: &[i64]| i(DType::U8, &[x.len()], x);
    assert_eq!(
        case(14, "Sub", &[], &[byte(&[3]), byte(&[5])]).ints(),
        [254]
    );
    let left = ("direction", A::Text("LEFT"));
    assert_eq!(
        case(11, "BitShift", &[left], &[byte(&[200]), byte(&[1])]).ints(),
        [144]
    );
    assert_eq!(case(18, "BitwiseNot", &[], &[byte(&[1])]).ints(), [254]);
    let signed = |x| i(DType::I8, &[1], &[x]);
    let right = ("direction", A::Text("RIGHT"));
    assert_eq!(
        case(28, "BitShift", &[right], &[signed(-8), signed(1)]).ints(),
        [-4]
    );
}

#[test]
fn no_comparison_holds_of_nan() {
    let (nan, one) = (|| f(&[1], &[f32::NAN]), || f(&[1], &[1.0]));
    for op in ["Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"] {
        assert_eq!(case(16, op, &[], &[nan(), one()]).ints(), [0], "{op}");
    }
    assert_eq!(case(16, "LessOrEqual", &[], &[one(), one()]).ints(), [1]);
    assert_eq!(case(13, "IsNaN", &[], &[nan()]).ints(), [1]);
    let infinite = f(&[2], &[f32::NEG_INFINITY, f32::INFINITY]);
    let above = ("detect_negative", A::Int(0));
    assert_eq!(case(20, "IsInf", &[above], &[infinite]).ints(), [0, 1]);
}

#[test]
fn arcs_reach_their_ends() {
    let x = || f(&[3], &[-1.0, 0.0, 1.0]);
    let (half, whole) = (core::f32::consts::FRAC_PI_2, core::f32::consts::PI);
    near(&case(7, "Asin", &[], &[x()]).floats(), &[-half, 0.0, half]);
    near(&case(7, "Acos", &[], &[x()]).floats(), &[whole, half, 0.0]);
    let e = core::f32::consts::E;
    near(
        &case(9, "Sinh", &[], &[x()]).floats(),
        &[-1.1752012, 0.0, 1.1752012],
    );
    near(
        &case(9, "Cosh", &[], &[x()]).floats()[1..],
        &[1.0, (e + 1.0 / e) / 2.0],
    );
    near(
        &case(9, "Asinh", &[], &[x()]).floats(),
        &[-0.8813736, 0.0, 0.8813736],
    );
}

#[test]
fn activations_have_their_defaults() {
    let x = || f(&[2], &[-1.0, 2.0]);
    let activation = |op: &str, attributes: &[(&str, A)]| case(24, op, attributes, &[x()]).floats();
    near(&activation("LeakyRelu", &[]), &[-0.01, 2.0]);
    near(&activation("HardSigmoid", &[]), &[0.3, 0.9]);
    near(&activation("HardSwish", &[]), &[-1.0 / 3.0, 5.0 / 3.0]);
    near(
        &activation("Celu", &[("alpha", A::Float(2.0))]),
        &[-0.786_938_7, 2.0],
    );
    near(&activation("Selu", &[]), &[-1.111_330_7, 2.101_402]);
    near(&activation("ThresholdedRelu", &[]), &[0.0, 2.0]);
    near(&activation("Gelu", &[]), &[-0.158_655_26, 1.954_499_7]);
    let tanh = ("approximate", A::Text("tanh"));
    near(&activation("Gelu", &[tanh]), &[-0.158_808_01, 1.954_597_7]);
    near(&activation("Mish", &[]), &[-0.303_401_5, 1.943_959]);
    near(&activation("Softsign", &[]), &[-0.5, 2.0 / 3.0]);
    near(
        &activation("Shrink", &[("bias", A::Float(0.25))]),
        &[-0.75, 1.75],
    );
    near(
        &activation("Swish", &[("alpha", A::Float(0.0))]),
        &[-0.5, 1.0],
    );
}

#[test]
fn prelu_takes_slopes_that_fit() {
    let x = || f(&[1, 2, 1], &[-1.0, -2.0]);
    assert_eq!(
        case(9, "PRelu", &[], &[x(), f(&[1], &[0.5])]).floats(),
        [-0.5, -1.0]
    );
    let by_channel = f(&[2, 1], &[0.5, 0.25]);
    assert_eq!(
        case(9, "PRelu", &[], &[x(), by_channel]).floats(),
        [-0.5, -0.5]
    );
    let wide = case(9, "PRelu", &[], &[x(), f(&[3], &[0.5; 3])]);
    assert!(wide.refused().contains("slopes"));
}

#[test]
fn gemm_has_factors_and_transposes() {
    let attributes = [
        ("alpha", A::Float(2.0)),
        ("beta", A::Float(0.5)),
        ("transA", A::Int(1)),
        ("transB", A::Int(1)),
    ];
    // [1 3] [5 6]^T, by columns: 1 5 + 3 6 = 23.
    let inputs = [
        f(&[2, 1], &[1.0, 3.0]),
        f(&[1, 2], &[5.0, 6.0]),
        f(&[], &[8.0]),
    ];
    assert_eq!(case(11, "Gemm", &attributes, &inputs).floats(), [50.0]);
    let one = case(11, "Gemm", &[("transB", A::Int(1))], &inputs);
    assert!(one.refused().contains("matrices that multiply"));
}

#[test]
fn products_with_vectors_lose_an_axis() {
    let (row, matrix) = (
        || f(&[2], &[1.0, 2.0]),
        || f(&[2, 2], &[1.0, 2.0, 3.0, 4.0]),
    );
    let product = |x, y| case(13, "MatMul", &[], &[x, y]).value();
    assert_eq!(
        product(row(), matrix()),
        Constant::f32s(vec![2], vec![7.0, 10.0])
    );
    assert_eq!(
        product(matrix(), row()),
        Constant::f32s(vec![2], vec![5.0, 11.0])
    );
    assert_eq!(product(row(), row()), Constant::scalar(5.0));
}

#[test]
fn einsum_takes_diagonals_sums_and_products() {
    let matrix = || f(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let einsum = |equation: &'static str, inputs: &[Given]| {
        case(12, "Einsum", &[("equation", A::Text(equation))], inputs)
    };
    assert_eq!(einsum("ii->i", &[matrix()]).floats(), [1.0, 4.0]);
    assert_eq!(einsum("ba", &[matrix()]).floats(), [1.0, 3.0, 2.0, 4.0]);
    assert_eq!(einsum("...j->...", &[matrix()]).floats(), [3.0, 7.0]);
    let both = [matrix(), matrix()];
    assert_eq!(
        einsum("ij , jk -> ik", &both).floats(),
        [7.0, 10.0, 15.0, 22.0]
    );
    assert_eq!(einsum("ij,ij->", &both).floats(), [30.0]);
    assert_eq!(einsum("ij,ij->ij", &both).floats(), [1.0, 4.0, 9.0, 16.0]);
    let three = [matrix(), f(&[2], &[1.0, 1.0]), f(&[2], &[1.0, 2.0])];
    assert_eq!(einsum("ab,a,b->", &three).floats(), [16.0]);
    for wrong in ["ij->k", "ij->ii", "i->i", "i1->i", "ij,ij->ij", "......->"] {
        assert!(
            einsum(wrong, &[matrix()]).refused().contains("equation"),
            "{wrong}"
        );
    }
}

#[test]
fn queries_that_see_no_key_make_0() {
    let x = || f(&[1, 1, 2, 1], &[1.0, 2.0]);
    let mask = i(DType::Bool, &[2, 2], &[0, 0, 1, 1]);
    let attention = case(23, "Attention", &[], &[x(), x(), x(), mask]).floats();
    assert_eq!(attention[0], 0.0);
    // Weights of exp(2) and exp(4).
    near(&attention[1..], &[1.880_797]);
    let causal = case(
        23,
        "Attention",
        &[("is_causal", A::Int(1))],
        &[x(), x(), x()],
    );
    near(&causal.floats(), &[1.0, 1.880_797]);
}

#[test]
fn quantization_rounds_halves_to_even_and_saturates() {
    let x = || f(&[4], &[0.5, 1.5, -1000.0, 1000.0]);
    let quantize = |zero_point: Given| {
        case(
            13,
            "QuantizeLinear",
            &[],
            &[x(), f(&[], &[1.0]), zero_point],
        )
        .floats()
    };
    assert_eq!(quantize(None), [0.0, 2.0, 0.0, 255.0]);
    assert_eq!(quantize(i(DType::U8, &[], &[3])), [3.0, 5.0, 0.0, 255.0]);
    assert_eq!(quantize(i(DType::I8, &[], &[0])), [0.0, 2.0, -128.0, 127.0]);
}

#[test]
fn dequantization_is_by_all_by_axis_or_by_block() {
    let x = || i(DType::U8, &[2, 2], &[1, 2, 3, 4]);
    let zero = |shape: &[usize], x: &[i64]| i(DType::U8, shape, x);
    let inputs = [x(), f(&[], &[0.5]), zero(&[], &[1])];
    assert_eq!(
        case(10, "DequantizeLinear", &[], &inputs).floats(),
        [0.0, 0.5, 1.0, 1.5]
    );
    let by_axis = [x(), f(&[2], &[1.0, 10.0]), zero(&[2], &[0, 1])];
    assert_eq!(
        case(13, "DequantizeLinear", &[], &by_axis).floats(),
        [1.0, 10.0, 3.0, 30.0]
    );
    let attributes = [("axis", A::Int(0)), ("block_size", A::Int(2))];
    let by_block = [x(), f(&[1, 2], &[1.0, 10.0]), zero(&[1, 2], &[0, 1])];
    let made = case(21, "DequantizeLinear", &attributes, &by_block).floats();
    assert_eq!(made, [1.0, 10.0, 3.0, 30.0]);
}

#[test]
fn selections_take_the_first_of_equal_ones_unless_told() {
    let x = || f(&[1, 3], &[2.0, 5.0, 5.0]);
    let axis = || ("axis", A::Int(1));
    assert_eq!(case(13, "ArgMax", &[axis()], &[x()]).ints(), [1]);
    let last = ("select_last_index", A::Int(1));
    assert_eq!(case(13, "ArgMax", &[axis(), last], &[x()]).ints(), [2]);
    let two = i(DType::I64, &[1], &[2]);
    let top = case(11, "TopK", &[], &[x(), two]).outputs(2).values();
    assert_eq!(top[0].as_f32s(), Some(&[5.0, 5.0][..]));
    assert_eq!(top[1].as_i64s(), Some(&[1, 2][..]));
}

#[test]
fn running_sums_go_both_ways() {
    let axis = || i(DType::I32, &[], &[0]);
    let sums = |x: Given, exclusive, reverse| {
        let attributes = [
            ("exclusive", A::Int(exclusive)),
            ("reverse", A::Int(reverse)),
        ];
        case(14, "CumSum", &attributes, &[x, axis()])
    };
    let x = || f(&[3], &[1.0, 2.0, 3.0]);
    assert_eq!(sums(x(), 0, 0).floats(), [1.0, 3.0, 6.0]);
    assert_eq!(sums(x(), 1, 0).floats(), [0.0, 1.0, 3.0]);
    assert_eq!(sums(x(), 1, 1).floats(), [5.0, 3.0, 0.0]);
    let large = i(DType::I64, &[2], &[1 << 40, 1]);
    assert_eq!(sums(large, 0, 0).ints(), [1 << 40, (1 << 40) + 1]);
}

#[test]
fn triangles_of_infinities_hold_no_nan() {
    let x = f(&[2, 2], &[f32::NEG_INFINITY; 4]);
    let made = case(14, "Trilu", &[], &[x, i(DType::I64, &[], &[1])]).floats();
    assert_eq!(made, [0.0, f32::NEG_INFINITY, 0.0, 0.0]);
}

#[test]
fn one_slope_makes_one_operator() {
    let prelu = case(9, "PRelu", &[], &[f(&[1], &[-1.0]), f(&[1], &[0.5])]);
    // Only x is computed.
    let limits = Limits::default();
    let mut b = Builder::new(&limits);
    let x = b.input(DType::F32, vec![1]);
    let slope = b.floats(&[1], vec![0.5]);
    let node = OnnxNode {
        pb: &prelu.pb,
        inputs: vec![Some(x), Some(slope)],
        opset: 9,
    };
    super::translate(&node, &mut b).unwrap();
    assert_eq!(b.nodes.len(), 1);
    assert_eq!(b.nodes[0].op, Op::Unary(Unary::LeakyRelu(0.5)));
}
