//! Runs a [network](super::ir) by the definitions of its operations: slow, in double precision,
//! with no knowledge of how the device does it.
//!
//! It gives every value between the layers, so rewriting is checked against it, and ranges of
//! activations are found with it.

use dreamlet_runtime::engine::compiled::format::{
    Activation, BinaryKind, Broadcast, Convolution, HwcShape, MapOp, Reduction, Source, StridedWork,
};

use super::ir::{Net, NetNode, Op, OperandSource, StridedOp, Walk, len};

/// Most multiplications of an image that `compile` runs it for: some tenths of a second.
pub(crate) const MOST_WORK: u64 = 500_000_000;

/// All values of the network for one latent vector and class; values that nothing makes are empty.
///
/// A latent vector of another length is padded with zeros or cut. A class that does not exist is
/// taken as the last one.
pub(crate) fn run(net: &Net, latent: &[f32], class: usize) -> Vec<Vec<f64>> {
    let mut values = vec![Vec::new(); net.values.len()];
    let inputs = latent.iter().map(|&x| f64::from(x));
    values[net.latent] = inputs
        .chain(std::iter::repeat(0.0))
        .take(len(net.shape(net.latent)))
        .collect();
    for node in &net.nodes {
        let mut made = compute(net, node, &values, class);
        for x in &mut made {
            *x = activate(node.activation, *x);
        }
        values[node.output] = made;
    }
    values
}

/// What an activation does to an element.
pub(crate) fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu(slope) if x < 0.0 => f64::from(slope) * x,
        Activation::LeakyRelu(_) => x,
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Clip(low, high) => x.max(low.into()).min(high.into()),
        // ln(1 + exp(x)) without overflow.
        Activation::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Activation::Elu(alpha) if x < 0.0 => f64::from(alpha) * x.exp_m1(),
        Activation::Elu(_) => x,
    }
}

fn compute(net: &Net, node: &NetNode, values: &[Vec<f64>], class: usize) -> Vec<f64> {
    let to = net.shape(node.output);
    let inputs: Vec<(&[f64], HwcShape)> = node
        .inputs
        .iter()
        .map(|&id| (values[id].as_slice(), net.shape(id)))
        .collect();
    match (&node.op, inputs.as_slice()) {
        (Op::Lookup { table }, _) => {
            let row = class.min(net.classes.saturating_sub(1)) * len(to);
            table[row..row + len(to)]
                .iter()
                .map(|&x| f64::from(x))
                .collect()
        }
        (Op::Dense { weights, bias }, [(x, _)]) => bias
            .iter()
            .zip(weights.chunks(x.len()))
            .map(|(&bias, row)| {
                let products = row.iter().zip(*x).map(|(&w, x)| f64::from(w) * x);
                f64::from(bias) + products.sum::<f64>()
            })
            .collect(),
        (
            Op::Conv {
                geometry,
                weights,
                bias,
            },
            [(x, from)],
        ) => convolve(geometry, weights, bias, x, *from, to),
        (Op::Activate, [(x, _)]) => x.to_vec(),
        (Op::Affine { scale, shift }, [(x, _)]) => x
            .iter()
            .enumerate()
            .map(|(i, x)| x * f64::from(scale[i % scale.len()]) + f64::from(shift[i % shift.len()]))
            .collect(),
        (Op::Binary(kind, broadcast), [(x, _), (y, _)]) => x
            .iter()
            .enumerate()
            .map(|(i, &x)| {
                let y = match broadcast {
                    Broadcast::Same => y[i],
                    Broadcast::Channel => y[i % to.channels as usize],
                };
                match kind {
                    BinaryKind::Add => x + y,
                    BinaryKind::Sub => x - y,
                    BinaryKind::ReverseSub => y - x,
                    BinaryKind::Mul => x * y,
                }
            })
            .collect(),
        (Op::Reorder(positions), [(x, _)]) => match positions {
            Some(positions) => positions.iter().map(|&at| x[at as usize]).collect(),
            None => x.to_vec(),
        },
        (Op::Concat, parts) => {
            let mut all = Vec::with_capacity(len(to));
            for pixel in 0..(to.height * to.width) as usize {
                for (x, shape) in parts {
                    let channels = shape.channels as usize;
                    all.extend_from_slice(&x[pixel * channels..(pixel + 1) * channels]);
                }
            }
            all
        }
        (Op::Nearest, [(x, from)]) => each(to, |row, column, channel| {
            let factors = [to.height / from.height, to.width / from.width];
            at(x, *from, row / factors[0], column / factors[1], channel)
        }),
        (Op::Bilinear, [(x, from)]) => each(to, |row, column, channel| {
            let [rows, columns] = [doubled(row, from.height), doubled(column, from.width)];
            let pairs = rows
                .iter()
                .flat_map(|y| columns.iter().map(move |x| (y, x)));
            let parts = pairs.map(|(&(row, down), &(column, along))| {
                down * along * at(x, *from, row, column, channel)
            });
            parts.sum()
        }),
        (Op::Strided(works), _) => {
            let mut made = vec![0.0; len(to)];
            for work in works {
                strided(work, &inputs, &mut made);
            }
            made
        }
        (Op::Pad([top, left], fill), [(x, from)]) => each(to, |row, column, channel| {
            let row = row.checked_sub(*top).filter(|row| *row < from.height);
            let column = column
                .checked_sub(*left)
                .filter(|column| *column < from.width);
            let inside = row.zip(column);
            inside.map_or(f64::from(*fill), |(row, column)| {
                at(x, *from, row, column, channel)
            })
        }),
        _ => Vec::new(),
    }
}

fn at(x: &[f64], shape: HwcShape, row: u32, column: u32, channel: u32) -> f64 {
    x[((row * shape.width + column) * shape.channels + channel) as usize]
}

/// The two input positions and their weights of position `at` of a doubled side.
fn doubled(at: u32, side: u32) -> [(u32, f64); 2] {
    let beside = if at.is_multiple_of(2) {
        (at / 2).saturating_sub(1)
    } else {
        (at / 2 + 1).min(side.saturating_sub(1))
    };
    [(at / 2, 0.75), (beside, 0.25)]
}

fn each(shape: HwcShape, f: impl Fn(u32, u32, u32) -> f64) -> Vec<f64> {
    let mut all = Vec::with_capacity(len(shape));
    for row in 0..shape.height {
        for column in 0..shape.width {
            all.extend((0..shape.channels).map(|channel| f(row, column, channel)));
        }
    }
    all
}

/// General work by strides, into a value of which it writes a part or all.
fn strided(op: &StridedOp, inputs: &[(&[f64], HwcShape)], made: &mut [f64]) {
    let output = op.output.positions(&op.sizes);
    let constants = op.operands.iter().map(|(source, _)| match source {
        OperandSource::Constant(floats) => floats.iter().map(|&x| f64::from(x)).collect(),
        OperandSource::Input(_) => Vec::new(),
    });
    let constants: Vec<Vec<f64>> = constants.collect();
    let data = |at: usize| match op.operands[at].0 {
        OperandSource::Input(input) => inputs[input].0,
        OperandSource::Constant(_) => constants[at].as_slice(),
    };
    let read = |at: usize| -> Vec<f64> {
        let positions = op.operands[at].1.positions(&op.sizes);
        positions
            .into_iter()
            .map(|position| data(at)[position])
            .collect()
    };
    match &op.work {
        StridedWork::Map(program) => {
            let operands: Vec<Vec<f64>> = (0..op.operands.len()).map(read).collect();
            let mut results = vec![0.0; program.len()];
            for (i, &to) in output.iter().enumerate() {
                for (at, instruction) in program.iter().enumerate() {
                    let source = |n: usize| match instruction.sources[n] {
                        Source::Operand(operand) => operands[operand][i],
                        Source::Result(before) => results[before],
                        Source::Constant(number) => f64::from(number),
                    };
                    results[at] = instructed(instruction.op, source);
                }
                made[to] = results[program.len() - 1];
            }
        }
        StridedWork::Reduce(reduction, along) => {
            let sizes = along.iter().map(|&at| op.sizes[at]);
            let count: usize = sizes.product();
            let start = match reduction {
                Reduction::Sum | Reduction::Mean => 0.0,
                Reduction::Prod => 1.0,
                Reduction::Max => f64::NEG_INFINITY,
                Reduction::Min => f64::INFINITY,
            };
            for &to in &output {
                made[to] = start;
            }
            for (&to, x) in output.iter().zip(read(0)) {
                made[to] = match reduction {
                    Reduction::Sum => made[to] + x,
                    Reduction::Mean => made[to] + x / count as f64,
                    Reduction::Prod => made[to] * x,
                    Reduction::Max => made[to].max(x),
                    Reduction::Min => made[to].min(x),
                };
            }
        }
        StridedWork::Move(fill) => {
            if let Some(fill) = fill {
                made.fill(f64::from(*fill));
            }
            for (&to, x) in output.iter().zip(read(0)) {
                made[to] = x;
            }
        }
        StridedWork::MatMul => {
            for &to in &output {
                made[to] = 0.0;
            }
            for ((&to, a), b) in output.iter().zip(read(0)).zip(read(1)) {
                made[to] += a * b;
            }
        }
        StridedWork::Attention(scale) => {
            let [batch @ .., queries, columns, keys, inner] = op.sizes.as_slice() else {
                return;
            };
            let rank = op.sizes.len();
            // Positions of a tensor: the batch, then these dimensions.
            let of = |walk: &Walk, dims: [usize; 2]| {
                let taken = (0..batch.len()).chain(dims.map(|dim| rank - dim));
                let (sizes, strides): (Vec<usize>, Vec<i64>) =
                    taken.map(|dim| (op.sizes[dim], walk.strides[dim])).unzip();
                let first = walk.first;
                Walk { first, strides }.positions(&sizes)
            };
            let to = of(&op.output, [4, 3]);
            let read = |at: usize, dims| -> Vec<f64> {
                let positions = of(&op.operands[at].1, dims).into_iter();
                positions.map(|position| data(at)[position]).collect()
            };
            let (query, key, value) = (read(0, [4, 1]), read(1, [2, 1]), read(2, [2, 3]));
            let batches = (to
                .chunks(queries * columns)
                .zip(query.chunks(queries * inner)))
            .zip(key.chunks(keys * inner).zip(value.chunks(keys * columns)));
            for ((to, query), (key, value)) in batches {
                for (to, query) in to.chunks(*columns).zip(query.chunks(*inner)) {
                    let products = key.chunks(*inner).map(|key| {
                        let terms = query.iter().zip(key).map(|(a, b)| a * b);
                        terms.sum::<f64>() * f64::from(*scale)
                    });
                    let products: Vec<f64> = products.collect();
                    let most = products.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let weights: Vec<f64> = products.iter().map(|x| (x - most).exp()).collect();
                    let sum: f64 = weights.iter().sum();
                    for (column, &to) in to.iter().enumerate() {
                        let values = value.chunks(*columns).map(|value| value[column]);
                        let terms = weights.iter().zip(values).map(|(a, b)| a * b);
                        made[to] = terms.sum::<f64>() / sum;
                    }
                }
            }
        }
        StridedWork::Resample { axis, taps, .. } => {
            let stride = op.operands[0].1.strides[*axis];
            let inner: usize = op.sizes.iter().skip(axis + 1).product();
            // Where the axis begins, for each output.
            let mut walk = op.operands[0].1.clone();
            walk.strides[*axis] = 0;
            let begins = walk.positions(&op.sizes);
            for (i, (&to, begin)) in output.iter().zip(begins).enumerate() {
                let taps = &taps[i / inner % op.sizes[*axis]];
                let terms = taps.iter().map(|&(position, weight)| {
                    let at = begin as i64 + i64::from(position) * stride;
                    f64::from(weight) * data(0)[at as usize]
                });
                made[to] = terms.sum();
            }
        }
    }
}

/// What an instruction of a map makes.
fn instructed(op: MapOp, source: impl Fn(usize) -> f64) -> f64 {
    let truth = |is: bool| f64::from(u8::from(is));
    let (a, b, c) = (|| source(0), || source(1), || source(2));
    match op {
        MapOp::Copy => a(),
        MapOp::Relu => a().max(0.0),
        MapOp::Tanh => a().tanh(),
        MapOp::Sigmoid => 1.0 / (1.0 + (-a()).exp()),
        MapOp::Softplus => activate(Activation::Softplus, a()),
        MapOp::Exp => a().exp(),
        MapOp::Log => a().ln(),
        MapOp::Sqrt => a().sqrt(),
        MapOp::Reciprocal => 1.0 / a(),
        MapOp::Erf => libm::erf(a()),
        MapOp::Sin => a().sin(),
        MapOp::Cos => a().cos(),
        MapOp::Atan => a().atan(),
        MapOp::Neg => -a(),
        MapOp::Abs => a().abs(),
        MapOp::Floor => a().floor(),
        MapOp::Ceil => a().ceil(),
        MapOp::Trunc => a().trunc(),
        MapOp::Round => a().round_ties_even(),
        MapOp::Sign if a() == 0.0 => 0.0,
        MapOp::Sign => a().signum(),
        MapOp::Not => truth(a() == 0.0),
        MapOp::Add => a() + b(),
        MapOp::Sub => a() - b(),
        MapOp::Mul => a() * b(),
        MapOp::Div => a() / b(),
        MapOp::Pow => a().powf(b()),
        MapOp::Max => a().max(b()),
        MapOp::Min => a().min(b()),
        MapOp::Mod => a() % b(),
        MapOp::Equal => truth(a() == b()),
        MapOp::Less => truth(a() < b()),
        MapOp::LeakyRelu if a() < 0.0 => b() * a(),
        MapOp::LeakyRelu => a(),
        MapOp::Elu if a() < 0.0 => b() * a().exp_m1(),
        MapOp::Elu => a(),
        MapOp::MulAdd => a() * b() + c(),
        MapOp::Select if a() != 0.0 => b(),
        MapOp::Select => c(),
        MapOp::Clip => a().max(b()).min(c()),
    }
}

/// Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016): output `o` and
/// input `i` meet by tap `k` where `o * stride + k * dilation = i + pad`, of a transposed
/// convolution where `i * stride + k * dilation = o + pad`.
fn convolve(
    geometry: &Convolution,
    weights: &[f32],
    bias: &[f32],
    x: &[f64],
    from: HwcShape,
    to: HwcShape,
) -> Vec<f64> {
    let groups = geometry.groups.max(1);
    let (inputs, outputs) = (from.channels / groups, to.channels / groups);
    let taps = (geometry.kernel[0] * geometry.kernel[1]) as usize;
    // Pairs of input and tap that meet each output, for rows and columns.
    let pairs = |side: usize, input: u32, output: u32| -> Vec<Vec<(u32, u32)>> {
        let [stride, pad, dilation] = [
            geometry.stride[side],
            geometry.pad[side],
            geometry.dilation[side],
        ]
        .map(i64::from);
        let meets = |o: u32, k: u32| {
            let (o, k) = (i64::from(o), i64::from(k));
            let i = if geometry.transposed {
                let reach = o + pad - k * dilation;
                (reach % stride.max(1) == 0).then_some(reach / stride.max(1))?
            } else {
                o * stride + k * dilation - pad
            };
            u32::try_from(i).ok().filter(|&i| i < input)
        };
        let of = |o| {
            let taps = 0..geometry.kernel[side];
            taps.filter_map(|k| Some((meets(o, k)?, k))).collect()
        };
        (0..output).map(of).collect()
    };
    // By tap, then output, then input: the sums below run along inputs.
    let mut turned = vec![0.0; weights.len()];
    let own = to.channels as usize * inputs as usize;
    for (i, &weight) in weights.iter().enumerate() {
        turned[i % taps * own + i / taps] = f64::from(weight);
    }
    let rows = pairs(0, from.height, to.height);
    let columns = pairs(1, from.width, to.width);
    let mut all = Vec::with_capacity(len(to));
    for row in &rows {
        for column in &columns {
            for output in 0..to.channels {
                let first = output / outputs * inputs;
                let mut sum = f64::from(bias[output as usize]);
                for &(y, ky) in row {
                    for &(z, kx) in column {
                        let pixel = ((y * from.width + z) * from.channels + first) as usize;
                        let tap = (ky * geometry.kernel[1] + kx) as usize;
                        let row = tap * own + (output * inputs) as usize;
                        let products = turned[row..row + inputs as usize].iter().zip(&x[pixel..]);
                        sum += products.map(|(weight, x)| weight * x).sum::<f64>();
                    }
                }
                all.push(sum);
            }
        }
    }
    all
}
