//! One test for each way a model file can be wrong: the check names it before tract sees the file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{A, Builder, attribute, conditional, dcgan, gemm, info, mlp, resize_net};
use dreamlet_onnx::proto::tensor_proto::DataType;
use dreamlet_onnx::proto::{
    FunctionProto, GraphProto, NodeProto, StringStringEntryProto, TensorProto,
};
use dreamlet_onnx::{DType, Inspection, Limits, ModelError, inspect};

fn check(builder: &Builder) -> Result<Inspection, ModelError> {
    inspect(&builder.bytes(), &Limits::default())
}

/// The error that a change of a good file leads to.
fn refused(mut builder: Builder, change: impl FnOnce(&mut GraphProto)) -> ModelError {
    check(&builder).expect("good before the change");
    change(builder.graph());
    let error = check(&builder).expect_err("bad after the change");
    assert!(
        error.to_string().len() > 20 && error.to_string().len() < 600,
        "{error}"
    );
    error
}

fn small() -> Builder {
    dcgan(4, 4, 2)
}

fn node<'a>(graph: &'a mut GraphProto, op: &str) -> &'a mut NodeProto {
    graph
        .node
        .iter_mut()
        .find(|node| node.op_type == op)
        .unwrap()
}

fn tensor<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut TensorProto {
    graph
        .initializer
        .iter_mut()
        .find(|tensor| tensor.name == name)
        .unwrap()
}

fn set(node: &mut NodeProto, name: &str, value: A) {
    node.attribute.retain(|attribute| attribute.name != name);
    node.attribute.push(attribute(name, value));
}

macro_rules! refuses {
    ($builder:expr, $change:expr, $pattern:pat) => {{
        let error = refused($builder, $change);
        assert!(matches!(&error, $pattern), "{error:?}");
    }};
}

#[test]
fn good_files_pass_and_are_described() {
    let found = check(&conditional(6, 10)).unwrap();
    assert_eq!((found.latent_len, found.class_rows), (6, Some(10)));
    let names: Vec<&str> = found
        .inputs
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    assert_eq!(
        (names, found.output_name.as_str()),
        (vec!["latent", "class"], "image")
    );
    assert_eq!(found.inputs[0].shape, [1, 6]);
    assert!(found.conditional);
    let found = check(&dcgan(64, 128, 7)).unwrap();
    assert_eq!(found.output_dims, [1, 28, 28]);
    assert!(found.convolutional && !found.conditional);
    // 64 x 6272, then 16 taps of 128 x 64 at 49 places and of 64 at 196, and a few element-wise
    // operators.
    let expected = 64 * 6272 + 49 * 16 * 128 * 64 + 196 * 16 * 64;
    assert!(
        found.work > expected && found.work < expected + 100_000,
        "{}",
        found.work
    );
}

#[test]
fn what_is_no_model_is_refused() {
    assert_eq!(
        inspect(&[], &Limits::default()),
        Err(ModelError::Opset {
            expected: (7, 28),
            found: 0
        })
    );
    assert!(matches!(
        inspect(b"\x89PNG\r\n\x1a\n", &Limits::default()),
        Err(ModelError::Protobuf { .. })
    ));
    let limits = Limits {
        file_bytes: 100,
        ..Limits::default()
    };
    let error = inspect(&small().bytes(), &limits).unwrap_err();
    assert!(matches!(error, ModelError::FileSize { limit: 100, .. }));
    let mut empty = small();
    empty.model.graph = None;
    assert_eq!(check(&empty), Err(ModelError::NoGraph));
    for version in [0, 6, 29, i64::MIN, i64::MAX] {
        let mut other = small();
        other.model.opset_import[0].version = version;
        assert!(
            matches!(check(&other), Err(ModelError::Opset { .. })),
            "{version}"
        );
    }
}

#[test]
fn graphs_in_nodes_and_data_elsewhere_are_refused() {
    refuses!(
        small(),
        |g| {
            let mut inner = attribute("then_branch", A::Int(0));
            inner.g = Some(GraphProto::default());
            g.node[0].attribute.push(inner);
        },
        ModelError::Subgraph { .. }
    );
    refuses!(
        small(),
        |g| tensor(g, "x1.w")
            .external_data
            .push(StringStringEntryProto {
                key: "location".into(),
                value: "../../etc/passwd".into()
            }),
        ModelError::ExternalData
    );
    refuses!(
        small(),
        |g| tensor(g, "x1.w").data_location = Some(1),
        ModelError::ExternalData
    );
}

/// A function of one node, `Twice(x) = x + x`, that the file may call.
fn with_function(calls_itself: bool) -> Builder {
    let mut b = small();
    let mut add = NodeProto::new("add", "Add", ["x", "x"], "y", []);
    if calls_itself {
        add = NodeProto::new("again", "Twice", ["x"], "y", []);
        add.domain = "own".into();
    }
    b.model.functions.push(FunctionProto {
        name: "Twice".into(),
        domain: "own".into(),
        input: vec!["x".into()],
        output: vec!["y".into()],
        node: vec![add],
        ..FunctionProto::default()
    });
    let tanh = node(b.graph(), "Tanh");
    (tanh.op_type, tanh.domain) = ("Twice".into(), "own".into());
    b
}

#[test]
fn functions_become_their_nodes_and_may_not_call_themselves() {
    assert!(check(&with_function(false)).is_ok());
    assert!(matches!(
        check(&with_function(true)),
        Err(ModelError::TooMany { .. })
    ));
}

#[test]
fn unknown_operators_and_domains_are_named() {
    for op in ["If", "Loop", "Scan", "NonMaxSuppression", "Conv2000", ""] {
        refuses!(
            small(),
            |g| node(g, "Tanh").op_type = op.into(),
            ModelError::Operator { .. }
        );
    }
    let error = refused(small(), |g| node(g, "Tanh").domain = "com.example".into());
    assert_eq!(
        error,
        ModelError::Operator {
            node: "make_image".into(),
            op: "com.example.Tanh".into()
        }
    );
}

#[test]
fn broken_wiring_is_refused() {
    refuses!(
        small(),
        |g| g.node[1].input[0] = "nowhere".into(),
        ModelError::Undefined { .. }
    );
    // Their order does not matter.
    let mut reversed = small();
    reversed.graph().node.reverse();
    assert_eq!(check(&reversed), check(&small()));
    refuses!(
        small(),
        |g| g.node[0].input[0] = "image".into(),
        ModelError::Undefined { .. }
    );
    refuses!(
        small(),
        |g| g.node[1].output[0] = "h".into(),
        ModelError::Duplicate { .. }
    );
    refuses!(
        small(),
        |g| g.node[1].output[0] = "x1.w".into(),
        ModelError::Duplicate { .. }
    );
    refuses!(
        small(),
        |g| g.node[1].name = g.node[0].name.clone(),
        ModelError::Duplicate { .. }
    );
    refuses!(
        small(),
        |g| g.initializer.push(g.initializer[0].clone()),
        ModelError::Duplicate { .. }
    );
    refuses!(
        small(),
        |g| g.node[1].output.clear(),
        ModelError::Arity {
            what: "outputs",
            ..
        }
    );
    refuses!(
        small(),
        |g| g.node[1].output.push("more".into()),
        ModelError::Arity {
            what: "outputs",
            ..
        }
    );
    refuses!(
        small(),
        |g| g.node[1].input.push("h".into()),
        ModelError::Arity { what: "inputs", .. }
    );
    refuses!(
        small(),
        |g| node(g, "ConvTranspose").input.truncate(1),
        ModelError::Arity { what: "inputs", .. }
    );
    refuses!(
        small(),
        |g| g.output[0].name = "nowhere".into(),
        ModelError::Undefined { .. }
    );
}

#[test]
fn tensors_that_do_not_hold_what_they_say_are_refused() {
    for dims in [
        vec![-1, 2, 4, 4],
        vec![i64::MAX; 4],
        vec![1 << 24],
        vec![1; 9],
    ] {
        refuses!(
            small(),
            |g| tensor(g, "x1.w").dims = dims.clone(),
            ModelError::TensorDims { .. }
        );
    }
    refuses!(
        small(),
        |g| tensor(g, "x1.w").dims[0] = 5,
        ModelError::TensorLength { .. }
    );
    refuses!(
        small(),
        |g| _ = tensor(g, "x1.w").raw_data.pop(),
        ModelError::TensorLength { .. }
    );
    refuses!(
        small(),
        |g| tensor(g, "x1.w").raw_data.clear(),
        ModelError::TensorLength { .. }
    );
    refuses!(
        small(),
        |g| tensor(g, "x1.w").float_data.push(1.0),
        ModelError::TensorLength { .. }
    );
    for ty in [
        0,
        DataType::String as i32,
        DataType::Int4 as i32,
        DataType::Complex64 as i32,
        99,
        -1,
    ] {
        refuses!(
            small(),
            |g| tensor(g, "x1.w").data_type = ty,
            ModelError::TensorType { .. }
        );
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = refused(small(), |g| {
            tensor(g, "x1.w").raw_data[8..12].copy_from_slice(&bad.to_le_bytes())
        });
        assert_eq!(
            error,
            ModelError::NonFinite {
                tensor: "x1.w".into(),
                index: 2
            }
        );
    }
}

#[test]
fn attributes_out_of_range_are_refused() {
    let deconv = |name: &'static str, value: A| {
        let error = refused(small(), |g| set(node(g, "ConvTranspose"), name, value));
        assert!(
            matches!(
                error,
                ModelError::Attribute { .. } | ModelError::Shape { .. }
            ),
            "{name}: {error:?}"
        );
    };
    deconv("strides", A::Ints(vec![0, 2]));
    deconv("strides", A::Ints(vec![-2, 2]));
    deconv("strides", A::Ints(vec![2]));
    deconv("strides", A::Int(2));
    deconv("strides", A::Ints(vec![i64::MAX, i64::MAX]));
    deconv("strides", A::Ints(vec![2; 100]));
    deconv("dilations", A::Ints(vec![1, 0]));
    deconv("dilations", A::Ints(vec![1 << 40, 1]));
    deconv("pads", A::Ints(vec![-1, 1, 1, 1]));
    deconv("pads", A::Ints(vec![1, 1]));
    deconv("pads", A::Ints(vec![9, 9, 9, 9]));
    deconv("kernel_shape", A::Ints(vec![3, 3]));
    deconv("group", A::Int(0));
    deconv("group", A::Int(-1));
    deconv("group", A::Int(3));
    deconv("auto_pad", A::Text("SAME_UPPER"));
    deconv("output_shape", A::Ints(vec![0, 8]));
    deconv("output_padding", A::Ints(vec![100, 100]));
    refuses!(
        small(),
        |g| set(node(g, "LeakyRelu"), "alpha", A::Float(f32::NAN)),
        ModelError::Attribute { .. }
    );
    refuses!(
        small(),
        |g| {
            let twice = node(g, "LeakyRelu").attribute[0].clone();
            node(g, "LeakyRelu").attribute.push(twice);
        },
        ModelError::Attribute { .. }
    );
    for (attribute, value) in [
        ("mode", "lanczos"),
        ("coordinate_transformation_mode", "somewhere"),
        ("nearest_mode", "up"),
    ] {
        refuses!(
            resize_net(4, 4, 2),
            |g| set(node(g, "Resize"), attribute, A::Text(value)),
            ModelError::Attribute { .. }
        );
    }
}

#[test]
fn shapes_that_do_not_go_together_are_refused() {
    refuses!(
        small(),
        |g| tensor(g, "shape").int64_data = vec![-1, 5, 2, 2],
        ModelError::Shape { .. }
    );
    refuses!(
        small(),
        |g| tensor(g, "shape").int64_data = vec![-1, -1, 2, 2],
        ModelError::Shape { .. }
    );
    refuses!(
        small(),
        |g| tensor(g, "shape").int64_data = vec![1 << 40, 4, 2, 2],
        ModelError::Shape { .. }
    );
    refuses!(
        small(),
        |g| tensor(g, "x1.w").dims = vec![2, 4, 4, 4],
        ModelError::Shape { .. }
    );
    refuses!(
        small(),
        |g| tensor(g, "x1.b").dims = vec![1, 2],
        ModelError::Shape { .. }
    );
    refuses!(
        small(),
        |g| tensor(g, "h.w").dims = vec![8, 8],
        ModelError::Shape { .. }
    );
    for scales in [
        vec![1.0, 1.0, 0.0, 2.0],
        vec![1.0, 1.0, -2.0, 2.0],
        vec![1.0, 1.0, 1e9, 2.0],
    ] {
        refuses!(
            resize_net(4, 4, 2),
            |g| tensor(g, "scales").float_data = scales.clone(),
            ModelError::Shape { .. }
        );
    }
    // A shape that depends on the latent itself.
    let builder = Builder::new(&[-1, 4], &[-1, 1, 2, 2])
        .node("Cast", &["latent"], "shape", vec![("to", A::Int(7))])
        .node("Reshape", &["latent", "shape"], "image", vec![]);
    assert!(matches!(
        check(&builder),
        Err(ModelError::NotConstant { .. })
    ));
}

#[test]
fn images_that_would_not_fit_are_refused() {
    let what = |builder: &Builder| match check(builder) {
        Err(ModelError::TooBig { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    // A few bytes of file that ask for gigabytes: enlarging, tiling, filling, padding, strides.
    let grown = |op: &str, values: &[i64]| {
        Builder::new(&[-1, 4], &[-1, 1, 2, 2])
            .ints("by", values)
            .ints("shape", &[1, 1, 2, 2])
            .node("Reshape", &["latent", "shape"], "x", vec![])
            .node(
                op,
                if op == "Resize" {
                    &["x", "", "", "by"]
                } else {
                    &["x", "by"]
                },
                "image",
                vec![],
            )
    };
    assert_eq!(
        what(&grown("Tile", &[1, 1, 100_000, 100_000])),
        "bytes of values"
    );
    assert_eq!(
        what(&grown("Expand", &[1, 1 << 23, 2, 2])),
        "bytes of values"
    );
    assert_eq!(
        what(&grown("Resize", &[1, 1, 60_000, 60_000])),
        "bytes of values"
    );
    assert_eq!(
        what(&grown("Pad", &[0, 0, 90_000, 90_000, 0, 0, 0, 0])),
        "bytes of values"
    );
    let fill = grown("Tile", &[1, 1, 1, 1])
        .ints("huge", &[1 << 20, 1 << 20])
        .node("ConstantOfShape", &["huge"], "f", vec![]);
    assert_eq!(what(&fill), "operations on constants alone");
    let mut strides = small();
    set(
        node(strides.graph(), "ConvTranspose"),
        "strides",
        A::Ints(vec![60_000, 60_000]),
    );
    assert_eq!(what(&strides), "bytes of values");
    let wide = dcgan(4, 64, 2);
    let limits = Limits {
        work: 100_000,
        ..Limits::default()
    };
    assert!(matches!(
        inspect(&wide.bytes(), &limits),
        Err(ModelError::TooBig { .. })
    ));
    // Much arithmetic on constants, which an engine would do while loading.
    let mut constants = mlp(4, 4, 4).weights("c0", &[600, 600], 600);
    for i in 0..4 {
        let (from, to) = (format!("c{i}"), format!("c{}", i + 1));
        constants = constants.node("MatMul", &[&from, "c0"], &to, vec![]);
    }
    assert_eq!(what(&constants), "operations on constants alone");
    let mut chain = mlp(4, 4, 4);
    for i in 0..4100 {
        chain = chain.node("Relu", &["latent"], &format!("r{i}"), vec![]);
    }
    assert_eq!(
        check(&chain),
        Err(ModelError::TooMany {
            what: "nodes",
            limit: 4096
        })
    );
}

#[test]
fn what_is_not_a_generator_is_refused() {
    let signature = |change: fn(&mut GraphProto)| {
        let error = refused(small(), change);
        assert!(matches!(error, ModelError::Signature { .. }), "{error:?}");
    };
    signature(|g| g.input.clear());
    signature(|g| g.output.clear());
    signature(|g| g.input.push(info("second", DType::F32, &[-1, 4])));
    signature(|g| g.input[0] = info("latent", DType::I32, &[-1, 4]));
    signature(|g| g.input[0] = info("latent", DType::F32, &[-1, -1]));
    signature(|g| g.input[0] = info("latent", DType::F32, &[-1, 0]));
    signature(|g| g.input[0] = info("latent", DType::F32, &[-1, 1 << 30]));
    // Sixteen elements as a latent are possible, but not for the layer after it.
    let error = refused(small(), |g| {
        g.input[0] = info("latent", DType::F32, &[-1, 4, 4])
    });
    assert!(matches!(error, ModelError::Shape { .. }), "{error:?}");
    signature(|g| g.input[0].r#type = None);
    signature(|g| g.output[0] = info("image", DType::F32, &[-1, 1, 9, 8]));
    signature(|g| g.output[0] = info("x1.w", DType::F32, &[-1]));
    signature(|g| g.output[0].name = "latent".into());
}

#[test]
fn class_tables_and_gathers_out_of_range_are_refused() {
    let builder =
        conditional(6, 10)
            .ints("ten", &[10])
            .node("Gather", &["table", "ten"], "beyond", vec![]);
    assert!(matches!(check(&builder), Err(ModelError::Shape { .. })));
    let builder = gemm(Builder::new(&[-1, 4], &[-1, 1, 2, 2]), "latent", "y", 4, 4)
        .node("Div", &["shape", "shape"], "z", vec![])
        .ints("shape", &[0]);
    assert!(matches!(check(&builder), Err(ModelError::Shape { .. })));
}

/// As PyTorch writes them: the shape of a Reshape by a remainder, and a vector turned around.
fn turned(divisor: i64, step: i64) -> Builder {
    let b = Builder::new(&[-1, 3], &[-1, 1, 2, 2]);
    gemm(b, "latent", "flat", 3, 4)
        .ints("numbers", &[5, 5, 1])
        .ints("divisor", &[divisor])
        .node("Mod", &["numbers", "divisor"], "sides", vec![])
        .ints("start", &[-1])
        .ints("end", &[i64::MIN + 1])
        .ints("axes", &[0])
        .ints("step", &[step])
        .node(
            "Slice",
            &["sides", "start", "end", "axes", "step"],
            "upside_down",
            vec![],
        )
        .ints("batch", &[-1])
        .node(
            "Concat",
            &["batch", "upside_down"],
            "shape",
            vec![("axis", A::Int(0))],
        )
        .node("Reshape", &["flat", "shape"], "image", vec![])
}

#[test]
fn remainders_and_reversals_are_for_known_integers() {
    let found = check(&turned(3, -1)).unwrap();
    assert_eq!(found.output_dims, [1, 2, 2]);
    // -3 leaves [-1, -1, -2], which is no shape.
    for bad in [turned(0, -1), turned(-3, -1)] {
        assert!(matches!(check(&bad), Err(ModelError::Shape { .. })));
    }
    // Every second leaves [2, 1, 2], which is not what the output is declared as.
    assert!(matches!(
        check(&turned(3, -2)),
        Err(ModelError::Signature { .. })
    ));
    // Of floats it is computed; of integers that are computed the divisor must be known.
    let computed = Builder::new(&[-1, 4], &[-1, 4]);
    let computed = gemm(computed, "latent", "flat", 4, 4)
        .node("Cast", &["flat"], "a", vec![("to", A::Int(7))])
        .node("Mod", &["a", "a"], "b", vec![])
        .node("Cast", &["b"], "image", vec![("to", A::Int(1))]);
    assert!(matches!(
        check(&computed),
        Err(ModelError::NotConstant { .. })
    ));
}
