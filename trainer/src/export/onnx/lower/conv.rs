//! Convolutions, batch normalization and upsampling.

use burn::backend::ir::{
    BatchNormOpIr, Conv2dOpIr, ConvTranspose2dOpIr, InterpolateModeIr, InterpolateOpIr, TensorIr,
};

use super::lowering::{Lowering, int, ints};
use crate::export::ExportError;
use dreamlet_onnx::Constant;
use dreamlet_onnx::graph_builder::{ABSENT, Attribute, Attributes};

impl Lowering<'_> {
    pub(super) fn conv2d(&mut self, ir: &Conv2dOpIr) -> Result<(), ExportError> {
        let inputs = self.read_all([&ir.x, &ir.weight].into_iter().chain(&ir.bias))?;
        let options = &ir.options;
        let (begins, ends): (Vec<_>, Vec<_>) = options.padding.iter().copied().unzip();
        let attributes = convolution(
            options.dilation,
            options.groups,
            &ir.weight,
            begins.into_iter().chain(ends),
            options.stride,
        );
        self.emit("Conv", &inputs, attributes, &ir.out)
    }

    /// Transposed convolution. Output padding takes from the padding at the end, which is the same
    /// rows and columns; only what is left of it is written as `output_padding`.
    pub(super) fn conv_transpose2d(&mut self, ir: &ConvTranspose2dOpIr) -> Result<(), ExportError> {
        let inputs = self.read_all([&ir.x, &ir.weight].into_iter().chain(&ir.bias))?;
        let options = &ir.options;
        let both = || options.padding.iter().zip(options.padding_out);
        let ends = both().map(|(pad, out)| pad.saturating_sub(out));
        let rest = both().map(|(pad, out)| out.saturating_sub(*pad));
        let mut attributes = convolution(
            options.dilation,
            options.groups,
            &ir.weight,
            options.padding.into_iter().chain(ends),
            options.stride,
        );
        if rest.clone().any(|rest| rest > 0) {
            // In the order of names.
            attributes.insert(3, ("output_padding", Attribute::Ints(ints(rest))));
        }
        self.emit("ConvTranspose", &inputs, attributes, &ir.out)
    }

    pub(super) fn batch_norm(&mut self, ir: &BatchNormOpIr) -> Result<(), ExportError> {
        let inputs = self.read_all([&ir.x, &ir.gamma, &ir.beta, &ir.mean, &ir.variance])?;
        let attributes = vec![("epsilon", Attribute::Float(ir.epsilon.elem::<f32>()))];
        self.emit("BatchNormalization", &inputs, attributes, &ir.out)
    }

    /// Upsampling by a whole number. Nearest: output row `y` copies input row `floor(y * in / out)`.
    /// Bilinear: rows are at their middles, edges repeated.
    pub(super) fn interpolate(&mut self, ir: &InterpolateOpIr) -> Result<(), ExportError> {
        let input = self.read(&ir.x)?;
        let sizes: Vec<_> = ir.x.shape.iter().skip(2).copied().collect();
        let refuse = |detail: String| Err(ExportError::not_lowered("Interpolate", detail));
        let mut scales = vec![1.0, 1.0];
        let attributes = match (&ir.options.mode, ir.options.align_corners) {
            (InterpolateModeIr::Nearest | InterpolateModeIr::NearestExact, _) => vec![
                ("coordinate_transformation_mode", "asymmetric"),
                ("mode", "nearest"),
                ("nearest_mode", "floor"),
            ],
            (InterpolateModeIr::Bilinear, false) => vec![
                ("coordinate_transformation_mode", "half_pixel"),
                ("mode", "linear"),
            ],
            (mode, aligned) => {
                return refuse(format!(
                    "the mode is {mode:?}, corners aligned: {aligned}; nearest is written, and bilinear without aligned corners"
                ));
            }
        };
        for (&from, &to) in sizes.iter().zip(&ir.output_size) {
            if from == 0 || to % from != 0 {
                return refuse(format!("{from} to {to} is not a whole multiple"));
            }
            scales.push(to as f32 / from as f32);
        }
        let scales = Constant::f32s(vec![scales.len()], scales);
        let scales = self.graph.constant(scales);
        let attributes = attributes.into_iter();
        let attributes = attributes.map(|(name, text)| (name, Attribute::Text(text)));
        let attributes = attributes.collect();
        self.emit("Resize", &[input, ABSENT, scales], attributes, &ir.out)
    }
}

/// What both convolutions have.
fn convolution(
    dilation: [usize; 2],
    groups: usize,
    weight: &TensorIr,
    pads: impl Iterator<Item = usize>,
    stride: [usize; 2],
) -> Attributes {
    let kernel = weight.shape.iter().skip(2).copied();
    vec![
        ("dilations", Attribute::Ints(ints(dilation))),
        ("group", Attribute::Int(int(groups))),
        ("kernel_shape", Attribute::Ints(ints(kernel))),
        ("pads", Attribute::Ints(ints(pads))),
        ("strides", Attribute::Ints(ints(stride))),
    ]
}
