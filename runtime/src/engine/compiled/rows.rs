//! Which rows of its tensors a layer works on.

use super::format::Layer;

/// Which rows a layer reads and makes, where it is cut to some rows.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    /// The first input row that is there.
    pub(super) input: usize,
    /// Rows of the whole input.
    pub(super) inputs: usize,
    /// The first row that is made.
    pub(super) output: usize,
    /// Rows of the whole output.
    pub(super) outputs: usize,
}

impl Rows {
    /// All rows.
    pub(super) const fn all(layer: &Layer) -> Self {
        Self {
            input: 0,
            inputs: layer.input_shape.height as usize,
            output: 0,
            outputs: layer.output_shape.height as usize,
        }
    }
}
