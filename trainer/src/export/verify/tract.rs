//! The file in tract.

use dreamlet_onnx::CheckedGraph;
use tract_onnx::prelude::*;

use super::engine::Engine;
use super::error::VerifyError;

type Plan = Arc<TypedRunnableModel>;

/// tract, with a plan for each batch it has seen.
pub(super) struct Tract {
    model: InferenceModel,
    latent_len: usize,
    class: bool,
    /// Whether the class is the file's first input.
    class_first: bool,
    plans: Vec<(usize, Plan)>,
}

impl Tract {
    pub(super) fn new(mut model: &[u8], graph: &CheckedGraph) -> Result<Self, VerifyError> {
        // Shapes that a file notes for its inner values may name the batch, which is a number here.
        let model = onnx()
            .with_ignore_value_info(true)
            .model_for_read(&mut model);
        let model = model.map_err(|error| VerifyError::Engine {
            engine: "tract",
            batch: 0,
            reason: format!("{error:#}"),
        })?;
        let found = &graph.inspection;
        let inputs = graph.model.graph.iter().flat_map(|pb| pb.real_inputs());
        let first = inputs.map(|info| &info.name).next();
        let class_first = found
            .class_name
            .as_ref()
            .is_some_and(|name| first == Some(name));
        Ok(Self {
            model,
            latent_len: found.latent_len,
            class: found.class_name.is_some(),
            class_first,
            plans: Vec::new(),
        })
    }

    fn plan(&mut self, batch: usize) -> TractResult<Plan> {
        if let Some((_, plan)) = self.plans.iter().find(|(size, _)| *size == batch) {
            return Ok(plan.clone());
        }
        let mut model = self.model.clone();
        let class = usize::from(!self.class_first);
        let latent = f32::fact([batch, self.latent_len]);
        model.set_input_fact(usize::from(self.class_first), latent.into())?;
        if self.class {
            model.set_input_fact(class, i64::fact([batch]).into())?;
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
            let classes = Tensor::from_shape(&[batch], classes)?.into_tvalue();
            inputs.insert(usize::from(!self.class_first), classes);
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
