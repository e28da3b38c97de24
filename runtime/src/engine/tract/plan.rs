//! A network optimized for one batch size, with the state it runs in.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dreamlet_onnx::{Inspection, ModelError};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::model::typed::TypedSimpleState;

use super::OnnxError;

/// A network optimized for `batch` images at a time.
pub(super) struct Plan {
    pub(super) batch: usize,
    latent_shape: Vec<usize>,
    /// Whether the class goes before the latent.
    class_first: bool,
    plan: Arc<TypedSimplePlan>,
    state: TypedSimpleState,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

impl Plan {
    pub(super) fn new(
        mut model: InferenceModel,
        inspection: &Inspection,
        image_len: usize,
        batch: usize,
    ) -> Result<Self, OnnxError> {
        let mut latent_shape = Vec::from([batch, inspection.latent_len]);
        latent_shape.resize(inspection.latent_rank, 1);
        let class_first = position(&model, &inspection.latent_name)? > 0;
        let plan = guard(|| {
            let load = |error: TractError| OnnxError::load(&error);
            let latent = position(&model, &inspection.latent_name)?;
            let shape: TVec<usize> = latent_shape.iter().copied().collect();
            let fact = InferenceFact::dt_shape(f32::datum_type(), shape);
            model.set_input_fact(latent, fact).map_err(load)?;
            if let Some(name) = &inspection.class_name {
                let class = position(&model, name)?;
                let fact = InferenceFact::dt_shape(i64::datum_type(), tvec![batch]);
                model.set_input_fact(class, fact).map_err(load)?;
            }
            model
                .into_optimized()
                .and_then(IntoRunnable::into_runnable)
                .map_err(load)
        })?;
        check_output(&plan, image_len, batch)?;
        let state = guard(|| plan.spawn().map_err(|error| OnnxError::load(&error)))?;
        Ok(Self {
            batch,
            latent_shape,
            class_first,
            plan,
            state,
        })
    }

    /// Runs the batch: `latents` and `images` hold `batch` vectors and images, `classes` as many or
    /// none.
    pub(super) fn run(
        &mut self,
        latents: &[f32],
        classes: &[usize],
        images: &mut [f32],
    ) -> Result<(), OnnxError> {
        let state = &mut self.state;
        let (shape, class_first) = (&self.latent_shape, self.class_first);
        let result = guard(|| {
            let run = |error: TractError| OnnxError::run(&error);
            let mut inputs: TVec<TValue> = tvec![];
            inputs.push(Tensor::from_shape(shape, latents).map_err(run)?.into());
            if !classes.is_empty() {
                let classes: Vec<i64> = classes.iter().map(|class| *class as i64).collect();
                inputs.push(
                    Tensor::from_shape(&[classes.len()], &classes)
                        .map_err(run)?
                        .into(),
                );
                if class_first {
                    inputs.swap(0, 1);
                }
            }
            let outputs = state.run(inputs).map_err(run)?;
            let view = outputs
                .first()
                .map(|output| output.to_plain_array_view::<f32>());
            match view
                .transpose()
                .map_err(run)?
                .as_ref()
                .and_then(|view| view.as_slice())
            {
                Some(made) if made.len() == images.len() => {
                    images.copy_from_slice(made);
                    Ok(())
                }
                made => Err(OnnxError::Run(format!(
                    "made {} values, expected {}",
                    made.map_or(0, <[f32]>::len),
                    images.len()
                ))),
            }
        });
        if result.is_err() {
            // What failed half-way is not run again.
            self.state = guard(|| self.plan.spawn().map_err(|error| OnnxError::load(&error)))?;
        }
        result
    }
}

/// Which input of the network has a name.
fn position(model: &InferenceModel, name: &str) -> Result<usize, OnnxError> {
    let outlets = model.inputs.iter();
    let found = outlets
        .map(|outlet| model.nodes.get(outlet.node))
        .position(|node| node.is_some_and(|n| n.name == name));
    found.ok_or_else(|| OnnxError::Load(format!("the input {name} was lost")))
}

/// Compares tract's idea of the output with that of the check.
fn check_output(plan: &TypedSimplePlan, image_len: usize, batch: usize) -> Result<(), OnnxError> {
    let fact = plan
        .model()
        .output_fact(0)
        .map_err(|error| OnnxError::load(&error))?;
    let shape = fact.shape.as_concrete();
    let len = shape.and_then(|shape| {
        shape
            .iter()
            .try_fold(1usize, |product, dim| product.checked_mul(*dim))
    });
    if fact.datum_type != f32::datum_type() || len != image_len.checked_mul(batch) || len.is_none()
    {
        return Err(ModelError::Signature {
            expected: format!("{batch} images of {image_len} values"),
            found: format!("{fact:?}"),
        }
        .into());
    }
    Ok(())
}

/// Runs a piece of tract and catches its panics.
pub(super) fn guard<T>(run: impl FnOnce() -> Result<T, OnnxError>) -> Result<T, OnnxError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let message = match (
            payload.downcast_ref::<&str>(),
            payload.downcast_ref::<String>(),
        ) {
            (Some(text), _) => (*text).to_string(),
            (_, Some(text)) => text.clone(),
            _ => "without a message".to_string(),
        };
        Err(OnnxError::Panicked(message))
    })
}
