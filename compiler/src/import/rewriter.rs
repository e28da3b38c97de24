//! Canonical graphs into others that make the same image.

use dreamlet_onnx::graph::{Graph, Node, Op, Value, ValueId};
use dreamlet_onnx::{Constant, DType, Data};

/// The nodes so far. New ones bear the name of the node that they are made for.
pub(super) struct Rewriter {
    pub(super) values: Vec<Value>,
    pub(super) nodes: Vec<Node>,
}

/// The node that makes a value.
pub(super) fn producer(nodes: &[Node], id: ValueId) -> Option<&Node> {
    nodes.iter().rev().find(|node| node.output == id)
}

impl Rewriter {
    /// The graph with each node as `rewrite` makes it anew, or as it was, and without what is no
    /// longer needed.
    pub(super) fn of(
        graph: &Graph,
        mut rewrite: impl FnMut(&mut Self, &Node) -> Option<()>,
    ) -> Graph {
        let mut made = Self {
            values: graph.values.clone(),
            nodes: Vec::new(),
        };
        for node in &graph.nodes {
            if rewrite(&mut made, node).is_none() {
                made.nodes.push(node.clone());
            }
        }
        let mut needed = vec![false; made.values.len()];
        needed[graph.image] = true;
        for node in made.nodes.iter().rev() {
            if needed[node.output] {
                node.inputs.iter().for_each(|&input| needed[input] = true);
            }
        }
        made.nodes.retain(|node| needed[node.output]);
        Graph {
            values: made.values,
            nodes: made.nodes,
            ..graph.clone()
        }
    }

    /// A new constant.
    pub(super) fn constant(&mut self, shape: Vec<usize>, data: Vec<f32>) -> ValueId {
        self.values.push(Value {
            dtype: DType::F32,
            shape: shape.clone(),
            constant: Some(Constant {
                shape,
                data: Data::F32(data),
            }),
        });
        self.values.len() - 1
    }

    /// Adds a node for `origin` and gives what it makes.
    pub(super) fn push(&mut self, origin: &Node, op: Op, inputs: &[ValueId]) -> Option<ValueId> {
        let of: Vec<&Value> = inputs.iter().map(|&id| &self.values[id]).collect();
        let (dtype, shape) = op.result(&of)?;
        self.values.push(Value {
            dtype,
            shape,
            constant: None,
        });
        let output = self.values.len() - 1;
        self.nodes.push(Node {
            op,
            inputs: inputs.to_vec(),
            output,
            ..origin.clone()
        });
        Some(output)
    }

    /// Makes what was added last the result of `origin`, if it has the shape of that.
    pub(super) fn finish(&mut self, origin: &Node) -> Option<()> {
        let made = self.nodes.last_mut()?;
        let same = self.values[made.output].shape == self.values[origin.output].shape;
        same.then(|| made.output = origin.output)
    }
}
