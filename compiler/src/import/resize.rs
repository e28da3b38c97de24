//! Enlarging by whole factors.

use dreamlet_onnx::graph;
use dreamlet_runtime::engine::compiled::format::{Coordinates, HwcShape};

use super::node::NodeReader;
use super::reader::Reader;
use super::value::Known;
use crate::CompileError;
use crate::ir::Op;

pub(super) fn resize(reader: &mut Reader, node: &NodeReader<'_>) -> Result<Known, CompileError> {
    let graph::Op::Resize {
        mode,
        coordinates,
        rounding,
        scales,
    } = &node.node.op
    else {
        return Err(node.no_layer());
    };
    let (input, from) = reader.map(node, 0)?;
    let factors = factors(node, scales.as_deref(), from)?;
    if factors == [1, 1] {
        return Ok(Known::Tensor(input));
    }
    if *mode == "nearest" {
        let repeats = [(from.height, factors[0]), (from.width, factors[1])]
            .iter()
            .all(|&(side, factor)| {
                (0..side * factor).all(|x| {
                    nearest(coordinates, rounding, x, side, factor) == i64::from(x / factor)
                })
            });
        if !repeats {
            return Err(node.refuse(format!(
                "nearest with {coordinates} and {rounding} does not repeat each pixel equally often; asymmetric with floor does"
            )));
        }
        return Ok(reader.push_map(node, Op::Nearest, vec![input.id]));
    }
    let coordinates = match *coordinates {
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        // It differs from half_pixel for outputs of one pixel only, which a factor above 1 never
        // makes; a factor of 1 copies either way.
        _ => Coordinates::HalfPixel,
    };
    Ok(reader.push_map(node, Op::Bilinear(coordinates), vec![input.id]))
}

/// Whole factors for rows and columns.
fn factors(
    node: &NodeReader<'_>,
    scales: Option<&[f32]>,
    from: HwcShape,
) -> Result<[u32; 2], CompileError> {
    let whole = |to: usize, from: u32| {
        let to = u32::try_from(to).ok()?;
        (from > 0 && to > 0 && to.is_multiple_of(from)).then(|| to / from)
    };
    // A scale that is not whole may still lead to a whole multiple, by rounding, of other pixels.
    let exact = scales.is_none_or(|scales| scales.iter().all(|x| x.fract() == 0.0));
    let found = match *node.shape().as_slice() {
        [1, channels, height, width] if exact && channels == from.channels as usize => {
            whole(height, from.height)
                .zip(whole(width, from.width))
                .map(|(y, x)| [y, x])
        }
        _ => None,
    };
    found.ok_or_else(|| node.refuse("only rows and columns can be enlarged, by whole factors"))
}

/// The input position that output `x` takes (ONNX, operator Resize).
fn nearest(coordinates: &str, rounding: &str, x: u32, side: u32, factor: u32) -> i64 {
    let (x, scale) = (f64::from(x), f64::from(factor));
    let last = f64::from(side) - 1.0;
    let at = match coordinates {
        "asymmetric" => x / scale,
        "align_corners" => x * last / (f64::from(side * factor) - 1.0).max(1.0),
        _ => (x + 0.5) / scale - 0.5,
    };
    let rounded = match rounding {
        "floor" => at.floor(),
        "ceil" => at.ceil(),
        "round_prefer_ceil" => (at + 0.5).floor(),
        _ => (at - 0.5).ceil(),
    };
    rounded.clamp(0.0, last) as i64
}
