//! Convolutions and transposed convolutions.

use super::arith::same_float;
use super::outcome::Outcome;
use crate::error::ModelError;
use crate::graph::{Op, Value, Window};
use crate::node_check::NodeCheck;
use crate::shape::elements;

/// Where the odd one of the pads goes.
#[derive(Clone, Copy, PartialEq)]
enum AutoPad {
    SameUpper,
    SameLower,
}

impl AutoPad {
    fn split(self, total: usize) -> (usize, usize) {
        let (less, more) = (total / 2, total - total / 2);
        match self {
            Self::SameUpper => (less, more),
            Self::SameLower => (more, less),
        }
    }
}

/// A convolution along one axis.
struct WindowAxis {
    size: usize,
    /// What the kernel covers, with its dilation.
    extent: usize,
    stride: usize,
    output_padding: usize,
    pads: (usize, usize),
    auto_pad: Option<AutoPad>,
}

impl WindowAxis {
    /// Outputs of a convolution, and its pads.
    fn conv(&self) -> (Option<usize>, (usize, usize)) {
        let Some(auto_pad) = self.auto_pad else {
            let padded = self.size + self.pads.0 + self.pads.1;
            let room = padded.checked_sub(self.extent);
            return (room.map(|room| room / self.stride + 1), self.pads);
        };
        let made = self.size.div_ceil(self.stride);
        let steps = made.saturating_sub(1).saturating_mul(self.stride);
        let total = steps.saturating_add(self.extent).saturating_sub(self.size);
        (Some(made), auto_pad.split(total))
    }

    /// Outputs of a transposed convolution, and its pads.
    fn conv_transpose(&self) -> (Option<usize>, (usize, usize)) {
        let steps = self.size.saturating_sub(1).checked_mul(self.stride);
        let full = steps.and_then(|steps| {
            steps
                .checked_add(self.extent)?
                .checked_add(self.output_padding)
        });
        let Some(auto_pad) = self.auto_pad else {
            let made = full.and_then(|full| full.checked_sub(self.pads.0 + self.pads.1));
            return (made, self.pads);
        };
        let made = self.size.checked_mul(self.stride);
        let total = full
            .zip(made)
            .map_or(0, |(full, made)| full.saturating_sub(made));
        (made, auto_pad.split(total))
    }
}

/// The attributes of a convolution, and how to pad where that follows from the sizes.
struct Attributes {
    window: Window,
    auto_pad: Option<AutoPad>,
}

impl Attributes {
    fn of(node: &NodeCheck<'_>) -> Result<Self, ModelError> {
        let (x, weights) = (node.input(0)?, node.input(1)?);
        if x.shape.len() < 3 || x.shape.len() > 5 || weights.shape.len() != x.shape.len() {
            return Err(node.shape_error(
                "an image and weights of 3 to 5 dimensions",
                (&x.shape, &weights.shape),
            ));
        }
        let kernel: Vec<usize> = weights.shape.iter().skip(2).copied().collect();
        let axes = kernel.len();
        if node.has("kernel_shape") && node.sizes("kernel_shape", axes, 1, 1)? != kernel {
            return Err(node.shape_error("the weights to have the kernel_shape", &weights.shape));
        }
        let given = node.sizes("pads", 2 * axes, 0, 0)?;
        let (begin, end) = given.split_at(axes);
        let mut pads: Vec<(usize, usize)> =
            begin.iter().copied().zip(end.iter().copied()).collect();
        let auto_pad = match node.text("auto_pad", "NOTSET")? {
            "NOTSET" => None,
            // The specification forbids pads beside it; engines would use them all the same.
            _ if node.has("pads") => {
                return Err(node.attribute_error(
                    "pads",
                    "absent where auto_pad is given",
                    "present",
                ));
            }
            "VALID" => {
                pads = vec![(0, 0); axes];
                None
            }
            "SAME_UPPER" => Some(AutoPad::SameUpper),
            "SAME_LOWER" => Some(AutoPad::SameLower),
            other => {
                return Err(node.attribute_error("auto_pad", "NOTSET, VALID or SAME_...", other));
            }
        };
        let group = node.int("group", 1)?;
        let groups = usize::try_from(group)
            .ok()
            .filter(|groups| *groups > 0)
            .ok_or_else(|| node.attribute_error("group", "a positive number", group))?;
        let window = Window {
            strides: node.sizes("strides", axes, 1, 1)?,
            dilations: node.sizes("dilations", axes, 1, 1)?,
            output_padding: [0].repeat(axes),
            kernel,
            pads,
            groups,
        };
        Ok(Self { window, auto_pad })
    }

    /// The axes of a convolution of `x`.
    fn axes(&self, x: &Value) -> Vec<WindowAxis> {
        let window = &self.window;
        let kernels = window.kernel.iter().zip(&window.dilations);
        let steps = window.strides.iter().zip(&window.output_padding);
        let sizes = x.shape.iter().skip(2).zip(&window.pads);
        let axes = sizes.zip(kernels).zip(steps);
        axes.map(
            |(((size, pads), (kernel, dilation)), (stride, extra))| WindowAxis {
                size: *size,
                extent: kernel.saturating_sub(1).saturating_mul(*dilation) + 1,
                stride: *stride,
                output_padding: *extra,
                pads: *pads,
                auto_pad: self.auto_pad,
            },
        )
        .collect()
    }

    fn volume(&self) -> u64 {
        elements(&self.window.kernel).unwrap_or(u64::MAX)
    }
}

fn bias(node: &NodeCheck<'_>, channels: usize) -> Result<(), ModelError> {
    match node.optional(2) {
        Some(bias) if bias.shape != [channels] => {
            Err(node.shape_error(format!("a bias of {channels} elements"), &bias.shape))
        }
        _ => Ok(()),
    }
}

fn dim(value: &Value, at: usize) -> usize {
    value.shape.get(at).copied().unwrap_or(0)
}

pub(super) fn conv(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 3)?;
    let dtype = same_float(node, &[0, 1, 2])?;
    let mut attributes = Attributes::of(node)?;
    let (x, weights) = (node.input(0)?, node.input(1)?);
    let (inputs, outputs, per_group) = (dim(x, 1), dim(weights, 0), dim(weights, 1));
    let group = attributes.window.groups;
    if per_group.checked_mul(group) != Some(inputs) || outputs % group != 0 {
        return Err(node.shape_error(
            "channels that go with the weights and groups",
            (&x.shape, &weights.shape, group),
        ));
    }
    bias(node, outputs)?;
    let (sizes, pads): (Vec<_>, _) = attributes.axes(x).iter().map(WindowAxis::conv).unzip();
    attributes.window.pads = pads;
    let out = [vec![Some(dim(x, 0)), Some(outputs)], sizes].concat();
    let out = node.bounded(out)?;
    let pixels = elements(out.get(2..).unwrap_or_default()).unwrap_or(u64::MAX);
    let column = attributes.volume().saturating_mul(inputs as u64);
    let value = Value::computed(dtype, out);
    let work = value
        .len()
        .saturating_mul(attributes.volume())
        .saturating_mul(per_group as u64);
    Ok(Outcome {
        value,
        op: Op::Conv(attributes.window),
        work,
        scratch: pixels.saturating_mul(column),
    })
}

pub(super) fn conv_transpose(node: &NodeCheck<'_>) -> Result<Outcome, ModelError> {
    node.arity(2, 3)?;
    let dtype = same_float(node, &[0, 1, 2])?;
    let mut attributes = Attributes::of(node)?;
    let (x, weights) = (node.input(0)?, node.input(1)?);
    let group = attributes.window.groups;
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
    let window = &mut attributes.window;
    window.output_padding = node.sizes("output_padding", window.kernel.len(), 0, 0)?;
    let axes = attributes.axes(x);
    let beyond = |axis: &&WindowAxis| axis.output_padding >= axis.stride.max(axis.extent);
    if let Some(axis) = axes.iter().find(beyond) {
        let found = axis.output_padding;
        return Err(node.attribute_error("output_padding", "less than the stride", found));
    }
    let (sizes, pads): (Vec<_>, _) = axes.iter().map(WindowAxis::conv_transpose).unzip();
    attributes.window.pads = pads;
    let out = [vec![Some(dim(x, 0)), Some(outputs)], sizes].concat();
    let out = node.bounded(out)?;
    let pixels = elements(x.shape.get(2..).unwrap_or_default()).unwrap_or(u64::MAX);
    let scratch = pixels
        .saturating_mul(attributes.volume())
        .saturating_mul(outputs as u64);
    let work = scratch.saturating_mul((dim(x, 1) / group) as u64);
    Ok(Outcome {
        value: Value::computed(dtype, out),
        op: Op::ConvTranspose(attributes.window),
        work,
        scratch,
    })
}
