//! The int8 layers, and the conversions around them.

use dreamlet_runtime::engine::compiled::format::{
    Activation, Broadcast, DType, HwcShape, Op as Layer,
};

use super::calibrate::Seen;
use super::layer;
use super::qparams::Format;
use super::scheme::{Scheme, adds, moves, multiplies, result, size};
use crate::CompileError;
use crate::steps::{Lowered, Operand, Step};

/// Makes the layers of a network as the scheme says.
///
/// # Errors
/// [`CompileError::NonFinite`] for a weight that is NaN or infinite.
pub(super) fn insert(
    lowered: &Lowered,
    scheme: &Scheme,
    seen: &[Seen],
) -> Result<Lowered, CompileError> {
    let buffers = lowered.buffers.iter().enumerate();
    let resized = buffers.map(|(index, &bytes)| {
        let format = scheme.format(Operand::Buffer { index, offset: 0 });
        bytes / 4 * size(format)
    });
    // What a convolution keeps its sums in is no tensor.
    let mut buffers: Vec<u64> = resized.collect();
    for step in lowered.steps.iter().filter(|step| multiplies(step)) {
        if let Operand::Buffer { index, .. } = step.second {
            buffers[index] = lowered.buffers[index];
        }
    }
    let mut inserting = Inserting {
        scheme,
        elements: lowered.buffers.iter().map(|bytes| bytes / 4).collect(),
        converted: Vec::new(),
        out: Lowered {
            steps: Vec::new(),
            buffers,
        },
    };
    for (step, &int8) in lowered.steps.iter().zip(&scheme.integer) {
        if multiplies(step) && int8 {
            inserting.multiply(step, seen)?;
        } else if adds(step).is_some() && int8 {
            inserting.add(step, seen)?;
        } else if step.op == Layer::Lookup {
            inserting.lookup(step);
        } else if moves(step) {
            inserting.moved(step);
        } else {
            inserting.keep_f32(step);
        }
    }
    Ok(inserting.out)
}

struct Inserting<'a> {
    scheme: &'a Scheme,
    /// Elements that each buffer of the f32 network has.
    elements: Vec<u64>,
    /// Operands that are there in a second format, and where.
    converted: Vec<(Operand, DType, Operand)>,
    out: Lowered,
}

impl Inserting<'_> {
    fn buffer(&mut self, shape: HwcShape, format: Format) -> Operand {
        self.out.buffers.push(shape.len() * size(format));
        Operand::Buffer {
            index: self.out.buffers.len() - 1,
            offset: 0,
        }
    }

    /// An operand's place; its offset counted bytes of f32 before.
    fn place(&self, operand: Operand) -> Operand {
        match operand {
            Operand::Buffer { index, offset } => Operand::Buffer {
                index,
                offset: offset / 4 * size(self.scheme.format(operand)) as u32,
            },
            other => other,
        }
    }

    /// Adds a step that converts between f32 and integers.
    fn convert(&mut self, like: &Step, from: (Operand, Format), to: (Operand, Format), len: u64) {
        let shape = HwcShape::vector(len as u32);
        let op = match (from.1, to.1) {
            (Format::F32, Format::Scaled(_, scale)) => Layer::Quantize((1.0 / scale) as f32),
            (Format::Scaled(_, scale), Format::F32) => Layer::Dequantize(scale as f32),
            _ => return,
        };
        self.out.steps.push(Step {
            op,
            input: from.0,
            input_dtype: from.1.dtype(),
            input_shape: shape,
            second: Operand::None,
            output: to.0,
            output_dtype: to.1.dtype(),
            output_shape: shape,
            activation: Activation::None,
            weights: None,
            packed: None,
            strided: None,
            value: like.value,
            origin: like.origin.clone(),
        });
    }

    /// Where an operand of `len` elements is in a format, after a conversion if it is kept in
    /// another.
    fn read(&mut self, step: &Step, operand: Operand, len: u64, format: Format) -> Operand {
        let kept = self.scheme.format(operand);
        let place = self.place(operand);
        if kept == format || operand == Operand::None {
            return place;
        }
        let before = self
            .converted
            .iter()
            .find(|(from, dtype, _)| *from == operand && *dtype == format.dtype());
        if let Some((_, _, place)) = before {
            return *place;
        }
        let to = self.buffer(HwcShape::vector(len as u32), format);
        self.convert(step, (place, kept), (to, format), len);
        self.converted.push((operand, format.dtype(), to));
        to
    }

    /// A layer that multiplies in integers.
    fn multiply(&mut self, step: &Step, seen: &[Seen]) -> Result<(), CompileError> {
        let kept = self.scheme.format(step.input);
        let input = if kept == Format::F32 {
            self.scheme.quantized(step)
        } else {
            kept
        };
        let home = self.scheme.format(step.output);
        let output = if home == Format::F32 {
            result(step, &seen[step.value])
        } else {
            home
        };
        let mut made = step.clone();
        made.input = self.read(step, step.input, step.input_shape.len(), input);
        made.input_dtype = input.dtype();
        made.output_dtype = output.dtype();
        made.activation = Activation::None;
        if let Some(weights) = step.weights.as_ref() {
            let before = seen[step.value].before;
            made.packed = Some(layer::quantize(step, weights, input, output, before)?);
        }
        made.weights = None;
        made.output = self.place(step.output);
        if home == Format::F32 {
            let to = made.output;
            made.output = self.buffer(step.output_shape, output);
            let from = made.output;
            self.out.steps.push(made);
            self.convert(step, (from, output), (to, home), step.output_shape.len());
        } else {
            self.write(made, step.output);
        }
        Ok(())
    }

    /// A sum or difference in integers.
    fn add(&mut self, step: &Step, seen: &[Seen]) -> Result<(), CompileError> {
        let mut made = step.clone();
        let mut scales = adds(step).unwrap_or([1.0; 2]);
        let mut places = [step.input, step.second];
        let mut dtypes = [DType::I8; 2];
        let operands = places.iter_mut().zip(&mut scales).zip(&mut dtypes);
        for ((place, scale), dtype) in operands {
            let kept = self.scheme.format(*place);
            let format = if kept == Format::F32 {
                self.scheme.int8(*place)
            } else {
                kept
            };
            if let Format::Scaled(_, own) = format {
                *scale *= own;
            }
            *dtype = format.dtype();
            *place = self.read(step, *place, step.input_shape.len(), format);
        }
        let output = self.scheme.format(step.output);
        [made.input, made.second] = places;
        made.input_dtype = dtypes[0];
        made.output_dtype = output.dtype();
        made.op = Layer::QuantizedAdd(dtypes[1]);
        made.activation = Activation::None;
        let before = seen[step.value].before;
        made.packed = Some(layer::sum(step, scales, output, before)?);
        made.output = self.place(step.output);
        self.write(made, step.output);
        Ok(())
    }

    /// Adds a step whose output is the place of `operand`. Part of a vector of int8 or int16 need
    /// not begin at a multiple of 4 bytes: such a part is made elsewhere and copied.
    fn write(&mut self, mut step: Step, operand: Operand) {
        let Operand::Buffer { index, offset } = step.output else {
            self.out.steps.push(step);
            return;
        };
        if offset % 4 == 0 {
            self.out.steps.push(step);
            return;
        }
        let format = self.scheme.format(operand);
        let shape = HwcShape::vector(step.output_shape.len() as u32);
        let apart = self.buffer(shape, format);
        step.output = apart;
        let first = offset / size(format) as u32;
        let copy = Step {
            op: Layer::ConcatChannels(first),
            input: apart,
            input_dtype: format.dtype(),
            input_shape: shape,
            second: Operand::None,
            output: Operand::Buffer { index, offset: 0 },
            output_dtype: format.dtype(),
            output_shape: HwcShape::vector(self.elements[index] as u32),
            activation: Activation::None,
            weights: None,
            packed: None,
            strided: None,
            value: step.value,
            origin: step.origin.clone(),
        };
        self.out.steps.push(step);
        self.out.steps.push(copy);
    }

    /// The class's row, as 16-bit integers where it goes to integer layers.
    fn lookup(&mut self, step: &Step) {
        let format = self.scheme.format(step.output);
        let mut made = step.clone();
        made.output = self.place(step.output);
        made.output_dtype = format.dtype();
        if let (Some(weights), true) = (&step.weights, format != Format::F32) {
            made.packed = Some(layer::lookup(weights, format));
            made.weights = None;
        }
        self.write(made, step.output);
    }

    /// A layer that moves elements, whatever their dtype.
    fn moved(&mut self, step: &Step) {
        let format = self.scheme.format(step.output);
        if format == Format::F32 {
            return self.keep_f32(step);
        }
        let mut made = step.clone();
        made.input = self.place(step.input);
        made.output = self.place(step.output);
        if step.input == Operand::Latent {
            // Quantized into its place among the elements that it is joined with.
            let part = match (step.op, made.output) {
                (Layer::ConcatChannels(first), Operand::Buffer { index, offset }) => {
                    Operand::Buffer {
                        index,
                        offset: offset + first * size(format) as u32,
                    }
                }
                (_, place) => place,
            };
            let len = step.input_shape.len();
            let from = (Operand::Latent, Format::F32);
            self.convert(step, from, (part, format), len);
            if let Some(quantize) = self.out.steps.pop() {
                self.write(quantize, step.output);
            }
            return;
        }
        made.input_dtype = format.dtype();
        made.output_dtype = format.dtype();
        if step.op == Layer::Activate {
            // The layer that copies integers: each pixel once.
            made.op = Layer::Nearest;
        }
        self.write(made, step.output);
    }

    /// An f32 layer.
    fn keep_f32(&mut self, step: &Step) {
        let mut made = step.clone();
        made.input = self.read(step, step.input, step.input_shape.len(), Format::F32);
        if let Layer::Binary(_, broadcast) = step.op {
            let len = match broadcast {
                Broadcast::Same => step.input_shape.len(),
                Broadcast::Channel => step.input_shape.channels.into(),
            };
            made.second = self.read(step, step.second, len, Format::F32);
        }
        if let Some(strided) = &mut made.strided {
            for operand in &mut strided.operands {
                let len = match *operand {
                    Operand::Buffer { index, offset } => {
                        self.elements[index] - u64::from(offset / 4)
                    }
                    _ => 0,
                };
                *operand = self.read(step, *operand, len, Format::F32);
            }
        }
        self.out.steps.push(made);
    }
}
