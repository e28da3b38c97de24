//! The same images from every engine.
//!
//! [`verify`] makes images from the same seeds with burn (the trainer), tract (what devices run)
//! and onnxruntime (what everybody else runs), at batches of 1, 3, 32 and the rest, and compares
//! each pair. Golden images are made by the runtime's own engine; the batches go to tract as they
//! are, because that engine would cut them up.

mod engine;
mod error;
pub(crate) mod locate;
pub(crate) mod onnxruntime;
mod report;
mod tract;

use std::path::Path;

use dreamlet_onnx::{Inspection, Limits};
use dreamlet_runtime::card::GoldenMatch;
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::latent::Distribution;
use dreamlet_runtime::onnx::{OnnxFile, OnnxFileError};

pub(crate) use engine::Engine;
pub(crate) use error::VerifyError;
pub(crate) use report::Report;

/// Batch sizes that are tried before the rest of the seeds goes in one batch.
pub const BATCHES: [usize; 3] = [1, 3, 32];

/// The generator in the trainer: images `[batch, C, H, W]` from latent vectors `[batch, z]`,
/// classes `[batch]` of a conditional generator, and the batch.
pub(crate) type Burn<'a> =
    &'a mut dyn FnMut(&[f32], Option<&[i64]>, usize) -> Result<Vec<f32>, String>;

/// Whether onnxruntime takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnnxRuntime {
    /// It must; its absence is an error.
    Required,
    /// If its library is found; else the report says how to get it.
    #[default]
    IfFound,
    /// It does not.
    Skip,
}

/// How to verify.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Number of seeds, from 0.
    pub seeds: usize,
    /// Largest absolute difference of a value that passes.
    pub tolerance: f32,
    /// Whether onnxruntime takes part.
    pub onnxruntime: OnnxRuntime,
    /// Distribution of the latents of a file without a card.
    pub distribution: Distribution,
    /// Number of classes of a conditional generator without a card.
    pub classes: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seeds: 64,
            tolerance: 1e-4,
            onnxruntime: OnnxRuntime::IfFound,
            distribution: Distribution::Normal,
            classes: None,
        }
    }
}

/// Compares what the engines make of the file at `model`. The card's golden images, where it has
/// some, are checked too.
///
/// # Errors
/// [`VerifyError::Different`] with the pair, seed and position of the largest difference if one
/// exceeds the tolerance; [`VerifyError::Golden`] for a golden image; the other variants where an
/// engine, the file or onnxruntime's library fails, or there is nothing to compare with.
pub fn verify(
    model: &Path,
    burn: Option<Burn<'_>>,
    options: &Options,
) -> Result<Report, VerifyError> {
    let bytes = dreamlet_onnx::read(model, &Limits::default()).map_err(VerifyError::Refused)?;
    verify_bytes(&bytes, burn, options)
}

/// [`verify`] of a file in memory.
///
/// # Errors
/// As [`verify`].
pub(crate) fn verify_bytes(
    model: &[u8],
    burn: Option<Burn<'_>>,
    options: &Options,
) -> Result<Report, VerifyError> {
    let (file, image) = open(model)?;
    let found = &file.graph.inspection;
    let classes = match (&found.class_name, &file.card) {
        (None, _) => None,
        (Some(_), Some(card)) if !card.classes.is_empty() => Some(card.classes.len()),
        (Some(_), _) => Some(
            options
                .classes
                .filter(|&classes| classes > 0)
                .ok_or(VerifyError::Classes)?,
        ),
    };
    let tract = tract::Tract::new(model, &file.graph)?;
    let distribution = file.card.as_ref().map(|card| card.latent.distribution);
    let subject = Subject {
        latent_len: found.latent_len,
        distribution: distribution.unwrap_or(options.distribution),
        classes,
        image,
    };
    let golden = check_golden(file.clone())?;

    let mut engines: Vec<Box<dyn Engine + '_>> = Vec::new();
    let compared = burn.is_some();
    if let Some(burn) = burn {
        engines.push(Box::new(InBurn(burn)));
    }
    engines.push(Box::new(tract));
    let mut missing = None;
    if options.onnxruntime != OnnxRuntime::Skip {
        match onnxruntime::OnnxRuntime::new(model, found) {
            Ok(engine) => engines.push(Box::new(engine)),
            Err(error @ VerifyError::Library(_))
                if options.onnxruntime == OnnxRuntime::IfFound && (compared || golden > 0) =>
            {
                missing = Some(error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    if engines.len() == 1 && golden == 0 {
        return Err(VerifyError::NothingToCompare);
    }
    let names: Vec<_> = engines.iter().map(|engine| engine.name()).collect();
    let report = Report::new(&names, options.tolerance, golden, missing);
    compare(&mut engines, &subject, options.seeds, report)
}

/// Checks a file and gives it with the channels, rows and columns of its images.
///
/// # Errors
/// [`VerifyError::Refused`]; [`VerifyError::Signature`] for inputs and outputs that not every
/// engine here takes, and a broken card.
pub(crate) fn open(model: &[u8]) -> Result<(OnnxFile, [usize; 3]), VerifyError> {
    let wrong = |reason: String| VerifyError::Signature { reason };
    let file = OnnxFile::from_bytes(model, &Limits::default()).map_err(|error| match error {
        OnnxFileError::Graph(error) => VerifyError::Refused(error),
        error => wrong(error.to_string()),
    })?;
    let Inspection {
        latent_name,
        latent_len,
        latent_rank,
        output_name,
        output_dims,
        ..
    } = &file.graph.inspection;
    if *latent_rank != 2 {
        return Err(wrong(format!(
            "the input `{latent_name}` has dimensions [N, {latent_len}, 1, 1], expected [N, z]"
        )));
    }
    match <[usize; 3]>::try_from(output_dims.as_slice()) {
        Ok(image) => Ok((file, image)),
        Err(_) => Err(wrong(format!(
            "the output `{output_name}` has dimensions {output_dims:?} behind the batch, expected [N, C, H, W]"
        ))),
    }
}

/// What the engines are compared on.
struct Subject {
    latent_len: usize,
    distribution: Distribution,
    classes: Option<usize>,
    image: [usize; 3],
}

struct InBurn<'a>(Burn<'a>);

impl Engine for InBurn<'_> {
    fn name(&self) -> &'static str {
        "burn"
    }

    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String> {
        (self.0)(latents, classes, batch)
    }
}

fn compare(
    engines: &mut [Box<dyn Engine + '_>],
    subject: &Subject,
    seeds: usize,
    mut report: Report,
) -> Result<Report, VerifyError> {
    let mut first = 0;
    for batch in batches(seeds) {
        let mut latents = vec![0.0; batch * subject.latent_len];
        for (seed, latent) in (first..).zip(latents.chunks_mut(subject.latent_len)) {
            subject.distribution.fill(seed as u64, None, latent);
        }
        let chosen = subject.classes.map(|classes| {
            (first..first + batch)
                .map(|seed| (seed % classes) as i64)
                .collect::<Vec<_>>()
        });
        let mut images = Vec::with_capacity(engines.len());
        for engine in engines.iter_mut() {
            let name = engine.name();
            let failed = |reason| VerifyError::Engine {
                engine: name,
                batch,
                reason,
            };
            let made = engine
                .run(&latents, chosen.as_deref(), batch)
                .map_err(failed)?;
            let expected = batch * subject.image.iter().product::<usize>();
            if made.len() != expected {
                return Err(failed(format!(
                    "{} values, expected {expected}",
                    made.len()
                )));
            }
            if let Some((at, number)) = made
                .iter()
                .enumerate()
                .find(|(_, number)| !number.is_finite())
            {
                return Err(failed(format!("the value {number} at position {at}")));
            }
            images.push(made);
        }
        report.add(&images, first as u64, batch, subject.image);
        first += batch;
    }
    verdict(report)
}

/// The report, unless a difference in it is too large.
fn verdict(report: Report) -> Result<Report, VerifyError> {
    let worst = report.worst().filter(|pair| {
        let largest = pair.largest.as_ref();
        largest.is_some_and(|largest| largest.difference > report.tolerance)
    });
    match worst.cloned() {
        Some(worst) => Err(VerifyError::Different {
            worst,
            report: Box::new(report),
        }),
        None => Ok(report),
    }
}

/// How `seeds` are put into batches.
fn batches(seeds: usize) -> Vec<usize> {
    let mut left = seeds;
    let mut batches = Vec::new();
    for batch in BATCHES.into_iter().chain([usize::MAX]) {
        let batch = batch.min(left);
        if batch > 0 {
            batches.push(batch);
        }
        left -= batch;
    }
    batches
}

/// Makes the card's golden images again with the runtime's engine and gives their number.
fn check_golden(file: OnnxFile) -> Result<usize, VerifyError> {
    let Some(card) = file.card.clone() else {
        return Ok(0);
    };
    let made = OnnxGenerator::from_file(file, &Limits::default(), &Assumptions::default())
        .and_then(|mut generator| generator.check_golden())
        .map_err(|error| VerifyError::Engine {
            engine: "the runtime's tract",
            batch: 1,
            reason: error.to_string(),
        })?;
    for (golden, found) in card.golden.iter().zip(&made) {
        if let GoldenMatch::Different {
            worst,
            expected_mean,
            found_mean,
        } = found
        {
            return Err(VerifyError::Golden {
                seed: golden.seed,
                reason: format!(
                    "a block mean differs by {worst} of 255, the mean is {found_mean:.2} instead of {expected_mean:.2}"
                ),
            });
        }
    }
    Ok(made.len())
}

#[cfg(test)]
mod tests;
