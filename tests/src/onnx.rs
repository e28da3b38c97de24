//! Small ONNX files, sound ones and broken ones.

use dreamlet_onnx::DType;
use dreamlet_onnx::proto::{
    GraphProto, Message as _, ModelProto, NodeProto, StringStringEntryProto, TensorProto,
    ValueInfoProto,
};

/// A tensor of `f32` with a name; `dims` need not fit `values`.
pub fn tensor(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto::f32s(name, dims, values)
}

/// A vector of `i64` with a name.
pub fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto::i64s(name, &[values.len() as i64], values)
}

/// A node without attributes.
pub fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto::new(output, operator, inputs.iter().copied(), output, [])
}

/// An `f32` input or output; 0 in front is the symbol `N`.
pub fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    match dims {
        [0, rest @ ..] => ValueInfoProto::tensor(name, DType::F32, Some("N"), rest),
        _ => ValueInfoProto::tensor(name, DType::F32, None, dims),
    }
}

/// A file from its parts, with metadata of the model.
pub fn model(
    nodes: &[NodeProto],
    tensors: &[TensorProto],
    input: &ValueInfoProto,
    output: &ValueInfoProto,
    metadata: &[(&str, &str)],
) -> Vec<u8> {
    let graph = GraphProto {
        node: nodes.to_vec(),
        name: "generator".into(),
        initializer: tensors.to_vec(),
        input: vec![input.clone()],
        output: vec![output.clone()],
        ..GraphProto::default()
    };
    let entry = |&(key, value): &(&str, &str)| StringStringEntryProto {
        key: key.into(),
        value: value.into(),
    };
    let mut model = ModelProto::new(8, 17, graph);
    model.metadata_props = metadata.iter().map(entry).collect();
    model.encode_to_vec()
}

/// A sound generator of `latent` elements and 1 by 2 by 2 pixels: image = sigmoid(latent · weights
/// + bias), where `weights` has `latent` rows of 4.
pub fn dense(latent: i64, weights: &[f32], bias: [f32; 4], metadata: &[(&str, &str)]) -> Vec<u8> {
    model(
        &[
            node("Gemm", &["latent", "weights", "bias"], "sums"),
            node("Sigmoid", &["sums"], "values"),
            node("Reshape", &["values", "shape"], "image"),
        ],
        &[
            tensor("weights", &[latent, 4], weights),
            tensor("bias", &[4], &bias),
            integers("shape", &[-1, 1, 2, 2]),
        ],
        &value("latent", &[0, latent]),
        &value("image", &[0, 1, 2, 2]),
        metadata,
    )
}
