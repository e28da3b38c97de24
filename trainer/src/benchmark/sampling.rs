//! One image, and a batch, of an ONNX generator: compiled, in tract and, where it is found, in
//! onnxruntime.

use std::time::{Duration, Instant};

use dreamlet_runtime::onnx::{OnnxFile, OnnxFileError};

use super::Times;
use super::engines::{Contender, Contenders, Loaded, assumptions, contenders};
use super::floor::Floor;
use crate::export::verify::VerifyError;

/// Images that are made at a time.
pub(crate) const BATCHES: [usize; 2] = [1, 32];

/// Calls of one engine before the next has its turn: engines alternate, so that a busy moment of
/// the machine falls on all.
const TURN: Duration = Duration::from_millis(50);

/// How long an engine takes.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Its name; `f32`, `f16` and `int8` are the compiled engine with such weights.
    pub engine: &'static str,
    pub threads: usize,
    pub batch: usize,
    pub times: Times,
}

/// What was measured, and why onnxruntime was not, if so.
#[derive(Clone, Debug)]
pub(crate) struct EngineTimes {
    /// A row for each engine, number of threads and batch.
    pub rows: Vec<Measured>,
    pub loaded: Vec<Loaded>,
    /// Least seconds for the multiplications of one image in f32 on one thread, by the machine's
    /// measured peak and bandwidth.
    pub floor: f64,
    /// Why onnxruntime did not take part.
    pub missing: Option<String>,
}

/// Times the engines on the file `model` for about `time` in all at each batch, the engines taking
/// turns. Copying latents in and images out counts, as a user has to do it. One image is made on
/// one thread; batches on one, and on `threads`.
///
/// # Errors
/// [`VerifyError`] for a file that is no generator, or an engine that fails on it. onnxruntime that
/// is not found is no error.
pub(crate) fn images(
    model: &[u8],
    time: Duration,
    threads: usize,
    floor: &Floor,
) -> Result<EngineTimes, VerifyError> {
    let seen = |error: OnnxFileError| VerifyError::Signature {
        reason: error.to_string(),
    };
    let file = OnnxFile::from_bytes(model, &assumptions()).map_err(seen)?;
    let facts = assumptions().facts(&file).map_err(seen)?;
    let (latent_len, conditional) = (file.graph.inspection.latent_len, facts.classes > 0);
    let Contenders {
        mut engines,
        loaded,
        work,
        missing,
    } = contenders(model, threads)?;
    let floor = floor.seconds(work, model.len());
    let mut rows = Vec::new();
    for batch in BATCHES {
        let mut latents = vec![0.0; batch * latent_len];
        for (seed, latent) in (0..).zip(latents.chunks_exact_mut(latent_len.max(1))) {
            facts.distribution.fill(seed, None, latent);
        }
        let classes = conditional.then(|| vec![0; batch]);
        let call = |contender: &mut Contender| {
            let images = (contender.call)(&latents, classes.as_deref(), batch);
            images.map(drop).map_err(|reason| VerifyError::Engine {
                engine: contender.name,
                batch,
                reason,
            })
        };
        let mut running: Vec<(&mut Contender, Times)> = engines
            .iter_mut()
            .filter(|contender| contender.threads == 1 || batch > 1)
            .map(|contender| (contender, Times::default()))
            .collect();
        for (contender, _) in &mut running {
            call(contender)?;
        }
        let begin = Instant::now();
        while begin.elapsed() < time {
            for (contender, times) in &mut running {
                let turn = Instant::now();
                while turn.elapsed() < TURN {
                    let before = Instant::now();
                    call(contender)?;
                    times.push(before.elapsed().as_secs_f64());
                }
            }
        }
        rows.extend(running.into_iter().map(|(contender, times)| Measured {
            engine: contender.name,
            threads: contender.threads,
            batch,
            times,
        }));
    }
    Ok(EngineTimes {
        rows,
        loaded,
        floor,
        missing,
    })
}
