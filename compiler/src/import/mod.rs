//! ONNX file to [network](super::ir).
//!
//! Constants are computed on the way ([`constants`]), tensors lose the batch's axis, and reshapes and transpositions only change how a tensor's own
//! order maps to a value's memory ([`value::Order`]): numbers are moved where an operator asks for them in another place.

mod constants;
mod conv;
mod dense;
mod dims;
mod elementwise;
mod layout;
mod node;
mod resize;
mod slice;
mod tensor;
pub(crate) mod value;

use std::collections::HashMap;

use dreamlet_onnx::CheckedGraph;
use dreamlet_onnx::proto::NodeProto;
use dreamlet_runtime::engine::compiled::format::HwcShape;

use super::CompileError;
use super::ir::{Net, Op, len};
use node::Node;
use value::{Data, Known, Order};

/// What is known of the graph so far.
struct Reader {
    net: Net,
    known: HashMap<String, Known>,
}

/// Reads a model that has been checked; `classes` can be asked for.
///
/// # Errors
/// [`CompileError::Node`] names the first node that has no layer on the device.
pub(crate) fn import(checked: &CheckedGraph, classes: usize) -> Result<Net, CompileError> {
    let (graph, found) = (checked.graph()?, &checked.inspection);
    let latent_len = u32::try_from(found.latent_len).unwrap_or(u32::MAX);
    let mut reader = Reader {
        net: Net::new(latent_len, classes),
        known: HashMap::new(),
    };
    for tensor in &graph.initializer {
        if let Some(constant) = tensor::constant(tensor) {
            reader
                .known
                .insert(tensor.name.clone(), Known::Constant(constant.into()));
        }
    }
    let mut dims = vec![1, found.latent_len];
    dims.resize(found.latent_rank, 1);
    let latent = Data {
        id: reader.net.latent,
        dims,
        order: Order::Same,
    };
    reader
        .known
        .insert(found.latent_name.clone(), Known::Data(latent));
    if let Some(class) = &found.class_name {
        reader.known.insert(class.clone(), Known::Class(vec![1]));
    }
    for (index, pb) in graph.node.iter().enumerate() {
        let node = Node {
            pb,
            index,
            opset: found.opset,
        };
        let made = reader.step(&node)?;
        if let Some(output) = pb.output.first() {
            reader.known.insert(output.clone(), made);
        }
    }
    let pb = NodeProto {
        op_type: "the graph's output".into(),
        output: vec![found.output_name.clone()],
        ..NodeProto::default()
    };
    let node = Node {
        pb: &pb,
        index: graph.node.len(),
        opset: found.opset,
    };
    let Some(Known::Data(image)) = reader.known.get(&found.output_name).cloned() else {
        return Err(node.refuse("it does not depend on the latent vector"));
    };
    // The image's order is the output's own, CHW.
    let planar = image.vector(&mut reader.net, "image");
    reader.net.image = planar.id;
    Ok(reader.net)
}

impl Reader {
    fn step(&mut self, node: &Node<'_>) -> Result<Known, CompileError> {
        if let Some(constant) = constants::evaluate(node, &self.known)? {
            return Ok(Known::Constant(constant.into()));
        }
        match node.pb.op_type.as_str() {
            "Gemm" => dense::gemm(self, node),
            "MatMul" => dense::matmul(self, node),
            "Conv" => conv::conv(self, node),
            "ConvTranspose" => conv::conv_transpose(self, node),
            "BatchNormalization" => elementwise::batch_normalization(self, node),
            "Relu" | "LeakyRelu" | "Tanh" | "Sigmoid" | "Clip" | "Softplus" | "Elu" => {
                elementwise::activation(self, node)
            }
            "PRelu" => elementwise::prelu(self, node),
            "Add" | "Sub" | "Mul" | "Div" => elementwise::binary(self, node),
            "Identity" | "Dropout" => node.input(&self.known, 0).cloned(),
            "Cast" => layout::cast(self, node),
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => layout::reshape(self, node),
            "Transpose" => layout::transpose(self, node),
            "Concat" => layout::concat(self, node),
            "Slice" => slice::slice(self, node),
            "Gather" => layout::gather(self, node),
            "DepthToSpace" => layout::depth_to_space(self, node),
            "Pad" => layout::pad(self, node),
            "Resize" => resize::resize(self, node),
            _ => Err(node.refuse("the device's engine has no layer for this operator")),
        }
    }

    /// Input `at` as an image, and its shape.
    fn map(&mut self, node: &Node<'_>, at: usize) -> Result<(Data, HwcShape), CompileError> {
        let data = node.data(&self.known, at)?.clone();
        let map = data.map(&mut self.net, &node.label()).ok_or_else(|| {
            node.refuse(format!(
                "its input has dimensions {:?}, [1, channels, height, width] were expected",
                data.dims
            ))
        })?;
        self.remember(node, at, &map);
        let shape = self.net.shape(map.id);
        Ok((map, shape))
    }

    /// Input `at` as a vector, and its length.
    fn vector(&mut self, node: &Node<'_>, at: usize) -> Result<(Data, usize), CompileError> {
        let data = node.data(&self.known, at)?.clone();
        let vector = data.vector(&mut self.net, &node.label());
        self.remember(node, at, &vector);
        let length = len(self.net.shape(vector.id));
        Ok((vector, length))
    }

    /// Later nodes find the tensor where it was moved to, so that it is moved once.
    fn remember(&mut self, node: &Node<'_>, at: usize, data: &Data) {
        if let Some(name) = node.pb.input.get(at) {
            self.known.insert(name.clone(), Known::Data(data.clone()));
        }
    }

    /// Adds a node whose result is an image.
    fn push_map(&mut self, node: &Node<'_>, op: Op, inputs: Vec<usize>, shape: HwcShape) -> Known {
        let id = self.net.push(op, inputs, shape, &node.label());
        Known::Data(Data {
            id,
            dims: vec![
                1,
                shape.channels as usize,
                shape.height as usize,
                shape.width as usize,
            ],
            order: Order::planar(shape),
        })
    }
}
