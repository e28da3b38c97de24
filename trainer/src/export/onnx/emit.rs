//! The graph as ONNX: names, initializers, signature.

use std::collections::HashMap;

use dreamlet_onnx::proto::attribute_proto::AttributeType;
use dreamlet_onnx::proto::tensor_proto::DataType;
use dreamlet_onnx::proto::tensor_shape_proto::{Dimension, dimension};
use dreamlet_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

use super::capture::{Extent, Trace};
use super::{BATCH, CLASS, ExportError, IMAGE, IR_VERSION, LATENT, OPSET};
use dreamlet_onnx::fold::{FLOAT, INT64};
use dreamlet_onnx::graph_builder::{
    ABSENT, Attribute, Constant, Data, GraphBuilder, Node, ValueId,
};

/// Writes `graph`, which has been pruned.
pub(super) fn emit(
    graph: &GraphBuilder,
    trace: &Trace,
    latent_len: usize,
) -> Result<ModelProto, ExportError> {
    let names = names(graph)?;
    let mut initializer = Vec::with_capacity(graph.constants.len());
    for node in &graph.nodes {
        for id in &node.inputs {
            let (Some(constant), Some(name)) = (graph.constants.get(id), names.get(id)) else {
                continue;
            };
            if !initializer
                .iter()
                .any(|tensor: &TensorProto| tensor.name == *name)
            {
                initializer.push(tensor(name, constant)?);
            }
        }
    }
    let mut input = vec![signature(
        LATENT,
        FLOAT,
        &[Extent::Batch, Extent::Fixed(latent_len)],
    )];
    if graph.class.is_some() {
        input.push(signature(CLASS, INT64, &[Extent::Batch]));
    }
    let graph = GraphProto {
        node: graph
            .nodes
            .iter()
            .map(|node| operator(node, &names))
            .collect(),
        name: "generator".into(),
        initializer,
        input,
        output: vec![signature(IMAGE, FLOAT, &image(trace)?)],
        ..GraphProto::default()
    };
    Ok(ModelProto {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: OPSET,
        }],
        producer_name: "dreamlet".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        ..ModelProto::default()
    })
}

/// The image's shape, checked.
fn image(trace: &Trace) -> Result<Vec<Extent>, ExportError> {
    let extents = trace.extents.get(&trace.image).cloned().unwrap_or_default();
    match extents.as_slice() {
        [
            Extent::Batch,
            Extent::Fixed(1 | 3),
            Extent::Fixed(height),
            Extent::Fixed(width),
        ] if height * width > 0 => Ok(extents),
        other => Err(ExportError::Image {
            found: format!("{other:?}"),
        }),
    }
}

/// Names by kind of operator and position, constants by the first operator that uses them.
fn names(graph: &GraphBuilder) -> Result<HashMap<ValueId, String>, ExportError> {
    let mut names = HashMap::from([(graph.latent, LATENT.to_owned()), (ABSENT, String::new())]);
    if let Some(class) = graph.class {
        names.insert(class, CLASS.to_owned());
    }
    for (at, node) in graph.nodes.iter().enumerate() {
        let label = label(at, node);
        for (position, id) in node.inputs.iter().enumerate() {
            if graph.constants.contains_key(id) {
                names
                    .entry(*id)
                    .or_insert_with(|| format!("{label}_{}", role(node.op, position)));
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
fn label(at: usize, node: &Node) -> String {
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

fn operator(node: &Node, names: &HashMap<ValueId, String>) -> NodeProto {
    let name = |id: &ValueId| names.get(id).cloned().unwrap_or_default();
    NodeProto {
        input: node.inputs.iter().map(name).collect(),
        output: vec![name(&node.output)],
        name: format!("{}_node", name(&node.output)),
        op_type: node.op.into(),
        attribute: node
            .attributes
            .iter()
            .map(|(key, value)| attribute(key, value))
            .collect(),
        ..NodeProto::default()
    }
}

fn attribute(name: &str, value: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto {
        name: name.into(),
        ..AttributeProto::default()
    };
    let kind = match value {
        Attribute::Int(int) => {
            proto.i = *int;
            AttributeType::Int
        }
        Attribute::Ints(ints) => {
            proto.ints.clone_from(ints);
            AttributeType::Ints
        }
        Attribute::Float(float) => {
            proto.f = *float;
            AttributeType::Float
        }
        Attribute::Text(text) => {
            proto.s = text.as_bytes().to_vec();
            AttributeType::String
        }
    };
    proto.r#type = kind as i32;
    proto
}

fn tensor(name: &str, constant: &Constant) -> Result<TensorProto, ExportError> {
    let (data_type, raw_data) = match &constant.data {
        Data::F32(data) => {
            if let Some(index) = data.iter().position(|x| !x.is_finite()) {
                return Err(ExportError::NonFinite {
                    name: name.into(),
                    index,
                });
            }
            (
                DataType::Float,
                data.iter().flat_map(|x| x.to_le_bytes()).collect(),
            )
        }
        Data::I64(data) => (
            DataType::Int64,
            data.iter().flat_map(|x| x.to_le_bytes()).collect(),
        ),
    };
    Ok(TensorProto {
        dims: constant
            .shape
            .iter()
            .map(|&extent| i64::try_from(extent).unwrap_or(i64::MAX))
            .collect(),
        data_type: data_type as i32,
        name: name.into(),
        raw_data,
        ..TensorProto::default()
    })
}

fn signature(name: &str, element: i64, extents: &[Extent]) -> ValueInfoProto {
    let dim = extents.iter().map(|extent| Dimension {
        value: Some(match extent {
            Extent::Batch => dimension::Value::DimParam(BATCH.into()),
            Extent::Fixed(extent) => {
                dimension::Value::DimValue(i64::try_from(*extent).unwrap_or(i64::MAX))
            }
        }),
    });
    let shape = Some(TensorShapeProto { dim: dim.collect() });
    let tensor = type_proto::Tensor {
        elem_type: i32::try_from(element).unwrap_or_default(),
        shape,
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
        }),
    }
}
