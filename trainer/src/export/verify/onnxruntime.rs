//! The file in onnxruntime.

use std::sync::{Arc, Mutex};

use dreamlet_onnx::Inspection;
use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use super::engine::Engine;
use super::error::VerifyError;
use super::locate::{self, LibraryError};

/// The process's one environment; onnxruntime allows no second one.
static ENVIRONMENT: Mutex<Option<Arc<Environment>>> = Mutex::new(None);

fn environment() -> Result<Arc<Environment>, LibraryError> {
    let mut shared = ENVIRONMENT
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(environment) = shared.as_ref() {
        return Ok(environment.clone());
    }
    let environment = Arc::new(locate::load()?);
    *shared = Some(environment.clone());
    Ok(environment)
}

/// A session of any file, with as many threads as onnxruntime likes, or why there is none.
pub(crate) fn session(model: &[u8]) -> Result<Session, String> {
    let environment = environment().map_err(|error| error.to_string())?;
    Session::builder(&environment)
        .and_then(|mut builder| builder.commit_from_memory(model))
        .map_err(|error| error.to_string())
}

/// onnxruntime on the CPU.
pub(crate) struct OnnxRuntime {
    session: Session,
    found: Inspection,
}

impl OnnxRuntime {
    pub(crate) fn new(model: &[u8], found: &Inspection) -> Result<Self, VerifyError> {
        Self::with_threads(model, found, 1)
    }

    /// The same on so many threads.
    pub(crate) fn with_threads(
        model: &[u8],
        found: &Inspection,
        threads: usize,
    ) -> Result<Self, VerifyError> {
        let environment = environment().map_err(VerifyError::Library)?;
        let failed = |reason: String| VerifyError::Engine {
            engine: "onnxruntime",
            batch: 0,
            reason,
        };
        let session = Session::builder(&environment).map_err(|error| failed(error.to_string()))?;
        let mut session = session
            .with_intra_threads(threads)
            .map_err(|error| failed(error.to_string()))?;
        let session = session
            .commit_from_memory(model)
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            session,
            found: found.clone(),
        })
    }

    /// Numbers of a latent vector.
    pub(crate) fn latent_len(&self) -> usize {
        self.found.latent_len
    }

    /// Whether it takes a class.
    pub(crate) fn conditional(&self) -> bool {
        self.found.class_name.is_some()
    }

    fn images(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> ort::Result<Vec<f32>> {
        let latents = Tensor::from_array(([batch, self.found.latent_len], latents.to_vec()))?;
        let mut inputs = vec![(
            self.found.latent_name.clone(),
            SessionInputValue::from(latents),
        )];
        if let (Some(name), Some(classes)) = (&self.found.class_name, classes) {
            let classes = Tensor::from_array(([batch], classes.to_vec()))?;
            inputs.push((name.clone(), SessionInputValue::from(classes)));
        }
        let outputs = self.session.run(inputs)?;
        let output = outputs
            .get(&self.found.output_name)
            .ok_or_else(|| ort::Error::new("no output of that name"))?;
        Ok(output.try_extract_tensor::<f32>()?.1.to_vec())
    }
}

impl Engine for OnnxRuntime {
    fn name(&self) -> &'static str {
        "onnxruntime"
    }

    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String> {
        self.images(latents, classes, batch)
            .map_err(|error| error.to_string())
    }
}
