//! The engines that pictures are timed in.

use dreamlet_runtime::engine::compiled::CompiledGenerator;
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::engine::validate::Limits;
use dreamlet_runtime::image::PixelRange;
use prost::Message;
use tract_onnx::pb::ModelProto;

use crate::export::compile::{Options, Precision, compile};
use crate::export::verify::onnxruntime::OnnxRuntime;
use crate::export::verify::signature::Signature;
use crate::export::verify::{Engine, VerifyError};

/// What the generator's pixels and classes are does not change its time.
pub(super) fn assumptions() -> Assumptions {
    Assumptions {
        range: Some(PixelRange::UNIT),
        classes: Some(1),
        ..Assumptions::default()
    }
}

/// A generator in one engine, on so many threads.
pub(super) struct Contender {
    /// Name of the engine.
    pub(super) name: &'static str,
    /// Threads.
    pub(super) threads: usize,
    /// Bytes of what is loaded.
    pub(super) file: usize,
    /// Bytes of scratch memory, where the engine says.
    pub(super) scratch: Option<usize>,
    pub(super) engine: Box<dyn Engine>,
}

/// Class 0 throughout: which class it is does not change the time.
fn zeros(classes: Option<&[i64]>, batch: usize) -> Option<Vec<usize>> {
    classes.map(|_| vec![0; batch])
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
        self.0
            .generate_batch(latents, zeros(classes, batch).as_deref(), &mut images)
            .map_err(|error| error.to_string())?;
        Ok(images)
    }
}

struct InCompiled(&'static str, CompiledGenerator);

impl Engine for InCompiled {
    fn name(&self) -> &'static str {
        self.0
    }

    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String> {
        let mut images = vec![0.0; batch * self.1.image_len()];
        self.1
            .generate_batch(latents, zeros(classes, batch).as_deref(), &mut images)
            .map_err(|error| error.to_string())?;
        Ok(images)
    }
}

/// The precisions that a generator is compiled with.
pub(super) const PRECISIONS: [(&str, Precision); 3] = [
    ("f32", Precision::F32),
    ("f16", Precision::F16),
    ("int8", Precision::Int8),
];

/// `model` compiled with a precision.
pub(super) fn compiled(model: &[u8], precision: Precision) -> Result<Vec<u8>, VerifyError> {
    let options = Options {
        precision,
        assumptions: assumptions(),
        name: "bench".into(),
        ..Options::default()
    };
    compile(model, &options)
        .map(|compiled| compiled.file)
        .map_err(failed("compiled"))
}

fn failed<E: ToString>(engine: &'static str) -> impl Fn(E) -> VerifyError {
    move |error| VerifyError::Engine {
        engine,
        batch: 0,
        reason: error.to_string(),
    }
}

/// A compiled file, on one thread.
pub(super) fn open_compiled(file: &[u8]) -> Result<CompiledGenerator, VerifyError> {
    CompiledGenerator::from_bytes(file).map_err(failed("compiled"))
}

/// The file in tract.
pub(super) fn open_tract(model: &[u8]) -> Result<OnnxGenerator, VerifyError> {
    OnnxGenerator::from_bytes(model, &Limits::default(), &assumptions()).map_err(failed("tract"))
}

/// The file in onnxruntime, on so many threads.
pub(super) fn open_onnxruntime(model: &[u8], threads: usize) -> Result<OnnxRuntime, VerifyError> {
    let proto = ModelProto::decode(model).map_err(|error| VerifyError::Signature {
        reason: error.to_string(),
    })?;
    OnnxRuntime::with_threads(model, &Signature::of(&proto)?, threads)
}

/// All engines on one thread, and those that can on `threads`; and why onnxruntime is not among them, if so.
pub(super) fn contenders(
    model: &[u8],
    threads: usize,
) -> Result<(Vec<Contender>, Option<String>), VerifyError> {
    let mut all = Vec::new();
    let counts = if threads > 1 {
        vec![1, threads]
    } else {
        vec![1]
    };
    for (name, precision) in PRECISIONS {
        let file = compiled(model, precision)?;
        for &threads in &counts {
            let generator = open_compiled(&file)?.with_threads(threads);
            let scratch = Some(generator.model().scratch_len());
            let engine = Box::new(InCompiled(name, generator));
            all.push(Contender {
                name,
                threads,
                file: file.len(),
                scratch,
                engine,
            });
        }
    }
    let file = model.len();
    let engine = Box::new(InTract(open_tract(model)?));
    all.push(Contender {
        name: "tract",
        threads: 1,
        file,
        scratch: None,
        engine,
    });
    for &threads in &counts {
        match open_onnxruntime(model, threads) {
            Ok(engine) => {
                let engine = Box::new(engine);
                all.push(Contender {
                    name: "onnxruntime",
                    threads,
                    file,
                    scratch: None,
                    engine,
                });
            }
            Err(VerifyError::Library(error)) => return Ok((all, Some(error.to_string()))),
            Err(error) => return Err(error),
        }
    }
    Ok((all, None))
}
