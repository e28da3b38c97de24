//! Attention, and the rotation of embeddings by their positions.

use super::activation::softmax_over;
use super::arithmetic::ValueResult;
use super::integers::mask;
use crate::build::Builder;
use crate::constant::DType;
use crate::error::ModelError;
use crate::graph::{Binary, Op, Part, Reduction, Unary, ValueId};
use crate::node::{Made, OnnxNode};

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    Some(match node.pb.op_type.as_str() {
        "Attention" => attention(node, b),
        "RotaryEmbedding" => rotary(node, b).map(|id| vec![id]),
        _ => return None,
    })
}

/// A count that an attribute gives, where it is there and positive.
fn count(node: &OnnxNode<'_>, name: &'static str) -> Result<Option<usize>, ModelError> {
    match node.int(name, 0)? {
        0 => Ok(None),
        given => match usize::try_from(given) {
            Ok(count) => Ok(Some(count)),
            Err(_) => Err(node.attribute_error(name, "a positive number", given)),
        },
    }
}

/// `[n, heads, places, size]` of that or of `[n, places, heads * size]`.
fn by_heads(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    index: usize,
    heads: Option<usize>,
) -> ValueResult {
    let x = node.input(index)?;
    match (b.shape(x), heads) {
        (&[_, _, _, _], _) => Ok(x),
        (&[n, places, all], Some(heads)) if all.checked_rem(heads) == Some(0) => {
            let split = b.reshape(x, &[n, places, heads, all / heads])?;
            b.transpose(split, &[0, 2, 1, 3])
        }
        (found, _) => Err(node.shape_error("a value by heads, or their number", found)),
    }
}

fn attention(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(3, if node.opset >= 24 { 7 } else { 6 })?;
    node.floats_only(b, &[0, 1, 2, 4, 5])?;
    let flat = b.rank(node.input(0)?) == 3;
    let (q_heads, kv_heads) = (count(node, "q_num_heads")?, count(node, "kv_num_heads")?);
    let q = by_heads(node, b, 0, q_heads)?;
    let mut k = by_heads(node, b, 1, kv_heads)?;
    let mut v = by_heads(node, b, 2, kv_heads)?;
    match (node.optional(4), node.optional(5)) {
        (Some(past_key), Some(past_value)) => {
            k = b.concat(&[past_key, k], 2)?;
            v = b.concat(&[past_value, v], 2)?;
        }
        (None, None) => {}
        _ => return Err(node.shape_error("past_key and past_value together", "one of them")),
    }
    let (&[n, heads, rows, size], &[_, groups, columns, _]) = (b.shape(q), b.shape(k)) else {
        return Err(node.shape_error("values by heads", (b.shape(q), b.shape(k))));
    };
    let fit = b.shape(k) == [n, groups, columns, size] && heads.checked_rem(groups) == Some(0);
    let (true, &[.., deep]) = (
        fit && b.shape(v).get(..3) == Some(&[n, groups, columns]),
        b.shape(v),
    ) else {
        let found = (b.shape(q), b.shape(k), b.shape(v));
        return Err(node.shape_error("queries, keys and values that fit", found));
    };
    let scale = match node.has("scale") {
        true => node.float("scale", 1.0)?,
        false => (1.0 / (size as f64).sqrt()) as f32,
    };
    let scaled = b.with_number(Binary::Mul, q, scale)?;
    // The queries of a group meet the same keys: they are rows of one matrix.
    let each = heads / groups.max(1);
    let grouped = b.reshape(scaled, &[n, groups, each.saturating_mul(rows), size])?;
    let turned = b.transposed(k)?;
    let scores = b.matmul(grouped, turned)?;
    let scores = b.reshape(scores, &[n, heads, rows, columns])?;
    let mut capped = scores;
    let cap = node.float("softcap", 0.0)?;
    if cap != 0.0 {
        let small = b.with_number(Binary::Div, scores, cap)?;
        let bent = b.unary(Unary::Tanh, small)?;
        capped = b.with_number(Binary::Mul, bent, cap)?;
    }
    let past = node.optional(4).map_or(0, |past| b.dim(past, 2));
    let bias = bias(node, b, [n, heads, rows, columns], past)?;
    let biased = match bias {
        Some(bias) => b.add_to(capped, bias)?,
        None => capped,
    };
    let mut weights = softmax_over(b, biased, &[3])?;
    if let Some(bias) = bias {
        weights = without_closed_rows(b, weights, bias)?;
    }
    let rows_of_groups = b.reshape(weights, &[n, groups, each.saturating_mul(rows), columns])?;
    let made = b.matmul(rows_of_groups, v)?;
    let mut made = b.reshape(made, &[n, heads, rows, deep])?;
    if flat {
        let turned = b.transpose(made, &[0, 2, 1, 3])?;
        made = b.reshape(turned, &[n, rows, heads.saturating_mul(deep)])?;
    }
    let seen = match node.int("qk_matmul_output_mode", 0)? {
        0 => scores,
        1 => capped,
        2 => biased,
        3 => weights,
        other => {
            return Err(node.attribute_error("qk_matmul_output_mode", "0 to 3", other));
        }
    };
    Ok(vec![made, k, v, seen])
}

/// What is added to the scores: the mask, and minus infinity where a query does not see a key.
fn bias(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    [n, _, rows, columns]: [usize; 4],
    past: usize,
) -> Result<Option<ValueId>, ModelError> {
    let mut bias = match node.optional(3) {
        Some(mask) => Some(given_mask(node, b, mask, columns)?),
        None => None,
    };
    // How many keys each image has, and how many of them come before the queries.
    let lengths = match node.optional(6) {
        None => vec![None],
        Some(_) => node
            .known(b, 6, "nonpad_kv_seqlen")?
            .into_iter()
            .map(Some)
            .collect(),
    };
    if lengths.len() != 1 && lengths.len() != n {
        return Err(node.shape_error("one number of keys for each image", lengths));
    }
    let causal = node.int("is_causal", 0)? != 0;
    let left = node.int("left_window_size", -1)?;
    let right = node.int("right_window_size", -1)?;
    if !causal && left < 0 && right < 0 && lengths == [None] {
        return Ok(bias);
    }
    let mut open = Vec::new();
    for length in &lengths {
        let before = match length {
            Some(length) => length.saturating_sub(rows as i64),
            None => past as i64,
        };
        let sees = |row: usize, key: usize| {
            let (place, key) = (before.saturating_add(row as i64), key as i64);
            length.is_none_or(|length| key < length)
                && (!causal || key <= place)
                && (left < 0 || key >= place.saturating_sub(left))
                && (right < 0 || key <= place.saturating_add(right))
        };
        let mask = mask(node, b, rows, columns, sees)?;
        open.push(b.reshape(mask, &[1, 1, rows, columns])?);
    }
    let open = b.concat(&open, 0)?;
    let closed = closed_where_false(b, open)?;
    bias = match bias {
        Some(bias) => Some(b.add_to(bias, closed)?),
        None => Some(closed),
    };
    Ok(bias)
}

/// 0 where something is true, else minus infinity.
fn closed_where_false(b: &mut Builder<'_>, open: ValueId) -> ValueResult {
    let zero = b.floats(&[], vec![0.0]);
    let closed = b.floats(&[], vec![f32::NEG_INFINITY]);
    b.select(open, zero, closed)
}

/// The mask of the file as what is added; keys beyond it are not seen.
fn given_mask(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    mask: ValueId,
    columns: usize,
) -> ValueResult {
    let added = match b.dtype(mask) {
        DType::Bool => closed_where_false(b, mask)?,
        DType::F32 => mask,
        other => return Err(node.shape_error("a mask of numbers or truth values", other)),
    };
    let rank = b.rank(added);
    let missing = match b.shape(added).last() {
        Some(1) => 0,
        Some(width) => columns.saturating_sub(*width),
        None => 0,
    };
    let mut end = vec![0; rank];
    if let Some(last) = end.last_mut() {
        *last = missing;
    }
    let (begin, fill) = (vec![0; rank], f32::NEG_INFINITY);
    b.push(Op::Pad { begin, end, fill }, &[added])
}

/// 0 for queries that see no key, whose weights would be NaN.
fn without_closed_rows(b: &mut Builder<'_>, weights: ValueId, bias: ValueId) -> ValueResult {
    let axis = b.rank(bias).saturating_sub(1);
    let best = b.reduce(Reduction::Max, bias, &[axis])?;
    let bound = b.floats(&[], vec![f32::NEG_INFINITY]);
    let closed = b.binary(Binary::Equal, best, bound)?;
    if b.value(closed)
        .and_then(|closed| closed.ints())
        .is_some_and(|all| !all.contains(&1))
    {
        return Ok(weights);
    }
    let zero = b.floats(&[], vec![0.0]);
    b.select(closed, zero, weights)
}

/// Pairs of elements turned by angles, of which the cosines and sines are given for each place.
fn rotary(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    node.arity(3, 4)?;
    node.floats_only(b, &[0, 1, 2])?;
    let x = node.input(0)?;
    let shape = b.shape(x).to_vec();
    // The axis of the heads, which all turn alike.
    let (x, heads_axis) = match (shape.as_slice(), count(node, "num_heads")?) {
        (&[_, _, _, _], _) => (x, 1),
        (&[n, places, all], Some(heads)) if all.checked_rem(heads) == Some(0) => {
            (b.reshape(x, &[n, places, heads, all / heads])?, 2)
        }
        _ => return Err(node.shape_error("a value by heads, or their number", shape)),
    };
    let size = b.dim(x, 3);
    let turned = count(node, "rotary_embedding_dim")?.unwrap_or(size);
    if turned > size || !turned.is_multiple_of(2) {
        return Err(node.attribute_error(
            "rotary_embedding_dim",
            "an even number up to the size of a head",
            turned,
        ));
    }
    let (cos, sin) = (
        angle(node, b, 1, heads_axis)?,
        angle(node, b, 2, heads_axis)?,
    );
    let interleaved = node.int("interleaved", 0)? != 0;
    let half = turned / 2;
    let (first, second) = match interleaved {
        true => (every_other(b, x, 0, half)?, every_other(b, x, 1, half)?),
        false => (b.slice(x, 3, 0, half)?, b.slice(x, 3, half, half)?),
    };
    let mixed = |b: &mut Builder<'_>, op, x, factor_x, y, factor_y| -> ValueResult {
        let (left, right) = (b.mul(factor_x, x)?, b.mul(factor_y, y)?);
        b.binary(op, left, right)
    };
    let real = mixed(b, Binary::Sub, first, cos, second, sin)?;
    let imaginary = mixed(b, Binary::Add, first, sin, second, cos)?;
    let mut made = match interleaved {
        true => {
            let mut shape = b.shape(real).to_vec();
            shape.push(1);
            let pair = [b.reshape(real, &shape)?, b.reshape(imaginary, &shape)?];
            let pairs = b.concat(&pair, 4)?;
            shape.truncate(3);
            shape.push(turned);
            b.reshape(pairs, &shape)?
        }
        false => b.concat(&[real, imaginary], 3)?,
    };
    if turned < size {
        let rest = b.slice(x, 3, turned, size - turned)?;
        made = b.concat(&[made, rest], 3)?;
    }
    b.reshape(made, &shape)
}

/// Cosines or sines, `[n, places, half]`, with an axis for the heads.
fn angle(node: &OnnxNode<'_>, b: &mut Builder<'_>, index: usize, heads_axis: usize) -> ValueResult {
    let mut table = node.input(index)?;
    if let Some(places) = node.optional(3) {
        table = b.push(Op::Gather(0), &[table, places])?;
    }
    let mut shape = b.shape(table).to_vec();
    if shape.len() != 3 {
        return Err(node.shape_error("cosines and sines for each place", shape));
    }
    shape.insert(heads_axis, 1);
    b.reshape(table, &shape)
}

/// Every second element of the last of four axes.
fn every_other(b: &mut Builder<'_>, x: ValueId, first: usize, count: usize) -> ValueResult {
    let mut parts: Vec<Part> = b.shape(x).iter().map(|dim| Part::whole(*dim)).collect();
    if let Some(part) = parts.last_mut() {
        *part = Part {
            first,
            count,
            step: 2,
        };
    }
    b.push(Op::Slice(parts), &[x])
}
