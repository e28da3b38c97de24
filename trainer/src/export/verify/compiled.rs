//! The file compiled, in each precision.

use dreamlet_compiler::{CompileError, Precision, compile};
use dreamlet_runtime::engine::compiled::CompiledGenerator;
use dreamlet_runtime::generator::Generator as _;
use dreamlet_runtime::onnx::Assumptions;

use super::engine::{ImageEngine, rows};
use super::error::VerifyError;

/// Adds the compiled engine with weights of f32 and f16; what int8 differs by is a note, for its
/// difference is measured by levels. So is why the file cannot be compiled.
///
/// # Errors
/// [`VerifyError::Engine`] where the compiled model makes another image.
pub(super) fn add(
    model: &[u8],
    assumptions: &Assumptions,
    engines: &mut Vec<Box<dyn ImageEngine + '_>>,
    notes: &mut Vec<String>,
) -> Result<(), VerifyError> {
    for (name, precision, looseness) in [
        ("compiled f32", Precision::F32, 1.0),
        ("compiled f16", Precision::F16, 300.0),
        // Lossy: a note says by how much.
        ("compiled int8", Precision::Int8, 1.0),
    ] {
        let failed = |reason: String| VerifyError::Engine {
            engine: name,
            batch: 0,
            reason,
        };
        let compiling = dreamlet_compiler::Options {
            precision,
            assumptions: assumptions.clone(),
            ..dreamlet_compiler::Options::default()
        };
        match compile(model, &compiling) {
            Ok(made) => {
                if let Some(quantized) = &made.quantized {
                    let all = quantized.layers.len();
                    notes.push(format!(
                        "{name}: {} of {all} layers, pixels differ from f32 by {}",
                        all - quantized.f32_layers(),
                        quantized.error
                    ));
                    continue;
                }
                let generator = CompiledGenerator::from_bytes(&made.file);
                let generator = generator.map_err(|error| failed(error.to_string()))?;
                engines.push(Box::new(Compiled {
                    name,
                    generator,
                    looseness,
                }));
            }
            Err(error @ (CompileError::Differs { .. } | CompileError::Changed { .. })) => {
                return Err(failed(error.to_string()));
            }
            Err(error) => {
                notes.push(format!("not compiled: {error}"));
                break;
            }
        }
    }
    Ok(())
}

struct Compiled {
    name: &'static str,
    generator: CompiledGenerator,
    looseness: f32,
}

impl ImageEngine for Compiled {
    fn name(&self) -> &'static str {
        self.name
    }

    fn looseness(&self) -> f32 {
        self.looseness
    }

    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String> {
        let mut images = vec![0.0; batch * self.generator.image_len()];
        let places = images.chunks_mut(self.generator.image_len().max(1));
        for ((latent, class), image) in rows(latents, classes, batch).zip(places) {
            let made = self.generator.generate(latent, class, image);
            made.map_err(|error| error.to_string())?;
        }
        Ok(images)
    }
}
