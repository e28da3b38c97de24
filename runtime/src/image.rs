//! Shape, pixel range and conversion of generated pictures.

/// Shape of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// What black and white are in a generator's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelRange {
    /// The value shown as 0.
    pub low: f32,
    /// The value shown as 255.
    pub high: f32,
}
