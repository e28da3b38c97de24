//! A network for one image, with the state it runs in.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dreamlet_onnx::graph::Graph;
use dreamlet_onnx::proto::Message as _;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::model::typed::TypedSimpleState;

use super::OnnxError;

/// A network for one image.
pub(super) struct Plan {
    plan: Arc<TypedSimplePlan>,
    state: TypedSimpleState,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").finish_non_exhaustive()
    }
}

impl Plan {
    /// tract is given the canonical graph as ONNX, not the file: so it sees few operators, of one
    /// operator set, for one image, with every shape known.
    pub(super) fn new(graph: &Graph, optimized: bool) -> Result<Self, OnnxError> {
        let plan = guard(|| {
            let bytes = graph.to_onnx().encode_to_vec();
            let model = onnx().model_for_read(&mut bytes.as_slice());
            model
                .and_then(|model| match optimized {
                    true => model.into_optimized(),
                    false => model.into_typed(),
                })
                .and_then(IntoRunnable::into_runnable)
                .map_err(|error| OnnxError::load(&error))
        })?;
        let state = spawn(&plan)?;
        Ok(Self { plan, state })
    }

    /// Makes one image; `class` only for a conditional generator.
    pub(super) fn run(
        &mut self,
        latent: &[f32],
        class: Option<usize>,
        image: &mut [f32],
    ) -> Result<(), OnnxError> {
        let state = &mut self.state;
        let result = guard(|| {
            let run = |error: TractError| OnnxError::run(&error);
            let latent = Tensor::from_shape(&[1, latent.len()], latent).map_err(run)?;
            let mut inputs: TVec<TValue> = tvec![latent.into()];
            if let Some(class) = class {
                let class = i64::try_from(class).unwrap_or(i64::MAX);
                inputs.push(Tensor::from_shape(&[1], &[class]).map_err(run)?.into());
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
                Some(made) if made.len() == image.len() => {
                    image.copy_from_slice(made);
                    Ok(())
                }
                made => Err(OnnxError::Run(format!(
                    "made {} values, expected {}",
                    made.map_or(0, <[f32]>::len),
                    image.len()
                ))),
            }
        });
        if result.is_err() {
            // What failed half-way is not run again.
            self.state = spawn(&self.plan)?;
        }
        result
    }
}

fn spawn(plan: &Arc<TypedSimplePlan>) -> Result<TypedSimpleState, OnnxError> {
    guard(|| plan.spawn().map_err(|error| OnnxError::load(&error)))
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
