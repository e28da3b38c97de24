//! The operators' definitions.

use dreamlet_onnx::graph::Graph;
use dreamlet_onnx::reference;

use super::engine::ImageEngine;

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
        for (i, latent) in latents.chunks(latents.len() / batch.max(1)).enumerate() {
            let class = classes
                .and_then(|classes| classes.get(i))
                .copied()
                .unwrap_or(0);
            let class = usize::try_from(class).unwrap_or(0);
            let made = reference::run(&self.0, latent, class);
            images.extend(made.ok_or("the graph cannot be computed")?);
        }
        Ok(images)
    }
}
