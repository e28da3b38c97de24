//! Generators made by hand.

use dreamlet_onnx::graph::{Binary, Graph, Node, Op, Unary, Value};
use dreamlet_onnx::{Constant, DType};

/// relu(z·A + b) for two latent components, after `before` where there is one.
pub(super) fn graph_of(before: Option<Unary>) -> Graph {
    let value = |width| Value {
        dtype: DType::F32,
        shape: vec![1, width],
        constant: None,
    };
    let constant = |shape: Vec<usize>, data: Vec<f32>| Value {
        dtype: DType::F32,
        shape: shape.clone(),
        constant: Some(Constant::f32s(shape, data)),
    };
    let node = |op: Op, inputs: Vec<usize>, output: usize| Node {
        name: String::new(),
        op_type: String::new(),
        op,
        inputs,
        output,
    };
    let mut nodes = vec![
        node(Op::MatMul, vec![6, 1], 2),
        node(Op::Binary(Binary::Add), vec![2, 3], 4),
        node(Op::Unary(Unary::Relu), vec![4], 5),
    ];
    match before {
        Some(before) => nodes.insert(0, node(Op::Unary(before), vec![0], 6)),
        None => nodes[0].inputs = vec![0, 1],
    }
    Graph {
        values: vec![
            value(2),
            // Row by row: AᵀA below is [[9, 0], [0, 16]] but for a rotation by nothing.
            constant(vec![2, 3], vec![3.0, 0.0, 0.0, 0.0, 0.0, 4.0]),
            value(3),
            constant(vec![3], vec![0.5, -9.0, 0.0]),
            value(3),
            value(3),
            value(2),
        ],
        nodes,
        latent: 0,
        class: None,
        image: 5,
    }
}

/// A graph and the columns of its layer's matrix.
pub(super) fn small_layer() -> (Graph, Vec<Vec<f64>>) {
    let columns = vec![vec![3.0, 0.0, 0.0], vec![0.0, 0.0, 4.0]];
    (graph_of(None), columns)
}
