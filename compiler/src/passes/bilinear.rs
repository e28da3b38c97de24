//! A resampling of rows and one of columns become one bilinear doubling.

use dreamlet_runtime::engine::compiled::format::{Activation, HwcShape, StridedWork};

use crate::ir::{Net, NetNode, Op, StridedOp};

/// How far a weight may be from that of a doubling.
const MOST_DIFFERENCE: f32 = 1e-6;

/// Joins two resamplings that double the rows and the columns, in either order.
pub(super) fn join(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        let Some(before) = net.only_producer(at) else {
            continue;
        };
        let (first, second) = (&net.nodes[before], &net.nodes[at]);
        let (Some(one), Some(other)) = (first.strided(), second.strided()) else {
            continue;
        };
        let ([input], [_]) = (first.inputs.as_slice(), second.inputs.as_slice()) else {
            continue;
        };
        let (input, to) = (*input, net.shape(second.output));
        let between = net.shape(first.output);
        let from = HwcShape {
            height: to.height / 2,
            width: to.width / 2,
            ..to
        };
        let own = (0..from.len() as u32).collect::<Vec<u32>>();
        let plain = first.activation == Activation::None && from.len() == net.shape(input).len();
        let doubled = (to.height, to.width) == (2 * from.height, 2 * from.width);
        if !(plain && doubled) {
            continue;
        }
        let Some(order) = doubles(one, from, between) else {
            continue;
        };
        let whole = HwcShape {
            height: between.height,
            width: between.width,
            ..to
        };
        let straight = doubles(other, whole, to)
            .is_some_and(|order| (0..).zip(order).all(|(at, from)| at == from));
        if whole != between || !straight {
            continue;
        }
        let origin = first.origin.clone();
        net.nodes[at].op = Op::Bilinear;
        net.nodes[at].inputs = vec![input];
        if order == own && net.shape(input) == from {
            net.nodes.remove(before);
        } else {
            // As of a dense layer, whose weights take the change of order.
            let value = net.value(from);
            net.nodes[at].inputs = vec![value];
            net.nodes[before] = NetNode {
                op: Op::Reorder((order != own).then_some(order)),
                activation: Activation::None,
                inputs: vec![input],
                output: value,
                origin,
            };
        }
        return true;
    }
    false
}

/// The positions of an image's elements in what a resampling reads, if it doubles the rows or the
/// columns of that image.
fn doubles(op: &StridedOp, from: HwcShape, to: HwcShape) -> Option<Vec<u32>> {
    let StridedWork::Resample {
        axis,
        positions,
        taps,
    } = &op.work
    else {
        return None;
    };
    let rows = (to.height, to.width) == (2 * from.height, from.width);
    let columns = (to.height, to.width) == (from.height, 2 * from.width);
    if !(rows || columns) || from.channels != to.channels {
        return None;
    }
    let side = if rows { from.height } else { from.width };
    let halves = *positions == side
        && taps.len() == 2 * side as usize
        && (0..).zip(taps).all(|(at, taps)| is_half(at, side, taps));
    let [(_, walk)] = op.operands.as_slice() else {
        return None;
    };
    let whole = op.sizes.iter().product::<usize>() as u64 == to.len();
    let stride = *walk.strides.get(*axis)?;
    if !halves || !whole {
        return None;
    }
    // Where each output element is, and the first of the positions along the axis that it reads.
    let mut apart = walk.clone();
    apart.strides[*axis] = 0;
    let places = op.output.positions(&op.sizes).into_iter();
    let pairs = places.zip(apart.positions(&op.sizes));
    let index = position_of(&op.sizes, *axis);
    let (width, channels) = (to.width as usize, to.channels as usize);
    let mut order = vec![u32::MAX; from.len() as usize];
    for (number, (to_at, from_at)) in pairs.enumerate() {
        let (pixel, channel) = (to_at / channels, to_at % channels);
        let (row, column) = (pixel / width, pixel % width);
        let along = index(number);
        let own = if rows { row } else { column };
        if own != along {
            return None;
        }
        // Each position of the axis once.
        if along >= side as usize {
            continue;
        }
        let at = (row * from.width as usize + column) * channels + channel;
        let position = i64::try_from(from_at).ok()? + along as i64 * stride;
        *order.get_mut(at)? = u32::try_from(position).ok()?;
    }
    order.iter().all(|at| *at != u32::MAX).then_some(order)
}

/// The index along a dimension of the element of a number, the last dimension fastest.
fn position_of(sizes: &[usize], axis: usize) -> impl Fn(usize) -> usize {
    let inner: usize = sizes.iter().skip(axis + 1).product();
    let size = sizes.get(axis).copied().unwrap_or(1);
    move |number| number / inner.max(1) % size.max(1)
}

/// Whether taps are three quarters of the nearest position and a quarter of the one beside it.
fn is_half(at: u32, side: u32, taps: &[(u32, f32)]) -> bool {
    let beside = if at.is_multiple_of(2) {
        (at / 2).saturating_sub(1)
    } else {
        (at / 2 + 1).min(side - 1)
    };
    let weight = |position| -> f32 {
        let own = taps.iter().filter(|(tap, _)| *tap == position);
        own.map(|(_, weight)| weight).sum()
    };
    let near = if beside == at / 2 { 1.0 } else { 0.75 };
    let close = |position, expected: f32| (weight(position) - expected).abs() <= MOST_DIFFERENCE;
    let others = taps
        .iter()
        .all(|(tap, weight)| *tap == at / 2 || *tap == beside || *weight == 0.0);
    others && close(at / 2, near) && (beside == at / 2 || close(beside, 0.25))
}
