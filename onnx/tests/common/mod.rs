//! Builds ONNX files for tests: a few lines a network, weights from the seed contract.
#![allow(
    unreachable_pub,
    reason = "each test program has its own copy of this module"
)]
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "shared by test programs that use different parts"
)]

use dreamlet_onnx::proto::Message as _;
use dreamlet_onnx::proto::attribute_proto::AttributeType;
use dreamlet_onnx::proto::tensor_proto::DataType;
use dreamlet_onnx::proto::tensor_shape_proto::{Dimension, dimension};
use dreamlet_onnx::proto::*;
use dreamlet_runtime::card::{CARD_KEY, Card};
use dreamlet_runtime::latent::Stream;

/// A model under construction.
pub struct Builder {
    pub model: ModelProto,
    random: Stream,
    /// Standard deviation of weights, times the root of their fan-in.
    gain: f32,
}

/// An attribute's value.
pub enum A {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(&'static str),
}

pub fn attribute(name: &str, value: A) -> AttributeProto {
    let mut pb = AttributeProto {
        name: name.into(),
        ..Default::default()
    };
    let ty = match value {
        A::Int(i) => {
            pb.i = i;
            AttributeType::Int
        }
        A::Ints(ints) => {
            pb.ints = ints;
            AttributeType::Ints
        }
        A::Float(f) => {
            pb.f = f;
            AttributeType::Float
        }
        A::Text(s) => {
            pb.s = s.into();
            AttributeType::String
        }
    };
    pb.r#type = ty as i32;
    pb
}

/// A tensor's name and type; -1 is the free batch.
pub fn info(name: &str, ty: DataType, dims: &[i64]) -> ValueInfoProto {
    let dim = |d: &i64| Dimension {
        value: Some(match d {
            -1 => dimension::Value::DimParam("N".into()),
            d => dimension::Value::DimValue(*d),
        }),
        ..Default::default()
    };
    let shape = TensorShapeProto {
        dim: dims.iter().map(dim).collect(),
    };
    let tensor = type_proto::Tensor {
        elem_type: ty as i32,
        shape: Some(shape),
    };
    let value = Some(type_proto::Value::TensorType(tensor));
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value,
            ..Default::default()
        }),
        ..Default::default()
    }
}

impl Builder {
    pub fn new(latent: &[i64], image: &[i64]) -> Self {
        let graph = GraphProto {
            name: "generator".into(),
            input: vec![info("latent", DataType::Float, latent)],
            output: vec![info("image", DataType::Float, image)],
            ..Default::default()
        };
        let model = ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto {
                domain: String::new(),
                version: 17,
            }],
            graph: Some(graph),
            ..Default::default()
        };
        Self {
            model,
            random: Stream::new(0, "weights", 0),
            gain: 1.4,
        }
    }

    pub fn graph(&mut self) -> &mut GraphProto {
        self.model.graph.as_mut().unwrap()
    }

    pub fn weights(mut self, name: &str, dims: &[i64], fan_in: i64) -> Self {
        let count: i64 = dims.iter().product();
        let scale = self.gain / (fan_in as f32).sqrt();
        let raw = (0..count)
            .flat_map(|_| (scale * self.random.normal()).to_le_bytes())
            .collect();
        let tensor = TensorProto {
            name: name.into(),
            dims: dims.to_vec(),
            data_type: DataType::Float as i32,
            raw_data: raw,
            ..Default::default()
        };
        self.graph().initializer.push(tensor);
        self
    }

    pub fn ints(mut self, name: &str, values: &[i64]) -> Self {
        let tensor = TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..Default::default()
        };
        self.graph().initializer.push(tensor);
        self
    }

    pub fn floats(mut self, name: &str, values: &[f32]) -> Self {
        let tensor = TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: DataType::Float as i32,
            float_data: values.to_vec(),
            ..Default::default()
        };
        self.graph().initializer.push(tensor);
        self
    }

    pub fn node(
        mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<(&str, A)>,
    ) -> Self {
        let node = NodeProto {
            name: format!("make_{output}"),
            op_type: op.into(),
            input: inputs.iter().map(|name| (*name).into()).collect(),
            output: vec![output.into()],
            attribute: attributes
                .into_iter()
                .map(|(name, value)| attribute(name, value))
                .collect(),
            ..Default::default()
        };
        self.graph().node.push(node);
        self
    }

    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.model.metadata_props.push(StringStringEntryProto {
            key: key.into(),
            value: value.into(),
        });
        self
    }

    pub fn card(self, card: &Card) -> Self {
        self.metadata(CARD_KEY, &card.to_json().unwrap())
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.model.encode_to_vec()
    }
}

/// A transposed convolution 4x4 stride 2 pad 1 with bias: doubles the sides.
pub fn up(builder: Builder, from: &str, to: &str, inputs: i64, outputs: i64) -> Builder {
    let (w, b) = (format!("{to}.w"), format!("{to}.b"));
    builder
        .weights(&w, &[inputs, outputs, 4, 4], inputs * 4)
        .weights(&b, &[outputs], 100)
        .node(
            "ConvTranspose",
            &[from, &w, &b],
            to,
            vec![
                ("kernel_shape", A::Ints(vec![4, 4])),
                ("strides", A::Ints(vec![2, 2])),
                ("pads", A::Ints(vec![1, 1, 1, 1])),
                ("dilations", A::Ints(vec![1, 1])),
                ("group", A::Int(1)),
            ],
        )
}

pub fn gemm(builder: Builder, from: &str, to: &str, inputs: i64, outputs: i64) -> Builder {
    let (w, b) = (format!("{to}.w"), format!("{to}.b"));
    builder
        .weights(&w, &[inputs, outputs], inputs)
        .weights(&b, &[outputs], 100)
        .node("Gemm", &[from, &w, &b], to, vec![])
}

/// The textbook's dense generator: z -> hidden -> side x side grey, sigmoid.
pub fn mlp(z: i64, hidden: i64, side: i64) -> Builder {
    let b = Builder::new(&[-1, z], &[-1, 1, side, side]);
    let b = gemm(b, "latent", "h", z, hidden).node("Relu", &["h"], "hr", vec![]);
    gemm(b, "hr", "flat", hidden, side * side)
        .node("Sigmoid", &["flat"], "pixels", vec![])
        .ints("shape", &[-1, 1, side, side])
        .node("Reshape", &["pixels", "shape"], "image", vec![])
}

/// DCGAN: z -> c x s x s -> c/2 x 2s x 2s -> 1 x 4s x 4s, tanh.
pub fn dcgan(z: i64, c: i64, s: i64) -> Builder {
    let b = Builder::new(&[-1, z], &[-1, 1, 4 * s, 4 * s]);
    let b = gemm(b, "latent", "h", z, c * s * s)
        .node("Relu", &["h"], "hr", vec![])
        .ints("shape", &[-1, c, s, s])
        .node("Reshape", &["hr", "shape"], "x0", vec![]);
    let b = up(b, "x0", "x1", c, c / 2).node(
        "LeakyRelu",
        &["x1"],
        "x1r",
        vec![("alpha", A::Float(0.2))],
    );
    up(b, "x1r", "x2", c / 2, 1).node("Tanh", &["x2"], "image", vec![])
}

/// As [`dcgan`], with nearest x2 and 3x3 convolutions.
pub fn resize_net(z: i64, c: i64, s: i64) -> Builder {
    let b = Builder::new(&[-1, z], &[-1, 1, 4 * s, 4 * s]).floats("scales", &[1.0, 1.0, 2.0, 2.0]);
    let b = gemm(b, "latent", "h", z, c * s * s)
        .ints("shape", &[-1, c, s, s])
        .node("Reshape", &["h", "shape"], "y0", vec![]);
    let layer = |b: Builder, from: &str, to: &str, inputs: i64, outputs: i64| {
        let (big, w) = (format!("{to}.big"), format!("{to}.w"));
        let mode = vec![
            ("mode", A::Text("nearest")),
            ("coordinate_transformation_mode", A::Text("asymmetric")),
            ("nearest_mode", A::Text("floor")),
        ];
        b.node("Resize", &[from, "", "scales"], &big, mode)
            .weights(&w, &[outputs, inputs, 3, 3], inputs * 9)
            .node(
                "Conv",
                &[&big, &w],
                to,
                vec![("pads", A::Ints(vec![1, 1, 1, 1]))],
            )
    };
    let b = layer(b, "y0", "y1", c, c / 2).node("Relu", &["y1"], "y1r", vec![]);
    layer(b, "y1r", "y2", c / 2, 1).node("Tanh", &["y2"], "image", vec![])
}

/// A class-conditional generator of `classes` classes: an embedding joined to the latent, 8x8 grey.
pub fn conditional(z: i64, classes: i64) -> Builder {
    let mut b = Builder::new(&[-1, z], &[-1, 1, 8, 8]);
    let class = info("class", DataType::Int64, &[-1]);
    b.graph().input.push(class);
    let b = b
        .weights("table", &[classes, 5], 1)
        .node(
            "Gather",
            &["table", "class"],
            "embedding",
            vec![("axis", A::Int(0))],
        )
        .node(
            "Concat",
            &["latent", "embedding"],
            "both",
            vec![("axis", A::Int(1))],
        );
    gemm(b, "both", "flat", z + 5, 64)
        .node("Sigmoid", &["flat"], "pixels", vec![])
        .ints("shape", &[-1, 1, 8, 8])
        .node("Reshape", &["pixels", "shape"], "image", vec![])
}
