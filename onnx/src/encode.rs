//! The canonical graph as an ONNX file again, for engines that take ONNX: operator set 17, a batch
//! of one, every shape written down.

use std::collections::BTreeSet;

use crate::constant::{Constant, DType};
use crate::graph::{Binary, Graph, Node, Op, Part, Reduction, Unary, ValueId, Window};
use crate::graph_builder::Attribute;
use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};

/// Version of the file format, and operator set.
const VERSIONS: (i64, i64) = (8, 17);

impl Graph {
    /// The graph as ONNX: inputs `latent`, float32 `[1, latent_len]`, and for a conditional
    /// generator `class`, int64 `[1]`; output `image`, float32.
    ///
    /// Of operators that mean the same, it has those that engines have right.
    #[must_use]
    pub fn to_onnx(&self) -> ModelProto {
        let mut encoder = Encoder {
            graph: self,
            nodes: Vec::new(),
            constants: Vec::new(),
        };
        for node in &self.nodes {
            encoder.node(node);
        }
        let used: BTreeSet<&ValueId> = self.nodes.iter().flat_map(|node| &node.inputs).collect();
        for (id, value) in self.values.iter().enumerate() {
            if let (Some(constant), true) = (&value.constant, used.contains(&id)) {
                let mut tensor = TensorProto::constant(&self.name(id), constant);
                if value.dtype == DType::Bool {
                    tensor.data_type = DType::Bool.code();
                    let bytes = constant.as_i64s().unwrap_or_default().iter();
                    tensor.raw_data = bytes.map(|x| u8::from(*x != 0)).collect();
                }
                encoder.constants.push(tensor);
            }
        }
        let info = |name: &str, id: ValueId| {
            let value = self.value(id);
            let dims = value.map_or(&[][..], |value| &value.shape);
            let dtype = value.map_or(DType::F32, |value| value.dtype);
            ValueInfoProto::tensor(name, dtype, None, &ints(dims))
        };
        let class = self.class.map(|class| info("class", class));
        ModelProto::new(
            VERSIONS.0,
            VERSIONS.1,
            GraphProto {
                name: "canonical".into(),
                node: encoder.nodes,
                initializer: encoder.constants,
                input: [info("latent", self.latent)]
                    .into_iter()
                    .chain(class)
                    .collect(),
                output: vec![info("image", self.image)],
                ..GraphProto::default()
            },
        )
    }

    fn name(&self, id: ValueId) -> String {
        match id {
            id if id == self.latent => "latent".into(),
            id if Some(id) == self.class => "class".into(),
            id if id == self.image => "image".into(),
            id => format!("v{id}"),
        }
    }
}

fn ints(sizes: &[usize]) -> Vec<i64> {
    sizes
        .iter()
        .map(|size| i64::try_from(*size).unwrap_or(i64::MAX))
        .collect()
}

struct Encoder<'a> {
    graph: &'a Graph,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Encoder<'_> {
    /// A constant that the graph does not have; gives its name.
    fn constant(&mut self, constant: &Constant) -> String {
        let name = format!("c{}", self.constants.len());
        self.constants.push(TensorProto::constant(&name, constant));
        name
    }

    fn sizes(&mut self, sizes: &[usize]) -> String {
        self.constant(&Constant::i64s(ints(sizes)))
    }

    fn push(
        &mut self,
        op_type: &str,
        inputs: Vec<String>,
        output: &str,
        attributes: Vec<(&str, Attribute)>,
    ) {
        let name = format!("n{}", self.nodes.len());
        let attributes = attributes.into_iter();
        let attributes = attributes.map(|(name, value)| AttributeProto::new(name, value));
        self.nodes
            .push(NodeProto::new(name, op_type, inputs, output, attributes));
    }

    /// An operator whose result only the next one takes; gives its name.
    fn step(
        &mut self,
        op_type: &str,
        inputs: Vec<String>,
        attributes: Vec<(&str, Attribute)>,
    ) -> String {
        let output = format!("s{}", self.nodes.len());
        self.push(op_type, inputs, &output, attributes);
        output
    }

    fn node(&mut self, node: &Node) {
        let output = self.graph.name(node.output);
        let shapes = node.inputs.iter().map(|id| {
            self.graph
                .value(*id)
                .map_or(Vec::new(), |value| value.shape.clone())
        });
        let shapes: Vec<Vec<usize>> = shapes.collect();
        let mut inputs: Vec<String> = node.inputs.iter().map(|id| self.graph.name(*id)).collect();
        let none = Vec::new;
        let int = |x: usize| Attribute::Int(i64::try_from(x).unwrap_or(i64::MAX));
        let list = |all: &[usize]| Attribute::Ints(ints(all));
        let (op_type, attributes) = match &node.op {
            Op::Unary(op) => match *op {
                Unary::LeakyRelu(alpha) => ("LeakyRelu", vec![("alpha", Attribute::Float(alpha))]),
                Unary::Elu(alpha) => ("Elu", vec![("alpha", Attribute::Float(alpha))]),
                Unary::Clip(low, high) => {
                    for bound in [low, high] {
                        // Engines take no infinite bounds.
                        let bound = bound.clamp(f32::MIN, f32::MAX);
                        inputs.push(self.constant(&Constant::scalar(bound)));
                    }
                    ("Clip", none())
                }
                op => (unary(op), none()),
            },
            // tract 0.23 computes a constant minus a convolution as their sum.
            Op::Binary(Binary::Sub) if self.is_constant(node, 0) => {
                let last = inputs.pop().unwrap_or_default();
                inputs.push(self.step("Neg", vec![last], none()));
                ("Add", none())
            }
            Op::Binary(op) => {
                let float = self.dtype(node, 0) == DType::F32;
                let fmod = vec![("fmod", Attribute::Int(i64::from(float)))];
                (binary(*op), if *op == Binary::Mod { fmod } else { none() })
            }
            Op::Select => ("Where", none()),
            Op::Cast(to) => ("Cast", vec![("to", Attribute::Int(to.code().into()))]),
            Op::MatMul => ("MatMul", none()),
            Op::Conv(window) => ("Conv", attributes(window, false)),
            Op::ConvTranspose(window) => ("ConvTranspose", attributes(window, true)),
            Op::MaxPool(window) => {
                let mut all = attributes(window, false);
                all.retain(|(name, _)| *name != "group");
                ("MaxPool", all)
            }
            Op::Reduce(reduction, axes) => {
                let keep = ("keepdims", Attribute::Int(1));
                match reduction {
                    // Of this operator the axes are an input already.
                    Reduction::Sum => {
                        inputs.push(self.sizes(axes));
                        ("ReduceSum", vec![keep])
                    }
                    Reduction::Mean => ("ReduceMean", vec![keep, ("axes", list(axes))]),
                    Reduction::Max => ("ReduceMax", vec![keep, ("axes", list(axes))]),
                    Reduction::Min => ("ReduceMin", vec![keep, ("axes", list(axes))]),
                    Reduction::Prod => ("ReduceProd", vec![keep, ("axes", list(axes))]),
                }
            }
            Op::Reshape(shape) => {
                inputs.push(self.sizes(shape));
                ("Reshape", none())
            }
            Op::Transpose(order) => ("Transpose", vec![("perm", list(order))]),
            Op::Expand(shape) => {
                inputs.push(self.sizes(shape));
                ("Expand", none())
            }
            Op::Concat(axis) => ("Concat", vec![("axis", int(*axis))]),
            Op::Gather(axis) => ("Gather", vec![("axis", int(*axis))]),
            Op::Slice(parts) => return self.slice(inputs, parts, &shapes, &output),
            Op::Pad { begin, end, fill } => {
                inputs.push(self.sizes(&[begin.as_slice(), end].concat()));
                inputs.push(self.constant(&Constant::scalar(*fill)));
                ("Pad", none())
            }
            Op::Resample { axis, taps } => {
                let size = shapes
                    .first()
                    .and_then(|s| s.get(*axis))
                    .copied()
                    .unwrap_or(1);
                let rank = shapes.first().map_or(0, Vec::len);
                return self.resample(inputs, *axis, rank, size, taps, &output);
            }
        };
        self.push(op_type, inputs, &output, attributes);
    }

    fn is_constant(&self, node: &Node, at: usize) -> bool {
        let value = node.inputs.get(at).and_then(|id| self.graph.value(*id));
        value.is_some_and(|value| value.constant.is_some())
    }

    fn dtype(&self, node: &Node, at: usize) -> DType {
        let value = node.inputs.get(at).and_then(|id| self.graph.value(*id));
        value.map_or(DType::F32, |value| value.dtype)
    }

    /// Steps of 1 as Slice, other ones picked by their positions.
    fn slice(&mut self, mut x: Vec<String>, parts: &[Part], shapes: &[Vec<usize>], output: &str) {
        let sizes = shapes.first().map_or(&[][..], Vec::as_slice);
        for (axis, part) in parts.iter().enumerate().filter(|(_, part)| part.step != 1) {
            let at = |i: usize| part.first as i64 + i as i64 * part.step;
            let positions = Constant::i64s((0..part.count).map(at).collect());
            x.push(self.constant(&positions));
            x = vec![self.step("Gather", x, vec![("axis", Attribute::Int(axis as i64))])];
        }
        let even = parts.iter().zip(sizes).enumerate();
        let cut = even.filter(|(_, (part, size))| part.step == 1 && part.count != **size);
        let cut: Vec<(usize, Part)> = cut.map(|(axis, (part, _))| (axis, *part)).collect();
        if cut.is_empty() {
            return self.push("Identity", x, output, Vec::new());
        }
        let column = |f: fn(&(usize, Part)) -> usize| cut.iter().map(f).collect::<Vec<_>>();
        x.push(self.sizes(&column(|(_, part)| part.first)));
        x.push(self.sizes(&column(|(_, part)| part.first + part.count)));
        x.push(self.sizes(&column(|(axis, _)| *axis)));
        self.push("Slice", x, output, Vec::new());
    }

    /// Picked where every output is one input; else a product with a matrix of the weights.
    fn resample(
        &mut self,
        mut x: Vec<String>,
        axis: usize,
        rank: usize,
        size: usize,
        taps: &[Vec<(usize, f32)>],
        output: &str,
    ) {
        let only = |taps: &Vec<(usize, f32)>| match taps.as_slice() {
            [(at, 1.0)] => Some(i64::try_from(*at).unwrap_or(0)),
            _ => None,
        };
        if let Some(positions) = taps.iter().map(only).collect::<Option<Vec<i64>>>() {
            x.push(self.constant(&Constant::i64s(positions)));
            return self.push(
                "Gather",
                x,
                output,
                vec![("axis", Attribute::Int(axis as i64))],
            );
        }
        // [outputs, inputs], or the other way around for the last axis.
        let last = axis + 1 == rank;
        let mut matrix = vec![0.0f32; size * taps.len()];
        for (to, taps_of) in taps.iter().enumerate() {
            for (from, weight) in taps_of {
                let at = if last {
                    from * taps.len() + to
                } else {
                    to * size + from
                };
                if let Some(element) = matrix.get_mut(at) {
                    *element += weight;
                }
            }
        }
        let shape = if last {
            vec![size, taps.len()]
        } else {
            vec![taps.len(), size]
        };
        let matrix = self.constant(&Constant::f32s(shape, matrix));
        if last {
            x.push(matrix);
            return self.push("MatMul", x, output, Vec::new());
        }
        x.insert(0, matrix);
        if axis + 2 == rank {
            return self.push("MatMul", x, output, Vec::new());
        }
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(axis, rank.saturating_sub(2));
        let perm = || vec![("perm", Attribute::Ints(ints(&order)))];
        let turned = x.pop().unwrap_or_default();
        x.push(self.step("Transpose", vec![turned], perm()));
        let made = self.step("MatMul", x, Vec::new());
        self.push("Transpose", vec![made], output, perm());
    }
}

const fn unary(op: Unary) -> &'static str {
    match op {
        Unary::Relu => "Relu",
        Unary::LeakyRelu(_) => "LeakyRelu",
        Unary::Tanh => "Tanh",
        Unary::Sigmoid => "Sigmoid",
        Unary::Softplus => "Softplus",
        Unary::Elu(_) => "Elu",
        Unary::Clip(..) => "Clip",
        Unary::Exp => "Exp",
        Unary::Log => "Log",
        Unary::Sqrt => "Sqrt",
        Unary::Reciprocal => "Reciprocal",
        Unary::Erf => "Erf",
        Unary::Sin => "Sin",
        Unary::Cos => "Cos",
        Unary::Atan => "Atan",
        Unary::Neg => "Neg",
        Unary::Abs => "Abs",
        Unary::Floor => "Floor",
        Unary::Ceil => "Ceil",
        Unary::Round => "Round",
        Unary::Sign => "Sign",
        Unary::Not => "Not",
    }
}

const fn binary(op: Binary) -> &'static str {
    match op {
        Binary::Add => "Add",
        Binary::Sub => "Sub",
        Binary::Mul => "Mul",
        Binary::Div => "Div",
        Binary::Mod => "Mod",
        Binary::Pow => "Pow",
        Binary::Max => "Max",
        Binary::Min => "Min",
        Binary::Equal => "Equal",
        Binary::Less => "Less",
        Binary::And => "And",
        Binary::Or => "Or",
        Binary::Xor => "Xor",
    }
}

fn attributes(window: &Window, transposed: bool) -> Vec<(&'static str, Attribute)> {
    let list = |all: &[usize]| Attribute::Ints(ints(all));
    let begin = window.pads.iter().map(|pads| pads.0);
    let pads: Vec<usize> = begin.chain(window.pads.iter().map(|pads| pads.1)).collect();
    let mut all = vec![
        ("kernel_shape", list(&window.kernel)),
        ("strides", list(&window.strides)),
        ("dilations", list(&window.dilations)),
        ("pads", list(&pads)),
        (
            "group",
            Attribute::Int(i64::try_from(window.groups).unwrap_or(1)),
        ),
    ];
    if transposed && window.output_padding.iter().any(|extra| *extra > 0) {
        all.push(("output_padding", list(&window.output_padding)));
    }
    all
}
