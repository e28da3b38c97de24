//! The operators' definitions.

use dreamlet_onnx::graph::Graph;
use dreamlet_onnx::reference;

use super::engine::{ImageEngine, rows};

/// The canonical graph, run by the definitions of its operators.
pub(super) struct Reference(pub(super) Graph);

impl ImageEngine for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String> {
        let mut images = Vec::new();
        for (latent, class) in rows(latents, classes, batch) {
            let made = reference::run(&self.0, latent, class.unwrap_or(0));
            images.extend(made.ok_or("the graph cannot be computed")?);
        }
        Ok(images)
    }
}
