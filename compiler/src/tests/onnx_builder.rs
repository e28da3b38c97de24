//! For tests: ONNX files in a few lines a network, weights from seeded streams.

use dreamlet_onnx::DType;
pub(crate) use dreamlet_onnx::graph_builder::Attribute as Attr;
use dreamlet_onnx::proto::{
    AttributeProto, GraphProto, Message as _, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};
use dreamlet_runtime::latent::Stream;

/// A model under construction. Values are numbered; nodes give the name of what they make.
pub(crate) struct OnnxBuilder {
    graph: GraphProto,
    opset: i64,
    pub(crate) random: Stream,
    count: usize,
}

fn info(name: &str, dtype: DType, dims: &[i64]) -> ValueInfoProto {
    ValueInfoProto::tensor(name, dtype, Some("N"), dims)
}

impl OnnxBuilder {
    /// A graph with the input `latent` of these dimensions behind the batch.
    pub(crate) fn new(seed: u64, latent: &[i64]) -> Self {
        let graph = GraphProto {
            name: "generator".into(),
            input: vec![info("latent", DType::F32, latent)],
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
        let class = info("class", DType::I64, &[]);
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
        let tensor = TensorProto::f32s(&name, dims, values);
        self.graph.initializer.push(tensor);
        name
    }

    pub(crate) fn ints(&mut self, values: &[i64]) -> String {
        let name = self.name("ints");
        let tensor = TensorProto::i64s(&name, &[values.len() as i64], values);
        self.graph.initializer.push(tensor);
        name
    }

    pub(crate) fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: Vec<(&str, Attr)>,
    ) -> String {
        let output = self.name(&op.to_lowercase());
        let attributes = attributes
            .into_iter()
            .map(|(name, value)| AttributeProto::new(name, value));
        let name = format!("make_{output}");
        let node = NodeProto::new(name, op, inputs.iter().copied(), &output, attributes);
        self.graph.node.push(node);
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
        self.graph.output = vec![info(output, DType::F32, image)];
        ModelProto::new(8, self.opset, self.graph).encode_to_vec()
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
