//! The file in onnxruntime.

use std::sync::{Arc, Mutex};

use dreamlet_onnx::{DType, InputKind, Inspection};
use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use super::engine::{ImageEngine, over};
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

    /// Whether it makes two images at once. Where it does not, because something inside the file is
    /// for one image, it makes one at a time from here on.
    pub(super) fn takes_batches(&mut self) -> bool {
        let latents = vec![0.5; 2 * self.found.latent_len];
        let len = self.found.output_dims.iter().product::<usize>();
        let whole = |made: ort::Result<Vec<f32>>| made.is_ok_and(|made| made.len() == 2 * len);
        let takes = whole(self.images(&latents, Some(&[0, 0]), 2));
        if !takes {
            self.found.batch = Some(1);
        }
        takes
    }

    /// Numbers of a latent vector.
    pub(crate) fn latent_len(&self) -> usize {
        self.found.latent_len
    }

    /// Whether it takes a class.
    pub(crate) fn conditional(&self) -> bool {
        self.found.conditional
    }

    fn images(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> ort::Result<Vec<f32>> {
        // A file that fixes its batch gets full ones; what is missing repeats the last.
        let at_once = self.found.batch.unwrap_or(batch).max(1);
        let mut images = Vec::new();
        for first in (0..batch).step_by(at_once) {
            let rows: Vec<usize> = (first..first + at_once)
                .map(|row| row.min(batch.saturating_sub(1)))
                .collect();
            let made = self.rows(latents, classes, &rows)?;
            let wanted = (batch - first).min(at_once);
            images.extend(made.into_iter().take(wanted).flatten());
        }
        Ok(images)
    }

    /// The images of these rows of latents.
    fn rows(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        rows: &[usize],
    ) -> ort::Result<Vec<Vec<f32>>> {
        let mut inputs = Vec::new();
        for input in &self.found.inputs {
            let class = |row: usize| {
                classes
                    .and_then(|classes| classes.get(row))
                    .copied()
                    .unwrap_or(0)
            };
            let len: usize = input.shape.iter().product();
            let numbers: Vec<f32> = rows
                .iter()
                .flat_map(|&row| match input.kind {
                    InputKind::Normal | InputKind::Uniform => {
                        let begin = row * self.found.latent_len + input.offset;
                        let part = latents.get(begin..begin + len).unwrap_or_default();
                        let mixed = input.kind == InputKind::Uniform && !self.found.uniform;
                        let uniform = |x: f32| libm::erff(x * core::f32::consts::FRAC_1_SQRT_2);
                        part.iter()
                            .map(|x| if mixed { uniform(*x) } else { *x })
                            .collect()
                    }
                    InputKind::Class => vec![class(row) as f32; len],
                    InputKind::OneHot(count) => (0..count as i64)
                        .map(|i| f32::from(u8::from(i == class(row))))
                        .collect(),
                    InputKind::Constant(value) => vec![value; len],
                })
                .collect();
            let mut shape = input.shape.clone();
            if let Some(images) = shape.first_mut() {
                *images = rows.len();
            }
            let value: SessionInputValue<'_> = match input.dtype {
                DType::F32 => Tensor::from_array((shape, numbers))?.into(),
                DType::F64 => {
                    let doubles: Vec<f64> = numbers.iter().map(|x| f64::from(*x)).collect();
                    Tensor::from_array((shape, doubles))?.into()
                }
                DType::I32 => {
                    let ints: Vec<i32> = numbers.iter().map(|x| *x as i32).collect();
                    Tensor::from_array((shape, ints))?.into()
                }
                DType::I64 => {
                    let ints: Vec<i64> = numbers.iter().map(|x| *x as i64).collect();
                    Tensor::from_array((shape, ints))?.into()
                }
                other => {
                    let name = &input.name;
                    return Err(ort::Error::new(format!("the input {name} is of {other:?}")));
                }
            };
            inputs.push((input.name.clone(), value));
        }
        let outputs = self.session.run(inputs)?;
        let output = outputs
            .get(&self.found.output_name)
            .ok_or_else(|| ort::Error::new("no output of that name"))?;
        let all = match output.try_extract_tensor::<f32>() {
            Ok((_, all)) => all.to_vec(),
            Err(_) => {
                let (_, bytes) = output.try_extract_tensor::<u8>()?;
                bytes.iter().map(|x| f32::from(*x) / 255.0).collect()
            }
        };
        let len = all.len() / rows.len().max(1);
        let images = all.chunks(len.max(1));
        Ok(images
            .map(|image| over(self.found.alpha, channels_first(&self.found, image)))
            .collect())
    }
}

/// An image with channels first, as every other engine makes it.
fn channels_first(found: &Inspection, image: &[f32]) -> Vec<f32> {
    match (found.channels_last, found.output_dims.as_slice()) {
        (true, [channels, ..]) => {
            let channels = channels + usize::from(found.alpha.is_some());
            let of = |channel| image.iter().skip(channel).step_by(channels.max(1)).copied();
            (0..channels).flat_map(of).collect()
        }
        _ => image.to_vec(),
    }
}

impl ImageEngine for OnnxRuntime {
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
