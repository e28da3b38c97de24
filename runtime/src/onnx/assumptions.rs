//! What is taken as given of a file.

use dreamlet_onnx::{Interface, Limits};

use crate::image::{PixelRange, Shape};
use crate::latent::Distribution;

/// What is taken as given where a file does not say it. A card in the file goes before all of
/// these.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assumptions {
    /// What black and white are. Without it, what the last operators bound the output to, if that
    /// is 0 to 1, -1 to 1 or 0 to 255.
    pub range: Option<PixelRange>,
    /// What latents are drawn from. Without it, normal.
    pub distribution: Option<Distribution>,
    /// Shape of the image, for an output that is flat, `[N, values]`. Not needed for `[N, channels,
    /// height, width]`.
    pub shape: Option<Shape>,
    /// Number of classes, for a generator with a class input whose graph does not show it.
    pub classes: Option<usize>,
    /// What inputs take, and what the output is.
    pub interface: Interface,
    /// Whether loading leaves out the comparison of an image with the reference.
    pub unchecked: bool,
    /// What the file may cost.
    pub limits: Limits,
}
