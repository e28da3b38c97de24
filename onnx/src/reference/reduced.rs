//! Many elements to one: reductions and resizing.

use super::elementwise::{maximum, minimum};
use super::walk::{broadcast_steps, walk};
use crate::constant::{Constant, Data};
use crate::graph::Reduction;

/// Of no elements: what the operator starts from, for a mean NaN.
pub(super) fn reduce(reduction: Reduction, a: &Constant, shape: &[usize]) -> Option<Data> {
    let made: usize = shape.iter().product();
    Some(match &a.data {
        Data::F32(data) => {
            let shapes = [a.shape.as_slice(), shape];
            let from = |start| vec![start; made];
            let all = match reduction {
                Reduction::Sum | Reduction::Mean => {
                    gathered(data, shapes, from(0.0), |sum, x| Some(sum + f64::from(x)))
                }
                Reduction::Max => gathered(data, shapes, from(f64::NEG_INFINITY), |most, x| {
                    Some(maximum(most, x.into()))
                }),
                Reduction::Min => gathered(data, shapes, from(f64::INFINITY), |least, x| {
                    Some(minimum(least, x.into()))
                }),
                Reduction::Prod => gathered(data, shapes, from(1.0), |product, x| {
                    Some(product * f64::from(x))
                }),
            }?;
            let share = match reduction {
                Reduction::Mean => (data.len() as f64) / (made as f64),
                _ => 1.0,
            };
            Data::F32(all.into_iter().map(|x| (x / share) as f32).collect())
        }
        Data::I64(data) => {
            let shapes = [a.shape.as_slice(), shape];
            let from = |start| vec![start; made];
            let mut all = match reduction {
                Reduction::Sum | Reduction::Mean => {
                    gathered(data, shapes, from(0), i64::checked_add)
                }
                Reduction::Max => {
                    gathered(data, shapes, from(i64::MIN), |most, x| Some(most.max(x)))
                }
                Reduction::Min => {
                    gathered(data, shapes, from(i64::MAX), |least, x| Some(least.min(x)))
                }
                Reduction::Prod => gathered(data, shapes, from(1), i64::checked_mul),
            }?;
            if reduction == Reduction::Mean {
                let share = i64::try_from(data.len().checked_div(made)?).ok()?;
                for x in &mut all {
                    *x = x.checked_div(share)?;
                }
            }
            Data::I64(all)
        }
    })
}

/// Adds each element to that of `all` that stands for it.
fn gathered<T: Copy, A: Copy>(
    data: &[T],
    [from, to]: [&[usize]; 2],
    mut all: Vec<A>,
    each: impl Fn(A, T) -> Option<A>,
) -> Option<Vec<A>> {
    let steps = broadcast_steps(to, from);
    let axes = from.iter().zip(steps).map(|(len, step)| (*len, [step]));
    let mut rest = data;
    walk([0], axes, |[at], len, [step]| {
        let (row, after) = rest.split_at_checked(len)?;
        rest = after;
        let all = all.get_mut(at..)?;
        if step == 0 {
            let one = all.first_mut()?;
            *one = row.iter().try_fold(*one, |so_far, x| each(so_far, *x))?;
        } else {
            for (one, x) in all.iter_mut().step_by(step).zip(row) {
                *one = each(*one, *x)?;
            }
        }
        Some(())
    })?;
    Some(all)
}

/// Integers are picked, not added up with weights.
pub(super) fn resample(a: &Constant, axis: usize, taps: &[Vec<(usize, f32)>]) -> Option<Data> {
    let size = *a.shape.get(axis)?;
    let inner: usize = a.shape.get(axis + 1..)?.iter().product();
    let block = (size * inner).max(1);
    Some(match &a.data {
        Data::F32(data) => {
            let mut all = Vec::with_capacity(data.len() / block * taps.len() * inner);
            let mut sums = vec![0.0; inner];
            for block in data.chunks(block) {
                if inner == 1 {
                    for taps in taps {
                        let mut sum = 0.0;
                        for (at, weight) in taps {
                            sum += f64::from(*weight) * f64::from(*block.get(*at)?);
                        }
                        all.push(sum as f32);
                    }
                    continue;
                }
                for taps in taps {
                    sums.fill(0.0);
                    for (at, weight) in taps {
                        let row = block.get(at * inner..)?.get(..inner)?;
                        for (sum, x) in sums.iter_mut().zip(row) {
                            *sum += f64::from(*weight) * f64::from(*x);
                        }
                    }
                    all.extend(sums.iter().map(|sum| *sum as f32));
                }
            }
            Data::F32(all)
        }
        Data::I64(data) => {
            let mut all = Vec::new();
            for block in data.chunks(block) {
                for taps in taps {
                    let [(at, 1.0)] = taps.as_slice() else {
                        return None;
                    };
                    all.extend_from_slice(block.get(at * inner..)?.get(..inner)?);
                }
            }
            Data::I64(all)
        }
    })
}
