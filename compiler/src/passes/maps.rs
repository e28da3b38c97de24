//! Element-wise work one after another becomes one map, which reads and writes each element once.

use dreamlet_runtime::engine::compiled::format::{
    Activation, BinaryKind, Broadcast, HwcShape, Instruction, MAX_RANK, MapOp, Source,
    StridedLayer, StridedOperand, StridedWork, Strides,
};

use crate::ir::{Net, NetNode, Op, OperandSource, StridedOp, Walk};

/// Joins one pair of element-wise nodes of which one is a map.
pub(super) fn join(net: &mut Net) -> bool {
    join_where(net, is_strided)
}

/// Joins also what reads one value twice, such as SiLU and GELU: one pass over the elements where
/// layers of their own would take several. Those have int8 forms, which maps have not.
pub(super) fn join_shared(net: &mut Net) -> bool {
    join_where(net, |_, _| true)
}

/// Of two nodes that read one value, those are joined whose value `takes`.
fn join_where(net: &mut Net, takes: fn(&Net, usize) -> bool) -> bool {
    for at in 0..net.nodes.len() {
        let inputs = net.nodes[at].inputs.clone();
        for input in inputs {
            let Some(before) = net.producer(input) else {
                continue;
            };
            let (first, second) = (&net.nodes[before], &net.nodes[at]);
            // What both read is read once then.
            let shared = first
                .inputs
                .iter()
                .any(|value| second.inputs.contains(value) && takes(net, *value));
            let joins = is_map(first) || is_map(second) || shared;
            // What is done in one instruction may as well be done for each that reads it.
            let is_last = net.uses(input) == 1;
            let repeats =
                is_map(second) && first.program().is_some_and(|program| program.len() == 1);
            if !joins || !(is_last || repeats) {
                continue;
            }
            let pair = as_map(net, before).zip(as_map(net, at));
            let joined = pair.and_then(|((first, from), (second, to))| {
                joined((&first, &from), (&second, &to), input)
            });
            if let Some((op, inputs)) = joined {
                net.nodes[at].op = Op::Strided(vec![op]);
                net.nodes[at].activation = Activation::None;
                net.nodes[at].inputs = inputs;
                if is_last {
                    net.nodes.remove(before);
                }
                return true;
            }
        }
    }
    false
}

/// Makes a map of what takes one value twice, such as a square, where a map can become part of it.
pub(super) fn of_one_value(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        let node = &net.nodes[at];
        let &[a, b] = node.inputs.as_slice() else {
            continue;
        };
        if a != b || !matches!(node.op, Op::Binary(..)) || !is_strided(net, a) {
            continue;
        }
        if let Some((op, _)) = as_map(net, at)
            && let [(_, first), (_, second)] = op.operands.as_slice()
            && first == second
        {
            let mut op = op;
            op.operands.truncate(1);
            if let StridedWork::Map(program) = &mut op.work {
                let sources = program.iter_mut().flat_map(|one| &mut one.sources);
                sources
                    .filter(|source| **source == Source::Operand(1))
                    .for_each(|source| *source = Source::Operand(0));
            }
            let node = &mut net.nodes[at];
            node.op = Op::Strided(vec![op]);
            node.activation = Activation::None;
            node.inputs = vec![a];
            return true;
        }
    }
    false
}

/// Whether general work by strides makes a value.
fn is_strided(net: &Net, value: usize) -> bool {
    let node = net.producer(value).map(|at| &net.nodes[at]);
    node.is_some_and(|node| matches!(node.op, Op::Strided(_)))
}

fn is_map(node: &NetNode) -> bool {
    node.program().is_some()
}

/// An element-wise node as a map, and its inputs; `None` for other nodes.
pub(super) fn as_map(net: &Net, at: usize) -> Option<(StridedOp, Vec<usize>)> {
    let node = &net.nodes[at];
    let shape = net.shape(node.output);
    if let (Some(work), true) = (node.strided(), is_map(node)) {
        return Some((work.clone(), node.inputs.clone()));
    }
    let sizes = [shape.height, shape.width, shape.channels].map(|size| size as usize);
    let whole = walk(shape, [true; 3]);
    let constant = |all: &[f32]| {
        let first = *all.first()?;
        if all.iter().all(|x| x.to_bits() == first.to_bits()) {
            return Some((Source::Constant(first), None));
        }
        let per_channel = all.len() == shape.channels as usize;
        let own = if per_channel {
            walk(shape, [false, false, true])
        } else {
            whole.clone()
        };
        Some((
            Source::Operand(0),
            Some((OperandSource::Constant(all.to_vec()), own)),
        ))
    };
    let mut operands = vec![(OperandSource::Input(0), whole.clone())];
    let mut numbered = |given: (Source, Option<(OperandSource, Walk)>)| match given {
        (_, Some(operand)) => {
            operands.push(operand);
            Source::Operand(operands.len() - 1)
        }
        (source, None) => source,
    };
    let x = Source::Operand(0);
    let mut program = Vec::new();
    match &node.op {
        Op::Activate => {}
        Op::Affine { scale, shift } => {
            let (scale, shift) = (numbered(constant(scale)?), numbered(constant(shift)?));
            program.push(match (scale, shift) {
                (Source::Constant(1.0), shift) => Instruction::new(MapOp::Add, [x, shift]),
                (scale, Source::Constant(0.0)) => Instruction::new(MapOp::Mul, [x, scale]),
                (scale, shift) => Instruction::new(MapOp::MulAdd, [x, scale, shift]),
            });
        }
        Op::Binary(kind, broadcast) => {
            let own = match broadcast {
                Broadcast::Same => whole.clone(),
                Broadcast::Channel => walk(shape, [false, false, true]),
            };
            let y = numbered((x, Some((OperandSource::Input(1), own))));
            program.push(match kind {
                BinaryKind::Add => Instruction::new(MapOp::Add, [x, y]),
                BinaryKind::Sub => Instruction::new(MapOp::Sub, [x, y]),
                BinaryKind::ReverseSub => Instruction::new(MapOp::Sub, [y, x]),
                BinaryKind::Mul => Instruction::new(MapOp::Mul, [x, y]),
            });
        }
        _ => return None,
    }
    let last = match program.len() {
        0 => x,
        n => Source::Result(n - 1),
    };
    let number = Source::Constant;
    match node.activation {
        Activation::None if program.is_empty() => {
            program.push(Instruction::new(MapOp::Copy, [last]));
        }
        Activation::None => {}
        Activation::Relu => program.push(Instruction::new(MapOp::Relu, [last])),
        Activation::Tanh => program.push(Instruction::new(MapOp::Tanh, [last])),
        Activation::Sigmoid => program.push(Instruction::new(MapOp::Sigmoid, [last])),
        Activation::Softplus => program.push(Instruction::new(MapOp::Softplus, [last])),
        Activation::LeakyRelu(slope) => {
            program.push(Instruction::new(MapOp::LeakyRelu, [last, number(slope)]));
        }
        Activation::Elu(alpha) => {
            program.push(Instruction::new(MapOp::Elu, [last, number(alpha)]));
        }
        Activation::Clip(low, high) => {
            program.push(Instruction::new(
                MapOp::Clip,
                [last, number(low), number(high)],
            ));
        }
    }
    let op = StridedOp {
        sizes: sizes.to_vec(),
        output: whole,
        operands,
        work: StridedWork::Map(program),
    };
    Some((op, node.inputs.clone()))
}

/// A walk over rows, columns and channels, along those that `moves` says.
fn walk(shape: HwcShape, moves: [bool; 3]) -> Walk {
    let (width, channels) = (i64::from(shape.width), i64::from(shape.channels));
    let strides = [width * channels, channels, 1].into_iter().zip(moves);
    Walk {
        first: 0,
        strides: strides
            .map(|(stride, moves)| if moves { stride } else { 0 })
            .collect(),
    }
}

/// The second map with the first in the place of the operand `value`; `None` where it reads that
/// otherwise than the first writes it, or where one map would be too long.
fn joined(
    (first, from): (&StridedOp, &[usize]),
    (second, to): (&StridedOp, &[usize]),
    value: usize,
) -> Option<(StridedOp, Vec<usize>)> {
    let (StridedWork::Map(early), StridedWork::Map(late)) = (&first.work, &second.work) else {
        return None;
    };
    let is_value = |source: &OperandSource| matches!(source, OperandSource::Input(at) if to.get(*at) == Some(&value));
    // The first over the index space of the second: at each element of the second, that of the
    // first with the same place in memory.
    let read = second
        .operands
        .iter()
        .filter(|(source, _)| is_value(source));
    let walks: Vec<&Walk> = read.map(|(_, walk)| walk).collect();
    let seen = *walks.first()?;
    if walks.iter().any(|walk| *walk != seen) {
        return None;
    }
    // Both in the same parts of memory.
    let (cuts, others) = (ends(&second.sizes, seen), ends(&first.sizes, &first.output));
    let (first, second) = (
        &split(first, &first.output, &cuts),
        &split(second, seen, &others),
    );
    let mut read = second
        .operands
        .iter()
        .filter(|(source, _)| is_value(source));
    let (_, seen) = read.next()?;
    let same = |at: usize| {
        // Each dimension of the second is one of the first, or a repetition of what that made.
        let stride = seen.strides[at];
        (stride != 0).then(|| {
            let found = first.output.strides.iter().zip(&first.sizes);
            let mut found = found.enumerate();
            found.find(|(_, (own, size))| **own == stride && **size == second.sizes[at])
        })
    };
    let repeats = (0..second.sizes.len()).any(|at| second.sizes[at] > 1 && seen.strides[at] == 0);
    if repeats || seen.first != first.output.first {
        return None;
    }
    let mut places = Vec::new();
    for at in 0..second.sizes.len() {
        places.push(match second.sizes[at] {
            1 => None,
            _ => Some(same(at)??.0),
        });
    }
    let inputs_of = |source: &OperandSource, own: &[usize], all: &mut Vec<usize>| match source {
        OperandSource::Input(at) => {
            let id = own.get(*at).copied().unwrap_or(0);
            let known = all
                .iter()
                .position(|known| *known == id)
                .unwrap_or(all.len());
            if known == all.len() {
                all.push(id);
            }
            OperandSource::Input(known)
        }
        constant => constant.clone(),
    };
    let mut inputs = Vec::new();
    let mut operands: Vec<(OperandSource, Walk)> = Vec::new();
    let mut number = |operand: (OperandSource, Walk)| {
        let known = operands.iter().position(|known| *known == operand);
        known.unwrap_or_else(|| {
            operands.push(operand);
            operands.len() - 1
        })
    };
    let mut early_numbers = Vec::new();
    for (source, walk) in &first.operands {
        let source = inputs_of(source, from, &mut inputs);
        let strides = places
            .iter()
            .map(|place| place.map_or(0, |place| walk.strides[place]));
        let walk = Walk {
            first: walk.first,
            strides: strides.collect(),
        };
        early_numbers.push(number((source, walk)));
    }
    let mut late_numbers = Vec::new();
    for (source, walk) in &second.operands {
        late_numbers.push(match is_value(source) {
            true => None,
            false => Some(number((inputs_of(source, to, &mut inputs), walk.clone()))),
        });
    }
    let mut program = Vec::new();
    for instruction in early {
        let sources = instruction.sources.iter().map(|source| match *source {
            Source::Operand(at) => Source::Operand(early_numbers[at]),
            source => source,
        });
        program.push(Instruction::new(
            instruction.op,
            sources.collect::<Vec<_>>(),
        ));
    }
    let before = program.len();
    for instruction in late {
        let sources = instruction.sources.iter().map(|source| match *source {
            Source::Operand(at) => {
                late_numbers[at].map_or(Source::Result(before - 1), Source::Operand)
            }
            Source::Result(at) => Source::Result(at + before),
            source => source,
        });
        program.push(Instruction::new(
            instruction.op,
            sources.collect::<Vec<_>>(),
        ));
    }
    let op = StridedOp {
        sizes: second.sizes.clone(),
        output: second.output.clone(),
        operands,
        work: StridedWork::Map(program),
    };
    fits(&op).then_some((op, inputs))
}

/// Where dimensions begin and end in memory, in elements.
fn ends(sizes: &[usize], walk: &Walk) -> Vec<i64> {
    let dims = sizes.iter().zip(&walk.strides);
    dims.flat_map(|(size, stride)| [*stride, stride * *size as i64])
        .collect()
}

/// The same work with dimensions cut where `cuts` says, along a walk of it; as it is if there would
/// be too many.
fn split(op: &StridedOp, along: &Walk, cuts: &[i64]) -> StridedOp {
    let mut made = StridedOp {
        sizes: Vec::new(),
        output: Walk {
            strides: Vec::new(),
            ..op.output
        },
        operands: op.operands.clone(),
        work: op.work.clone(),
    };
    for (_, walk) in &mut made.operands {
        walk.strides.clear();
    }
    for (dim, &size) in op.sizes.iter().enumerate() {
        let (from, to) = (along.strides[dim], along.strides[dim] * size as i64);
        let mut ends: Vec<i64> = cuts
            .iter()
            .copied()
            .filter(|cut| from > 0 && (from..to).contains(cut))
            .chain([from, to])
            .collect();
        ends.sort_unstable();
        ends.dedup();
        let fit = ends
            .windows(2)
            .all(|pair| pair[0] > 0 && pair[1] % pair[0] == 0);
        if ends.len() < 2 || !fit {
            ends = vec![1, size as i64];
        }
        let unit = ends[0];
        for pair in ends.windows(2).rev() {
            made.sizes.push((pair[1] / pair[0]) as usize);
            let times = pair[0] / unit;
            made.output.strides.push(op.output.strides[dim] * times);
            for ((_, walk), (_, to)) in op.operands.iter().zip(&mut made.operands) {
                to.strides.push(walk.strides[dim] * times);
            }
        }
    }
    match made.sizes.len() <= MAX_RANK {
        true => made,
        false => op.clone(),
    }
}

/// Whether the device has room for a map.
fn fits(op: &StridedOp) -> bool {
    let strides = |walk: &Walk| Strides {
        first: 0,
        strides: walk.strides.iter().map(|stride| *stride as i32).collect(),
    };
    let operand = |walk| StridedOperand {
        buffer: dreamlet_runtime::engine::compiled::format::OperandRef::Latent,
        strides: strides(walk),
    };
    let layer = StridedLayer {
        sizes: op.sizes.iter().map(|size| *size as u32).collect(),
        output: strides(&op.output),
        operands: op.operands.iter().map(|(_, walk)| operand(walk)).collect(),
        work: op.work.clone(),
    };
    layer.emit().is_ok()
}
