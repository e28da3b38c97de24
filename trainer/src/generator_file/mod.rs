//! Generators from files of both kinds: ONNX files, and compiled models as `dreamlet compile`
//! writes them.

mod error;
mod generator;
mod open;

pub use error::{FileError, OpenError};
pub use generator::FileGenerator;
pub use open::{open, resolve};
