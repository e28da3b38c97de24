//! The first layer that a latent meets in a generator's graph.

use std::collections::HashSet;

use dreamlet_onnx::graph::{Binary, Graph, Node, Op, Reduction, Unary, Value, ValueId};
use dreamlet_onnx::{DType, reference};
use rayon::prelude::*;

/// The first dense or convolutional layer that the latent meets with nothing nonlinear before it.
#[derive(Clone, Debug)]
pub(crate) struct FirstLayer {
    /// Ends with the layer's result, an affine function of the latent.
    layer: Graph,
    /// Ends with the first activation behind the layer.
    activation: Graph,
}

/// How a value depends on the latent, the class given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dependence {
    No,
    /// Affine; through weights or not.
    Affine {
        weighted: bool,
    },
    Other,
}

use Dependence::{Affine, No, Other};

impl FirstLayer {
    /// Finds it; `None` where something nonlinear comes first, such as a normalization of the latent.
    pub(crate) fn find(graph: &Graph) -> Option<Self> {
        let mut known = vec![No; graph.values.len()];
        *known.get_mut(graph.latent)? = Affine { weighted: false };
        let of = |known: &[Dependence], id: &ValueId| known.get(*id).copied().unwrap_or(No);
        let mut layer = None;
        for node in &graph.nodes {
            let inputs: Vec<Dependence> = node.inputs.iter().map(|id| of(&known, id)).collect();
            let made = dependence(&node.op, &inputs);
            *known.get_mut(node.output)? = made;
            match (made, layer) {
                (Affine { weighted: true }, None) => layer = Some(node.output),
                (Other, Some(layer)) if inputs.contains(&Affine { weighted: true }) => {
                    return Some(Self::of(graph, layer, node.output));
                }
                _ => {}
            }
        }
        // A generator without an activation: its image is affine itself.
        layer.map(|layer| Self::of(graph, layer, graph.image))
    }

    fn of(graph: &Graph, layer: ValueId, activation: ValueId) -> Self {
        Self {
            layer: until(graph, layer),
            activation: until(graph, activation),
        }
    }

    /// The columns of the layer's matrix, one for each component of the latent: what the component
    /// adds to the result. What the class adds is no part of it. `None` if the graph cannot be
    /// computed.
    pub(crate) fn weights(&self, class: usize) -> Option<Vec<Vec<f64>>> {
        let len = latent_len(&self.layer)?;
        let zero = reference::run(&self.layer, &vec![0.0; len], class)?;
        let column = |component: usize| {
            let mut latent = vec![0.0; len];
            *latent.get_mut(component)? = 1.0;
            let one = reference::run(&self.layer, &latent, class)?;
            let pairs = one.iter().zip(&zero);
            Some(pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)).collect())
        };
        (0..len).into_par_iter().map(column).collect()
    }

    /// What the first activation makes of a latent; `None` if the graph cannot be computed.
    pub(crate) fn activations(&self, latent: &[f32], class: usize) -> Option<Vec<f32>> {
        reference::run(&self.activation, latent, class)
    }

    /// Multiplications and additions of [`Self::activations`].
    pub(crate) fn work(&self) -> u64 {
        let graph = &self.activation;
        let work = |node: &Node| {
            let shape = |id: &ValueId| graph.value(*id).map(|value| value.shape.as_slice());
            let inputs: Option<Vec<_>> = node.inputs.iter().map(shape).collect();
            let made = shape(&node.output)?.iter().map(|n| *n as u64).product();
            Some(node.op.cost(&inputs?, made).0)
        };
        graph.nodes.iter().filter_map(work).sum()
    }
}

fn latent_len(graph: &Graph) -> Option<usize> {
    graph.value(graph.latent)?.shape.last().copied()
}

/// How an operator's result depends on the latent if its inputs do so.
fn dependence(op: &Op, inputs: &[Dependence]) -> Dependence {
    if inputs.contains(&Other) {
        return Other;
    }
    if inputs.iter().all(|input| *input == No) {
        return No;
    }
    let first_alone = inputs.iter().skip(1).all(|input| *input == No);
    let one_alone = inputs.iter().filter(|input| **input != No).count() == 1;
    let (affine, weights) = match op {
        Op::Unary(Unary::Neg)
        | Op::Binary(Binary::Add | Binary::Sub)
        | Op::Reduce(Reduction::Sum | Reduction::Mean, _)
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Expand(_)
        | Op::Concat(_)
        | Op::Slice(_)
        | Op::Pad { .. }
        | Op::Resample { .. } => (true, false),
        Op::Binary(Binary::Mul) => (one_alone, false),
        Op::Binary(Binary::Div) | Op::Gather(_) => (first_alone, false),
        Op::Select => (inputs.first() == Some(&No), false),
        Op::Cast(dtype) => (dtype.canonical() == DType::F32, false),
        Op::MatMul => (one_alone, true),
        Op::Conv(_) | Op::ConvTranspose(_) => (first_alone, true),
        _ => (false, false),
    };
    let before = inputs.contains(&Affine { weighted: true });
    match affine {
        true => Affine {
            weighted: weights || before,
        },
        false => Other,
    }
}

/// The part of a graph that makes one of its values.
fn until(graph: &Graph, value: ValueId) -> Graph {
    let mut needed = HashSet::from([value]);
    let mut nodes: Vec<Node> = Vec::new();
    for node in graph.nodes.iter().rev() {
        if needed.contains(&node.output) {
            needed.extend(&node.inputs);
            nodes.push(node.clone());
        }
    }
    nodes.reverse();
    let values = graph.values.iter().enumerate().map(|(id, value)| Value {
        dtype: value.dtype,
        shape: value.shape.clone(),
        // Without the weights of later layers.
        constant: value.constant.clone().filter(|_| needed.contains(&id)),
    });
    Graph {
        values: values.collect(),
        nodes,
        latent: graph.latent,
        class: graph.class,
        image: value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent_space::testing::{graph_of, small_layer};

    #[test]
    fn the_columns_are_those_of_the_matrix_whatever_is_added() {
        let (graph, columns) = small_layer();
        let layer = FirstLayer::find(&graph).unwrap();
        assert_eq!(layer.weights(0).unwrap(), columns);
        // Relu of the first column and the bias 0.5, -9, 0.
        assert_eq!(layer.activations(&[1.0, 0.0], 0).unwrap(), [3.5, 0.0, 0.0]);
        assert_eq!(layer.work(), 2 * 3 + 3 + 3);
    }

    #[test]
    fn something_nonlinear_before_the_layer_leaves_none() {
        let graph = graph_of(Some(Unary::Tanh));
        assert!(FirstLayer::find(&graph).is_none());
        assert!(FirstLayer::find(&graph_of(Some(Unary::Neg))).is_some());
    }
}
