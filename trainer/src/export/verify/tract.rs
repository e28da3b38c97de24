//! The file in tract, as the runtime gives it.

use dreamlet_runtime::engine::tract::OnnxGenerator;
use dreamlet_runtime::generator::Generator as _;

use super::engine::{ImageEngine, rows};

/// tract.
pub(super) struct Tract(pub(super) OnnxGenerator);

impl ImageEngine for Tract {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String> {
        let rows = rows(latents, classes, batch);
        let chosen: Option<Vec<usize>> =
            classes.map(|_| rows.filter_map(|(_, class)| class).collect());
        let mut images = vec![0.0; batch * self.0.shape().len().unwrap_or(0)];
        let made = self
            .0
            .generate_batch(latents, chosen.as_deref(), &mut images);
        made.map(|()| images).map_err(|error| error.to_string())
    }
}
