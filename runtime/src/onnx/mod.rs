//! ONNX files of generators: the checked graph with its card, and what an engine must know beside
//! it.

mod assumptions;
mod facts;
mod file;
mod interface_card;
mod reference_image;

pub use assumptions::Assumptions;
pub use facts::Facts;
pub use file::{OnnxFile, OnnxFileError};
pub use reference_image::{Difference, ReferenceImage};
