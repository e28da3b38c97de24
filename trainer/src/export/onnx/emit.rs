//! The graph as ONNX: names, initializers, signature.

use std::collections::HashMap;

use dreamlet_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};

use super::capture::{Extent, Trace};
use super::names::{BATCH, CLASS, IMAGE, IR_VERSION, LATENT, OPSET};
use crate::export::ExportError;
use dreamlet_onnx::Constant;
use dreamlet_onnx::DType;
use dreamlet_onnx::graph::ValueId;
use dreamlet_onnx::graph_builder::{ABSENT, BuilderNode, GraphBuilder};

/// Writes `graph`, which has been pruned.
pub(super) fn emit(
    graph: &GraphBuilder,
    trace: &Trace,
    latent_len: usize,
) -> Result<ModelProto, ExportError> {
    let names = names(graph)?;
    let mut initializer: Vec<TensorProto> = Vec::with_capacity(graph.constants.len());
    for id in graph.nodes.iter().flat_map(|node| &node.inputs) {
        if let (Some(constant), Some(name)) = (graph.constants.get(id), names.get(id))
            && initializer.iter().all(|tensor| tensor.name != *name)
        {
            initializer.push(tensor(name, constant)?);
        }
    }
    let latent = [Extent::Batch, Extent::Fixed(latent_len)];
    let mut input = vec![signature(LATENT, DType::F32, &latent)];
    if graph.class.is_some() {
        input.push(signature(CLASS, DType::I64, &[Extent::Batch]));
    }
    let nodes = graph.nodes.iter().map(|node| operator(node, &names));
    let graph = GraphProto {
        node: nodes.collect(),
        name: "generator".into(),
        initializer,
        input,
        output: vec![signature(IMAGE, DType::F32, &image(trace)?)],
        ..GraphProto::default()
    };
    Ok(ModelProto {
        producer_name: "dreamlet".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        ..ModelProto::new(IR_VERSION, OPSET, graph)
    })
}

/// The image's shape, checked.
fn image(trace: &Trace) -> Result<Vec<Extent>, ExportError> {
    use Extent::{Batch, Fixed};
    let extents = trace.extents.get(&trace.image).cloned().unwrap_or_default();
    match extents.as_slice() {
        [Batch, Fixed(1 | 3 | 4), Fixed(height), Fixed(width)] if height * width > 0 => Ok(extents),
        other => Err(ExportError::Image {
            found: format!("{other:?}"),
        }),
    }
}

/// Names by operator and position, constants by the first operator that uses them.
fn names(graph: &GraphBuilder) -> Result<HashMap<ValueId, String>, ExportError> {
    let mut names = HashMap::from([(graph.latent, LATENT.to_owned()), (ABSENT, String::new())]);
    if let Some(class) = graph.class {
        names.insert(class, CLASS.to_owned());
    }
    for (at, node) in graph.nodes.iter().enumerate() {
        let label = label(at, node);
        for (position, id) in node.inputs.iter().enumerate() {
            if graph.constants.contains_key(id) {
                let name = || format!("{label}_{}", role(node.op, position));
                names.entry(*id).or_insert_with(name);
            }
        }
        names.insert(node.output, label);
    }
    if graph.producer(graph.image).is_none() {
        return Err(ExportError::Image {
            found: "something that does not depend on its input".into(),
        });
    }
    names.insert(graph.image, IMAGE.to_owned());
    Ok(names)
}

/// `conv_transpose_3` for the ConvTranspose at position 3.
fn label(at: usize, node: &BuilderNode) -> String {
    let mut label = String::new();
    for letter in node.op.chars() {
        if letter.is_uppercase() && !label.is_empty() && !label.ends_with("mat") {
            label.push('_');
        }
        label.extend(letter.to_lowercase());
    }
    format!("{label}_{at}")
}

fn role(op: &str, position: usize) -> &'static str {
    match (op, position) {
        ("Gemm" | "Conv" | "ConvTranspose" | "MatMul", 1) => "weight",
        ("Gemm" | "Conv" | "ConvTranspose", 2) => "bias",
        ("Reshape" | "Expand", 1) => "shape",
        ("Resize", 2) => "scales",
        ("Gather", 0) => "table",
        ("Slice", 1) => "starts",
        ("Slice", 2) => "ends",
        ("Slice", 3) => "axes",
        ("Slice", 4) => "steps",
        ("Clip", 1) => "min",
        ("Clip", 2) => "max",
        ("Tile", 1) => "repeats",
        (_, 0) => "left",
        (_, 1) => "right",
        _ => "operand",
    }
}

fn operator(node: &BuilderNode, names: &HashMap<ValueId, String>) -> NodeProto {
    let name = |id: &ValueId| names.get(id).cloned().unwrap_or_default();
    let output = name(&node.output);
    let attributes = node.attributes.iter();
    NodeProto::new(
        format!("{output}_node"),
        node.op,
        node.inputs.iter().map(name),
        output,
        attributes.map(|(key, value)| AttributeProto::new(key, value.clone())),
    )
}

fn tensor(name: &str, constant: &Constant) -> Result<TensorProto, ExportError> {
    let mut floats = constant.as_f32s().into_iter().flatten();
    match floats.position(|x| !x.is_finite()) {
        Some(index) => Err(ExportError::NonFinite {
            name: name.into(),
            index,
        }),
        None => Ok(TensorProto::constant(name, constant)),
    }
}

/// An input or output, which has the batch as its first extent.
fn signature(name: &str, dtype: DType, extents: &[Extent]) -> ValueInfoProto {
    let fixed = extents.iter().filter_map(|extent| match extent {
        Extent::Fixed(extent) => Some(i64::try_from(*extent).unwrap_or(i64::MAX)),
        Extent::Batch => None,
    });
    ValueInfoProto::tensor(name, dtype, Some(BATCH), &fixed.collect::<Vec<_>>())
}
