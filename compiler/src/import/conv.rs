//! Convolutions and transposed convolutions.

use dreamlet_runtime::engine::compiled::MAX_KERNEL;
use dreamlet_runtime::engine::compiled::format::{Convolution, HwcShape};

use super::Reader;
use super::node::Node;
use super::value::Known;
use crate::CompileError;
use crate::ir::Op;

/// Largest stride, pad and dilation of a compiled convolution.
const MAX_GEOMETRY: u32 = 1 << 12;

pub(super) fn conv(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    convolution(reader, node, false)
}

pub(super) fn conv_transpose(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    convolution(reader, node, true)
}

fn convolution(
    reader: &mut Reader,
    node: &Node<'_>,
    transposed: bool,
) -> Result<Known, CompileError> {
    let (input, from) = reader.map(node, 0)?;
    let Some((constant, floats)) = node.constant(&reader.known, 1)? else {
        return Err(node.refuse("its weights are missing"));
    };
    let &[first, second, height, width] = constant.shape.as_slice() else {
        return Err(node.refuse("its weights have other than 4 dimensions"));
    };
    let kernel = [height as u32, width as u32];
    let stride = node.pair("strides", 1)?;
    let dilation = node.pair("dilations", 1)?;
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    let channels = from.channels as usize;
    let outputs = if transposed {
        second.saturating_mul(groups)
    } else {
        first
    };
    let fits = groups > 0
        && channels.is_multiple_of(groups)
        && outputs.is_multiple_of(groups)
        && (if transposed {
            first == channels
        } else {
            second * groups == channels
        });
    if !fits {
        return Err(node.refuse(format!(
            "weights of {:?} in {groups} groups do not go with {channels} channels",
            constant.shape
        )));
    }
    let extra = if transposed {
        node.pair("output_padding", 0)?
    } else {
        [0; 2]
    };
    let (mut pad, mut sides) = ([0; 2], [0; 2]);
    for i in 0..2 {
        let side = Side {
            input: [from.height, from.width][i],
            reach: (kernel[i].saturating_sub(1)).saturating_mul(dilation[i]) + 1,
            stride: stride[i],
            extra: extra[i],
        };
        (pad[i], sides[i]) = side.fit(node, i, transposed)?;
    }
    let small = |numbers: &[u32; 2], most| numbers.iter().all(|&n| n <= most);
    if !small(&kernel, MAX_KERNEL as u32) {
        return Err(node.refuse(format!(
            "its kernel is {kernel:?}, at most {MAX_KERNEL} are possible"
        )));
    }
    if [&stride, &dilation, &pad]
        .iter()
        .any(|numbers| !small(numbers, MAX_GEOMETRY))
    {
        return Err(node.refuse(format!(
            "its strides {stride:?}, dilations {dilation:?} or pads {pad:?} are above {MAX_GEOMETRY}"
        )));
    }
    let geometry = Convolution {
        kernel,
        stride,
        pad,
        dilation,
        groups: groups as u32,
        transposed,
        planar: false,
    };
    let weights = if transposed {
        outputs_first(floats, groups, first / groups, second, height * width)
    } else {
        floats.to_vec()
    };
    let bias = match node.constant(&reader.known, 2)? {
        Some((_, bias)) if bias.len() == outputs => bias.to_vec(),
        Some((constant, _)) => {
            return Err(node.refuse(format!(
                "its bias has dimensions {:?}, {outputs} numbers were expected",
                constant.shape
            )));
        }
        None => vec![0.0; outputs],
    };
    let shape = HwcShape {
        height: sides[0],
        width: sides[1],
        channels: outputs as u32,
    };
    let op = Op::Conv {
        geometry,
        weights,
        bias,
    };
    Ok(reader.push_map(node, op, vec![input.id], shape))
}

/// `[input channel][output channel of the group][taps]` to `[output channel][input channel of the group][taps]`.
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

/// One direction of a convolution.
struct Side {
    input: u32,
    /// Extent of the kernel with its dilation.
    reach: u32,
    stride: u32,
    /// `output_padding`.
    extra: u32,
}

impl Side {
    /// Pad at the beginning, and outputs, of direction `i` (ONNX, operators Conv and ConvTranspose).
    fn fit(&self, node: &Node<'_>, i: usize, transposed: bool) -> Result<(u32, u32), CompileError> {
        let [input, reach, stride, extra] =
            [self.input, self.reach, self.stride, self.extra].map(i64::from);
        let automatic = node.text("auto_pad", "NOTSET");
        let same = matches!(automatic, "SAME_UPPER" | "SAME_LOWER");
        let full = (input - 1) * stride + extra + reach;
        let (begin, output) = if same {
            let output = if transposed {
                input * stride
            } else {
                (input + stride - 1) / stride
            };
            let total = if transposed {
                full - output
            } else {
                (output - 1) * stride + reach - input
            };
            let total = total.max(0);
            let begin = if automatic == "SAME_UPPER" {
                total / 2
            } else {
                total - total / 2
            };
            (begin, output)
        } else {
            let (begin, end) = match node.ints("pads") {
                Some(&[top, left, bottom, right]) if automatic == "NOTSET" => {
                    [(top, bottom), (left, right)][i]
                }
                _ => (0, 0),
            };
            let output = if transposed {
                full - begin - end
            } else {
                (input + begin + end - reach) / stride.max(1) + 1
            };
            (begin, output)
        };
        match (u32::try_from(begin), u32::try_from(output)) {
            (Ok(begin), Ok(output)) if output > 0 => Ok((begin, output)),
            _ => Err(node.refuse(format!(
                "pads of {begin} and an output of {output} are not possible"
            ))),
        }
    }
}
