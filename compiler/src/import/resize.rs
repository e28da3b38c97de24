//! Enlarging by whole factors.

use dreamlet_runtime::engine::compiled::format::{Coordinates, HwcShape};

use super::Reader;
use super::node::Node;
use super::value::Known;
use crate::CompileError;
use crate::ir::Op;

pub(super) fn resize(reader: &mut Reader, node: &Node<'_>) -> Result<Known, CompileError> {
    let (input, from) = reader.map(node, 0)?;
    let factors = factors(reader, node, from)?;
    let shape = HwcShape {
        height: from.height * factors[0],
        width: from.width * factors[1],
        channels: from.channels,
    };
    let old = node.opset == 10;
    let coordinates = node.text(
        "coordinate_transformation_mode",
        if old { "asymmetric" } else { "half_pixel" },
    );
    if factors == [1, 1] {
        return Ok(Known::Data(input));
    }
    if node.text("mode", "nearest") == "nearest" {
        let rounding = node.text(
            "nearest_mode",
            if old { "floor" } else { "round_prefer_floor" },
        );
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
        return Ok(reader.push_map(node, Op::Nearest, vec![input.id], shape));
    }
    let coordinates = match coordinates {
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        // It differs from half_pixel for outputs of one pixel only, which a factor above 1 never makes; a factor of 1 copies either way.
        _ => Coordinates::HalfPixel,
    };
    Ok(reader.push_map(node, Op::Bilinear(coordinates), vec![input.id], shape))
}

/// Whole factors for rows and columns.
fn factors(reader: &Reader, node: &Node<'_>, from: HwcShape) -> Result<[u32; 2], CompileError> {
    let (scales, sizes) = if node.opset == 10 {
        (node.constant(&reader.known, 1)?, None)
    } else {
        (
            node.constant(&reader.known, 2)?,
            node.known_ints(&reader.known, 3)?,
        )
    };
    let found = match (scales.map(|(_, floats)| floats), sizes) {
        (Some(&[batch, channels, height, width]), _) => {
            let whole = |x: f32| (x >= 1.0 && x.fract() == 0.0).then_some(x as u32);
            (batch == 1.0 && channels == 1.0)
                .then(|| Some([whole(height)?, whole(width)?]))
                .flatten()
        }
        (_, Some(&[1, channels, height, width])) if channels == i64::from(from.channels) => {
            let whole = |to: i64, from: u32| {
                let to = u32::try_from(to).ok()?;
                (from > 0 && to > 0 && to % from == 0).then(|| to / from)
            };
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
