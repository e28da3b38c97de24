//! Which tensors become integers, and of what scale.
//!
//! Layers that only move elements have one format for what they read and write, so buffers that
//! they join are one group. A group is 8-bit where all that writes it is int8 layers. It is int16
//! where the latent vector and the class's row go to int8 layers, and f32 otherwise.
//!
//! A sum is an int8 layer where one of its operands and what it makes are 8-bit; the other operand
//! is quantized where it is f32. So a residual is 8-bit from one layer that multiplies to the next.

use dreamlet_runtime::engine::compiled::format::{
    Activation, BinaryKind, Broadcast, Coordinates, DType, Op as Layer,
};
use dreamlet_runtime::image::PixelRange;
use dreamlet_runtime::latent::Distribution;

use super::calibrate::Seen;
use super::histogram::Histogram;
use super::qparams::Format;
use crate::steps::{Lowered, Operand, Step};

/// Most int16 products in one sum, as the device's check has it.
const MAX_WORDS: u64 = 516;

/// The largest normal latent of the seed contract: a radius of `sqrt(-2 ln 2^-24)`, rounded up.
const MOST_NORMAL: f64 = 5.77;

/// What all layers that read or write a group are.
#[derive(Clone, Debug, Default)]
struct Group {
    /// Whether layers that multiply or add in integers write it.
    sums: bool,
    /// Whether the latent vector or a class's row does.
    source: bool,
    /// Whether any other does.
    other: bool,
    /// Whether all layers that read it take 16-bit integers.
    takes_int16: bool,
    /// Whether any layer reads it.
    read: bool,
    /// Whether no element of it can be below 0.
    unsigned: bool,
    /// All its elements that were seen.
    elements: Histogram,
    /// The largest element that its sources can give.
    most: f64,
}

/// Formats of all operands.
pub(super) struct Scheme {
    /// Of each step, whether it multiplies or adds in integers.
    pub(super) integer: Vec<bool>,
    roots: Vec<usize>,
    formats: Vec<Format>,
    /// What a layer should read in the place of f32.
    int8: Vec<Format>,
    int16: Vec<Format>,
    latent: f64,
}

/// Whether a layer is one that can multiply in integers.
pub(super) const fn multiplies(step: &Step) -> bool {
    matches!(
        step.op,
        Layer::Dense | Layer::Conv(_) | Layer::Col2ImConv(_)
    )
}

/// The signs of its two operands, if a layer adds or takes off.
pub(super) const fn adds(step: &Step) -> Option<[f64; 2]> {
    match step.op {
        Layer::Binary(BinaryKind::Add, Broadcast::Same) => Some([1.0, 1.0]),
        Layer::Binary(BinaryKind::Sub, Broadcast::Same) => Some([1.0, -1.0]),
        Layer::Binary(BinaryKind::ReverseSub, Broadcast::Same) => Some([-1.0, 1.0]),
        _ => None,
    }
}

/// Whether a layer doubles by bilinear interpolation.
const fn doubles(step: &Step) -> bool {
    let (from, to) = (step.input_shape, step.output_shape);
    matches!(step.op, Layer::Bilinear(Coordinates::HalfPixel))
        && to.height == 2 * from.height
        && to.width == 2 * from.width
}

/// Whether a layer only moves elements, or makes means of them in the same format.
pub(super) fn moves(step: &Step) -> bool {
    matches!(
        step.op,
        Layer::Nearest
            | Layer::DepthToSpace(_)
            | Layer::ConcatChannels(_)
            | Layer::HwcToChw
            | Layer::ChwToHwc
    ) || step.op == Layer::Activate && step.activation == Activation::None
        || doubles(step)
}

/// Whether a layer takes the latent vector as it is to where it is used.
fn copies_latent(step: &Step) -> bool {
    step.input == Operand::Latent
        && moves(step)
        && matches!(step.op, Layer::ConcatChannels(_) | Layer::Activate)
}

/// Whether a layer can multiply 16-bit integers.
fn takes_int16(step: &Step) -> bool {
    step.op == Layer::Dense && step.input_shape.len() <= MAX_WORDS
}

/// Whether an activation never gives less than 0.
fn never_negative(activation: Activation) -> bool {
    match activation {
        Activation::Relu | Activation::Sigmoid | Activation::Softplus => true,
        Activation::Clip(low, _) => low >= 0.0,
        _ => false,
    }
}

impl Scheme {
    /// `is_int8` says of each step whether it multiplies in integers, or adds so if its operands are
    /// such; `seen` what each value was.
    pub(super) fn new(
        lowered: &Lowered,
        is_int8: &[bool],
        seen: &[Seen],
        distribution: Distribution,
        pixels: PixelRange,
    ) -> Self {
        let mut scheme = Self::with(lowered, is_int8.to_vec(), seen, distribution, pixels);
        loop {
            // Each round takes at least one sum out.
            let mut integer = scheme.integer.clone();
            for (step, integer) in lowered.steps.iter().zip(&mut integer) {
                *integer &= adds(step).is_none() || scheme.adds_integers(step);
            }
            if integer == scheme.integer {
                return scheme;
            }
            scheme = Self::with(lowered, integer, seen, distribution, pixels);
        }
    }

    /// Whether a sum may be made in integers: one operand and the output are 8-bit.
    fn adds_integers(&self, step: &Step) -> bool {
        let formats = [step.input, step.second].map(|operand| self.format(operand));
        let bytes = |format: &Format| matches!(format, Format::Scaled(DType::I8 | DType::U8, _));
        let fit = |format: &Format| bytes(format) || *format == Format::F32;
        formats.iter().any(bytes)
            && formats.iter().all(fit)
            && self.format(step.output) != Format::F32
    }

    /// With sums that are made in integers as said.
    fn with(
        lowered: &Lowered,
        is_int8: Vec<bool>,
        seen: &[Seen],
        distribution: Distribution,
        pixels: PixelRange,
    ) -> Self {
        let latent = match distribution {
            Distribution::Normal => MOST_NORMAL,
            Distribution::Uniform => 1.0,
        };
        let image = lowered.buffers.len();
        let mut roots: Vec<usize> = (0..=image).collect();
        for step in lowered.steps.iter().filter(|step| moves(step)) {
            if let (Some(from), Some(to)) = (place(step.input, image), place(step.output, image)) {
                let (from, to) = (roots[from], roots[to]);
                for root in &mut roots {
                    if *root == from {
                        *root = to;
                    }
                }
            }
        }
        let mut groups = vec![
            Group {
                takes_int16: true,
                unsigned: true,
                ..Group::default()
            };
            image + 1
        ];
        for (at, step) in lowered.steps.iter().enumerate() {
            if let Some(to) = place(step.output, image) {
                let group = &mut groups[roots[to]];
                if (multiplies(step) || adds(step).is_some()) && is_int8[at] {
                    group.sums = true;
                } else if step.op == Layer::Lookup {
                    group.source = true;
                    let table = step.weights.iter().flat_map(|weights| &weights.weights);
                    group.most = table.fold(group.most, |most, x| most.max(f64::from(x.abs())));
                } else if copies_latent(step) {
                    group.source = true;
                    group.most = group.most.max(latent);
                } else if !moves(step) || step.input == Operand::Latent {
                    group.other = true;
                }
                if !moves(step) || step.input == Operand::Latent {
                    group.unsigned &=
                        step.input != Operand::Latent && never_negative(step.activation);
                    group.elements.merge(seen[step.value].elements.clone());
                }
            }
            if doubles(step)
                && let Some(to) = place(step.output, image)
            {
                groups[roots[to]].takes_int16 = false;
            }
            if !moves(step) {
                let int16 = multiplies(step) && is_int8[at] && takes_int16(step);
                // The second operand of a convolution is memory of its own.
                let apart = multiplies(step).then_some(step.second);
                for from in step.reads().filter(|from| Some(*from) != apart) {
                    if let Some(from) = place(from, image) {
                        groups[roots[from]].read = true;
                        groups[roots[from]].takes_int16 &= int16;
                    }
                }
            }
        }
        let int8: Vec<Format> = groups.iter().map(Group::int8).collect();
        let int16: Vec<Format> = groups
            .iter()
            .map(|group| Format::int16(nonzero(group.elements.most.max(group.most))))
            .collect();
        let format = |(index, group): (usize, &Group)| {
            let imaged = index == roots[image];
            match (group.sums, group.source) {
                _ if group.other => Format::F32,
                (true, false) if imaged && group.read => Format::F32,
                (true, false) if imaged => Format::Pixels(pixels),
                (true, false) => int8[index],
                (false, true) if group.takes_int16 && group.read && !imaged => int16[index],
                _ => Format::F32,
            }
        };
        let formats = groups.iter().enumerate().map(format).collect();
        Self {
            integer: is_int8,
            roots,
            formats,
            int8,
            int16,
            latent,
        }
    }

    fn group(&self, operand: Operand) -> Option<usize> {
        place(operand, self.roots.len() - 1).map(|at| self.roots[at])
    }

    /// The format in which an operand is kept.
    pub(super) fn format(&self, operand: Operand) -> Format {
        self.group(operand)
            .map_or(Format::F32, |group| self.formats[group])
    }

    /// The 8-bit integers that a layer should read of an operand that is kept as f32.
    pub(super) fn int8(&self, operand: Operand) -> Format {
        match self.group(operand) {
            Some(group) => self.int8[group],
            None => Format::int8(false, self.latent),
        }
    }

    /// The integers that a layer should read where its input is kept as f32.
    pub(super) fn quantized(&self, step: &Step) -> Format {
        match (self.group(step.input), takes_int16(step)) {
            (Some(group), true) => self.int16[group],
            (None, true) => Format::int16(self.latent),
            (_, false) => self.int8(step.input),
        }
    }
}

impl Group {
    fn int8(&self) -> Format {
        let levels = if self.unsigned { 255 } else { 127 };
        Format::int8(self.unsigned, self.elements.range(levels))
    }
}

/// The 8-bit integers that a layer should write where its output is kept as f32.
pub(super) fn result(step: &Step, seen: &Seen) -> Format {
    let unsigned = never_negative(step.activation);
    let levels = if unsigned { 255 } else { 127 };
    Format::int8(unsigned, seen.elements.range(levels))
}

fn nonzero(range: f64) -> f64 {
    if range > 0.0 { range } else { 1.0 }
}

/// An operand's number among buffers, with the image behind them.
const fn place(operand: Operand, image: usize) -> Option<usize> {
    match operand {
        Operand::Buffer { index, .. } => Some(index),
        Operand::Image => Some(image),
        Operand::None | Operand::Latent => None,
    }
}

/// Bytes of an element of this format.
pub(super) fn size(format: Format) -> u64 {
    DType::size(format.dtype()) as u64
}
