//! Convolutions and transposed convolutions.

use dreamlet_onnx::graph::Window;
use dreamlet_runtime::engine::compiled::MAX_KERNEL;
use dreamlet_runtime::engine::compiled::format::{Convolution, MapOp, Reduction, StridedWork};

use super::importer::{Importer, Operand};
use super::movement::bordered;
use super::node::NodeReader;
use super::strided::{Space, instruction, view};
use super::value::{Order, PlacedTensor, View, map_shape};
use crate::CompileError;
use crate::ir::{Op, OperandSource};

/// Largest stride, pad and dilation of a compiled convolution.
const MAX_GEOMETRY: u32 = 1 << 12;

pub(super) fn convolution(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    window: &Window,
    transposed: bool,
) -> Result<PlacedTensor, CompileError> {
    let window = two_dimensional(node, window)?;
    let bias = match node.value(2) {
        None => Some(None),
        Some(_) => node.floats(2).map(|(_, bias)| Some(bias)),
    };
    let (Some((constant, floats)), Some(bias)) = (node.floats(1), bias) else {
        return computed_weights(importer, node, &window, transposed);
    };
    let dims = node.shape();
    let (Some(&outputs), [first, second, kernel @ ..]) = (dims.get(1), constant.shape.as_slice())
    else {
        return Err(node.refuse("its weights are missing"));
    };
    let geometry = geometry(node, &window, transposed)?;
    let taps: usize = kernel.iter().product();
    let weights = match transposed {
        true => outputs_first(floats, window.groups, first / window.groups, *second, taps),
        false => floats.to_vec(),
    };
    let data = importer.data(node, 0)?;
    let flat = data.dims.len() == 3;
    let input = image(importer, node, data)?;
    let op = Op::Conv {
        geometry,
        weights,
        bias: bias.map_or_else(|| vec![0.0; outputs], <[f32]>::to_vec),
    };
    let to = as_image(node, &dims)?;
    let shape = map_shape(to[1], to[2], to[3]);
    let id = importer.net.push(op, vec![input.id], shape, &node.label());
    let made = PlacedTensor {
        id,
        dims: if flat { dims } else { to.to_vec() },
        order: Order::planar(shape),
    };
    Ok(made)
}

/// A window of two axes; one of one axis gets rows of 1.
fn two_dimensional(node: &NodeReader<'_>, window: &Window) -> Result<Window, CompileError> {
    match window.kernel.len() {
        2 => Ok(window.clone()),
        1 => {
            let with = |all: &[usize], x: usize| [&[x], all].concat();
            Ok(Window {
                kernel: with(&window.kernel, 1),
                strides: with(&window.strides, 1),
                dilations: with(&window.dilations, 1),
                pads: [&[(0, 0)], window.pads.as_slice()].concat(),
                output_padding: with(&window.output_padding, 0),
                groups: window.groups,
            })
        }
        axes => Err(node.refuse(format!("it works along {axes} axes; images have two"))),
    }
}

/// `[1, channels, rows, columns]` of what has those, or a single row.
fn as_image(node: &NodeReader<'_>, dims: &[usize]) -> Result<[usize; 4], CompileError> {
    match *dims {
        [1, channels, height, width] => Ok([1, channels, height, width]),
        [1, channels, width] => Ok([1, channels, 1, width]),
        _ => Err(node.refuse(format!(
            "its input or output has dimensions {dims:?}, [1, channels, height, width] were expected"
        ))),
    }
}

fn image(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    data: PlacedTensor,
) -> Result<PlacedTensor, CompileError> {
    if data.dims.len() == 4 {
        return importer.map(node, 0).map(|(map, _)| map);
    }
    let dims = as_image(node, &data.dims)?.to_vec();
    let map = PlacedTensor { dims, ..data }.map(&mut importer.net, &node.label());
    map.ok_or_else(|| node.refuse("its input is no image"))
}

fn geometry(
    node: &NodeReader<'_>,
    window: &Window,
    transposed: bool,
) -> Result<Convolution, CompileError> {
    let both = |sizes: &[usize]| match *sizes {
        [y, x] => [y, x].map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        _ => [u32::MAX; 2],
    };
    let (kernel, stride) = (both(&window.kernel), both(&window.strides));
    let dilation = both(&window.dilations);
    let begin: Vec<usize> = window.pads.iter().map(|(begin, _)| *begin).collect();
    let pad = both(&begin);
    let small = |sizes: &[u32; 2], most| sizes.iter().all(|&n| n <= most);
    if !small(&kernel, MAX_KERNEL as u32) {
        return Err(node.refuse(format!(
            "its kernel is {kernel:?}, at most {MAX_KERNEL} are possible"
        )));
    }
    if [&stride, &dilation, &pad]
        .iter()
        .any(|sizes| !small(sizes, MAX_GEOMETRY))
    {
        return Err(node.refuse(format!(
            "its strides {stride:?}, dilations {dilation:?} or pads {pad:?} are above {MAX_GEOMETRY}"
        )));
    }
    Ok(Convolution {
        kernel,
        stride,
        pad,
        dilation,
        groups: window.groups as u32,
        transposed,
        planar: false,
    })
}

/// A convolution whose weights are computed: a product with the windows of its input.
fn computed_weights(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    window: &Window,
    transposed: bool,
) -> Result<PlacedTensor, CompileError> {
    let dims = node.shape();
    let to = as_image(node, &dims)?;
    let weights_of = node
        .value(1)
        .map(|value| value.shape.clone())
        .unwrap_or_default();
    let (&[first, second, ..], groups) = (weights_of.as_slice(), window.groups) else {
        return Err(node.refuse("its weights are missing"));
    };
    let data = importer.data(node, 0)?;
    let from = as_image(node, &data.dims)?;
    let data = PlacedTensor {
        dims: from.to_vec(),
        ..data
    };
    let [kernel, strides, dilations] =
        [&window.kernel, &window.strides, &window.dilations].map(|all| [all[0], all[1]]);
    let begins = [window.pads[0].0, window.pads[1].0];
    // What is read at (stride * output + dilation * tap) of the input with its border. Of a
    // transposed convolution that is the input with zeros between, by the taps turned around.
    let (step, border, spread): ([usize; 2], [usize; 2], [usize; 2]) = if transposed {
        let border = [0, 1].map(|i| ((kernel[i] - 1) * dilations[i]).checked_sub(begins[i]));
        let [Some(y), Some(x)] = border else {
            return Err(node.refuse(
                "its weights are computed and its pads are larger than its kernel reaches",
            ));
        };
        ([1; 2], [y, x], strides)
    } else {
        (strides, begins, [1; 2])
    };
    let sides = [0, 1].map(|i| (to[2 + i] - 1) * step[i] + (kernel[i] - 1) * dilations[i] + 1);
    let channels = from[1];
    let operand = Operand::Tensor(data);
    let mut inputs = Vec::new();
    let (source, own) = view(importer, node, &operand, &mut inputs);
    let [_, c, y, x] = own.strides.as_slice() else {
        return Err(node.refuse("its input is no image"));
    };
    // As many pixels as lie within the sides.
    let kept = [0, 1].map(|i| {
        let room = sides[i].saturating_sub(border[i]).div_ceil(spread[i]);
        from[2 + i].min(room)
    });
    let mut space = Space {
        sizes: vec![channels, kept[0], kept[1]],
        output: View {
            first: (border[0] * sides[1] + border[1]) as i64,
            strides: vec![
                (sides[0] * sides[1]) as i64,
                (spread[0] * sides[1]) as i64,
                spread[1] as i64,
            ],
        },
        operands: vec![(
            source,
            View {
                first: own.first,
                strides: vec![*c, *y, *x],
            },
        )],
    };
    space.join(0, |_| false);
    let op = Op::Strided(vec![space.op(node, StridedWork::Move(Some(0.0)))?]);
    let plane = map_shape(sides[1], channels, sides[0]);
    let padded = importer.net.push(op, inputs, plane, &node.label());
    // [channel, row tap, column tap, row, column].
    let pixels = to[2] * to[3];
    let columns_len = channels * kernel[0] * kernel[1] * pixels;
    let mut space = Space {
        sizes: vec![channels, kernel[0], kernel[1], to[2], to[3]],
        output: View::row_major(&[channels, kernel[0], kernel[1], to[2], to[3]]),
        operands: vec![(
            OperandSource::Input(0),
            View {
                first: 0,
                strides: vec![
                    (sides[0] * sides[1]) as i64,
                    (dilations[0] * sides[1]) as i64,
                    dilations[1] as i64,
                    (step[0] * sides[1]) as i64,
                    step[1] as i64,
                ],
            },
        )],
    };
    space.join(0, |_| false);
    let op = Op::Strided(vec![space.op(node, StridedWork::Move(None))?]);
    let windows = importer.net.push(
        op,
        vec![padded],
        map_shape(pixels, 1, columns_len / pixels),
        &node.label(),
    );
    // Weights as [group][output][input channel, row tap, column tap]; three dimensions of inner
    // elements are one where the weights lie in order.
    let weights = importer.operand(node, 1)?;
    let taps = kernel[0] * kernel[1];
    let (outputs, inputs_of) = match transposed {
        true => (second, first / groups),
        false => (first / groups, second),
    };
    let mut inputs = vec![windows];
    let (source, own) = view(importer, node, &weights, &mut inputs);
    let [a, b, y, x] = match own.strides.as_slice() {
        [a, b, y, x] => [*a, *b, *y, *x],
        [a, b, x] => [*a, *b, 0, *x],
        _ => return Err(node.refuse("its weights have other than 4 dimensions")),
    };
    let turned = transposed;
    // In order, turned around where the convolution is transposed.
    let ordered = View {
        first: own.first
            + if turned {
                (kernel[0] as i64 - 1) * y + (kernel[1] as i64 - 1) * x
            } else {
                0
            },
        strides: match turned {
            true => vec![a * inputs_of as i64, b, a, -y, -x],
            false => vec![a * outputs as i64, a, b, y, x],
        },
    };
    let mut space = Space {
        sizes: vec![groups, outputs, inputs_of, kernel[0], kernel[1]],
        output: View::row_major(&[groups, outputs, inputs_of, kernel[0], kernel[1]]),
        operands: vec![(shifted(source, 1), ordered)],
    };
    space.join(0, |_| false);
    let op = Op::Strided(vec![space.op(node, StridedWork::Move(None))?]);
    let inner = inputs_of * taps;
    let moved: Vec<usize> = inputs.iter().skip(1).copied().collect();
    let lined = importer.net.push(
        op,
        moved,
        map_shape(inner, 1, groups * outputs),
        &node.label(),
    );
    let mut space = Space {
        sizes: vec![groups, outputs, pixels, inner],
        output: View {
            first: 0,
            strides: vec![(outputs * pixels) as i64, pixels as i64, 1, 0],
        },
        operands: vec![
            (
                OperandSource::Input(0),
                View {
                    first: 0,
                    strides: vec![(outputs * inner) as i64, inner as i64, 0, 1],
                },
            ),
            (
                OperandSource::Input(1),
                View {
                    first: 0,
                    strides: vec![(inner * pixels) as i64, 0, 1, pixels as i64],
                },
            ),
        ],
    };
    space.join(3, |_| false);
    let op = Op::Strided(vec![space.op(node, StridedWork::MatMul)?]);
    let shape = map_shape(pixels, 1, groups * outputs);
    let made = importer
        .net
        .push(op, vec![lined, windows], shape, &node.label());
    let product = PlacedTensor {
        id: made,
        dims,
        order: Order::Same,
    };
    if node.value(2).is_none() {
        return Ok(product);
    }
    let bias = match importer.operand(node, 2)? {
        Operand::Tensor(data) => Operand::Tensor(PlacedTensor {
            dims: [vec![groups * outputs], vec![1; window_axes(node)]].concat(),
            ..data
        }),
        Operand::Constant(_, floats) => Operand::Constant(
            [vec![floats.len()], vec![1; window_axes(node)]].concat(),
            floats,
        ),
    };
    instruction(
        importer,
        node,
        MapOp::Add,
        &[Operand::Tensor(product), bias],
    )
}

fn window_axes(node: &NodeReader<'_>) -> usize {
    node.shape().len().saturating_sub(2)
}

/// An operand of a node that has fewer inputs in front.
fn shifted(source: OperandSource, by: usize) -> OperandSource {
    match source {
        OperandSource::Input(at) => OperandSource::Input(at.saturating_sub(by)),
        constant => constant,
    }
}

/// The greatest element of each window: a border that is never the greatest, then a reduction over
/// windows, which may overlap.
pub(super) fn max_pool(
    importer: &mut Importer,
    node: &NodeReader<'_>,
    window: &Window,
) -> Result<PlacedTensor, CompileError> {
    let dims = node.shape();
    let to = as_image(node, &dims)?;
    let window = two_dimensional(node, window)?;
    let data = importer.data(node, 0)?;
    let from = as_image(node, &data.dims)?;
    let data = PlacedTensor {
        dims: from.to_vec(),
        ..data
    };
    let reach = |i: usize| {
        (to[2 + i] - 1) * window.strides[i] + (window.kernel[i] - 1) * window.dilations[i] + 1
    };
    let begins = [window.pads[0].0, window.pads[1].0];
    let padded = [
        1,
        from[1],
        reach(0).max(from[2] + begins[0]),
        reach(1).max(from[3] + begins[1]),
    ];
    let begin = [0, 0, begins[0], begins[1]];
    let map = match padded == from {
        true => data,
        false => bordered(importer, node, data, &begin, padded.to_vec(), f32::MIN)?,
    };
    let mut inputs = Vec::new();
    let (source, own) = view(importer, node, &Operand::Tensor(map), &mut inputs);
    let [_, c, y, x] = own.strides.as_slice() else {
        return Err(node.refuse("its input is no image"));
    };
    let shape = map_shape(to[1], to[2], to[3]);
    let channels = to[1] as i64;
    let space = Space {
        sizes: vec![to[2], to[3], to[1], window.kernel[0], window.kernel[1]],
        output: View {
            first: 0,
            strides: vec![to[3] as i64 * channels, channels, 1, 0, 0],
        },
        operands: vec![(
            source,
            View {
                first: own.first,
                strides: vec![
                    y * window.strides[0] as i64,
                    x * window.strides[1] as i64,
                    *c,
                    y * window.dilations[0] as i64,
                    x * window.dilations[1] as i64,
                ],
            },
        )],
    };
    let op = Op::Strided(vec![
        space.op(node, StridedWork::Reduce(Reduction::Max, vec![3, 4]))?,
    ]);
    let id = importer.net.push(op, inputs, shape, &node.label());
    Ok(PlacedTensor {
        id,
        dims,
        order: Order::planar(shape),
    })
}

/// `[input channel][output channel of the group][taps]` to `[output channel][input channel of the
/// group][taps]`.
fn outputs_first(
    weights: &[f32],
    groups: usize,
    inputs: usize,
    outputs: usize,
    taps: usize,
) -> Vec<f32> {
    let mut turned = Vec::with_capacity(weights.len());
    for group in 0..groups {
        for output in 0..outputs {
            for input in 0..inputs {
                let from = ((group * inputs + input) * outputs + output) * taps;
                turned.extend_from_slice(weights.get(from..from + taps).unwrap_or_default());
            }
        }
    }
    turned
}
