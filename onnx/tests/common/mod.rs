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

use dreamlet_onnx::DType;
pub use dreamlet_onnx::graph_builder::Attribute as A;
use dreamlet_onnx::proto::Message as _;
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

pub fn attribute(name: &str, value: A) -> AttributeProto {
    AttributeProto::new(name, value)
}

/// A tensor's name and type; -1 in front is the free batch, elsewhere a size that is not declared.
pub fn info(name: &str, dtype: DType, dims: &[i64]) -> ValueInfoProto {
    let mut info = match dims {
        [-1, rest @ ..] => ValueInfoProto::tensor(name, dtype, Some("N"), rest),
        _ => ValueInfoProto::tensor(name, dtype, None, dims),
    };
    let Some(type_proto::Value::TensorType(tensor)) = &mut info.r#type.as_mut().unwrap().value
    else {
        unreachable!("it is a tensor")
    };
    for dim in &mut tensor.shape.as_mut().unwrap().dim {
        if dim.value == Some(tensor_shape_proto::dimension::Value::DimValue(-1)) {
            dim.value = None;
        }
    }
    info
}

impl Builder {
    pub fn new(latent: &[i64], image: &[i64]) -> Self {
        let graph = GraphProto {
            name: "generator".into(),
            input: vec![info("latent", DType::F32, latent)],
            output: vec![info("image", DType::F32, image)],
            ..Default::default()
        };
        let model = ModelProto::new(8, 17, graph);
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
        let elements: Vec<f32> = (0..count).map(|_| scale * self.random.normal()).collect();
        let tensor = TensorProto::f32s(name, dims, &elements);
        self.graph().initializer.push(tensor);
        self
    }

    pub fn ints(mut self, name: &str, values: &[i64]) -> Self {
        let tensor = TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: DType::I64.code(),
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
            data_type: DType::F32.code(),
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
        let attributes = attributes
            .into_iter()
            .map(|(name, value)| attribute(name, value));
        let inputs = inputs.iter().copied();
        let node = NodeProto::new(format!("make_{output}"), op, inputs, output, attributes);
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
    let class = info("class", DType::I64, &[-1]);
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
