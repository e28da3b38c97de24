//! What takes part in a comparison.

/// An engine that takes part.
pub(crate) trait ImageEngine {
    fn name(&self) -> &'static str;
    /// How many times the tolerance it may be away.
    fn looseness(&self) -> f32 {
        1.0
    }
    /// Images `[batch, C, H, W]`.
    fn run(
        &mut self,
        latents: &[f32],
        classes: Option<&[i64]>,
        batch: usize,
    ) -> Result<Vec<f32>, String>;
}
