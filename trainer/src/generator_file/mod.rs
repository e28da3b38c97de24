//! Generators from files of both kinds: ONNX files, and compiled models as `dreamlet compile`
//! writes them.

mod card_in_file;
mod error;
mod generator;
mod open;

pub(crate) use card_in_file::{replace_card, with_card};
pub(crate) use error::FileError;
pub use error::OpenError;
pub(crate) use generator::FileGenerator;
pub use open::open;
pub(crate) use open::{open_bytes, over_black_and_white, resolve};
