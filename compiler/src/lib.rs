//! ONNX file to compiled model: one flat file that the device's engine runs where it is.
//!
//! ```
//! use dreamlet_compiler::{Options, Precision, compile};
//!
//! # fn main() -> Result<(), dreamlet_compiler::CompileError> {
//! let onnx = include_bytes!("../../models/mnist-vae-dense/mnist-vae-dense.onnx");
//! let options = Options {
//!     precision: Precision::F16,
//!     ..Options::default()
//! };
//! let compiled = compile(onnx, &options)?;
//! // std::fs::write("digits.dream", &compiled.file)?;
//! assert!(compiled.file.len() < onnx.len());
//! println!("{}", compiled.report);
//! # Ok(())
//! # }
//! ```
//!
//! The steps, each in a module of its own:
//!
//! ```text
//! file ── dreamlet-onnx ── import ──► net ── passes ──► net ── lower ──► steps
//!                                                                         │
//!                   file ◄── emit ◄── pack ◄── memory_plan ◄── quantize ◄─┘
//! ```
//!
//! `import` makes a network of a few operations for one image. `passes` fold what can be folded.
//! `lower` chooses the device's layers. `quantize` makes int8 layers of them for
//! [`Precision::Int8`]. `memory_plan` places their buffers, `pack` orders the weights, `emit`
//! writes the file. `interpreter` runs a network by the definitions of its operations, before and
//! after rewriting.
//!
//! The feature `cli`, on by default, has the command line of the program `dreamlet-compile` in
//! [`cli`]. Without it the library does not depend on clap.

pub mod atomic_file;
pub mod boards;
mod budget;
mod card;
#[cfg(feature = "cli")]
pub mod cli;
mod emit;
mod error;
mod import;
mod interpreter;
mod ir;
mod lower;
mod memory_plan;
mod options;
mod pack;
mod passes;
mod quality;
mod quantize;
mod report;
mod steps;
#[cfg(test)]
mod tests;
mod upsample;

use dreamlet_onnx::CheckedGraph;
use dreamlet_runtime::engine::compiled::CompiledGenerator;
use dreamlet_runtime::engine::compiled::format::DType;
use dreamlet_runtime::generator::Generator as _;
use dreamlet_runtime::latent::Distribution;
use dreamlet_runtime::onnx::{Difference, Facts, OnnxFile, ReferenceImage};

pub use budget::{Budget, BudgetError};
pub use card::card_of;
pub use error::CompileError;
pub use options::{Options, Precision, QuantizeOptions};
pub use quality::compile_to_quality;
pub use quantize::{PixelError, Quantized, QuantizedLayer};
pub use report::{CostReport, LayerCost};

use emit::write;
use ir::Net;

/// A compiled model.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// The file's bytes.
    pub file: Vec<u8>,
    /// What it costs.
    pub report: CostReport,
    /// What quantizing did, for [`Precision::Int8`].
    pub quantized: Option<Quantized>,
    /// What was assumed of the file, one sentence each.
    pub notes: Vec<String>,
}

/// Compiles an ONNX file that is in memory. One file with the same options gives the same bytes.
///
/// The card goes into the model as it is; a file without one gets one of what is known. Its golden
/// images are made by the definitions of the operators, or by the f32 model where that would take
/// long; where it would not, an image of the compiled model is compared with them. The golden images of a quantized model are its own: where all layers are int8, they are
/// the same bytes on every device.
///
/// # Errors
/// [`CompileError`]: a file that is no generator, a node without a layer, weights beyond the
/// precision.
pub fn compile(file: &[u8], options: &Options) -> Result<Compiled, CompileError> {
    let file = OnnxFile::from_bytes(file, &options.assumptions)?;
    let facts = options.assumptions.facts(&file)?;
    let is_float = options.precision != Precision::Int8;
    let original = import::import(&file.graph, facts.classes, is_float)?;
    let mut net = original.clone();
    passes::run(&mut net);
    if is_float {
        passes::run_f32(&mut net);
    }
    if file.graph.inspection.work <= interpreter::MOST_WORK {
        confirm(&original, &net, facts.distribution)?;
    }
    let lowered = lower::lower(&net, options.precision)?;
    let card = card::card(&file, &lowered, options)?;
    let checked = file;
    let (file, quantized, lowered) = match options.precision {
        Precision::F32 => (write(&lowered, &card, DType::F32)?, None, lowered),
        Precision::F16 => (write(&lowered, &card, DType::F16)?, None, lowered),
        Precision::Int8 => {
            let made = quantize::quantize(&net, &lowered, &card, options.quantize)?;
            let file = card::with_own_golden(&made.lowered, card)?;
            (file, Some(made.quantized), made.lowered)
        }
    };
    // The device's own checks, on the way.
    let mut generator = quantize::open(&file)?;
    if quantized.is_none() && checked.graph.inspection.work <= interpreter::MOST_WORK {
        check_image(&checked.graph, &facts, &mut generator, options.precision)?;
    }
    let sizes = report::Sizes {
        flash: file.len() as u64,
        scratch: generator.model().scratch_len() as u64,
        rows_scratch: dreamlet_runtime::engine::compiled::rows_scratch_len(&file) as u64,
        image: generator.image_len() as u64,
    };
    let report = CostReport::of(&lowered, generator.model().layers(), sizes)
        .map_err(CompileError::Format)?;
    Ok(Compiled {
        file,
        report,
        quantized,
        notes: checked.graph.inspection.notes,
    })
}

/// How far the compiled model's image may be from the reference, relative to the range of its
/// elements: weights of 16-bit floats have 11 bits.
fn allowed(precision: Precision) -> f32 {
    match precision {
        Precision::F32 => 1e-3,
        Precision::F16 | Precision::Int8 => 3e-2,
    }
}

/// Compares an image of the compiled model with that of the reference.
fn check_image(
    checked: &CheckedGraph,
    facts: &Facts,
    generator: &mut CompiledGenerator,
    precision: Precision,
) -> Result<(), CompileError> {
    let failed = |reason: &str| CompileError::Golden {
        reason: reason.into(),
    };
    let reference = ReferenceImage::new(checked, facts);
    let reference = reference.ok_or_else(|| failed("the graph cannot be computed"))?;
    let mut made = vec![0.0; generator.image_len()];
    let run = generator.generate(&reference.latent, reference.class, &mut made);
    run.map_err(|error| failed(&error.to_string()))?;
    let compared = reference.compare(&made, allowed(precision));
    compared.map_err(|Difference { allowed, found }| CompileError::Differs { allowed, found })
}

/// How far a rewritten network's image may be from the original's, for values around 1. Constants
/// that are folded into 32-bit weights make a hundredth of that.
const CONFIRMED_DIFFERENCE: f64 = 1e-3;

/// Checks that rewriting kept the function, on one latent vector.
fn confirm(original: &Net, net: &Net, distribution: Distribution) -> Result<(), CompileError> {
    let mut latent = vec![0.0; ir::len(net.shape(net.latent))];
    distribution.fill(0, None, &mut latent);
    let class = net.classes / 2;
    let before = &interpreter::run(original, &latent, class)[original.image];
    let after = &interpreter::run(net, &latent, class)[net.image];
    let pairs = before.iter().zip(after);
    let difference =
        pairs
            .map(|(a, b)| (a - b).abs() / a.abs().max(1.0))
            .fold(0.0, |most: f64, x| {
                if x.is_nan() {
                    f64::INFINITY
                } else {
                    most.max(x)
                }
            });
    if before.len() == after.len() && difference < CONFIRMED_DIFFERENCE {
        Ok(())
    } else {
        Err(CompileError::Changed { difference })
    }
}
