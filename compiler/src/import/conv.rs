//! Convolutions and transposed convolutions.

use dreamlet_onnx::graph::Window;
use dreamlet_runtime::engine::compiled::MAX_KERNEL;
use dreamlet_runtime::engine::compiled::format::Convolution;

use super::node::NodeReader;
use super::reader::Reader;
use super::value::Known;
use crate::CompileError;
use crate::ir::Op;

/// Largest stride, pad and dilation of a compiled convolution.
const MAX_GEOMETRY: u32 = 1 << 12;

pub(super) fn convolution(
    reader: &mut Reader,
    node: &NodeReader<'_>,
    window: &Window,
    transposed: bool,
) -> Result<Known, CompileError> {
    let (input, _) = reader.map(node, 0)?;
    let Some((constant, floats)) = node.constant(1)? else {
        return Err(node.refuse("its weights are missing"));
    };
    let (&[first, second, height, width], Some(outputs)) =
        (constant.shape.as_slice(), node.shape().get(1).copied())
    else {
        return Err(node.refuse("its weights have other than 4 dimensions"));
    };
    let both = |sizes: &[usize]| match *sizes {
        [y, x] => [y, x].map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        _ => [u32::MAX; 2],
    };
    let (kernel, stride) = (both(&window.kernel), both(&window.strides));
    let dilation = both(&window.dilations);
    let begin: Vec<usize> = window.pads.iter().map(|(begin, _)| *begin).collect();
    let pad = both(&begin);
    let groups = window.groups;
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
    let bias = match node.constant(2)? {
        Some((_, bias)) if bias.len() == outputs => bias.to_vec(),
        Some((constant, _)) => {
            return Err(node.refuse(format!(
                "its bias has dimensions {:?}, {outputs} elements were expected",
                constant.shape
            )));
        }
        None => vec![0.0; outputs],
    };
    let op = Op::Conv {
        geometry,
        weights,
        bias,
    };
    Ok(reader.push_map(node, op, vec![input.id]))
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
