//! What takes part in a comparison.

/// An engine that takes part.
pub(crate) trait Engine {
    fn name(&self) -> &'static str;
    /// Images `[batch, C, H, W]`.
    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String>;
}
