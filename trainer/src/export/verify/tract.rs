//! The file in tract.

use tract_onnx::prelude::*;

use super::signature::Signature;
use super::{Engine, VerifyError};

type Plan = Arc<TypedRunnableModel>;

/// tract, with a plan for each batch it has seen.
pub(super) struct Tract {
    model: InferenceModel,
    latent_len: usize,
    class: bool,
    plans: Vec<(usize, Plan)>,
}

impl Tract {
    pub(super) fn new(mut model: &[u8], signature: &Signature) -> Result<Self, VerifyError> {
        // Shapes that a file notes for its inner values may name the batch, which is a number here.
        let model = onnx()
            .with_ignore_value_info(true)
            .model_for_read(&mut model);
        let model = model.map_err(|error| VerifyError::Engine {
            engine: "tract",
            batch: 0,
            reason: format!("{error:#}"),
        })?;
        Ok(Self {
            model,
            latent_len: signature.latent_len,
            class: signature.class.is_some(),
            plans: Vec::new(),
        })
    }

    fn plan(&mut self, batch: usize) -> TractResult<Plan> {
        if let Some((_, plan)) = self.plans.iter().find(|(size, _)| *size == batch) {
            return Ok(plan.clone());
        }
        let mut model = self.model.clone();
        model.set_input_fact(0, f32::fact([batch, self.latent_len]).into())?;
        if self.class {
            model.set_input_fact(1, i64::fact([batch]).into())?;
        }
        let plan = model.into_optimized()?.into_runnable()?;
        self.plans.push((batch, plan.clone()));
        Ok(plan)
    }

    fn images(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> TractResult<Vec<f32>> {
        let mut inputs =
            tvec![Tensor::from_shape(&[batch, self.latent_len], latents)?.into_tvalue()];
        if let Some(classes) = classes {
            inputs.push(Tensor::from_shape(&[batch], classes)?.into_tvalue());
        }
        let outputs = self.plan(batch)?.run(inputs)?;
        let output = outputs
            .first()
            .ok_or_else(|| TractError::msg("no output"))?;
        Ok(output
            .to_plain_array_view::<f32>()?
            .iter()
            .copied()
            .collect())
    }
}

impl Engine for Tract {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String> {
        self.images(latents, classes, batch)
            .map_err(|error| format!("{error:#}"))
    }
}
