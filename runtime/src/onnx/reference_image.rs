//! An image as the definitions of the operators make it, to hold an engine's against.

use alloc::vec::Vec;

use dreamlet_onnx::{CheckedGraph, reference};

use super::facts::Facts;

/// An image of the [`reference`](mod@reference), of one latent vector and class.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceImage {
    /// The latent vector: that of seed 0.
    pub latent: Vec<f32>,
    /// The class, of a conditional generator.
    pub class: Option<usize>,
    /// The image, channels, rows, columns.
    pub image: Vec<f32>,
    /// The range of its elements, or of pixels where that is wider.
    scale: f32,
}

/// An image that is too far from the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The largest that is allowed, in elements of the image.
    pub allowed: f32,
    /// The largest found; infinite where one of two elements is not finite.
    pub found: f32,
}

impl ReferenceImage {
    /// Makes it; `None` for a graph that cannot be computed.
    #[must_use]
    pub fn new(checked: &CheckedGraph, facts: &Facts) -> Option<Self> {
        let mut latent = [0.0].repeat(checked.inspection.latent_len);
        facts.distribution.fill(0, None, &mut latent);
        let class = facts.classes.checked_sub(1).map(|last| last / 2);
        let image = reference::run(&checked.graph, &latent, class.unwrap_or(0))?;
        let bounds = image.iter().fold((0.0f32, 0.0f32), |(low, high), x| {
            (low.min(*x), high.max(*x))
        });
        Some(Self {
            latent,
            class,
            scale: (bounds.1 - bounds.0).max(facts.range.high - facts.range.low),
            image,
        })
    }

    /// Compares an engine's image; `tolerance` is relative to the range.
    ///
    /// # Errors
    /// [`Difference`] if an element is further away, or the image has another length.
    pub fn compare(&self, made: &[f32], tolerance: f32) -> Result<(), Difference> {
        let allowed = tolerance * self.scale;
        let far = made.iter().zip(&self.image).map(|(a, b)| {
            // What is finite in neither is the same.
            match (a.is_finite(), b.is_finite()) {
                (true, true) => (a - b).abs(),
                (false, false) => 0.0,
                _ => f32::INFINITY,
            }
        });
        let found = far.fold(0.0, f32::max);
        match made.len() == self.image.len() && found <= allowed {
            true => Ok(()),
            false => Err(Difference { allowed, found }),
        }
    }
}
