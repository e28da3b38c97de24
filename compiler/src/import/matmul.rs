//! Products of matrices.

use dreamlet_onnx::shape::broadcast;
use dreamlet_runtime::engine::compiled::format::{Convolution, HwcShape, StridedWork};

use super::importer::Importer;
use super::node::NodeReader;
use super::strided::{Space, repeated, view};
use super::value::{Order, PlacedTensor, View, map_shape, usual};
use crate::CompileError;
use crate::ir::Op;

pub(super) fn matmul(
    importer: &mut Importer,
    node: &NodeReader<'_>,
) -> Result<PlacedTensor, CompileError> {
    let constant = |at: usize| {
        let (constant, floats) = node.floats(at)?;
        match constant.shape.as_slice() {
            [rest @ .., rows, columns] if rest.iter().all(|dim| *dim == 1) => {
                Some((*rows, *columns, floats))
            }
            _ => None,
        }
    };
    if let Some((rows, columns, floats)) = constant(1) {
        let weights = transposed(floats, rows, columns);
        return rows_times(importer, node, weights, columns);
    }
    let dims = node.shape();
    if let (Some((outputs, _, floats)), [1, inputs, columns]) =
        (constant(0), importer.data(node, 1)?.dims.as_slice())
    {
        // A constant matrix on the left mixes rows, as a convolution of one tap mixes channels.
        let (inputs, columns) = (*inputs, *columns);
        let data = importer.data(node, 1)?;
        let turned = PlacedTensor {
            dims: vec![1, inputs, 1, columns],
            ..data
        };
        let map = turned.map(&mut importer.net, &node.label());
        let map = map.ok_or_else(|| node.refuse("its input is no matrix"))?;
        let shape = map_shape(outputs, 1, columns);
        let id = importer.net.push(
            point(floats.to_vec(), outputs),
            vec![map.id],
            shape,
            &node.label(),
        );
        return Ok(PlacedTensor {
            id,
            dims,
            order: Order::planar(shape),
        });
    }
    strided(importer, node)
}

fn transposed(weights: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let columns_first = (0..columns).flat_map(|n| (0..rows).map(move |k| k * columns + n));
    columns_first
        .map(|at| weights.get(at).copied().unwrap_or_default())
        .collect()
}

/// A convolution of one tap.
fn point(weights: Vec<f32>, outputs: usize) -> Op {
    Op::Conv {
        geometry: Convolution {
            kernel: [1; 2],
            stride: [1; 2],
            pad: [0; 2],
            dilation: [1; 2],
            groups: 1,
            transposed: false,
            planar: false,
        },
        weights,
        bias: vec![0.0; outputs],
    }
}

/// Each row of the left times constant weights `[outputs][inputs]`: a dense layer for one row, else
/// a convolution of one tap, whose pixels are the rows.
fn rows_times(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    weights: Vec<f32>,
    outputs: usize,
) -> Result<PlacedTensor, CompileError> {
    let data = importer.data(node, 0)?;
    let dims = node.shape();
    let inputs = data.dims.last().copied().unwrap_or(1);
    let rows = data.dims.iter().product::<usize>() / inputs.max(1);
    if rows == 1 {
        let vector = data.vector(&mut importer.net, &node.label());
        importer.remember(node, 0, &vector);
        let shape = HwcShape::vector(u32::try_from(outputs).unwrap_or(u32::MAX));
        let op = Op::Dense {
            weights,
            bias: vec![0.0; outputs],
        };
        let id = importer.net.push(op, vec![vector.id], shape, &node.label());
        return Ok(PlacedTensor {
            id,
            dims,
            order: Order::Same,
        });
    }
    // An image whose channels are the last dimension lies so already.
    let own = importer.net.shape(data.id);
    let last = PlacedTensor {
        dims: data.dims.clone(),
        order: Order::Same,
        ..data.clone()
    };
    let lies = own.channels as usize == inputs && data.order == last.order;
    let (id, shape) = match lies || last_is_channels(&data, own, inputs) {
        true => (data.id, own),
        false => {
            let shape = map_shape(inputs, 1, rows);
            let moved = data.moved(&mut importer.net, shape, Order::Same, &node.label());
            importer.remember(node, 0, &moved);
            (moved.id, shape)
        }
    };
    let to = map_shape(outputs, shape.height as usize, shape.width as usize);
    let made = importer
        .net
        .push(point(weights, outputs), vec![id], to, &node.label());
    Ok(PlacedTensor {
        id: made,
        dims,
        order: Order::Same,
    })
}

/// Whether the elements lie in the tensor's own order, with its last dimension as channels.
fn last_is_channels(data: &PlacedTensor, shape: HwcShape, inputs: usize) -> bool {
    let count: usize = data.dims.iter().product();
    shape.channels as usize == inputs && (0..count).all(|i| data.order.position(shape, i) == i)
}

/// Both are computed, or the constant has several matrices.
fn strided(importer: &mut Importer, node: &NodeReader<'_>) -> Result<PlacedTensor, CompileError> {
    let operands = importer.operands(node)?;
    let [a, b] = operands.as_slice() else {
        return Err(node.refuse("it has other than two inputs"));
    };
    let dims = node.shape();
    let ([batch_a @ .., rows, inner], [batch_b @ .., _, columns]) = (a.dims(), b.dims()) else {
        return Err(node.refuse("it has no matrices"));
    };
    let batch = broadcast(batch_a, batch_b)
        .ok_or_else(|| node.refuse("its matrices do not go together"))?;
    let (shape, order) = usual(&dims);
    // A product with four dimensions need not be an image: it lies in its own order.
    let (shape, order) = match order {
        Order::Same => (shape, order),
        _ => (
            map_shape(
                *columns,
                1,
                dims.iter().product::<usize>() / columns.max(&1),
            ),
            Order::Same,
        ),
    };
    let mut inputs = Vec::new();
    let mut space = Space {
        sizes: [batch.as_slice(), &[*rows, *columns, *inner]].concat(),
        output: View::row_major(&dims),
        operands: Vec::new(),
    };
    space.output.strides.push(0);
    for (operand, own, left) in [(a, batch_a, true), (b, batch_b, false)] {
        let (source, found) = view(importer, node, operand, &mut inputs);
        let depth = own.len();
        let (over, matrix) = found.strides.split_at(depth);
        let over = View {
            first: found.first,
            strides: over.to_vec(),
        };
        let mut walk = repeated(over, own, &batch);
        match (left, matrix) {
            (true, [row, inner]) => walk.strides.extend([*row, 0, *inner]),
            (_, [inner, column]) => walk.strides.extend([0, *column, *inner]),
            _ => return Err(node.refuse("it has no matrices")),
        }
        space.operands.push((source, walk));
    }
    space.join(3, |_| false);
    let op = Op::Strided(vec![space.op(node, StridedWork::MatMul)?]);
    let id = importer.net.push(op, inputs, shape, &node.label());
    Ok(PlacedTensor { id, dims, order })
}
