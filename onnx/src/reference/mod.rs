//! What the canonical graph means: evaluates every operator by ONNX's definition, one image at a
//! time, in f64 within an operator and f32 between two.
//!
//! It folds constants and makes golden images, and every engine is compared with it. Nothing here
//! panics, whatever the graph: what cannot be computed is `None`.

mod elementwise;
mod moved;
mod product;
mod reduced;
mod walk;
mod window;

use std::borrow::Cow;

use crate::constant::{Constant, Data};
use crate::graph::{Graph, Op, ValueId};

/// The result of an operator, of this shape; `None` where elements cannot be computed, such as
/// integers that overflow or are divided by 0.
pub(crate) fn evaluate(op: &Op, inputs: &[&Constant], shape: &[usize]) -> Option<Constant> {
    let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
    let whole = |input: &&Constant| count(&input.shape) == Some(input.data.len());
    if op.shape(&shapes)? != shape || !inputs.iter().all(whole) {
        return None;
    }
    let count = count(shape)?;
    let data = match (op, inputs) {
        _ if count == 0 => empty(op, inputs)?,
        (Op::Unary(op), [a]) => elementwise::unary(*op, &a.data)?,
        (Op::Binary(op), [a, b]) => elementwise::binary(*op, a, b, shape)?,
        (Op::Select, [condition, a, b]) => elementwise::select(condition, a, b, shape)?,
        (Op::Cast(to), [a]) => elementwise::cast(&a.data, *to),
        (Op::MatMul, [a, b]) => product::matmul(a, b, shape)?,
        (Op::Conv(window), [x, weights, bias @ ..]) => {
            let bias = bias.first().copied();
            window::convolve(window, false, [x, weights], bias, shape)?
        }
        (Op::ConvTranspose(window), [x, weights, bias @ ..]) => {
            let bias = bias.first().copied();
            window::convolve(window, true, [x, weights], bias, shape)?
        }
        (Op::MaxPool(window), [x]) => window::max_pool(window, x, shape)?,
        (Op::Reduce(reduction, _), [a]) => reduced::reduce(*reduction, a, shape)?,
        (Op::Resample { axis, taps }, [a]) => reduced::resample(a, *axis, taps)?,
        (Op::Reshape(_), [a]) => a.data.clone(),
        (Op::Transpose(order), [a]) => moved::transpose(a, order)?,
        (Op::Expand(_), [a]) => moved::expand(a, shape)?,
        (Op::Concat(axis), parts) => moved::concat(parts, *axis)?,
        (Op::Gather(axis), [a, indices]) => moved::gather(a, indices, *axis)?,
        (Op::Slice(parts), [a]) => moved::slice(a, parts)?,
        (Op::Pad { begin, fill, .. }, [a]) => moved::pad(a, begin, *fill, shape)?,
        _ => return None,
    };
    (data.len() == count).then(|| Constant {
        shape: shape.to_vec(),
        data,
    })
}

/// Number of elements; `None` if there are so many along some of the axes that they cannot be
/// counted, be another axis empty or not.
fn count(shape: &[usize]) -> Option<usize> {
    let dims = shape.iter();
    dims.clone()
        .try_fold(1usize, |product, dim| product.checked_mul((*dim).max(1)))?;
    Some(dims.product())
}

/// No elements, of the right kind.
fn empty(op: &Op, inputs: &[&Constant]) -> Option<Data> {
    let floats = match (op, inputs) {
        (Op::Cast(to), _) => to.is_float(),
        (Op::Binary(op), _) if op.is_predicate() => false,
        (Op::Select, [_, first, ..]) | (_, [first, ..]) => first.as_f32s().is_some(),
        _ => return None,
    };
    Some(match floats {
        true => Data::F32(Vec::new()),
        false => Data::I64(Vec::new()),
    })
}

/// The image of a latent vector and a class; `None` if the vector has another length than the
/// graph's, or something cannot be computed.
#[must_use]
pub fn run(graph: &Graph, latent: &[f32], class: usize) -> Option<Vec<f32>> {
    let mut values = execute(graph, latent, class, false);
    let image = values.get_mut(graph.image)?.take()?;
    match image.into_owned().data {
        Data::F32(image) => Some(image),
        Data::I64(_) => None,
    }
}

/// All values of the graph for a latent vector and a class, constants among them; `None` for those
/// that cannot be computed.
#[must_use]
pub fn run_all(graph: &Graph, latent: &[f32], class: usize) -> Vec<Option<Constant>> {
    let values = execute(graph, latent, class, true).into_iter();
    values.map(|value| value.map(Cow::into_owned)).collect()
}

/// All values, or the image and those that no node has used.
fn execute<'a>(
    graph: &'a Graph,
    latent: &[f32],
    class: usize,
    keep: bool,
) -> Vec<Option<Cow<'a, Constant>>> {
    let known = graph.values.iter();
    let mut values: Vec<_> = known
        .map(|value| value.constant.as_ref().map(Cow::Borrowed))
        .collect();
    let mut give = |id: ValueId, data: Data| {
        let shape = graph.value(id).map(|value| value.shape.clone());
        let given = shape.map(|shape| Cow::Owned(Constant { shape, data }));
        if let Some(value) = values.get_mut(id) {
            *value = given;
        }
    };
    give(graph.latent, Data::F32(latent.to_vec()));
    if let Some(id) = graph.class {
        give(id, Data::I64(i64::try_from(class).into_iter().collect()));
    }
    let mut uses = vec![0usize; values.len()];
    for id in graph.nodes.iter().flat_map(|node| &node.inputs) {
        if let Some(uses) = uses.get_mut(*id) {
            *uses += 1;
        }
    }
    for node in &graph.nodes {
        let inputs = node.inputs.iter();
        let inputs: Option<Vec<&Constant>> = inputs.map(|id| values.get(*id)?.as_deref()).collect();
        let made = graph.value(node.output).zip(inputs);
        let made = made.and_then(|(value, inputs)| evaluate(&node.op, &inputs, &value.shape));
        if let Some(value) = values.get_mut(node.output) {
            *value = made.map(Cow::Owned);
        }
        for id in &node.inputs {
            if let (Some(uses), Some(value)) = (uses.get_mut(*id), values.get_mut(*id)) {
                *uses = uses.saturating_sub(1);
                if *uses == 0 && *id != graph.image && !keep {
                    *value = None;
                }
            }
        }
    }
    values
}

#[cfg(test)]
mod tests;
