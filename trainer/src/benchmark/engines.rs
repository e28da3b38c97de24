//! The engines that images are timed in.

use dreamlet_runtime::engine::compiled::CompiledGenerator;
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::image::PixelRange;

use crate::export::verify::onnxruntime::OnnxRuntime;
use crate::export::verify::{self, Engine, VerifyError};
use dreamlet_compiler::{Compiled, Options, Precision, compile};

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
    pub(super) name: &'static str,
    pub(super) threads: usize,
    pub(super) engine: Box<dyn Engine>,
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

/// One of the runtime's engines: latent vectors, classes, images.
type GenerateBatch = dyn FnMut(&[f32], Option<&[usize]>, &mut [f32]) -> Result<(), String>;

struct OurEngine {
    name: &'static str,
    image_len: usize,
    generate: Box<GenerateBatch>,
}

impl Engine for OurEngine {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String> {
        let mut images = vec![0.0; batch * self.image_len];
        // Class 0 throughout: which class it is does not change the time.
        let classes = classes.map(|_| vec![0; batch]);
        (self.generate)(latents, classes.as_deref(), &mut images)?;
        Ok(images)
    }
}

/// The precisions that a generator is compiled with.
const PRECISIONS: [(&str, Precision); 3] = [
    ("f32", Precision::F32),
    ("f16", Precision::F16),
    ("int8", Precision::Int8),
];

fn compiled(model: &[u8], precision: Precision) -> Result<Compiled, VerifyError> {
    let options = Options {
        precision,
        assumptions: assumptions(),
        name: "bench".into(),
        ..Options::default()
    };
    compile(model, &options).map_err(failed("compiled"))
}

fn failed<E: ToString>(engine: &'static str) -> impl Fn(E) -> VerifyError {
    move |error| VerifyError::Engine {
        engine,
        batch: 0,
        reason: error.to_string(),
    }
}

/// A compiled file, on one thread.
fn open_compiled(file: &[u8]) -> Result<CompiledGenerator, VerifyError> {
    CompiledGenerator::from_bytes(file).map_err(failed("compiled"))
}

pub(super) fn open_tract(model: &[u8]) -> Result<OnnxGenerator, VerifyError> {
    OnnxGenerator::from_bytes(model, &assumptions()).map_err(failed("tract"))
}

/// The file in onnxruntime, on so many threads.
pub(super) fn open_onnxruntime(model: &[u8], threads: usize) -> Result<OnnxRuntime, VerifyError> {
    let options = verify::Options {
        assumptions: assumptions(),
        ..verify::Options::default()
    };
    let (file, _) = verify::open(model, &options)?;
    OnnxRuntime::with_threads(model, &file.graph.inspection, threads)
}

/// All engines on one thread, and those that can on `threads`.
pub(super) fn contenders(model: &[u8], threads: usize) -> Result<Contenders, VerifyError> {
    let counts = if threads > 1 {
        vec![1, threads]
    } else {
        vec![1]
    };
    let (mut engines, mut loaded, mut work) = (Vec::new(), Vec::new(), 0);
    for (name, precision) in PRECISIONS {
        let Compiled { file, report, .. } = compiled(model, precision)?;
        if precision == Precision::F32 {
            work = report.multiplications();
        }
        let mut scratch = None;
        for &threads in &counts {
            let mut generator = open_compiled(&file)?.with_threads(threads);
            scratch = Some(generator.model().scratch_len());
            let engine = Box::new(OurEngine {
                name,
                image_len: generator.image_len(),
                generate: Box::new(move |latents, classes, images| {
                    let made = generator.generate_batch(latents, classes, images);
                    made.map_err(|error| error.to_string())
                }),
            });
            engines.push(Contender {
                name,
                threads,
                engine,
            });
        }
        loaded.push(Loaded {
            engine: name,
            compiled: Some(file),
            scratch,
        });
    }
    let mut tract = open_tract(model)?;
    let engine = Box::new(OurEngine {
        name: "tract",
        image_len: tract.image_len(),
        generate: Box::new(move |latents, classes, images| {
            let made = tract.generate_batch(latents, classes, images);
            made.map_err(|error| error.to_string())
        }),
    });
    engines.push(Contender {
        name: "tract",
        threads: 1,
        engine,
    });
    loaded.push(Loaded {
        engine: "tract",
        compiled: None,
        scratch: None,
    });
    let mut missing = None;
    for &threads in &counts {
        match open_onnxruntime(model, threads) {
            Ok(engine) => engines.push(Contender {
                name: "onnxruntime",
                threads,
                engine: Box::new(engine),
            }),
            Err(VerifyError::Library(error)) => missing = Some(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    if missing.is_none() {
        loaded.push(Loaded {
            engine: "onnxruntime",
            compiled: None,
            scratch: None,
        });
    }
    Ok(Contenders {
        engines,
        loaded,
        work,
        missing,
    })
}
