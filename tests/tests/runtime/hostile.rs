//! Files from strangers: refused with a reason, or run; never a panic, never for long.

use std::time::{Duration, Instant};

use dreamlet_onnx::proto::attribute_proto::AttributeType;
use dreamlet_onnx::proto::{
    AttributeProto, GraphProto, NodeProto, StringStringEntryProto, TensorProto,
};
use dreamlet_onnx::{Limits, ModelError, inspect};
use dreamlet_runtime::card::CARD_KEY;
use dreamlet_runtime::engine::tract::{Assumptions, OnnxError, OnnxGenerator};
use dreamlet_runtime::onnx::OnnxFileError;
use dreamlet_tests::onnx::{dense, integers, model, node, tensor, value};

/// An emulator is some tens of times slower than the machines the promise of one second is for.
const PATIENCE: Duration = Duration::from_secs(if cfg!(target_arch = "x86_64") { 1 } else { 30 });

fn load(file: &[u8]) -> Result<OnnxGenerator, OnnxError> {
    let start = Instant::now();
    let result = OnnxGenerator::from_bytes(file, &Assumptions::default());
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    if let Err(error @ OnnxError::Panicked(_)) = &result {
        panic!("{error:?}");
    }
    result
}

/// Why a file is refused; it must be by the check, before tract sees it.
fn refused(file: &[u8]) -> ModelError {
    match load(file) {
        Err(OnnxError::Model(OnnxFileError::Graph(error))) => error,
        Err(error) => panic!("not by the check: {error}"),
        Ok(_) => panic!("accepted"),
    }
}

fn sound() -> Vec<u8> {
    dense(3, &[0.5; 12], [0.0; 4], &[])
}

/// The sound generator with other weights than its graph needs.
fn with_weights(weights: TensorProto) -> Vec<u8> {
    let product = node("MatMul", &["latent", "weights"], "image");
    with_nodes(&[product], &[weights])
}

fn with_nodes(nodes: &[NodeProto], tensors: &[TensorProto]) -> Vec<u8> {
    let (latent, image) = (value("latent", &[0, 3]), value("image", &[0, 1, 2, 2]));
    model(nodes, tensors, &latent, &image, &[])
}

#[test]
fn the_sound_file_is_accepted() {
    load(&sound()).unwrap();
}

#[test]
fn a_file_cut_anywhere_is_refused_or_whole() {
    let file = sound();
    for length in 0..file.len() {
        let _ = inspect(&file[..length], &Limits::default());
    }
    for length in (0..file.len() - 1).step_by(file.len() / 12) {
        load(&file[..length]).unwrap_err();
    }
}

#[test]
fn no_changed_byte_makes_it_panic_or_take_long() {
    let file = sound();
    for (i, value) in (0..file.len()).flat_map(|i| [0x00, 0x7f, 0x80, 0xff].map(|v| (i, v))) {
        let mut changed = file.clone();
        changed[i] = value;
        let _ = inspect(&changed, &Limits::default());
    }
    for i in (0..file.len()).step_by(9) {
        let mut changed = file.clone();
        changed[i] ^= 0x11;
        let _ = load(&changed);
    }
}

#[test]
fn what_is_no_model_is_refused() {
    for file in [&b""[..], b"\x89PNG\r\n\x1a\n", &[0xff; 5000], &[0; 5000]] {
        refused(file);
    }
    let huge = vec![0; Limits::default().file_bytes + 1];
    assert!(matches!(refused(&huge), ModelError::FileSize { .. }));
}

#[test]
fn impossible_and_mismatched_weights_are_refused() {
    use ModelError::{NonFinite, TensorDims, TensorLength, TooBig};
    let huge = [&[i64::MAX, i64::MAX][..], &[1 << 40, 4], &[1; 100]];
    for dims in [&[-1, 4][..], &[0, 4]].into_iter().chain(huge) {
        match refused(&with_weights(tensor("weights", dims, &[1.0; 12]))) {
            TensorDims { .. } | TensorLength { .. } | TooBig { .. } => {}
            error => panic!("{dims:?}: {error}"),
        }
    }
    for count in [0, 11, 13] {
        let weights = tensor("weights", &[3, 4], &vec![1.0; count]);
        let error = refused(&with_weights(weights));
        assert!(matches!(error, TensorLength { .. }), "{count}: {error}");
    }
    for bad in [f32::NAN, f32::INFINITY] {
        let mut values = [1.0; 12];
        values[5] = bad;
        let error = refused(&with_weights(tensor("weights", &[3, 4], &values)));
        assert!(matches!(error, NonFinite { index: 5, .. }), "{error}");
    }
}

#[test]
fn weights_outside_the_file_are_refused() {
    // A place that escapes the folder, with data_location EXTERNAL and without.
    let outside = |values: &[f32], location: Option<i32>| TensorProto {
        external_data: vec![StringStringEntryProto {
            key: "location".into(),
            value: "../../../../etc/passwd".into(),
        }],
        data_location: location,
        ..tensor("weights", &[3, 4], values)
    };
    for weights in [outside(&[], Some(1)), outside(&[1.0; 12], None)] {
        assert_eq!(refused(&with_weights(weights)), ModelError::ExternalData);
    }
}

#[test]
fn graphs_inside_of_nodes_are_refused_however_deep() {
    let nested = |inner: Option<NodeProto>| {
        let graph = GraphProto {
            node: vec![inner.unwrap_or_default()],
            ..GraphProto::default()
        };
        let attribute = AttributeProto {
            name: "then_branch".into(),
            g: Some(graph),
            r#type: AttributeType::Graph as i32,
            ..AttributeProto::default()
        };
        NodeProto::new("image", "If", ["latent"], "image", [attribute])
    };
    let mut deep = node("Identity", &["latent"], "image");
    for depth in 0..40 {
        deep = nested(Some(deep));
        if [0, 7, 39].contains(&depth) {
            refused(&with_nodes(std::slice::from_ref(&deep), &[]));
        }
    }
    let shallow = refused(&with_nodes(&[nested(None)], &[]));
    assert!(matches!(shallow, ModelError::Subgraph { .. }));
}

#[test]
fn unknown_operators_missing_values_and_cycles_are_refused() {
    let foreign = NodeProto {
        domain: "com.example".into(),
        ..node("Relu", &["latent"], "image")
    };
    for unknown in [node("RunCommand", &["latent"], "image"), foreign] {
        let error = refused(&with_nodes(&[unknown], &[]));
        assert!(matches!(error, ModelError::Operator { .. }), "{error}");
    }
    let cycle = [node("Relu", &["b"], "a"), node("Relu", &["a"], "b")];
    for nodes in [&cycle[..], &[]] {
        let error = refused(&with_nodes(nodes, &[]));
        assert!(matches!(error, ModelError::Undefined { .. }), "{error}");
    }
}

#[test]
fn a_small_file_that_asks_for_huge_images_is_refused() {
    // Tile by large factors: a file of a few hundred bytes, an image of 2^40 values.
    let repeats = integers("repeats", &[1, 1 << 20, 1 << 20, 1]);
    let shape = integers("shape", &[-1, 1, 1, 3]);
    let nodes = [
        node("Reshape", &["latent", "shape"], "row"),
        node("Tile", &["row", "repeats"], "image"),
    ];
    refused(&with_nodes(&nodes, &[shape, repeats]));
}

#[test]
fn a_broken_card_is_refused() {
    let deep = "[".repeat(100_000);
    let formats = [r#"{"format":1}"#, r#"{"format":99}"#];
    for card in ["", "{", "[]", &deep].into_iter().chain(formats) {
        let file = dense(3, &[0.5; 12], [0.0; 4], &[(CARD_KEY, card)]);
        match load(&file) {
            Err(OnnxError::Model(OnnxFileError::Card(_))) => {}
            _ => panic!("{card:.20}"),
        }
    }
}
