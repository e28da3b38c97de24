//! One picture, and a batch, of an ONNX generator: the runtime's engine and, where it is found, onnxruntime, one thread each.

use std::time::{Duration, Instant};

use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::engine::validate::Limits;
use dreamlet_runtime::generator::Generator;
use dreamlet_runtime::image::PixelRange;
use prost::Message;
use tract_onnx::pb::ModelProto;

use super::Times;
use crate::export::verify::onnxruntime::OnnxRuntime;
use crate::export::verify::signature::Signature;
use crate::export::verify::{Engine, VerifyError};

/// Pictures that are made at a time.
pub const BATCHES: [usize; 2] = [1, 32];

/// Calls of one engine before the other has its turn: engines alternate, so that a busy moment of the machine falls on both.
const TURN: Duration = Duration::from_millis(50);

/// How long an engine takes.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Its name.
    pub engine: &'static str,
    /// Pictures in a call.
    pub batch: usize,
    /// The calls.
    pub times: Times,
}

/// What was measured, and why onnxruntime was not, if so.
#[derive(Clone, Debug)]
pub struct Report {
    /// A row for each engine and batch.
    pub rows: Vec<Measured>,
    /// Why onnxruntime did not take part.
    pub missing: Option<String>,
}

struct InTract(OnnxGenerator);

impl Engine for InTract {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String> {
        let mut images = vec![0.0; batch * self.0.image_len()];
        // Class 0 throughout: which class it is does not change the time.
        let classes = classes.map(|_| vec![0; batch]);
        self.0
            .generate_batch(latents, classes.as_deref(), &mut images)
            .map_err(|error| error.to_string())?;
        Ok(images)
    }
}

/// Times the engines on the file `model` for about `time` at each batch, the engines taking turns. Copying latents in and
/// pictures out counts, as a user has to do it.
///
/// # Errors
/// [`VerifyError`] for a file that is no generator, or an engine that fails on it. onnxruntime that is not found is no error.
pub fn pictures(model: &[u8], time: Duration) -> Result<Report, VerifyError> {
    let failed = |engine, batch| {
        move |reason| VerifyError::Engine {
            engine,
            batch,
            reason,
        }
    };
    let assumptions = Assumptions {
        range: Some(PixelRange::UNIT),
        classes: Some(1),
        ..Assumptions::default()
    };
    let tract = OnnxGenerator::from_bytes(model, &Limits::default(), &assumptions)
        .map_err(|error| failed("tract", 0)(error.to_string()))?;
    let distribution = tract.distribution();
    let (latent_len, conditional) = (tract.latent_len(), tract.classes() > 0);
    let proto = ModelProto::decode(model).map_err(|error| VerifyError::Signature {
        reason: error.to_string(),
    })?;
    let mut engines: Vec<Box<dyn Engine>> = vec![Box::new(InTract(tract))];
    let mut missing = None;
    match Signature::of(&proto).and_then(|signature| OnnxRuntime::new(model, &signature)) {
        Ok(engine) => engines.push(Box::new(engine)),
        Err(VerifyError::Library(error)) => missing = Some(error.to_string()),
        Err(error) => return Err(error),
    }
    let mut rows = Vec::new();
    for batch in BATCHES {
        let mut latents = vec![0.0; batch * latent_len];
        for (seed, latent) in (0..).zip(latents.chunks_exact_mut(latent_len.max(1))) {
            distribution.fill(seed, None, latent);
        }
        let classes = conditional.then(|| vec![0; batch]);
        let call = |engine: &mut Box<dyn Engine>| {
            let name = engine.name();
            engine
                .run(&latents, classes.as_deref(), batch)
                .map(drop)
                .map_err(failed(name, batch))
        };
        let mut measured: Vec<Times> = Vec::new();
        for engine in &mut engines {
            call(engine)?;
            measured.push(Times::default());
        }
        let begin = Instant::now();
        while begin.elapsed() < time {
            for (engine, times) in engines.iter_mut().zip(&mut measured) {
                let turn = Instant::now();
                while turn.elapsed() < TURN {
                    let before = Instant::now();
                    call(engine)?;
                    times.push(before.elapsed().as_secs_f64());
                }
            }
        }
        let names = engines.iter().map(|engine| engine.name());
        rows.extend(names.zip(measured).map(|(engine, times)| Measured {
            engine,
            batch,
            times,
        }));
    }
    Ok(Report { rows, missing })
}
