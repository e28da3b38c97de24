//! The same images from every engine.
//!
//! [`verify`] makes images from the same seeds with the reference (the operators' definitions),
//! burn (the trainer), tract and the compiled engine (what devices run) and onnxruntime (what
//! everybody else runs), at batches of 1, 3, 32 and the rest, and compares each with the first of
//! them.

mod compiled;
mod engine;
mod error;
pub(crate) mod locate;
pub(crate) mod onnxruntime;
mod reference;
mod report;
mod tract;

use std::path::Path;

use dreamlet_onnx::Alpha;
use dreamlet_runtime::card::GoldenMatch;
use dreamlet_runtime::engine::tract::{Assumptions, Facts, OnnxGenerator};
use dreamlet_runtime::onnx::{OnnxFile, OnnxFileError};

pub(crate) use engine::ImageEngine;
use engine::over;
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
pub struct VerifyOptions {
    /// Number of seeds, from 0.
    pub seeds: usize,
    /// Largest difference of a value that passes, for values from -1 to 1; more for a wider range.
    pub tolerance: f32,
    /// Whether onnxruntime takes part.
    pub onnxruntime: OnnxRuntime,
    /// What is taken as given of a file without a card.
    pub assumptions: Assumptions,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            seeds: 64,
            tolerance: 1e-4,
            onnxruntime: OnnxRuntime::IfFound,
            assumptions: Assumptions::default(),
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
    options: &VerifyOptions,
) -> Result<Report, VerifyError> {
    let bytes =
        dreamlet_onnx::read(model, &options.assumptions.limits).map_err(VerifyError::Refused)?;
    verify_bytes(&bytes, burn, options)
}

/// [`verify`] of a file in memory.
///
/// # Errors
/// As [`verify`].
pub(crate) fn verify_bytes(
    model: &[u8],
    burn: Option<Burn<'_>>,
    options: &VerifyOptions,
) -> Result<Report, VerifyError> {
    let (file, facts) = open(model, options)?;
    let found = file.graph.inspection.clone();
    let subject = Subject {
        latent_len: found.latent_len,
        facts,
    };
    let failed = |engine, reason: String| VerifyError::Engine {
        engine,
        batch: 0,
        reason,
    };
    let mut engines: Vec<Box<dyn ImageEngine + '_>> = Vec::new();
    let mut left_out = Vec::new();
    let seeds = u64::try_from(options.seeds).unwrap_or(u64::MAX);
    if found.work.saturating_mul(seeds) <= REFERENCE_WORK {
        engines.push(Box::new(reference::Reference(file.graph.graph.clone())));
    } else {
        left_out.push("the reference was left out: it would take long".to_string());
    }
    if let Some(burn) = burn {
        engines.push(Box::new(InBurn(burn, found.alpha)));
    }
    let mut tract = OnnxGenerator::from_file(file.clone(), &options.assumptions)
        .map_err(|error| failed("tract", error.to_string()))?;
    let golden = check_golden(&mut tract, &file)?;
    engines.push(Box::new(tract::Tract(tract)));
    compiled::add(model, &options.assumptions, &mut engines, &mut left_out)?;
    if options.onnxruntime != OnnxRuntime::Skip {
        match onnxruntime::OnnxRuntime::new(model, &found) {
            Ok(mut engine) => {
                if found.batch.is_none() && !engine.takes_batches() {
                    left_out.push("onnxruntime takes one image of this file at a time".to_string());
                }
                engines.push(Box::new(engine));
            }
            Err(error) if options.onnxruntime == OnnxRuntime::IfFound && engines.len() > 1 => {
                left_out.push(format!("onnxruntime was left out: {error}"));
            }
            Err(error) => return Err(error),
        }
    }
    if engines.len() == 1 && golden == 0 {
        return Err(VerifyError::NothingToCompare);
    }
    let wide = (facts.range.high - facts.range.low) / 2.0;
    let tolerance = options.tolerance * wide.max(1.0);
    let of = |engine: &dyn ImageEngine| (engine.name(), tolerance * engine.looseness());
    let engines_of: Vec<_> = engines.iter().map(|engine| of(&**engine)).collect();
    let report = Report::new(&engines_of, golden, left_out);
    compare(&mut engines, &subject, options.seeds, report)
}

/// Most multiplications that the reference makes in all: some tens of seconds.
const REFERENCE_WORK: u64 = 8_000_000_000;

/// Checks a file and gives it with what is known of its images.
///
/// # Errors
/// [`VerifyError::Refused`]; [`VerifyError::Signature`] for what neither the file nor the options
/// say, and a broken card.
pub(crate) fn open(
    model: &[u8],
    options: &VerifyOptions,
) -> Result<(OnnxFile, Facts), VerifyError> {
    let wrong = |error: OnnxFileError| match error {
        OnnxFileError::Graph(error) => VerifyError::Refused(error),
        OnnxFileError::Missing {
            assumption: "classes",
            ..
        } => VerifyError::Classes,
        error => VerifyError::Signature {
            reason: error.to_string(),
        },
    };
    let said = &options.assumptions;
    let file = OnnxFile::from_bytes(model, said).map_err(wrong)?;
    let facts = said.facts(&file).map_err(wrong)?;
    Ok((file, facts))
}

/// What the engines are compared on.
struct Subject {
    latent_len: usize,
    facts: Facts,
}

/// With the alpha of the file's output, whose image is over a background.
struct InBurn<'a>(Burn<'a>, Option<Alpha>);

impl ImageEngine for InBurn<'_> {
    fn name(&self) -> &'static str {
        "burn"
    }

    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String> {
        let images = (self.0)(latents, classes, batch)?;
        let len = (images.len() / batch.max(1)).max(1);
        let images = images.chunks(len);
        Ok(images
            .flat_map(|image| over(self.1, image.to_vec()))
            .collect())
    }
}

fn compare(
    engines: &mut [Box<dyn ImageEngine + '_>],
    subject: &Subject,
    seeds: usize,
    mut report: Report,
) -> Result<Report, VerifyError> {
    let mut first = 0;
    for batch in batches(seeds) {
        let mut latents = vec![0.0; batch * subject.latent_len];
        for (seed, latent) in (first..).zip(latents.chunks_mut(subject.latent_len)) {
            subject.facts.distribution.fill(seed as u64, None, latent);
        }
        let classes = subject.facts.classes;
        let chosen = (classes > 0).then(|| {
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
            let expected = batch * subject.facts.shape.len().unwrap_or(0);
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
        report.add(&images, first as u64, batch, subject.facts.shape);
        first += batch;
    }
    verdict(report)
}

/// The report, unless a difference in it is too large.
fn verdict(report: Report) -> Result<Report, VerifyError> {
    let worst = report.worst().filter(|pair| {
        let largest = pair.largest.as_ref();
        largest.is_some_and(|largest| largest.difference > pair.tolerance)
    });
    match worst.cloned() {
        Some(worst) => Err(VerifyError::Different {
            worst: Box::new(worst),
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

/// Makes the card's golden images again with tract and gives their number.
fn check_golden(tract: &mut OnnxGenerator, file: &OnnxFile) -> Result<usize, VerifyError> {
    let Some(card) = &file.card else {
        return Ok(0);
    };
    let made = tract.check_golden().map_err(|error| VerifyError::Engine {
        engine: "tract",
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
