//! Changes of order into the weights of neighbouring dense layers and tables, so that no element is
//! moved when an image is made.

use dreamlet_runtime::engine::compiled::format::Activation;

use crate::ir::{Net, NetNode, Op, StridedOp, Walk, len, per_channel, per_element};

/// Joins two changes of order, or drops one that changes nothing.
pub(super) fn simplify(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        let Op::Reorder(positions) = &net.nodes[at].op else {
            continue;
        };
        let (input, output) = (net.nodes[at].inputs[0], net.nodes[at].output);
        let all = len(net.shape(input));
        let stays = |positions: &[u32]| {
            let pairs = positions.iter().enumerate();
            positions.len() == all && pairs.into_iter().all(|(i, &at)| i == at as usize)
        };
        if positions.as_ref().is_some_and(|positions| stays(positions)) {
            net.nodes[at].op = Op::Reorder(None);
            return true;
        }
        if positions.is_none() && net.shape(input) == net.shape(output) {
            net.replace(output, input);
            net.nodes.remove(at);
            return true;
        }
        let Some(before) = net.producer(input) else {
            continue;
        };
        // What cuts a part out stays by itself: it may be a layer, joined with another change of
        // order it is none.
        let cuts = len(net.shape(net.nodes[before].inputs.first().copied().unwrap_or(input)))
            != len(net.shape(input));
        if let Op::Reorder(first) = &net.nodes[before].op
            && !cuts
        {
            let joined = match (first, positions) {
                (Some(first), Some(second)) => {
                    Some(second.iter().map(|&at| first[at as usize]).collect())
                }
                (Some(only), None) | (None, Some(only)) => Some(only.clone()),
                (None, None) => None,
            };
            let input = net.nodes[before].inputs[0];
            net.nodes[at].op = Op::Reorder(joined);
            net.nodes[at].inputs[0] = input;
            return true;
        }
    }
    false
}

/// Whether only element-wise nodes are between `value` and a dense layer or table, whose order is
/// free.
fn free(net: &Net, mut value: usize) -> bool {
    loop {
        let Some(node) = net.producer(value).map(|at| &net.nodes[at]) else {
            return false;
        };
        if net.uses(value) != 1 {
            return false;
        }
        match node.op {
            Op::Dense { .. } | Op::Lookup { .. } => return true,
            Op::Activate | Op::Affine { .. } => value = node.inputs[0],
            _ => return false,
        }
    }
}

/// Gives one change of order to a neighbour.
pub(super) fn into_neighbours(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        let Op::Reorder(positions) = &net.nodes[at].op else {
            continue;
        };
        if free(net, net.nodes[at].inputs[0]) {
            let positions = positions.clone();
            upwards(net, at, positions);
            return true;
        }
        if into_dense_after(net, at) {
            return true;
        }
    }
    false
}

/// Lets strided work write where the change of order would move what it makes.
pub(super) fn into_strided(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        let node = &net.nodes[at];
        let Op::Reorder(Some(positions)) = &node.op else {
            continue;
        };
        let (input, output) = (node.inputs[0], node.output);
        let Some(before) = net.producer(input) else {
            continue;
        };
        let (Some(work), 1) = (net.nodes[before].strided(), net.uses(input)) else {
            continue;
        };
        if let Some(walk) = moved(work, positions, len(net.shape(input))) {
            let op = StridedOp {
                output: walk,
                ..work.clone()
            };
            net.nodes[before].op = Op::Strided(vec![op]);
            net.nodes[before].output = output;
            net.nodes.remove(at);
            return true;
        }
    }
    false
}

/// Where work writes if each element of `positions`, of `count`, is to be at its index; `None` where
/// it does not lie so by strides, or an element is at several places or none.
fn moved(work: &StridedOp, positions: &[u32], count: usize) -> Option<Walk> {
    let mut places = vec![None; count];
    for (to, &from) in positions.iter().enumerate() {
        let place = places.get_mut(from as usize)?;
        if place.replace(to).is_some() {
            return None;
        }
    }
    let walk = placed(&work.sizes, &work.output, |at| *places.get(at)?)?;
    (positions.len() == count).then_some(walk)
}

/// The walk that goes to `place(i)` where this one goes to `i`; `None` where that is none by
/// strides.
pub(super) fn placed(
    sizes: &[usize],
    walk: &Walk,
    place: impl Fn(usize) -> Option<usize>,
) -> Option<Walk> {
    let place = |at: i64| Some(place(usize::try_from(at).ok()?)? as i64);
    let first = place(walk.first)?;
    let dims = sizes.iter().zip(&walk.strides);
    let strides = dims.map(|(size, stride)| match size {
        1 => Some(0),
        _ => Some(place(walk.first + stride)? - first),
    });
    let made = Walk {
        first,
        strides: strides.collect::<Option<_>>()?,
    };
    let (before, after) = (walk.positions(sizes), made.positions(sizes));
    let mut pairs = before.iter().zip(&after);
    let alike = pairs.all(|(before, after)| place(*before as i64) == Some(*after as i64));
    alike.then_some(made)
}

/// Into the rows of the dense layer or the columns of the table before, or past an element-wise
/// node.
fn upwards(net: &mut Net, at: usize, positions: Option<Vec<u32>>) {
    let (input, output) = (net.nodes[at].inputs[0], net.nodes[at].output);
    let (from, to) = (net.shape(input), net.shape(output));
    let picked = |values: &[f32]| match &positions {
        Some(positions) => positions.iter().map(|&i| values[i as usize]).collect(),
        None => values.to_vec(),
    };
    let moved = |values: &[f32]| {
        let all = if values.len() == len(from) {
            values.to_vec()
        } else {
            per_element(values, from)
        };
        picked(&all)
    };
    let Some(before) = net.producer(input) else {
        return;
    };
    let op = match &net.nodes[before].op {
        Op::Dense { weights, bias } => {
            let width = weights.len() / bias.len().max(1);
            let rows = |i: &u32| &weights[*i as usize * width..(*i as usize + 1) * width];
            let weights = match &positions {
                Some(positions) => positions.iter().flat_map(rows).copied().collect(),
                None => weights.clone(),
            };
            let bias = picked(bias);
            Op::Dense { weights, bias }
        }
        Op::Lookup { table } => Op::Lookup {
            table: table.chunks(len(from).max(1)).flat_map(picked).collect(),
        },
        Op::Affine { scale, shift } => {
            let (all, shifts) = (moved(scale), moved(shift));
            let (mut scale, mut shift) = (
                per_channel(all.clone(), to),
                per_channel(shifts.clone(), to),
            );
            if scale.len() != shift.len() {
                (scale, shift) = (all, shifts);
            }
            Op::Affine { scale, shift }
        }
        _ => Op::Activate,
    };
    let merges = matches!(op, Op::Dense { .. } | Op::Lookup { .. });
    net.nodes[before].op = op;
    net.nodes[before].output = output;
    net.nodes.remove(at);
    if !merges {
        let first = net.nodes[before].inputs[0];
        let middle = net.value(to);
        net.nodes[before].inputs[0] = middle;
        let reorder = NetNode {
            op: Op::Reorder(positions),
            activation: Activation::None,
            inputs: vec![first],
            output: middle,
            origin: net.nodes[before].origin.clone(),
        };
        net.nodes.insert(before, reorder);
    }
}

/// Into the columns of a dense layer that reads the result.
fn into_dense_after(net: &mut Net, at: usize) -> bool {
    let (input, output) = (net.nodes[at].inputs[0], net.nodes[at].output);
    // Fewer elements would become a wider matrix.
    if len(net.shape(input)) != len(net.shape(output)) {
        return false;
    }
    let after = net
        .nodes
        .iter()
        .position(|node| matches!(node.op, Op::Dense { .. }) && node.inputs == [output]);
    let Some(after) = after else {
        return false;
    };
    let turned = match (&net.nodes[at].op, &net.nodes[after].op) {
        (Op::Reorder(Some(positions)), Op::Dense { weights, .. }) => {
            let width = positions.len().max(1);
            let mut turned = vec![0.0; weights.len()];
            for (own, new) in weights.chunks(width).zip(turned.chunks_mut(width)) {
                for (&weight, &from) in own.iter().zip(positions) {
                    // What is taken several times counts several times.
                    new[from as usize] += weight;
                }
            }
            Some(turned)
        }
        _ => None,
    };
    if let (Op::Dense { weights, .. }, Some(turned)) = (&mut net.nodes[after].op, turned) {
        *weights = turned;
    }
    net.nodes[after].inputs[0] = input;
    true
}
