//! Generators from files of both kinds: ONNX files, and compiled models as `dreamlet compile`
//! writes them.

mod error;
mod generator;
mod open;

pub(crate) use error::FileError;
pub use error::OpenError;
pub(crate) use generator::FileGenerator;
pub use open::open;
pub(crate) use open::resolve;
