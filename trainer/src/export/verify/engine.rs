//! What takes part in a comparison.

use dreamlet_onnx::Alpha;

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

/// Latent vector and class of each image of a batch.
pub(super) fn rows<'a>(
    latents: &'a [f32],
    classes: Option<&'a [i64]>,
    batch: usize,
) -> impl Iterator<Item = (&'a [f32], Option<usize>)> {
    let vectors = latents.chunks((latents.len() / batch.max(1)).max(1));
    vectors.enumerate().map(move |(i, latent)| {
        let class = classes.and_then(|classes| classes.get(i));
        let class = class.map(|class| usize::try_from(*class).unwrap_or(0));
        (latent, class)
    })
}

/// Three channels of four, laid over their background; an image without alpha as it is.
pub(super) fn over(alpha: Option<Alpha>, mut image: Vec<f32>) -> Vec<f32> {
    let Some(alpha) = alpha else {
        return image;
    };
    let (low, high) = alpha.range;
    let plane = image.len() / 4;
    let (colours, weights) = image.split_at_mut(3 * plane);
    for (colours, behind) in colours.chunks_mut(plane.max(1)).zip(alpha.background) {
        for (colour, weight) in colours.iter_mut().zip(weights.iter()) {
            *colour = behind + (*colour - behind) * (weight - low) / (high - low);
        }
    }
    image.truncate(3 * plane);
    image
}
