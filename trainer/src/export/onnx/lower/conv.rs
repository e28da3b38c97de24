//! Convolutions, batch normalization and upsampling.

use burn::backend::ir::{
    BatchNormOpIr, Conv2dOpIr, ConvTranspose2dOpIr, InterpolateModeIr, InterpolateOpIr,
};

use super::lowering::{Lowering, ints};
use crate::export::ExportError;
use dreamlet_onnx::Constant;
use dreamlet_onnx::graph_builder::{ABSENT, Attribute};

impl Lowering<'_> {
    pub(super) fn conv2d(&mut self, ir: &Conv2dOpIr) -> Result<(), ExportError> {
        let mut inputs = vec![self.read(&ir.x)?, self.read(&ir.weight)?];
        if let Some(bias) = &ir.bias {
            inputs.push(self.read(bias)?);
        }
        let options = &ir.options;
        let pads = options
            .padding
            .iter()
            .map(|pad| pad.0)
            .chain(options.padding.iter().map(|pad| pad.1));
        let attributes = vec![
            ("dilations", Attribute::Ints(ints(options.dilation))),
            ("group", group(options.groups)),
            (
                "kernel_shape",
                Attribute::Ints(ints(ir.weight.shape.iter().skip(2).copied())),
            ),
            ("pads", Attribute::Ints(ints(pads))),
            ("strides", Attribute::Ints(ints(options.stride))),
        ];
        self.emit("Conv", &inputs, attributes, &ir.out)
    }

    /// Transposed convolution. Output padding takes from the padding at the end, which is the same
    /// rows and columns; only what is left of it is written as `output_padding`.
    pub(super) fn conv_transpose2d(&mut self, ir: &ConvTranspose2dOpIr) -> Result<(), ExportError> {
        let mut inputs = vec![self.read(&ir.x)?, self.read(&ir.weight)?];
        if let Some(bias) = &ir.bias {
            inputs.push(self.read(bias)?);
        }
        let options = &ir.options;
        let both = || options.padding.iter().zip(options.padding_out);
        let ends = both().map(|(pad, out)| pad.saturating_sub(out));
        let rest = both().map(|(pad, out)| out.saturating_sub(*pad));
        let mut attributes = vec![
            ("dilations", Attribute::Ints(ints(options.dilation))),
            ("group", group(options.groups)),
            (
                "kernel_shape",
                Attribute::Ints(ints(ir.weight.shape.iter().skip(2).copied())),
            ),
        ];
        if rest.clone().any(|rest| rest > 0) {
            attributes.push(("output_padding", Attribute::Ints(ints(rest))));
        }
        attributes.push((
            "pads",
            Attribute::Ints(ints(options.padding.into_iter().chain(ends))),
        ));
        attributes.push(("strides", Attribute::Ints(ints(options.stride))));
        self.emit("ConvTranspose", &inputs, attributes, &ir.out)
    }

    pub(super) fn batch_norm(&mut self, ir: &BatchNormOpIr) -> Result<(), ExportError> {
        let mut inputs = Vec::with_capacity(5);
        for tensor in [&ir.x, &ir.gamma, &ir.beta, &ir.mean, &ir.variance] {
            inputs.push(self.read(tensor)?);
        }
        let epsilon = Attribute::Float(ir.epsilon.elem::<f32>());
        self.emit(
            "BatchNormalization",
            &inputs,
            vec![("epsilon", epsilon)],
            &ir.out,
        )
    }

    /// Nearest upsampling: output row `y` copies input row `floor(y * in / out)`.
    pub(super) fn interpolate(&mut self, ir: &InterpolateOpIr) -> Result<(), ExportError> {
        let input = self.read(&ir.x)?;
        let sizes: Vec<_> = ir.x.shape.iter().skip(2).copied().collect();
        let refuse = |detail: String| Err(ExportError::not_lowered("Interpolate", detail));
        let mut scales = vec![1.0, 1.0];
        for (&from, &to) in sizes.iter().zip(&ir.output_size) {
            let scale = to as f32 / from as f32;
            let whole = from > 0 && to % from == 0;
            match &ir.options.mode {
                InterpolateModeIr::Nearest | InterpolateModeIr::NearestExact if whole => {}
                InterpolateModeIr::Nearest | InterpolateModeIr::NearestExact => {
                    return refuse(format!("{from} to {to} is not a whole multiple"));
                }
                mode => return refuse(format!("the mode is {mode:?}, only nearest is written")),
            }
            scales.push(scale);
        }
        let scales = Constant::f32s(vec![scales.len()], scales);
        let scales = self.graph.constant(scales);
        let attributes = vec![
            (
                "coordinate_transformation_mode",
                Attribute::Text("asymmetric"),
            ),
            ("mode", Attribute::Text("nearest")),
            ("nearest_mode", Attribute::Text("floor")),
        ];
        self.emit("Resize", &[input, ABSENT, scales], attributes, &ir.out)
    }
}

fn group(groups: usize) -> Attribute {
    Attribute::Int(i64::try_from(groups).unwrap_or(i64::MAX))
}
