//! Convolutions and transposed convolutions.

use super::Outcome;
use super::arith::same_float;
use crate::error::ModelError;
use crate::node::Node;
use crate::tensor::{Value, elements};

/// What a convolution's attributes say, one entry for each direction.
struct Window {
    kernel: Vec<usize>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    /// Pads at the beginning and at the end; `None` where they follow from the sizes (`SAME`).
    pads: Option<Vec<(usize, usize)>>,
    group: usize,
}

/// Input size, kernel extent with its dilation, stride and pads of one direction.
type Direction = (usize, usize, usize, Option<(usize, usize)>);

impl Window {
    fn of(node: &Node<'_>) -> Result<Self, ModelError> {
        let (x, weights) = (node.input(0)?, node.input(1)?);
        if x.shape.len() < 3 || x.shape.len() > 5 || weights.shape.len() != x.shape.len() {
            return Err(node.shape_error(
                "an image and weights of 3 to 5 dimensions",
                (&x.shape, &weights.shape),
            ));
        }
        let kernel: Vec<usize> = weights.shape.iter().skip(2).copied().collect();
        let directions = kernel.len();
        if node.has("kernel_shape") && node.sizes("kernel_shape", directions, 1, 1)? != kernel {
            return Err(node.shape_error("the weights to have the kernel_shape", &weights.shape));
        }
        let given = node.sizes("pads", 2 * directions, 0, 0)?;
        let (begin, end) = given.split_at(directions);
        let explicit: Vec<(usize, usize)> =
            begin.iter().copied().zip(end.iter().copied()).collect();
        let pads = match node.text("auto_pad", "NOTSET")? {
            "NOTSET" => Some(explicit),
            // The specification forbids pads beside it; engines would use them all the same.
            _ if node.has("pads") => {
                return Err(node.attribute_error(
                    "pads",
                    "absent where auto_pad is given",
                    "present",
                ));
            }
            "VALID" => Some(vec![(0, 0); directions]),
            "SAME_UPPER" | "SAME_LOWER" => None,
            other => {
                return Err(node.attribute_error("auto_pad", "NOTSET, VALID or SAME_...", other));
            }
        };
        let group = node.int("group", 1)?;
        let group = usize::try_from(group)
            .ok()
            .filter(|group| *group > 0)
            .ok_or_else(|| node.attribute_error("group", "a positive number", group))?;
        Ok(Self {
            strides: node.sizes("strides", directions, 1, 1)?,
            dilations: node.sizes("dilations", directions, 1, 1)?,
            kernel,
            pads,
            group,
        })
    }

    /// For each direction: input size, kernel extent with its dilation, stride, pads.
    fn directions(&self, x: &Value) -> Vec<Direction> {
        let sizes = x.shape.iter().skip(2);
        let kernels = self
            .kernel
            .iter()
            .zip(&self.dilations)
            .map(|(k, d)| k.saturating_sub(1).saturating_mul(*d) + 1);
        let pads = |i: usize| self.pads.as_ref().and_then(|pads| pads.get(i).copied());
        sizes
            .zip(kernels)
            .zip(&self.strides)
            .enumerate()
            .map(|(i, ((size, extent), stride))| (*size, extent, *stride, pads(i)))
            .collect()
    }

    fn volume(&self) -> u64 {
        elements(&self.kernel).unwrap_or(u64::MAX)
    }
}

fn bias(node: &Node<'_>, channels: usize) -> Result<(), ModelError> {
    match node.optional(2) {
        Some(bias) if bias.shape != [channels] => {
            Err(node.shape_error(format!("a bias of {channels} numbers"), &bias.shape))
        }
        _ => Ok(()),
    }
}

fn dim(value: &Value, at: usize) -> usize {
    value.shape.get(at).copied().unwrap_or(0)
}

pub(super) fn conv(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 3)?;
    let ty = same_float(node, &[0, 1, 2])?;
    let window = Window::of(node)?;
    let (x, weights) = (node.input(0)?, node.input(1)?);
    let (inputs, outputs, per_group) = (dim(x, 1), dim(weights, 0), dim(weights, 1));
    let group = window.group;
    if per_group.checked_mul(group) != Some(inputs) || outputs % group != 0 {
        return Err(node.shape_error(
            "channels that go with the weights and groups",
            (&x.shape, &weights.shape, group),
        ));
    }
    bias(node, outputs)?;
    let mut out = vec![Some(dim(x, 0)), Some(outputs)];
    for (size, extent, stride, pads) in window.directions(x) {
        out.push(match pads {
            Some((begin, end)) => (size + begin + end)
                .checked_sub(extent)
                .map(|room| room / stride + 1),
            None => Some(size.div_ceil(stride)),
        });
    }
    let out = node.bounded(out)?;
    let places = elements(out.get(2..).unwrap_or_default()).unwrap_or(u64::MAX);
    let column = window.volume().saturating_mul(inputs as u64);
    let value = Value::computed(ty, out);
    let work = value
        .len()
        .saturating_mul(window.volume())
        .saturating_mul(per_group as u64);
    Ok(Outcome {
        value,
        work,
        scratch: places.saturating_mul(column),
    })
}

pub(super) fn conv_transpose(node: &Node<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 3)?;
    let ty = same_float(node, &[0, 1, 2])?;
    let window = Window::of(node)?;
    let (x, weights) = (node.input(0)?, node.input(1)?);
    let group = window.group;
    let outputs = dim(weights, 1)
        .checked_mul(group)
        .filter(|_| dim(weights, 0) == dim(x, 1) && dim(x, 1).is_multiple_of(group));
    let Some(outputs) = outputs else {
        return Err(node.shape_error(
            "channels that go with the weights and groups",
            (&x.shape, &weights.shape, group),
        ));
    };
    bias(node, outputs)?;
    if node.has("output_shape") {
        return Err(node.attribute_error(
            "output_shape",
            "absent: give pads and output_padding instead",
            "present",
        ));
    }
    let extra = node.sizes("output_padding", window.kernel.len(), 0, 0)?;
    let mut out = vec![Some(dim(x, 0)), Some(outputs)];
    for ((size, extent, stride, pads), extra) in window.directions(x).into_iter().zip(&extra) {
        if *extra >= stride.max(extent) {
            return Err(node.attribute_error("output_padding", "less than the stride", extra));
        }
        let full = size
            .saturating_sub(1)
            .checked_mul(stride)
            .map(|reach| reach.saturating_add(extent));
        out.push(match pads {
            Some((begin, end)) => full.and_then(|full| (full + extra).checked_sub(begin + end)),
            None => size.checked_mul(stride),
        });
    }
    let out = node.bounded(out)?;
    let places = elements(x.shape.get(2..).unwrap_or_default()).unwrap_or(u64::MAX);
    let scratch = places
        .saturating_mul(window.volume())
        .saturating_mul(outputs as u64);
    let work = scratch.saturating_mul((dim(x, 1) / group) as u64);
    Ok(Outcome {
        value: Value::computed(ty, out),
        work,
        scratch,
    })
}
