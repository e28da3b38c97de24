//! Convolutions and transposed convolutions, their pads made explicit.

use crate::build::Builder;
use crate::error::ModelError;
use crate::graph::{Op, ValueId, Window};
use crate::node::{Made, OnnxNode};

pub(super) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Option<Made> {
    Some(match node.pb.op_type.as_str() {
        "Conv" => conv(node, b),
        "ConvTranspose" => conv_transpose(node, b),
        _ => return None,
    })
}

/// How the pads follow from the sizes.
#[derive(Clone, Copy, PartialEq)]
enum AutoPad {
    /// They are given.
    NotSet,
    Valid,
    SameUpper,
    SameLower,
}

impl AutoPad {
    const fn is_same(self) -> bool {
        matches!(self, Self::SameUpper | Self::SameLower)
    }

    /// Where the odd one of the pads goes: to the end only by `SAME_UPPER`.
    const fn split(self, total: usize) -> (usize, usize) {
        let (less, more) = (total / 2, total - total / 2);
        match self {
            Self::SameUpper => (less, more),
            _ => (more, less),
        }
    }
}

/// The attributes of a convolution or pooling.
pub(super) struct Sliding {
    pub(super) window: Window,
    auto_pad: AutoPad,
}

impl Sliding {
    /// Those of a node with a kernel of this size.
    pub(super) fn of(node: &OnnxNode<'_>, kernel: Vec<usize>) -> Result<Self, ModelError> {
        let axes = kernel.len();
        let auto_pad = match node.text("auto_pad", "NOTSET")? {
            "NOTSET" | "" => AutoPad::NotSet,
            "VALID" => AutoPad::Valid,
            "SAME_UPPER" => AutoPad::SameUpper,
            "SAME_LOWER" => AutoPad::SameLower,
            other => {
                return Err(node.attribute_error("auto_pad", "NOTSET, VALID or SAME_...", other));
            }
        };
        let negative = |pads: &&[i64]| pads.iter().any(|pad| *pad < 0);
        if let Some(pads) = node.ints("pads")?.filter(negative) {
            let expected = "0 or more for each side: cut or widen with a Slice or Pad instead";
            return Err(node.attribute_error("pads", expected, format!("{pads:?}")));
        }
        let given = node.sizes("pads", 2 * axes, 0, 0)?;
        // The specification forbids pads beside it; some exporters write zeros all the same.
        if auto_pad != AutoPad::NotSet && given.iter().any(|pad| *pad > 0) {
            let found = format!("{given:?}");
            return Err(node.attribute_error("pads", "absent where auto_pad is given", found));
        }
        let (begin, end) = given.split_at(axes);
        let pads = begin.iter().copied().zip(end.iter().copied()).collect();
        let window = Window {
            strides: node.sizes("strides", axes, 1, 1)?,
            dilations: node.sizes("dilations", axes, 1, 1)?,
            output_padding: [0].repeat(axes),
            kernel,
            pads,
            groups: 1,
        };
        Ok(Self { window, auto_pad })
    }

    /// From the first to the last tap of an axis.
    fn extent(&self, axis: usize) -> usize {
        self.window.extent(axis).unwrap_or(usize::MAX)
    }

    fn stride(&self, axis: usize) -> usize {
        self.window.strides.get(axis).copied().unwrap_or(1)
    }

    /// The window that slides over axes of these sizes: by `SAME` one output for each stride.
    pub(super) fn over(mut self, sizes: &[usize]) -> Window {
        if self.auto_pad.is_same() {
            let pads = sizes.iter().enumerate().map(|(axis, size)| {
                let made = size.div_ceil(self.stride(axis));
                let steps = made.saturating_sub(1).saturating_mul(self.stride(axis));
                let needed = steps.saturating_add(self.extent(axis));
                self.auto_pad.split(needed.saturating_sub(*size))
            });
            self.window.pads = pads.collect();
        }
        self.window
    }

    /// Elements that a transposed convolution makes of an axis before any is cut off.
    fn full(&self, axis: usize, size: usize) -> usize {
        let steps = size.saturating_sub(1).saturating_mul(self.stride(axis));
        let extra = self.window.output_padding.get(axis).copied().unwrap_or(0);
        steps
            .saturating_add(self.extent(axis))
            .saturating_add(extra)
    }

    /// The window of a transposed convolution over axes of these sizes. `SAME` cuts off what is
    /// beyond the size times the stride, and adds nothing where that is less.
    fn transposed(mut self, sizes: &[usize]) -> Window {
        if self.auto_pad.is_same() {
            let pads = sizes.iter().enumerate().map(|(axis, size)| {
                let wanted = size.saturating_mul(self.stride(axis));
                self.auto_pad
                    .split(self.full(axis, *size).saturating_sub(wanted))
            });
            self.window.pads = pads.collect();
        }
        self.window
    }

    /// The window of a transposed convolution that makes axes of the sizes that `output_shape`
    /// names; what is missing is added at the end.
    fn transposed_to(
        mut self,
        node: &OnnxNode<'_>,
        sizes: &[usize],
        wanted: &[usize],
    ) -> Result<Window, ModelError> {
        let full: Vec<usize> = sizes
            .iter()
            .enumerate()
            .map(|(i, n)| self.full(i, *n))
            .collect();
        let pairs = full.iter().zip(wanted);
        self.window.pads = pairs
            .clone()
            .map(|(full, wanted)| self.auto_pad.split(full.saturating_sub(*wanted)))
            .collect();
        for (axis, (full, wanted)) in pairs.enumerate() {
            let missing = wanted.saturating_sub(*full);
            let most = self.stride(axis).max(self.extent(axis));
            if let Some(extra) = self.window.output_padding.get_mut(axis) {
                *extra = extra.saturating_add(missing);
                if *extra >= most {
                    let expected = "not larger than the convolution makes it";
                    return Err(node.attribute_error("output_shape", expected, wanted));
                }
            }
        }
        Ok(self.window)
    }
}

/// Checks inputs and weights, and reads the attributes of a convolution.
fn attributes(node: &OnnxNode<'_>, b: &Builder<'_>) -> Result<Sliding, ModelError> {
    node.arity(2, 3)?;
    node.floats_only(b, &[0, 1, 2])?;
    let (x, weights) = (b.shape(node.input(0)?), b.shape(node.input(1)?));
    if x.len() < 3 || x.len() > 5 || weights.len() != x.len() {
        let expected = "an image and weights of 3 to 5 dimensions";
        return Err(node.shape_error(expected, (x, weights)));
    }
    let kernel = weights.get(2..).unwrap_or_default().to_vec();
    if node.has("kernel_shape") && node.sizes("kernel_shape", kernel.len(), 1, 1)? != kernel {
        return Err(node.shape_error("the weights to have the kernel_shape", weights));
    }
    let mut sliding = Sliding::of(node, kernel)?;
    let group = node.int("group", 1)?;
    sliding.window.groups = usize::try_from(group)
        .ok()
        .filter(|groups| *groups > 0)
        .ok_or_else(|| node.attribute_error("group", "a positive number", group))?;
    Ok(sliding)
}

/// The inputs, if weights go with channels and the bias with what is made.
fn inputs(
    node: &OnnxNode<'_>,
    b: &Builder<'_>,
    fits: bool,
    outputs: usize,
) -> Result<Vec<ValueId>, ModelError> {
    let (x, weights) = (node.input(0)?, node.input(1)?);
    if !fits {
        let found = (b.shape(x), b.shape(weights), node.int("group", 1)?);
        return Err(node.shape_error("channels that go with the weights and groups", found));
    }
    let mut inputs = vec![x, weights];
    if let Some(bias) = node.optional(2) {
        if b.shape(bias) != [outputs] {
            let expected = format!("a bias of {outputs} elements");
            return Err(node.shape_error(expected, b.shape(bias)));
        }
        inputs.push(bias);
    }
    Ok(inputs)
}

fn conv(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let sliding = attributes(node, b)?;
    let (x, weights) = (node.input(0)?, node.input(1)?);
    let groups = sliding.window.groups;
    let outputs = b.dim(weights, 0);
    let fits = b.dim(weights, 1).checked_mul(groups) == Some(b.dim(x, 1))
        && outputs.is_multiple_of(groups);
    let inputs = inputs(node, b, fits, outputs)?;
    let window = sliding.over(b.shape(x).get(2..).unwrap_or_default());
    Ok(vec![b.push(Op::Conv(window), &inputs)?])
}

fn conv_transpose(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    let mut sliding = attributes(node, b)?;
    let (x, weights) = (node.input(0)?, node.input(1)?);
    let groups = sliding.window.groups;
    let outputs = b.dim(weights, 1).saturating_mul(groups);
    let fits = b.dim(weights, 0) == b.dim(x, 1) && b.dim(x, 1).is_multiple_of(groups);
    let inputs = inputs(node, b, fits, outputs)?;
    let axes = sliding.window.kernel.len();
    let output_padding = node.sizes("output_padding", axes, 0, 0)?;
    for (axis, extra) in output_padding.iter().enumerate() {
        if *extra >= sliding.stride(axis).max(sliding.extent(axis)) {
            return Err(node.attribute_error("output_padding", "less than the stride", extra));
        }
    }
    sliding.window.output_padding = output_padding;
    let sizes = b.shape(x).get(2..).unwrap_or_default();
    let window = if node.has("output_shape") {
        let wanted = node.sizes("output_shape", axes, 1, 1)?;
        sliding.transposed_to(node, sizes, &wanted)?
    } else {
        sliding.transposed(sizes)
    };
    Ok(vec![b.push(Op::ConvTranspose(window), &inputs)?])
}
