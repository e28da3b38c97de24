//! For tests: ONNX files in a few lines a network, weights from seeded streams.

use dreamlet_onnx::proto::Message as _;
use dreamlet_onnx::proto::attribute_proto::AttributeType;
use dreamlet_onnx::proto::tensor_proto::DataType;
use dreamlet_onnx::proto::tensor_shape_proto::{Dimension, dimension};
use dreamlet_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use dreamlet_runtime::latent::Stream;

/// An attribute's value.
pub(crate) enum Attr {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(&'static str),
}

fn attribute(name: &str, value: Attr) -> AttributeProto {
    let mut pb = AttributeProto {
        name: name.into(),
        ..Default::default()
    };
    let ty = match value {
        Attr::Int(i) => {
            pb.i = i;
            AttributeType::Int
        }
        Attr::Ints(ints) => {
            pb.ints = ints;
            AttributeType::Ints
        }
        Attr::Float(f) => {
            pb.f = f;
            AttributeType::Float
        }
        Attr::Text(s) => {
            pb.s = s.into();
            AttributeType::String
        }
    };
    pb.r#type = ty as i32;
    pb
}

/// A model under construction. Values are numbered; nodes give the name of what they make.
pub(crate) struct OnnxBuilder {
    graph: GraphProto,
    opset: i64,
    pub(crate) random: Stream,
    count: usize,
}

fn info(name: &str, ty: DataType, dims: &[i64]) -> ValueInfoProto {
    let dim = |d: &i64| Dimension {
        value: Some(match d {
            -1 => dimension::Value::DimParam("N".into()),
            d => dimension::Value::DimValue(*d),
        }),
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: ty as i32,
        shape: Some(TensorShapeProto {
            dim: dims.iter().map(dim).collect(),
        }),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

impl OnnxBuilder {
    /// A graph with the input `latent` of these dimensions behind the batch.
    pub(crate) fn new(seed: u64, latent: &[i64]) -> Self {
        let dims: Vec<i64> = [-1].iter().chain(latent).copied().collect();
        let graph = GraphProto {
            name: "generator".into(),
            input: vec![info("latent", DataType::Float, &dims)],
            ..Default::default()
        };
        Self {
            graph,
            opset: 17,
            random: Stream::new(seed, "test.weights", 0),
            count: 0,
        }
    }

    pub(crate) fn class(&mut self) -> &'static str {
        let class = info("class", DataType::Int64, &[-1]);
        self.graph.input.push(class);
        "class"
    }

    pub(crate) fn opset(mut self, opset: i64) -> Self {
        self.opset = opset;
        self
    }

    fn name(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{what}_{}", self.count)
    }

    /// Random numbers of a deviation that keeps values in range over a layer of `fan_in` inputs.
    pub(crate) fn weights(&mut self, dims: &[i64], fan_in: i64) -> String {
        let count: i64 = dims.iter().product();
        let scale = 1.3 / (fan_in.max(1) as f32).sqrt();
        let values: Vec<f32> = (0..count).map(|_| scale * self.random.normal()).collect();
        self.floats(dims, &values)
    }

    pub(crate) fn floats(&mut self, dims: &[i64], values: &[f32]) -> String {
        let name = self.name("floats");
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: dims.to_vec(),
            data_type: DataType::Float as i32,
            raw_data: values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ..Default::default()
        });
        name
    }

    pub(crate) fn ints(&mut self, values: &[i64]) -> String {
        let name = self.name("ints");
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..Default::default()
        });
        name
    }

    pub(crate) fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: Vec<(&str, Attr)>,
    ) -> String {
        let output = self.name(&op.to_lowercase());
        self.graph.node.push(NodeProto {
            name: format!("make_{output}"),
            op_type: op.into(),
            input: inputs.iter().map(|name| (*name).into()).collect(),
            output: vec![output.clone()],
            attribute: attributes
                .into_iter()
                .map(|(name, value)| attribute(name, value))
                .collect(),
            ..Default::default()
        });
        output
    }

    pub(crate) fn gemm(&mut self, from: &str, inputs: i64, outputs: i64) -> String {
        let w = self.weights(&[inputs, outputs], inputs);
        let b = self.weights(&[outputs], 9);
        self.node("Gemm", &[from, &w, &b], vec![])
    }

    pub(crate) fn reshape(&mut self, from: &str, dims: &[i64]) -> String {
        let shape = self.ints(dims);
        self.node("Reshape", &[from, &shape], vec![])
    }

    pub(crate) fn batch_norm(&mut self, from: &str, channels: i64) -> String {
        let vectors: Vec<String> = (0..3).map(|_| self.weights(&[channels], 2)).collect();
        let variances: Vec<f32> = (0..channels).map(|_| 0.3 + self.random.uniform()).collect();
        let variance = self.floats(&[channels], &variances);
        let [gamma, beta, mean] = vectors.as_slice() else {
            panic!("three vectors");
        };
        self.node(
            "BatchNormalization",
            &[from, gamma, beta, mean, &variance],
            vec![("epsilon", Attr::Float(1e-3))],
        )
    }

    /// The file, with `output` as its output, of these dimensions behind the batch.
    pub(crate) fn file(mut self, output: &str, image: &[i64]) -> Vec<u8> {
        let dims: Vec<i64> = [-1].iter().chain(image).copied().collect();
        self.graph.output = vec![info(output, DataType::Float, &dims)];
        ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto {
                domain: String::new(),
                version: self.opset,
            }],
            graph: Some(self.graph),
            ..Default::default()
        }
        .encode_to_vec()
    }
}

/// Attributes of a convolution.
pub(crate) fn window(kernel: i64, stride: i64, pads: [i64; 4]) -> Vec<(&'static str, Attr)> {
    vec![
        ("kernel_shape", Attr::Ints(vec![kernel; 2])),
        ("strides", Attr::Ints(vec![stride; 2])),
        ("pads", Attr::Ints(pads.to_vec())),
    ]
}
