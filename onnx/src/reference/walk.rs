//! Ways through the elements of tensors.

use std::borrow::Cow;

use crate::shape::strides;

/// An axis: its size, and how far the next element is in each of `N` tensors. A distance backwards
/// is a negative number that wraps around, as the positions that it leads to do.
pub(super) type Axis<const N: usize> = (usize, [usize; N]);

/// Calls `row` with the first positions, the length and the distances of each row of elements,
/// in row-major order. Axes that lie behind each other in every tensor are one row.
pub(super) fn walk<const N: usize>(
    first: [usize; N],
    axes: impl Iterator<Item = Axis<N>>,
    mut row: impl FnMut([usize; N], usize, [usize; N]) -> Option<()>,
) -> Option<()> {
    let mut outer: Vec<Axis<N>> = Vec::new();
    for (len, steps) in axes {
        let follows = |(_, before): &Axis<N>| {
            let mut pairs = before.iter().zip(&steps);
            pairs.all(|(before, step)| *before == step.wrapping_mul(len))
        };
        match outer.last().copied() {
            _ if len == 0 => return Some(()),
            _ if len == 1 => (),
            Some(last) if follows(&last) => {
                outer.pop();
                outer.push((last.0.checked_mul(len)?, steps));
            }
            _ => outer.push((len, steps)),
        }
    }
    let (len, steps) = outer.pop().unwrap_or((1, [0; N]));
    let mut counts = vec![0usize; outer.len()];
    let mut at = first;
    loop {
        row(at, len, steps)?;
        let mut axes = outer.iter().zip(&mut counts).rev();
        let more = axes.any(|((len, steps), count)| {
            *count += 1;
            let more = *count < *len;
            let back = if more { 0 } else { *len };
            for (at, step) in at.iter_mut().zip(steps) {
                *at = at.wrapping_add(*step).wrapping_sub(step.wrapping_mul(back));
            }
            *count -= back;
            more
        });
        if !more {
            return Some(());
        }
    }
}

/// Distances in a tensor that is broadcast to this shape: 0 along axes that it does not have.
pub(super) fn broadcast_steps(from: &[usize], to: &[usize]) -> Vec<usize> {
    let own = strides(from);
    let own = from.iter().zip(own).rev();
    let mut steps: Vec<usize> = own
        .map(|(len, step)| if *len == 1 { 0 } else { step })
        .collect();
    steps.resize(to.len(), 0);
    steps.reverse();
    steps
}

/// The elements of a row.
pub(super) fn lane<T: Copy>(
    from: &[T],
    at: usize,
    len: usize,
    step: usize,
) -> Option<Cow<'_, [T]>> {
    let row: Vec<T> = match step {
        0 => vec![*from.get(at)?; len],
        1 => return Some(from.get(at..)?.get(..len)?.into()),
        _ if step <= from.len() => {
            let elements = from.get(at..)?.iter().step_by(step);
            elements.take(len).copied().collect()
        }
        _ => {
            let positions = (0..len).map(|i| at.wrapping_add(i.wrapping_mul(step)));
            positions.filter_map(|at| from.get(at).copied()).collect()
        }
    };
    (row.len() == len).then_some(Cow::Owned(row))
}

/// Elements of a tensor along these axes from `first`.
pub(super) fn pick<T: Copy>(
    from: &[T],
    first: usize,
    axes: impl Iterator<Item = Axis<1>>,
) -> Option<Vec<T>> {
    let mut all = Vec::new();
    walk([first], axes, |[at], len, [step]| {
        all.extend_from_slice(&lane(from, at, len, step)?);
        Some(())
    })?;
    Some(all)
}
