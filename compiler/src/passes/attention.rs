//! Products of queries and keys, their softmax and products with values become one layer, which
//! never holds the whole matrix of weights.

use dreamlet_runtime::engine::compiled::format::{
    Activation, MAX_RANK, MapOp, Reduction, Source, StridedWork,
};

use super::maps::as_map;
use crate::ir::{Net, Op, OperandSource, StridedOp, ValueId, Walk};

/// Rewrites the product of one matrix of weights with values.
pub(super) fn fuse(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        if let Some((op, inputs)) = fused(net, at) {
            net.nodes[at].op = Op::Strided(vec![op]);
            net.nodes[at].inputs = inputs;
            return true;
        }
    }
    false
}

/// Work by strides, with the values that it reads.
struct Work<'a> {
    op: &'a StridedOp,
    inputs: &'a [ValueId],
}

impl<'a> Work<'a> {
    /// That of a node that does nothing else.
    fn of(net: &'a Net, at: usize) -> Option<Self> {
        let node = net.nodes.get(at)?;
        let op = node.strided()?;
        (node.activation == Activation::None).then_some(Self {
            op,
            inputs: &node.inputs,
        })
    }

    /// The value that operand `at` is.
    fn value(&self, at: usize) -> Option<ValueId> {
        match self.op.operands.get(at)?.0 {
            OperandSource::Input(input) => self.inputs.get(input).copied(),
            OperandSource::Constant(_) => None,
        }
    }
}

/// What a softmax is made of.
struct Softmax {
    /// Its input.
    from: ValueId,
    /// For each element of its input, the position of its sum.
    groups: Vec<Option<usize>>,
}

fn fused(net: &Net, at: usize) -> Option<(StridedOp, Vec<ValueId>)> {
    let mix = Work::of(net, at)?;
    if mix.op.work != StridedWork::MatMul {
        return None;
    }
    [0, 1].into_iter().find_map(|weights| {
        let value = mix.value(weights)?;
        let softmax = softmax(net, value)?;
        let (scale, scores) = scaled(net, softmax.from);
        let scores = Work::of(net, net.producer(scores)?)?;
        if scores.op.work != StridedWork::MatMul || net.uses(value) != 1 {
            return None;
        }
        attention(&scores, &mix, weights, &softmax.groups, scale)
    })
}

/// The softmax that a value is.
fn softmax(net: &Net, value: ValueId) -> Option<Softmax> {
    let (powers, sums) = pair(net, value, MapOp::Div)?;
    let (exp, inputs) = as_map(net, net.producer(powers)?)?;
    let [instruction] = exp.program()? else {
        return None;
    };
    if instruction.op != MapOp::Exp || !as_it_lies(&exp)? {
        return None;
    }
    let (from, most) = pair(net, *inputs.first()?, MapOp::Sub)?;
    let groups = reduced(net, sums, powers, Reduction::Sum)?;
    let also = reduced(net, most, from, Reduction::Max)?;
    let rows = |value| row_of(net, value);
    let difference = *inputs.first()?;
    (rows(value)? == groups && rows(difference)? == also && groups == also)
        .then_some(Softmax { from, groups })
}

/// Whether the first operand of a map lies as the output does.
fn as_it_lies(map: &StridedOp) -> Option<bool> {
    let (_, walk) = map.operands.first()?;
    let strides = walk.strides.iter().zip(&map.output.strides);
    let mut dims = map.sizes.iter().zip(strides);
    let alike = dims.all(|(size, (a, b))| *size == 1 || a == b);
    Some(alike && walk.first == map.output.first)
}

/// The two values of which a value is such a map, the first one as it lies.
fn pair(net: &Net, value: ValueId, op: MapOp) -> Option<(ValueId, ValueId)> {
    let (map, inputs) = as_map(net, net.producer(value)?)?;
    let [instruction] = map.program()? else {
        return None;
    };
    let operands = [Source::Operand(0), Source::Operand(1)];
    if instruction.op != op || instruction.sources != operands || !as_it_lies(&map)? {
        return None;
    }
    let input = |at: usize| match map.operands.get(at)?.0 {
        OperandSource::Input(input) => inputs.get(input).copied(),
        OperandSource::Constant(_) => None,
    };
    Some((input(0)?, input(1)?))
}

/// For each position of a map's result, that of its second operand.
fn row_of(net: &Net, value: ValueId) -> Option<Vec<Option<usize>>> {
    let (map, _) = as_map(net, net.producer(value)?)?;
    let from = map.output.positions(&map.sizes);
    Some(table(&from, &map.operands.get(1)?.1.positions(&map.sizes)))
}

/// For each position of `from`, where it goes when it is reduced to `value`.
fn reduced(
    net: &Net,
    value: ValueId,
    from: ValueId,
    reduction: Reduction,
) -> Option<Vec<Option<usize>>> {
    let work = Work::of(net, net.producer(value)?)?;
    let is = matches!(work.op.work, StridedWork::Reduce(found, _) if found == reduction);
    if !is || work.value(0)? != from {
        return None;
    }
    let positions = work.op.operands.first()?.1.positions(&work.op.sizes);
    Some(table(&positions, &work.op.output.positions(&work.op.sizes)))
}

fn table(from: &[usize], to: &[usize]) -> Vec<Option<usize>> {
    let most = from.iter().max().map_or(0, |most| most + 1);
    let mut all = vec![None; most];
    for (&from, &to) in from.iter().zip(to) {
        all[from] = Some(to);
    }
    all
}

/// What products are multiplied by, and the products.
fn scaled(net: &Net, value: ValueId) -> (f32, ValueId) {
    let found = || {
        let (map, inputs) = as_map(net, net.producer(value)?)?;
        let [instruction] = map.program()? else {
            return None;
        };
        let x = Source::Operand(0);
        let scale = match (instruction.op, instruction.sources.as_slice()) {
            (MapOp::Mul, [a, Source::Constant(c)] | [Source::Constant(c), a]) if *a == x => *c,
            (MapOp::Div, [a, Source::Constant(c)]) if *a == x => 1.0 / *c,
            _ => return None,
        };
        (as_it_lies(&map)? && scale.is_finite()).then_some((scale, *inputs.first()?))
    };
    found().unwrap_or((1.0, value))
}

/// A dimension of the weights: elements and stride.
type Dim = (usize, i64);

fn is_same(a: Dim, b: Dim) -> bool {
    a.0 == b.0 && (a.0 == 1 || a.1 == b.1)
}

/// Both products as one layer, if the weights lie as one takes them and the other makes them.
fn attention(
    scores: &Work<'_>,
    mix: &Work<'_>,
    weights: usize,
    groups: &[Option<usize>],
    scale: f32,
) -> Option<(StridedOp, Vec<ValueId>)> {
    let (made, taken) = (&scores.op.output, &mix.op.operands.get(weights)?.1);
    let batch_of = |op: &StridedOp| op.sizes.len().checked_sub(3);
    let (first, second) = (batch_of(scores.op)?, batch_of(mix.op)?);
    let dim = |op: &StridedOp, walk: &Walk, at: usize| (op.sizes[at], walk.strides[at]);
    // Batch dimensions of more than one element.
    let batch = |op: &StridedOp, walk: &Walk, count: usize| -> Vec<usize> {
        let is_some = |at: &usize| dim(op, walk, *at).0 > 1;
        (0..count).filter(is_some).collect()
    };
    let (before, after) = (batch(scores.op, made, first), batch(mix.op, taken, second));
    let batches_fit = before.len() == after.len()
        && (before.iter().zip(&after))
            .all(|(a, b)| is_same(dim(scores.op, made, *a), dim(mix.op, taken, *b)));
    if !batches_fit || made.first != taken.first || before.len() + 4 > MAX_RANK {
        return None;
    }
    // Queries are rows of the weights as they are taken, or columns.
    let (query, column) = match weights {
        0 => (second, second + 1),
        _ => (second + 1, second),
    };
    let key = second + 2;
    let rows = dim(mix.op, taken, query);
    let keys = dim(mix.op, taken, key);
    let (row, across) = (dim(scores.op, made, first), dim(scores.op, made, first + 1));
    let turned = if is_same(rows, row) && is_same(keys, across) {
        false
    } else if is_same(rows, across) && is_same(keys, row) {
        true
    } else {
        return None;
    };
    // A softmax over the keys of each query.
    let own: Vec<usize> = after.iter().copied().chain([query, key]).collect();
    let sizes: Vec<usize> = own.iter().map(|&at| mix.op.sizes[at]).collect();
    let strides = own.iter().map(|&at| taken.strides[at]).collect();
    let positions = Walk {
        first: taken.first,
        strides,
    }
    .positions(&sizes);
    let group_of = |at: &usize| groups.get(*at).copied().flatten();
    let mut seen: Vec<usize> = Vec::new();
    for query in positions.chunks(keys.0) {
        let group = query.first().and_then(group_of)?;
        if query.iter().any(|at| group_of(at) != Some(group)) {
            return None;
        }
        seen.push(group);
    }
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    let members = groups.iter().flatten().count();
    if seen.len() != count || members != positions.len() {
        return None;
    }
    let mut inputs = Vec::new();
    let mut operand = |work: &Work<'_>, at: usize, dims: Vec<Option<usize>>| {
        let (source, walk) = work.op.operands.get(at)?;
        let source = match source {
            OperandSource::Constant(constant) => OperandSource::Constant(constant.clone()),
            OperandSource::Input(_) => {
                let value = work.value(at)?;
                let known = inputs.iter().position(|input| *input == value);
                OperandSource::Input(known.unwrap_or_else(|| {
                    inputs.push(value);
                    inputs.len() - 1
                }))
            }
        };
        Some((source, along(walk, dims)))
    };
    let (queried, keyed) = match turned {
        false => (first, first + 1),
        true => (first + 1, first),
    };
    let inner = first + 2;
    let dims = |batch: &[usize], own: [Option<usize>; 4]| {
        let batch = batch.iter().map(|at| Some(*at));
        batch.chain(own).collect::<Vec<_>>()
    };
    let operands = vec![
        operand(
            scores,
            usize::from(turned),
            dims(&before, [Some(queried), None, None, Some(inner)]),
        )?,
        operand(
            scores,
            usize::from(!turned),
            dims(&before, [None, None, Some(keyed), Some(inner)]),
        )?,
        operand(
            mix,
            1 - weights,
            dims(&after, [None, Some(column), Some(key), None]),
        )?,
    ];
    let mut sizes: Vec<usize> = after.iter().map(|&at| mix.op.sizes[at]).collect();
    sizes.extend([rows.0, mix.op.sizes[column], keys.0, scores.op.sizes[inner]]);
    let output = along(
        &mix.op.output,
        dims(&after, [Some(query), Some(column), None, None]),
    );
    let op = StridedOp {
        sizes,
        output,
        operands,
        work: StridedWork::Attention(scale),
    };
    Some((op, inputs))
}

/// A walk along these dimensions; it stands still along those that it has not.
fn along(walk: &Walk, dims: Vec<Option<usize>>) -> Walk {
    let stride = |dim: Option<usize>| dim.map_or(0, |dim| walk.strides[dim]);
    Walk {
        first: walk.first,
        strides: dims.into_iter().map(stride).collect(),
    }
}
