//! Dimensions, as the ONNX operator specification computes them.

/// Dimensions of Reshape; 0 keeps one, -1 takes what is left.
pub(super) fn reshape(from: &[usize], target: &[i64]) -> Option<Vec<usize>> {
    let count: usize = from.iter().product();
    let mut free = None;
    let mut dims = Vec::new();
    for (at, &dim) in target.iter().enumerate() {
        dims.push(match dim {
            -1 if free.is_none() => {
                free = Some(at);
                1
            }
            0 => *from.get(at)?,
            dim => usize::try_from(dim).ok()?,
        });
    }
    let rest = dims
        .iter()
        .try_fold(1usize, |all, &dim| all.checked_mul(dim))?;
    if let Some(at) = free {
        *dims.get_mut(at)? = count.checked_div(rest)?;
    }
    let all = dims
        .iter()
        .try_fold(1usize, |all, &dim| all.checked_mul(dim))?;
    (all == count).then_some(dims)
}

/// Dimensions of Flatten.
pub(super) fn flatten(from: &[usize], axis: usize) -> Vec<usize> {
    let (before, after) = from.split_at(axis.min(from.len()));
    vec![before.iter().product(), after.iter().product()]
}

/// Dimensions of Squeeze.
pub(super) fn squeeze(from: &[usize], axes: &[usize]) -> Vec<usize> {
    let kept = from.iter().enumerate().filter(|(at, _)| !axes.contains(at));
    kept.map(|(_, &dim)| dim).collect()
}

/// Dimensions of Unsqueeze.
pub(super) fn unsqueeze(from: &[usize], axes: &[usize]) -> Option<Vec<usize>> {
    let mut old = from.iter();
    (0..from.len() + axes.len())
        .map(|at| {
            if axes.contains(&at) {
                Some(1)
            } else {
                old.next().copied()
            }
        })
        .collect()
}

/// The dimensions of two tensors broadcast against each other.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    (0..rank)
        .map(|at| match (aligned(a, at, rank), aligned(b, at, rank)) {
            (a, b) if a == b => Some(a),
            (1, b) => Some(b),
            (a, 1) => Some(a),
            _ => None,
        })
        .collect()
}

/// Dimension number `at` of `rank`, where missing ones at the front are 1.
fn aligned(dims: &[usize], at: usize, rank: usize) -> usize {
    (at + dims.len())
        .checked_sub(rank)
        .and_then(|at| dims.get(at))
        .copied()
        .unwrap_or(1)
}

/// For each number of a tensor of dimensions `to`, the number of one of dimensions `from` that is broadcast there.
pub(super) fn broadcast_positions(from: &[usize], to: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; to.len()];
    let mut step = 1;
    for at in (0..to.len()).rev() {
        let dim = aligned(from, at, to.len());
        if dim > 1 {
            strides[at] = step;
        }
        step *= dim;
    }
    strided(to, &strides)
}

/// For each number of the transposed tensor, its number in the tensor of dimensions `from`.
pub(super) fn transposed_positions(from: &[usize], order: &[usize]) -> Vec<usize> {
    let mut own = vec![1; from.len()];
    for at in (1..from.len()).rev() {
        own[at - 1] = own[at] * from[at];
    }
    let pick = |values: &[usize]| -> Vec<usize> {
        order
            .iter()
            .filter_map(|&axis| values.get(axis).copied())
            .collect()
    };
    strided(&pick(from), &pick(&own))
}

/// Positions of the elements of `dims`, in order, in a buffer with these strides.
fn strided(dims: &[usize], strides: &[usize]) -> Vec<usize> {
    let mut positions = vec![0];
    for (&dim, &stride) in dims.iter().zip(strides) {
        let longer = positions
            .iter()
            .flat_map(|&base| (0..dim).map(move |i| base + i * stride));
        positions = longer.collect();
    }
    positions
}

/// For each number of the part of `taken` numbers along each axis from `first` on, its number in the tensor of dimensions `from`.
pub(super) fn part_positions(from: &[usize], first: &[usize], taken: &[usize]) -> Vec<usize> {
    let mut positions = vec![0];
    for ((&dim, &first), &taken) in from.iter().zip(first).zip(taken) {
        let longer = positions
            .iter()
            .flat_map(|&base| (first..first + taken).map(move |i| base * dim + i));
        positions = longer.collect();
    }
    positions
}
