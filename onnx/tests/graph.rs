//! The canonical graph: operators in one form, constants computed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{A, Builder, dcgan, gemm};
use dreamlet_onnx::graph::{Binary, Graph, Op, Window};
use dreamlet_onnx::proto::TensorProto;
use dreamlet_onnx::{CheckedGraph, Constant, DType, Interface, Limits, Model, reference};

fn graph(builder: &Builder) -> Graph {
    let checked = CheckedGraph::from_bytes(&builder.bytes(), &Limits::default());
    checked.unwrap().graph
}

/// The constants that nodes of the operator take.
fn constants<'a>(graph: &'a Graph, op_type: &str) -> Vec<&'a Constant> {
    let nodes = graph.nodes.iter().filter(|node| node.op_type == op_type);
    let inputs = nodes.flat_map(|node| &node.inputs);
    inputs
        .filter_map(|id| graph.values[*id].constant.as_ref())
        .collect()
}

/// The elements of a value that depends on no input, as f32.
fn elements(builder: Builder, name: &str) -> Vec<f32> {
    let mut b = builder
        .node("Cast", &[name], "as_float", vec![("to", A::Int(1))])
        .node("Sub", &["latent", "as_float"], "image", vec![]);
    b.graph().output[0].r#type = None;
    let graph = graph(&b);
    let subtracted = constants(&graph, "Sub");
    subtracted[0].as_f32s().unwrap().to_vec()
}

#[test]
fn every_initializer_comes_with_its_elements() {
    let graph = graph(&dcgan(4, 8, 4));
    let weights = constants(&graph, "ConvTranspose")[0];
    assert_eq!(weights.shape, [8, 4, 4, 4]);
    assert_eq!(weights.data.len(), 512);
    assert!(graph.values[graph.latent].constant.is_none());
    assert_eq!(graph.values[graph.image].shape, [1, 1, 16, 16]);
}

/// A generator with a convolution of 5 by 6 pixels, which `attributes` describe.
fn convolution(op: &str, attributes: Vec<(&str, A)>) -> Window {
    let b = Builder::new(&[-1, 3], &[]).ints("map", &[-1, 2, 5, 6]);
    let mut b = gemm(b, "latent", "flat", 3, 60)
        .node("Reshape", &["flat", "map"], "x", vec![])
        .weights("w", &[2, 2, 3, 4], 24)
        .node(op, &["x", "w"], "image", attributes);
    b.graph().output[0].r#type = None;
    let graph = graph(&b);
    let windows = graph.nodes.iter().filter_map(|node| match &node.op {
        Op::Conv(window) | Op::ConvTranspose(window) => Some(window.clone()),
        _ => None,
    });
    windows.collect::<Vec<_>>().pop().unwrap()
}

#[test]
fn pads_are_explicit_whichever_way_they_are_given() {
    let auto_pad = |text| ("auto_pad", A::Text(text));
    let plain = convolution("Conv", vec![]);
    assert_eq!(plain.kernel, [3, 4]);
    assert_eq!((plain.strides, plain.dilations), (vec![1; 2], vec![1; 2]));
    assert_eq!((plain.pads, plain.groups), (vec![(0, 0); 2], 1));
    let given = convolution("Conv", vec![("pads", A::Ints(vec![1, 2, 0, 3]))]);
    assert_eq!(given.pads, [(1, 0), (2, 3)]);
    let valid = convolution("Conv", vec![auto_pad("VALID")]);
    assert_eq!(valid.pads, [(0, 0); 2]);
    let upper = convolution("Conv", vec![auto_pad("SAME_UPPER")]);
    assert_eq!(upper.pads, [(1, 1), (1, 2)]);
    let lower = convolution("Conv", vec![auto_pad("SAME_LOWER")]);
    assert_eq!(lower.pads, [(1, 1), (2, 1)]);
    // 5 and 6 of stride 2 make 3 and 3: 2 * 2 + 3 - 5 = 2 and 2 * 2 + 4 - 6 = 2 are missing.
    let strides = ("strides", A::Ints(vec![2, 2]));
    let strided = convolution("Conv", vec![auto_pad("SAME_UPPER"), strides]);
    assert_eq!(strided.pads, [(1, 1), (1, 1)]);
    // Transposed, 4 * 2 + 3 - 10 = 1 and 5 * 2 + 4 - 12 = 2 are too many.
    let strides = ("strides", A::Ints(vec![2, 2]));
    let lower = convolution("ConvTranspose", vec![auto_pad("SAME_LOWER"), strides]);
    assert_eq!(lower.pads, [(1, 0), (1, 1)]);
    assert_eq!(lower.output_padding, [0, 0]);
}

#[test]
fn constants_of_any_size_are_computed_once_and_for_all() {
    let long: Vec<f32> = (0..100).map(|x| x as f32).collect();
    let b = || {
        Builder::new(&[-1, 1], &[-1, 100])
            .floats("long", &long)
            .floats("one", &[1.0])
            .node("Add", &["long", "one"], "sum", vec![])
            .ints("start", &[-1])
            .ints("end", &[i64::MIN])
            .ints("axes", &[0])
            .ints("sides", &[7, 8, 9])
            .ints("back", &[-1])
            .node(
                "Slice",
                &["sides", "start", "end", "axes", "back"],
                "turned",
                vec![],
            )
            .node("Gather", &["turned", "start"], "last", vec![])
            .node("Shape", &["latent"], "shape", vec![])
    };
    let sum = elements(b(), "sum");
    assert!(sum.iter().zip(&long).all(|(sum, x)| *sum == x + 1.0));
    assert_eq!(elements(b(), "turned"), [9.0, 8.0, 7.0]);
    assert_eq!(elements(b(), "last"), [7.0]);
    assert_eq!(elements(b(), "shape"), [1.0, 1.0]);
    // Nothing of it is left but the last subtraction.
    let graph = graph(&b().node("Sub", &["latent", "sum"], "image", vec![]));
    let [only] = graph.nodes.as_slice() else {
        panic!("{:?}", graph.nodes);
    };
    assert_eq!(only.op, Op::Binary(Binary::Sub));
    assert!(graph.values[graph.image].constant.is_none());
}

#[test]
fn halves_doubles_and_truth_values_are_decoded() {
    let typed = |dtype: DType, bytes: &[u8], count: i64| {
        let mut b = Builder::new(&[-1, 1], &[]);
        b.graph().initializer.push(TensorProto {
            name: "typed".into(),
            dims: vec![count],
            data_type: dtype.code(),
            raw_data: bytes.to_vec(),
            ..TensorProto::default()
        });
        elements(b, "typed")
    };
    let halves = [0x00, 0x3c, 0x01, 0x00];
    let doubles: Vec<u8> = [0.5f64, -2.0]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    // The second is the smallest subnormal.
    assert_eq!(typed(DType::F16, &halves, 2), [1.0, 2f32.powi(-24)]);
    assert_eq!(
        typed(DType::BF16, &[0x80, 0x3f, 0x20, 0xc1], 2),
        [1.0, -10.0]
    );
    assert_eq!(typed(DType::F64, &doubles, 2), [0.5, -2.0]);
    assert_eq!(typed(DType::Bool, &[1, 0, 1], 3), [1.0, 0.0, 1.0]);
    assert_eq!(typed(DType::I8, &[1, 255, 127], 3), [1.0, -1.0, 127.0]);
    assert_eq!(typed(DType::U16, &[1, 0, 255, 255], 2), [1.0, 65535.0]);
}

/// The pixel 0.2, 0.4, 0.6 with an alpha of 0.5, over a colour.
#[test]
fn alpha_is_laid_over_the_background() {
    let pixel = [0.2, 0.4, 0.6, 0.5];
    let first: Vec<f32> = pixel.iter().flat_map(|x| [*x; 30]).collect();
    let last = pixel.repeat(30);
    for (dims, latent) in [([-1, 4, 5, 6], first), ([-1, 5, 6, 4], last)] {
        let builder = Builder::new(&[-1, 120], &dims)
            .ints("shape", &dims)
            .node("Reshape", &["latent", "shape"], "pixels", vec![])
            .floats("low", &[0.0])
            .floats("high", &[1.0])
            .node("Clip", &["pixels", "low", "high"], "image", vec![]);
        let over = |background| {
            let interface = Interface {
                background,
                ..Interface::default()
            };
            let model = Model::decode(&builder.bytes(), &Limits::default()).unwrap();
            let checked = model.check(&Limits::default(), &interface).unwrap();
            let found = &checked.inspection;
            assert_eq!(found.output_range, Some((0.0, 1.0)));
            assert_eq!(found.output_dims[0], 3);
            let says = found.notes.iter().any(|note| note.contains("alpha"));
            assert_eq!(says, background.is_none());
            let image = reference::run(&checked.graph, &latent, 0).unwrap();
            let plane = image.len() / 3;
            [image[0], image[plane], image[2 * plane]]
        };
        let near = |found: [f32; 3], expected: [f32; 3]| {
            let far = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
            assert!(far.fold(0.0, f32::max) < 1e-6, "{found:?}");
        };
        near(over(None), [0.6, 0.7, 0.8]);
        near(over(Some([0, 255, 0])), [0.1, 0.7, 0.3]);
    }
}
