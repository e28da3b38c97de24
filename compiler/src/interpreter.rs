//! Runs a [network](super::ir) by the definitions of its operations: slow, in double precision,
//! with no knowledge of how the device does it.
//!
//! It gives every value between the layers, so rewriting is checked against it, and ranges of
//! activations are found with it.

use dreamlet_runtime::engine::compiled::format::{
    Activation, BinaryKind, Broadcast, Convolution, Coordinates, HwcShape, PadKind,
};

use super::ir::{Net, NetNode, Op, len};

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
        (Op::Prelu { slopes }, [(x, _)]) => x
            .iter()
            .enumerate()
            .map(|(i, &x)| activate(Activation::LeakyRelu(slopes[i % slopes.len()]), x))
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
        (Op::Bilinear(coordinates), [(x, from)]) => each(to, |row, column, channel| {
            let rows = between(*coordinates, row, from.height, to.height);
            let columns = between(*coordinates, column, from.width, to.width);
            let mut sum = 0.0;
            for (row, weight) in rows {
                for (column, share) in columns {
                    sum += weight * share * at(x, *from, row, column, channel);
                }
            }
            sum
        }),
        (Op::DepthToSpace(crd), [(x, from)]) => each(to, |row, column, channel| {
            let block = to.height / from.height;
            let within = row % block * block + column % block;
            let source = if *crd {
                channel * block * block + within
            } else {
                within * to.channels + channel
            };
            at(x, *from, row / block, column / block, source)
        }),
        (Op::Pad([top, left], kind), [(x, from)]) => each(to, |row, column, channel| {
            let row = border(*kind, i64::from(row) - i64::from(*top), from.height);
            let column = border(*kind, i64::from(column) - i64::from(*left), from.width);
            match (row, column, kind) {
                (Some(row), Some(column), _) => at(x, *from, row, column, channel),
                (_, _, PadKind::Constant(fill)) => f64::from(*fill),
                _ => 0.0,
            }
        }),
        _ => Vec::new(),
    }
}

fn at(x: &[f64], shape: HwcShape, row: u32, column: u32, channel: u32) -> f64 {
    x[((row * shape.width + column) * shape.channels + channel) as usize]
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

/// The two input positions that linear interpolation takes, with their shares (ONNX, operator
/// Resize).
fn between(coordinates: Coordinates, to: u32, from: u32, outputs: u32) -> [(u32, f64); 2] {
    let (x, scale) = (f64::from(to), f64::from(outputs) / f64::from(from));
    let last = f64::from(from) - 1.0;
    let place = match coordinates {
        Coordinates::HalfPixel => (x + 0.5) / scale - 0.5,
        Coordinates::AlignCorners if outputs == 1 => 0.0,
        Coordinates::AlignCorners => x * last / (f64::from(outputs) - 1.0),
        Coordinates::Asymmetric => x / scale,
    };
    let place = place.clamp(0.0, last);
    let first = place.floor();
    let share = place - first;
    let next = (first + 1.0).min(last);
    [(first as u32, 1.0 - share), (next as u32, share)]
}

/// The position that a border's position shows, if it shows one.
fn border(kind: PadKind, position: i64, side: u32) -> Option<u32> {
    let last = i64::from(side) - 1;
    let position = match kind {
        PadKind::Constant(_) => position,
        PadKind::Edge => position.clamp(0, last),
        PadKind::Reflect if position < 0 => -position,
        PadKind::Reflect if position > last => 2 * last - position,
        PadKind::Reflect => position,
    };
    u32::try_from(position).ok().filter(|&at| at < side)
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
