//! Shapes, and where the elements of a tensor lie in another one's.

/// Number of elements of a shape.
pub(crate) fn elements(shape: &[usize]) -> Option<u64> {
    shape
        .iter()
        .try_fold(1u64, |product, dim| product.checked_mul(*dim as u64))
}

/// The shape of two tensors broadcast against each other, as NumPy and ONNX do it, if they can be.
#[must_use]
pub fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    (0..rank)
        .map(
            |axis| match (aligned(a, axis, rank), aligned(b, axis, rank)) {
                (a, b) if a == b => Some(a),
                (1, b) => Some(b),
                (a, 1) => Some(a),
                _ => None,
            },
        )
        .collect()
}

/// Dimension `axis` of `rank`, where missing ones at the front are 1.
fn aligned(shape: &[usize], axis: usize, rank: usize) -> usize {
    (axis + shape.len())
        .checked_sub(rank)
        .and_then(|axis| shape.get(axis))
        .copied()
        .unwrap_or(1)
}

/// Distances between neighbours along each axis.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut step = 1usize;
    let mut strides: Vec<usize> = Vec::with_capacity(shape.len());
    for dim in shape.iter().rev() {
        strides.push(step);
        step = step.saturating_mul(*dim);
    }
    strides.reverse();
    strides
}

/// For each element of a tensor of shape `to`, the position of the one of shape `from` that is
/// broadcast there.
pub fn broadcast_positions(from: &[usize], to: &[usize]) -> impl Iterator<Item = usize> {
    let padded: Vec<usize> = (0..to.len())
        .map(|axis| aligned(from, axis, to.len()))
        .collect();
    let strides = strides(&padded).into_iter().zip(&padded);
    let strides = strides.map(|(stride, dim)| if *dim == 1 { 0 } else { stride as i64 });
    let axes = to.iter().copied().zip(strides).collect();
    positions(0, axes)
}

/// For each element of the transposed tensor, its position in the tensor of shape `from`.
pub fn transposed_positions(from: &[usize], order: &[usize]) -> impl Iterator<Item = usize> {
    let own = strides(from);
    let axis = |axis: &usize| Some((*from.get(*axis)?, *own.get(*axis)? as i64));
    positions(0, order.iter().filter_map(axis).collect())
}

/// For each element of a part, its position in the tensor of shape `from`.
pub fn slice_positions(from: &[usize], parts: &[Part]) -> impl Iterator<Item = usize> {
    let own = strides(from);
    let first = own
        .iter()
        .zip(parts)
        .map(|(stride, part)| stride * part.first);
    let axes = own.iter().zip(parts);
    let axes = axes.map(|(stride, part)| (part.count, *stride as i64 * part.step));
    positions(first.sum(), axes.collect())
}

/// Positions of the elements of a tensor, in order, by the dimension and stride of each axis.
fn positions(first: usize, axes: Vec<(usize, i64)>) -> impl Iterator<Item = usize> {
    let count: usize = axes.iter().map(|(dim, _)| dim).product();
    (0..count).map(move |mut rest| {
        let mut at = first as i64;
        for (dim, stride) in axes.iter().rev() {
            at += (rest % dim) as i64 * stride;
            rest /= dim;
        }
        at as usize
    })
}

/// What Slice takes of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Position of the first element.
    pub first: usize,
    /// Elements.
    pub count: usize,
    /// From one to the next, backwards if negative.
    pub step: i64,
}

impl Part {
    /// All of an axis.
    pub(crate) const fn whole(count: usize) -> Self {
        Self {
            first: 0,
            count,
            step: 1,
        }
    }

    /// What is left of an axis of `size` elements from `start` up to `end`, or down to it by a
    /// negative step: ONNX's rule for bounds that count from the end or lie beyond it.
    pub(crate) fn of(size: usize, start: i64, end: i64, step: i64) -> Option<Self> {
        let size = i64::try_from(size).ok()?;
        let at = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
        let distance = if step > 0 {
            at(end).clamp(0, size) - at(start).clamp(0, size)
        } else {
            at(start).clamp(-1, size - 1) - at(end).clamp(-1, size - 1)
        };
        let first = at(start).clamp(0, if step > 0 { size } else { (size - 1).max(0) });
        let count = distance
            .max(0)
            .checked_add(step.checked_abs()?.checked_sub(1)?)?;
        Some(Self {
            first: usize::try_from(first).ok()?,
            count: usize::try_from(count.checked_div(step.checked_abs()?)?).ok()?,
            step,
        })
    }
}
