//! Operators that pick elements by indices, and those that put them by indices.

use super::movement::{count, of_same_type, pick};
use crate::build::Builder;
use crate::constant::{Constant, DType, Data};
use crate::error::ModelError;
use crate::graph::{Binary, Op, ValueId};
use crate::node::{Made, OnnxNode};

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    let made = match node.pb.op_type.as_str() {
        "Gather" => gather(node, b),
        "GatherElements" => gather_elements(node, b),
        "GatherND" => gather_nd(node, b),
        "Scatter" | "ScatterElements" => scatter_elements(node, b),
        "ScatterND" => scatter_nd(node, b),
        "OneHot" => return Some(one_hot(node, b)),
        _ => return None,
    };
    Some(of_same_type(node, b, made))
}

/// An index of an axis, counted from the end if it is negative.
fn position(node: &OnnxNode<'_>, index: i64, size: usize) -> Result<usize, ModelError> {
    let from_end = if index < 0 { size as i64 } else { 0 };
    let at = usize::try_from(index.saturating_add(from_end)).ok();
    let at = at.filter(|at| *at < size);
    at.ok_or_else(|| node.shape_error(format!("indices below {size}"), index))
}

/// Indices that are known, as positions of an axis.
fn positions(node: &OnnxNode<'_>, indices: &[i64], size: usize) -> Result<Vec<usize>, ModelError> {
    indices
        .iter()
        .map(|index| position(node, *index, size))
        .collect()
}

/// Integers of input `index`.
fn indices(node: &OnnxNode<'_>, b: &Builder<'_>, index: usize) -> Result<ValueId, ModelError> {
    let id = node.input(index)?;
    match b.dtype(id) {
        DType::I64 => Ok(id),
        other => Err(node.shape_error("integer indices", other)),
    }
}

fn gather(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(2, 2)?;
    let (data, by) = (node.input(0)?, indices(node, b, 1)?);
    let axis = node.axis(node.int("axis", 0)?, b.rank(data))?;
    let known = b.value(by).and_then(|value| value.ints());
    let Some(known) = known else {
        return Ok(vec![b.push(Op::Gather(axis), &[data, by])?]);
    };
    let positions = positions(node, known, b.dim(data, axis))?;
    if b.known(data).is_some() {
        return Ok(vec![b.push(Op::Gather(axis), &[data, by])?]);
    }
    // The indices' own dimensions take the place of the axis.
    let shape = b.shape(data);
    let (before, after) = (shape.get(..axis), shape.get(axis + 1..));
    let shape = [
        before.unwrap_or_default(),
        b.shape(by),
        after.unwrap_or_default(),
    ]
    .concat();
    b.bounded(&shape)?;
    let picked = pick(b, data, axis, &positions)?;
    Ok(vec![b.reshape(picked, &shape)?])
}

/// Distances between neighbours along each axis.
fn strides(shape: &[usize]) -> Vec<usize> {
    let after = |axis| count(shape.get(axis + 1..).unwrap_or_default());
    (0..shape.len()).map(after).collect()
}

/// Indices that may count from the end, as positions: known ones are computed here.
fn counted(b: &mut Builder<'_>, by: ValueId, size: usize) -> Result<ValueId, ModelError> {
    let zero = integer(b, 0);
    let negative = b.binary(Binary::Less, by, zero)?;
    let size = integer(b, size as i64);
    let shifted = b.add_to(by, size)?;
    b.select(negative, shifted, by)
}

fn integer(b: &mut Builder<'_>, x: i64) -> ValueId {
    let (shape, data) = (Vec::new(), Data::I64(vec![x]));
    b.constant(DType::I64, Constant { shape, data })
}

/// Rows at these positions; the value is that of `dims`, one row for each place, and each row of
/// `width` elements.
fn picked(
    b: &mut Builder<'_>,
    x: ValueId,
    at: ValueId,
    dims: &[usize],
    width: usize,
) -> Result<ValueId, ModelError> {
    let known = b.value(at).and_then(|value| value.ints());
    let known = known.filter(|_| b.known(x).is_none());
    let Some(known) = known else {
        let rows = b.reshape(x, &[count(dims), width])?;
        return b.push(Op::Gather(0), &[rows, at]);
    };
    let known: Vec<usize> = known
        .iter()
        .filter_map(|at| usize::try_from(*at).ok())
        .collect();
    let Some(lines) = grid(&known, dims) else {
        let rows = b.reshape(x, &[count(dims), width])?;
        return pick(b, rows, 0, &known);
    };
    let mut made = b.reshape(x, &[dims, &[width]].concat())?;
    for (axis, positions) in lines.iter().enumerate() {
        made = pick(b, made, axis, positions)?;
    }
    Ok(made)
}

/// The positions along each axis, where these ones are all places at which such lines cross, in
/// order.
fn grid(at: &[usize], dims: &[usize]) -> Option<Vec<Vec<usize>>> {
    let strides = strides(dims);
    let place = |at: usize, axis: usize| {
        let along = at.checked_div(*strides.get(axis)?)?;
        along.checked_rem(*dims.get(axis)?)
    };
    let mut lines = Vec::new();
    for (axis, dim) in dims.iter().enumerate() {
        let mut seen = vec![false; *dim];
        let mut line = Vec::new();
        for at in at {
            let along = place(*at, axis)?;
            let seen = seen.get_mut(along)?;
            if !*seen {
                *seen = true;
                line.push(along);
            }
        }
        lines.push(line);
    }
    let counts: Vec<usize> = lines.iter().map(Vec::len).collect();
    if count(&counts) != at.len() {
        return None;
    }
    let steps = self::strides(&counts);
    let in_order = at.iter().enumerate().all(|(i, at)| {
        lines
            .iter()
            .zip(&steps)
            .enumerate()
            .all(|(axis, (line, step))| {
                let line_place = i.checked_div(*step).and_then(|i| i.checked_rem(line.len()));
                line_place.and_then(|i| line.get(i).copied()) == place(*at, axis)
            })
    });
    in_order.then_some(lines)
}

/// Known indices lie within their axis.
fn check_known(
    node: &OnnxNode<'_>,
    b: &Builder<'_>,
    by: ValueId,
    size: usize,
) -> Result<(), ModelError> {
    match b.value(by).and_then(|value| value.ints()) {
        Some(known) => known
            .iter()
            .try_for_each(|index| position(node, *index, size).map(|_| ())),
        None => Ok(()),
    }
}

/// For each place of a shape its position in a value with these strides, without that of `axis`.
fn offsets(
    b: &mut Builder<'_>,
    shape: &[usize],
    strides: &[usize],
    without: Option<usize>,
) -> Result<ValueId, ModelError> {
    let mut all = integer(b, 0);
    for (axis, (dim, stride)) in shape.iter().zip(strides).enumerate() {
        if Some(axis) == without || *dim == 1 {
            continue;
        }
        b.reserve(*dim as u64)?;
        let steps = (0..*dim).map(|i| i.saturating_mul(*stride) as i64);
        let steps = b.integers(steps.collect());
        let steps = b.along(steps, axis, shape.len())?;
        all = b.add_to(all, steps)?;
    }
    Ok(all)
}

fn gather_elements(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(2, 2)?;
    let (x, by) = (node.input(0)?, indices(node, b, 1)?);
    let at = element_positions(node, b, x, by)?;
    let (dims, shape) = (b.shape(x).to_vec(), b.shape(by).to_vec());
    let made = picked(b, x, at, &dims, 1)?;
    Ok(vec![b.reshape(made, &shape)?])
}

/// The positions in the flattened value that `GatherElements` and `ScatterElements` mean.
fn element_positions(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    x: ValueId,
    by: ValueId,
) -> Result<ValueId, ModelError> {
    let axis = node.axis(node.int("axis", 0)?, b.rank(x))?;
    let (shape, wanted) = (b.shape(x).to_vec(), b.shape(by).to_vec());
    let mut pairs = shape.iter().zip(&wanted).enumerate();
    if shape.len() != wanted.len() || pairs.any(|(i, (dim, other))| i != axis && other > dim) {
        let expected = "indices that are no larger than the value";
        return Err(node.shape_error(expected, (shape, wanted)));
    }
    let size = b.dim(x, axis);
    check_known(node, b, by, size)?;
    let strides = strides(&shape);
    let own = counted(b, by, size)?;
    let stride = integer(b, strides.get(axis).copied().unwrap_or(1) as i64);
    let own = b.mul(own, stride)?;
    let others = offsets(b, &wanted, &strides, Some(axis))?;
    b.add_to(own, others)
}

/// The positions of the slices that index tuples mean, in units of a slice, and how many axes the
/// tuples and the batch take.
fn tuple_positions(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    x: ValueId,
    by: ValueId,
    batch: usize,
) -> Result<(ValueId, usize), ModelError> {
    let (shape, tuples) = (b.shape(x).to_vec(), b.shape(by).to_vec());
    let error = || {
        let expected = "index tuples no longer than the value has axes, and the same batch";
        node.shape_error(expected, (&shape, &tuples, batch))
    };
    let (len, places) = tuples.split_last().ok_or_else(error)?;
    let taken = len
        .checked_add(batch)
        .filter(|taken| *taken <= shape.len() && *len > 0);
    let taken = taken.ok_or_else(error)?;
    let same_batch = shape
        .get(..batch)
        .is_some_and(|dims| places.get(..batch) == Some(dims));
    if !same_batch {
        return Err(error());
    }
    let strides = strides(shape.get(..taken).unwrap_or_default());
    let batch_strides = strides.get(..batch).unwrap_or_default();
    // The batch's axes are the first of the places'.
    let mut at = offsets(b, places, batch_strides, None)?;
    for i in 0..*len {
        let part = b.slice(by, places.len(), i, 1)?;
        let part = b.reshape(part, places)?;
        let axis = batch + i;
        let size = shape.get(axis).copied().unwrap_or(1);
        check_known(node, b, part, size)?;
        let part = counted(b, part, size)?;
        let stride = integer(b, strides.get(axis).copied().unwrap_or(1) as i64);
        let part = b.mul(part, stride)?;
        at = b.add_to(at, part)?;
    }
    Ok((at, taken))
}

fn gather_nd(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(2, 2)?;
    let (x, by) = (node.input(0)?, indices(node, b, 1)?);
    let batch = node.int("batch_dims", 0)?;
    let Some(batch) = usize::try_from(batch)
        .ok()
        .filter(|batch| *batch < b.rank(by))
    else {
        let expected = "fewer than the indices have axes";
        return Err(node.attribute_error("batch_dims", expected, batch));
    };
    let (at, taken) = tuple_positions(node, b, x, by, batch)?;
    let shape = b.shape(x).to_vec();
    let (dims, rest) = shape.split_at(taken);
    let wanted = [b.shape(at), rest].concat();
    b.bounded(&wanted)?;
    let made = picked(b, x, at, dims, count(rest))?;
    Ok(vec![b.reshape(made, &wanted)?])
}

/// How an update goes together with what was there; `None` replaces it.
fn reduction(node: &OnnxNode<'_>) -> Result<Option<Binary>, ModelError> {
    Ok(match node.text("reduction", "none")? {
        "none" => None,
        "add" => Some(Binary::Add),
        "mul" => Some(Binary::Mul),
        "max" => Some(Binary::Max),
        "min" => Some(Binary::Min),
        other => {
            let expected = "none, add, mul, max or min";
            return Err(node.attribute_error("reduction", expected, other));
        }
    })
}

fn scatter_elements(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(3, 3)?;
    let (x, by, updates) = (node.input(0)?, indices(node, b, 1)?, node.input(2)?);
    if b.shape(by) != b.shape(updates) {
        let found = (b.shape(by), b.shape(updates));
        return Err(node.shape_error("an update for each index", found));
    }
    let at = element_positions(node, b, x, by)?;
    let dims = b.shape(x).to_vec();
    scatter(node, b, [x, at, updates], &dims)
}

fn scatter_nd(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(3, 3)?;
    let (x, by, updates) = (node.input(0)?, indices(node, b, 1)?, node.input(2)?);
    let (at, taken) = tuple_positions(node, b, x, by, 0)?;
    let shape = b.shape(x).to_vec();
    let (dims, rest) = shape.split_at(taken);
    if b.shape(updates) != [b.shape(at), rest].concat() {
        let found = (b.shape(updates), b.shape(at), rest);
        return Err(node.shape_error("updates of the indices' shape and the rest's", found));
    }
    scatter(node, b, [x, at, updates], dims)
}

/// A value with one row for each place of `dims`, and the rows at these known positions updated.
fn scatter(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    [x, at, updates]: [ValueId; 3],
    dims: &[usize],
) -> Made {
    let reduction = reduction(node)?;
    if b.dtype(x) != b.dtype(updates) {
        let found = [b.dtype(x), b.dtype(updates)];
        return Err(node.shape_error("updates of the value's type", found));
    }
    let known = b.value(at).and_then(|value| value.ints());
    let at = known.ok_or_else(|| node.not_constant("indices"))?;
    let at: Vec<usize> = at
        .iter()
        .filter_map(|at| usize::try_from(*at).ok())
        .collect();
    let shape = b.shape(x).to_vec();
    let len = count(dims);
    b.reserve((len + at.len()) as u64)?;
    // The updates in rounds in each of which a row comes once; where there is nothing to go
    // together with, the last one counts.
    let mut met = vec![0usize; len];
    let mut last = vec![None; len];
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for (i, row) in at.iter().enumerate() {
        let Some((met, last)) = met.get_mut(*row).zip(last.get_mut(*row)) else {
            continue;
        };
        if rounds.len() == *met {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.get_mut(*met) {
            round.push(i);
        }
        *met += 1;
        *last = Some(i);
    }
    if reduction.is_none() && rounds.len() > 1 {
        rounds = vec![last.iter().flatten().copied().collect()];
    }
    if rounds.len() > MAX_ROUNDS {
        let expected = format!("at most {MAX_ROUNDS} updates of one element");
        return Err(node.shape_error(expected, rounds.len()));
    }
    let width = count(&shape).checked_div(len).unwrap_or(0);
    let new = b.reshape(updates, &[at.len(), width])?;
    let mut made = b.reshape(x, &[dims, &[width]].concat())?;
    for round in rounds {
        let rows = round.iter().filter_map(|i| at.get(*i).copied());
        let rows: Vec<usize> = rows.collect();
        let mut new = pick(b, new, 0, &round)?;
        if let Some(op) = reduction {
            let places = b.integers(rows.iter().map(|row| *row as i64).collect());
            let old = picked(b, made, places, dims, width)?;
            let old = b.reshape(old, &[rows.len(), width])?;
            new = b.binary(op, old, new)?;
        }
        made = placed(b, made, new, &rows, dims, width)?;
    }
    Ok(vec![b.reshape(made, &shape)?])
}

/// A value of `dims` and `width` with other rows at these positions, each given once.
fn placed(
    b: &mut Builder<'_>,
    x: ValueId,
    rows: ValueId,
    at: &[usize],
    dims: &[usize],
    width: usize,
) -> Result<ValueId, ModelError> {
    let Some(lines) = grid(at, dims) else {
        let len = count(dims);
        let flat = b.reshape(x, &[len, width])?;
        let made = replaced(b, flat, rows, 0, at)?;
        return b.reshape(made, &[dims, &[width]].concat());
    };
    // From the last axis to the first: the new part grows to the whole of the axis, within what
    // the lines of the axes before it leave.
    let counts = lines.iter().map(Vec::len);
    let counts: Vec<usize> = counts.chain([width]).collect();
    let mut part = b.reshape(rows, &counts)?;
    for axis in (0..lines.len()).rev() {
        let line = lines.get(axis).map(Vec::as_slice).unwrap_or_default();
        if line.iter().copied().eq(0..b.dim(x, axis)) {
            continue;
        }
        let mut old = x;
        for (before, line) in lines.iter().take(axis).enumerate() {
            old = pick(b, old, before, line)?;
        }
        part = replaced(b, old, part, axis, line)?;
    }
    Ok(part)
}

/// Positions of an axis replaced by those of another value: parts joined where they are few, else
/// picked one by one.
fn replaced(
    b: &mut Builder<'_>,
    old: ValueId,
    new: ValueId,
    axis: usize,
    at: &[usize],
) -> Result<ValueId, ModelError> {
    let len = b.dim(old, axis);
    b.reserve(len as u64)?;
    // Positions in the old value, followed by the new one.
    let mut source: Vec<usize> = (0..len).collect();
    for (i, at) in at.iter().enumerate() {
        if let Some(place) = source.get_mut(*at) {
            *place = len + i;
        }
    }
    // Runs of neighbours in one of the two.
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for from in &source {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == *from && *from != len => *count += 1,
            _ => runs.push((*from, 1)),
        }
    }
    if runs.len() <= MAX_PARTS {
        let mut parts = Vec::new();
        for (first, count) in runs {
            let (value, first) = match first.checked_sub(len) {
                Some(first) => (new, first),
                None => (old, first),
            };
            parts.push(b.slice(value, axis, first, count)?);
        }
        return b.concat(&parts, axis);
    }
    let both = b.concat(&[old, new], axis)?;
    pick(b, both, axis, &source)
}

/// Most updates of one element.
const MAX_ROUNDS: usize = 16;
/// Most parts that are joined.
const MAX_PARTS: usize = 16;

fn one_hot(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    node.arity(3, 3)?;
    let (by, values) = (node.input(0)?, node.input(2)?);
    let depth = node.input(1)?;
    let depth = match b.known(depth).map(|known| &known.data) {
        Some(Data::I64(all)) => all.first().copied(),
        Some(Data::F32(all)) => all.first().map(|depth| *depth as i64),
        None => return Err(node.not_constant("depth")),
    };
    let Some(depth) = depth.filter(|depth| *depth > 0) else {
        let found = depth.map_or("nothing".into(), |depth| depth.to_string());
        return Err(node.shape_error("a positive depth", format_args!("{found}")));
    };
    let rank = b.rank(by) + 1;
    let axis = node.axis(node.int("axis", -1)?, rank)?;
    let mut shape = b.shape(by).to_vec();
    shape.insert(axis, 1);
    let by = b.cast(by, DType::I64)?;
    let by = counted(b, by, usize::try_from(depth).unwrap_or(0))?;
    let by = b.reshape(by, &shape)?;
    let depth_at = b.shape(by).to_vec();
    let wide = [
        depth_at.as_slice(),
        &[usize::try_from(depth).unwrap_or(usize::MAX)],
    ]
    .concat();
    b.bounded(&wide)?;
    b.reserve(depth.unsigned_abs())?;
    let classes = b.integers((0..depth).collect());
    let classes = b.along(classes, axis, rank)?;
    let hot = b.binary(Binary::Equal, by, classes)?;
    let known = b.known(values).and_then(|known| known.as_f32s());
    if known == Some(&[0.0, 1.0]) {
        return Ok(vec![b.cast(hot, DType::F32)?]);
    }
    if b.shape(values) != [2] {
        return Err(node.shape_error("two values, off and on", b.shape(values)));
    }
    let mut pair = [values; 2];
    for (i, value) in pair.iter_mut().enumerate() {
        let one = b.slice(values, 0, i, 1)?;
        *value = b.reshape(one, &[])?;
    }
    let [off, on] = pair;
    Ok(vec![b.select(hot, on, off)?])
}
