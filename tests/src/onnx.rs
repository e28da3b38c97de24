//! Writes small ONNX files byte by byte, sound ones and broken ones, without a library that would refuse the broken ones.
//!
//! Field numbers are those of `onnx.proto` (IR version 8).

/// A protobuf message under construction.
#[derive(Clone, Debug, Default)]
pub struct Message(pub Vec<u8>);

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

impl Message {
    /// An empty message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an integer; negative ones as protobuf's `int64` has them.
    #[must_use]
    pub fn int(mut self, field: u64, value: i64) -> Self {
        varint(field << 3, &mut self.0);
        varint(value as u64, &mut self.0);
        self
    }

    /// Adds bytes or a string.
    #[must_use]
    pub fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        varint(field << 3 | 2, &mut self.0);
        varint(bytes.len() as u64, &mut self.0);
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds a message.
    #[must_use]
    pub fn message(self, field: u64, inner: &Self) -> Self {
        self.bytes(field, &inner.0)
    }
}

/// A tensor of `f32` with a name; `dims` need not fit `values`.
#[must_use]
pub fn tensor(name: &str, dims: &[i64], values: &[f32]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    dims.iter()
        .fold(Message::new(), |tensor, dim| tensor.int(1, *dim))
        .int(2, 1)
        .bytes(8, name.as_bytes())
        .bytes(9, &raw)
}

/// A node without attributes.
#[must_use]
pub fn node(operator: &str, inputs: &[&str], output: &str) -> Message {
    inputs
        .iter()
        .fold(Message::new(), |node, name| node.bytes(1, name.as_bytes()))
        .bytes(2, output.as_bytes())
        .bytes(3, output.as_bytes())
        .bytes(4, operator.as_bytes())
}

/// An `f32` input or output; a dimension of 0 is the symbol `N`.
#[must_use]
pub fn value(name: &str, dims: &[i64]) -> Message {
    let shape = dims.iter().fold(Message::new(), |shape, dim| {
        let dim = match dim {
            0 => Message::new().bytes(2, b"N"),
            dim => Message::new().int(1, *dim),
        };
        shape.message(1, &dim)
    });
    let tensor = Message::new().int(1, 1).message(2, &shape);
    let kind = Message::new().message(1, &tensor);
    Message::new().bytes(1, name.as_bytes()).message(2, &kind)
}

/// A file from its parts, with metadata of the model.
#[must_use]
pub fn model(
    nodes: &[Message],
    tensors: &[Message],
    input: &Message,
    output: &Message,
    metadata: &[(&str, &str)],
) -> Vec<u8> {
    let mut graph = Message::new();
    for node in nodes {
        graph = graph.message(1, node);
    }
    graph = graph.bytes(2, b"generator");
    for tensor in tensors {
        graph = graph.message(5, tensor);
    }
    graph = graph.message(11, input).message(12, output);
    let mut model = Message::new().int(1, 8).message(7, &graph);
    model = model.message(8, &Message::new().bytes(1, b"").int(2, 17));
    for (key, text) in metadata {
        let entry = Message::new()
            .bytes(1, key.as_bytes())
            .bytes(2, text.as_bytes());
        model = model.message(14, &entry);
    }
    model.0
}

/// A sound generator of `latent` numbers and 1 by 2 by 2 pixels: image = sigmoid(latent · weights + bias), where
/// `weights` has `latent` rows of 4.
#[must_use]
pub fn dense(latent: i64, weights: &[f32], bias: [f32; 4], metadata: &[(&str, &str)]) -> Vec<u8> {
    // The shape of Reshape is a tensor of int64 (type 7).
    let shape: Vec<u8> = [-1i64, 1, 2, 2]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let shape = Message::new()
        .int(1, 4)
        .int(2, 7)
        .bytes(8, b"shape")
        .bytes(9, &shape);
    model(
        &[
            node("Gemm", &["latent", "weights", "bias"], "sums"),
            node("Sigmoid", &["sums"], "values"),
            node("Reshape", &["values", "shape"], "image"),
        ],
        &[
            tensor("weights", &[latent, 4], weights),
            tensor("bias", &[4], &bias),
            shape,
        ],
        &value("latent", &[0, latent]),
        &value("image", &[0, 1, 2, 2]),
        metadata,
    )
}
