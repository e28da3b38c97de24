//! The engines that images are timed in.

use dreamlet_runtime::engine::compiled::CompiledGenerator;
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::image::PixelRange;

use crate::export::verify::onnxruntime::OnnxRuntime;
use crate::export::verify::{self, ImageEngine, VerifyError};
use dreamlet_compiler::{Compiled, Options, Precision, compile};

/// What the generator's pixels and classes are does not change its time.
pub(super) fn assumptions() -> Assumptions {
    Assumptions {
        range: Some(PixelRange::UNIT),
        classes: Some(1),
        ..Assumptions::default()
    }
}

/// A call of an engine: latent vectors and classes of so many images to the images.
type Call = dyn FnMut(&[f32], Option<&[i64]>, usize) -> Result<Vec<f32>, String>;

/// A generator in one engine, on so many threads.
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) threads: usize,
    pub(super) call: Box<Call>,
}

/// What an engine loads.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub engine: &'static str,
    /// The compiled model; `None` where it is the ONNX file itself.
    pub compiled: Option<Vec<u8>>,
    /// Bytes of scratch memory, where the engine says.
    pub scratch: Option<usize>,
}

/// All engines, what they load, and why onnxruntime is not among them, if so.
pub(super) struct Contenders {
    pub(super) engines: Vec<Contender>,
    pub(super) loaded: Vec<Loaded>,
    /// Multiplications of an image as it is compiled in f32.
    pub(super) work: u64,
    pub(super) missing: Option<String>,
}

/// A call of one of the runtime's engines by its `generate_batch`.
fn runtime_call<E: ToString>(
    image_len: usize,
    mut generate: impl FnMut(&[f32], Option<&[usize]>, &mut [f32]) -> Result<(), E> + 'static,
) -> Box<Call> {
    Box::new(move |latents, classes, batch| {
        let mut images = vec![0.0; batch * image_len];
        // Class 0 throughout: which class it is does not change the time.
        let classes = classes.map(|_| vec![0; batch]);
        let made = generate(latents, classes.as_deref(), &mut images);
        made.map(|()| images).map_err(|error| error.to_string())
    })
}

/// The precisions that a generator is compiled with.
const PRECISIONS: [(&str, Precision); 3] = [
    ("f32", Precision::F32),
    ("f16", Precision::F16),
    ("int8", Precision::Int8),
];

fn failed<E: ToString>(engine: &'static str) -> impl Fn(E) -> VerifyError {
    move |error| VerifyError::Engine {
        engine,
        batch: 0,
        reason: error.to_string(),
    }
}

pub(super) fn open_tract(model: &[u8]) -> Result<OnnxGenerator, VerifyError> {
    OnnxGenerator::from_bytes(model, &assumptions()).map_err(failed("tract"))
}

/// The file in onnxruntime, on so many threads.
pub(super) fn open_onnxruntime(model: &[u8], threads: usize) -> Result<OnnxRuntime, VerifyError> {
    let options = verify::VerifyOptions {
        assumptions: assumptions(),
        ..verify::VerifyOptions::default()
    };
    let (file, _) = verify::open(model, &options)?;
    OnnxRuntime::with_threads(model, &file.graph.inspection, threads)
}

/// All engines on one thread, and those that can on `threads`.
pub(super) fn contenders(model: &[u8], threads: usize) -> Result<Contenders, VerifyError> {
    let mut counts = vec![1, threads.max(1)];
    counts.dedup();
    let (mut engines, mut loaded, mut work) = (Vec::new(), Vec::new(), 0);
    let of_file = |engine| Loaded {
        engine,
        compiled: None,
        scratch: None,
    };
    for (name, precision) in PRECISIONS {
        let options = Options {
            precision,
            assumptions: assumptions(),
            name: "bench".into(),
            ..Options::default()
        };
        let compiled = compile(model, &options).map_err(failed("compiled"))?;
        let Compiled { file, report, .. } = compiled;
        if precision == Precision::F32 {
            work = report.multiplications();
        }
        let mut scratch = None;
        for &threads in &counts {
            let generator = CompiledGenerator::from_bytes(&file).map_err(failed("compiled"))?;
            let mut generator = generator.with_threads(threads);
            scratch = Some(generator.model().scratch_len());
            let call = runtime_call(generator.image_len(), move |latents, classes, images| {
                generator.generate_batch(latents, classes, images)
            });
            engines.push(Contender {
                name,
                threads,
                call,
            });
        }
        loaded.push(Loaded {
            engine: name,
            compiled: Some(file),
            scratch,
        });
    }
    let mut tract = open_tract(model)?;
    let call = runtime_call(tract.image_len(), move |latents, classes, images| {
        tract.generate_batch(latents, classes, images)
    });
    engines.push(Contender {
        name: "tract",
        threads: 1,
        call,
    });
    loaded.push(of_file("tract"));
    let mut missing = None;
    for &threads in &counts {
        match open_onnxruntime(model, threads) {
            Ok(mut engine) => engines.push(Contender {
                name: "onnxruntime",
                threads,
                call: Box::new(move |latents, classes, batch| engine.run(latents, classes, batch)),
            }),
            Err(VerifyError::Library(error)) => missing = Some(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    if missing.is_none() {
        loaded.push(of_file("onnxruntime"));
    }
    Ok(Contenders {
        engines,
        loaded,
        work,
        missing,
    })
}
