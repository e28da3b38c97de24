//! What every display does.

use std::time::Duration;

use super::error::DisplayError;
use crate::picture::{Canvas, Palette};

/// What the program must know of a display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Columns, as the display was made.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Its inks; `None` where it shows all colours.
    pub palette: Option<Palette>,
    /// What lies around an image.
    pub border: [u8; 3],
    /// The shortest time between images that its maker advises.
    pub least_period: Duration,
}

/// A display.
pub trait Display {
    /// Its size and colours. They do not change.
    fn facts(&self) -> Facts;

    /// Shows an image of [`Facts`]' size; it is seen when this returns.
    ///
    /// # Errors
    /// [`DisplayError`]; the caller then drops the display and opens it again.
    fn show(&mut self, canvas: &Canvas) -> Result<(), DisplayError>;

    /// Leaves it as the next program wants to find it: nothing burns in, nothing is powered in vain.
    ///
    /// # Errors
    /// [`DisplayError`].
    fn finish(&mut self) -> Result<(), DisplayError>;
}
