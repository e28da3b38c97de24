//! What a compiled model costs, layer by layer.

use core::fmt::{self, Write as _};

use dreamlet_runtime::engine::compiled::format::{
    Activation, BufferRef, FormatError, HwcShape, Layer, Op,
};
use dreamlet_runtime::engine::compiled::{col2im_scratch, upsample_scratch};

use super::boards::{BOARDS, Board};
use super::lower::products;
use super::steps::{Lowered, Step};
use super::upsample;

/// What one layer costs.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerCost {
    /// What the layer does.
    pub kind: String,
    /// The ONNX node it comes from.
    pub origin: String,
    /// Rows, columns and channels of the input.
    pub input: HwcShape,
    /// Rows, columns and channels of the output.
    pub output: HwcShape,
    /// Multiplications for one image.
    pub multiplications: u64,
    /// Bytes of weights, biases and, of an int8 layer, what makes int8 of its sums.
    pub weights: u64,
    /// Whether it is int8.
    pub int8: bool,
    /// Bytes of scratch memory in use while the layer runs: its input, its output and what it needs
    /// by itself.
    pub scratch: u64,
}

/// What a compiled model costs.
#[derive(Clone, Debug, PartialEq)]
pub struct CostReport {
    /// Layers in the order in which they run.
    pub lines: Vec<LayerCost>,
    /// Bytes of the file.
    pub flash: u64,
    /// Bytes of scratch memory for an f32 image, with room to align it.
    pub scratch: u64,
    /// The same for an image of 8-bit pixels, whole or row by row.
    pub rows_scratch: u64,
    /// Elements of the image: as many bytes where the device takes 8-bit pixels, four times as many
    /// for f32.
    pub image: u64,
}

impl CostReport {
    /// Of `layers` as they are in the file, made from `lowered`.
    pub(super) fn of(
        lowered: &Lowered,
        layers: impl Iterator<Item = Result<Layer, FormatError>>,
        sizes: Sizes,
    ) -> Result<Self, FormatError> {
        let mut lines = Vec::new();
        for (step, layer) in lowered.steps.iter().zip(layers) {
            let layer = layer?;
            let in_scratch = |place, bytes: u64| match place {
                BufferRef::Scratch(_) => bytes,
                _ => 0,
            };
            let size = |shape: HwcShape, bytes: usize| shape.len() * bytes as u64;
            let own = match layer.op {
                Op::Col2ImConv(geometry) => {
                    col2im_scratch(&geometry, layer.input_shape, layer.output_shape).unwrap_or(0)
                }
                Op::UpsampleConv => {
                    upsample_scratch(layer.input_shape, layer.output_shape).unwrap_or(0)
                }
                Op::Binary(..) => size(layer.input_shape, 4),
                Op::QuantizedAdd(_) => size(layer.input_shape, 1),
                _ => 0,
            };
            let input = in_scratch(
                layer.input,
                size(layer.input_shape, layer.input_dtype.size()),
            );
            let output = in_scratch(
                layer.output,
                size(layer.output_shape, layer.output_dtype.size()),
            );
            let shared = if layer.input == layer.output {
                output
            } else {
                0
            };
            lines.push(LayerCost {
                kind: kind(&layer),
                origin: step.origin.clone(),
                input: layer.input_shape,
                output: layer.output_shape,
                multiplications: match &step.strided {
                    Some(strided) => strided.op.work(),
                    None => multiplications(&layer),
                },
                weights: weights(step, &layer),
                int8: layer.requantization.is_some(),
                scratch: input + output - shared + in_scratch(layer.second, own),
            });
        }
        Ok(Self {
            lines,
            flash: sizes.flash,
            scratch: sizes.scratch,
            rows_scratch: sizes.rows_scratch,
            image: sizes.image,
        })
    }

    /// Multiplications for one image.
    #[must_use]
    pub fn multiplications(&self) -> u64 {
        self.lines.iter().map(|line| line.multiplications).sum()
    }

    /// Bytes of memory for an image of 8-bit pixels.
    #[must_use]
    pub fn ram(&self) -> u64 {
        self.rows_scratch + self.image
    }

    /// Milliseconds for an image on a board, as estimated.
    #[must_use]
    pub fn milliseconds(&self, board: &Board) -> f64 {
        let int8 = self.lines.iter().filter(|line| line.int8);
        let int8: u64 = int8.map(|line| line.multiplications).sum();
        board.milliseconds(self.multiplications() - int8, int8)
    }
}

/// Sizes of the whole model, see [`CostReport`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) flash: u64,
    pub(super) scratch: u64,
    pub(super) rows_scratch: u64,
    pub(super) image: u64,
}

/// Bytes of a layer's weights and what goes with them.
fn weights(step: &Step, layer: &Layer) -> u64 {
    if let Some(packed) = &step.packed {
        let how = packed.requantization.as_ref();
        let table = how
            .and_then(|how| how.table.as_ref())
            .map_or(0, |(table, _)| table.len());
        let multipliers = how.map_or(0, |how| how.multipliers.len());
        let bias = packed.bias.as_ref().map_or(0, Vec::len);
        return (packed.weights.len() + bias + multipliers + table) as u64;
    }
    let Some(tensors) = &step.weights else {
        return 0;
    };
    let size = layer.weights.map_or(4, |weights| weights.dtype.size());
    let bias = tensors.bias.as_ref().map_or(0, |bias| 4 * bias.len());
    (tensors.weights.len() * size + bias) as u64
}

/// Multiplications of a layer for one image, those with zeros around it left out.
fn multiplications(layer: &Layer) -> u64 {
    let (from, to) = (layer.input_shape, layer.output_shape);
    match layer.op {
        Op::Dense => from.len() * to.len(),
        Op::Conv(geometry) | Op::GroupConv(geometry) => {
            let inputs = u64::from(from.channels / geometry.groups.max(1));
            products(&geometry, from, to) * inputs * u64::from(to.channels)
        }
        Op::Col2ImConv(geometry) => {
            let taps = u64::from(geometry.kernel[0]) * u64::from(geometry.kernel[1]);
            from.len() * taps * u64::from(to.channels)
        }
        Op::UpsampleConv => {
            upsample::products(from) * u64::from(from.channels) * u64::from(to.channels)
        }
        Op::Affine | Op::Prelu | Op::Binary(..) => to.len(),
        Op::QuantizedAdd(_) => 2 * to.len(),
        Op::Bilinear(_) => 4 * to.len(),
        _ => 0,
    }
}

fn kind(layer: &Layer) -> String {
    let name = match layer.op {
        Op::Dense => "dense".into(),
        Op::Conv(c) | Op::Col2ImConv(c) | Op::GroupConv(c) => {
            let col2im = if matches!(layer.op, Op::Col2ImConv(_)) {
                ", col2im"
            } else {
                ""
            };
            let up = if c.transposed { "transposed " } else { "" };
            let mut name = format!("{up}convolution {}x{}{col2im}", c.kernel[0], c.kernel[1]);
            if c.groups > 1 {
                let _ = write!(name, ", {} groups", c.groups);
            }
            name
        }
        Op::UpsampleConv => "doubling and convolution 3x3".into(),
        Op::Activate => "activation".into(),
        Op::Affine => "scale and shift".into(),
        Op::Prelu => "PReLU".into(),
        Op::Binary(kind, _) => format!("{kind:?}").to_lowercase(),
        Op::QuantizedAdd(_) => "add".into(),
        Op::Nearest => "nearest".into(),
        Op::Bilinear(_) => "bilinear".into(),
        Op::DepthToSpace(_) => "depth to space".into(),
        Op::Pad(..) => "pad".into(),
        Op::ConcatChannels(_) => "copy".into(),
        Op::HwcToChw => "HWC to CHW".into(),
        Op::ChwToHwc => "CHW to HWC".into(),
        Op::Lookup => "class's row".into(),
        Op::Quantize(_) => "quantize".into(),
        Op::Dequantize(_) => "dequantize".into(),
        Op::Strided(kind, _) => format!("{kind:?}").to_lowercase(),
    };
    match layer.activation {
        Activation::None => name,
        Activation::Clip(low, high) => format!("{name}, Clip {low} to {high}"),
        other => {
            let text = format!("{other:?}");
            format!("{name}, {}", text.split('(').next().unwrap_or_default())
        }
    }
}

impl fmt::Display for CostReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = |s: HwcShape| match (s.height, s.width) {
            (1, 1) => s.channels.to_string(),
            (height, width) => format!("{height}x{width}x{}", s.channels),
        };
        let head = [
            "layer",
            "input",
            "output",
            "multiplications",
            "weights",
            "scratch",
            "from",
        ];
        let mut rows = vec![head.map(String::from)];
        for (i, line) in self.lines.iter().enumerate() {
            rows.push([
                format!("{i} {}", line.kind),
                shape(line.input),
                shape(line.output),
                line.multiplications.to_string(),
                line.weights.to_string(),
                line.scratch.to_string(),
                line.origin.clone(),
            ]);
        }
        let width = |i: usize| {
            rows.iter()
                .map(|row| row[i].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; 7] = core::array::from_fn(width);
        for row in &rows {
            let [kind, input, output, products, weights, scratch, origin] = row;
            let [a, b, c, d, e, g, _] = widths;
            writeln!(
                f,
                "{kind:a$}  {input:>b$}  {output:>c$}  {products:>d$}  {weights:>e$}  {scratch:>g$}  {origin}"
            )?;
        }
        writeln!(
            f,
            "\nflash {} bytes; RAM {} bytes: scratch {}, image {} as 8-bit pixels (f32: {} and {}; row by row: {} and a row)",
            self.flash,
            self.ram(),
            self.rows_scratch,
            self.image,
            self.scratch,
            4 * self.image,
            self.rows_scratch
        )?;
        write!(
            f,
            "{} multiplications an image. Estimated from their number and assumed cycles for each, not measured:",
            self.multiplications()
        )?;
        for board in BOARDS {
            write!(
                f,
                "\n  {:44} {:>10.1} ms",
                board.name,
                self.milliseconds(&board)
            )?;
        }
        Ok(())
    }
}
