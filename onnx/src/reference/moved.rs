//! The same elements in other places.

use super::walk::{Axis, broadcast_steps, pick, walk};
use crate::constant::{Constant, Data};
use crate::shape::{Part, strides};

fn picked(data: &Data, first: usize, axes: impl Iterator<Item = Axis<1>>) -> Option<Data> {
    Some(match data {
        Data::F32(data) => Data::F32(pick(data, first, axes)?),
        Data::I64(data) => Data::I64(pick(data, first, axes)?),
    })
}

pub(super) fn transpose(a: &Constant, order: &[usize]) -> Option<Data> {
    let own = strides(&a.shape);
    let axis = |axis: &usize| Some((*a.shape.get(*axis)?, [*own.get(*axis)?]));
    let axes: Vec<_> = order.iter().map(axis).collect::<Option<_>>()?;
    picked(&a.data, 0, axes.into_iter())
}

pub(super) fn expand(a: &Constant, shape: &[usize]) -> Option<Data> {
    let steps = broadcast_steps(&a.shape, shape);
    let axes = shape.iter().zip(steps).map(|(len, step)| (*len, [step]));
    picked(&a.data, 0, axes)
}

pub(super) fn slice(a: &Constant, parts: &[Part]) -> Option<Data> {
    let own = strides(&a.shape);
    let axes = own.iter().zip(parts);
    let first = axes.clone().try_fold(0usize, |first, (step, part)| {
        first.checked_add(step.checked_mul(part.first)?)
    })?;
    let axis = |(stride, part): (&usize, &Part)| {
        // Of one element there is no next, however far; a step may be too far for a small machine.
        let step = match part.count {
            0 | 1 => 0,
            _ => isize::try_from(part.step).ok()?,
        };
        Some((part.count, [stride.wrapping_mul(step.cast_unsigned())]))
    };
    let axes: Vec<_> = axes.map(axis).collect::<Option<_>>()?;
    picked(&a.data, first, axes.into_iter())
}

pub(super) fn gather(a: &Constant, indices: &Constant, axis: usize) -> Option<Data> {
    let size = *a.shape.get(axis)?;
    let signed = i64::try_from(size).ok()?;
    let row = |index: &i64| {
        let index = if *index < 0 {
            index.checked_add(signed)?
        } else {
            *index
        };
        usize::try_from(index).ok().filter(|row| *row < size)
    };
    let rows: Vec<usize> = indices.as_i64s()?.iter().map(row).collect::<Option<_>>()?;
    let inner: usize = a.shape.get(axis + 1..)?.iter().product();
    Some(match &a.data {
        Data::F32(data) => Data::F32(rows_of(data, &rows, size * inner, inner)?),
        Data::I64(data) => Data::I64(rows_of(data, &rows, size * inner, inner)?),
    })
}

/// These rows of each block.
fn rows_of<T: Copy>(data: &[T], rows: &[usize], block: usize, inner: usize) -> Option<Vec<T>> {
    let mut all = Vec::new();
    for block in data.chunks(block.max(1)) {
        for row in rows {
            all.extend_from_slice(block.get(row * inner..)?.get(..inner)?);
        }
    }
    Some(all)
}

pub(super) fn concat(parts: &[&Constant], axis: usize) -> Option<Data> {
    fn joined<'a, T: Copy + 'a>(
        parts: &[&'a Constant],
        outer: usize,
        elements: impl Fn(&'a Constant) -> Option<&'a [T]>,
    ) -> Option<Vec<T>> {
        let mut all = Vec::new();
        for block in 0..outer {
            for part in parts {
                let data = elements(part)?;
                let len = data.len().checked_div(outer)?;
                all.extend_from_slice(data.get(block * len..)?.get(..len)?);
            }
        }
        Some(all)
    }
    let first = parts.first()?;
    let mut outer: usize = first.shape.get(..axis)?.iter().product();
    if parts.iter().all(|part| part.data.is_empty()) {
        outer = 0;
    }
    match first.data {
        Data::F32(_) => joined(parts, outer, Constant::as_f32s).map(Data::F32),
        Data::I64(_) => joined(parts, outer, Constant::as_i64s).map(Data::I64),
    }
}

pub(super) fn pad(a: &Constant, begin: &[usize], fill: f32, shape: &[usize]) -> Option<Data> {
    let count = shape.iter().product();
    let steps = strides(shape);
    let first = steps.iter().zip(begin).map(|(step, begin)| step * begin);
    let first = first.sum();
    let axes = a.shape.iter().zip(steps);
    let axes = axes.map(|(len, step)| (*len, [step]));
    Some(match &a.data {
        Data::F32(data) => Data::F32(placed(data, vec![fill; count], first, axes)?),
        Data::I64(data) => Data::I64(placed(data, vec![fill as i64; count], first, axes)?),
    })
}

/// Elements, in their order, to the places along these axes.
fn placed<T: Copy>(
    data: &[T],
    mut to: Vec<T>,
    first: usize,
    axes: impl Iterator<Item = Axis<1>>,
) -> Option<Vec<T>> {
    let mut data = data.iter();
    walk([first], axes, |[mut at], len, [step]| {
        for _ in 0..len {
            *to.get_mut(at)? = *data.next()?;
            at += step;
        }
        Some(())
    })?;
    Some(to)
}
