//! Images for people: sheets of samples, files of them, the terminal, one HTML page per run.

mod base64;
pub mod error;
pub mod grid;
pub mod log;
pub mod page;
pub mod run_files;
pub mod samples;
pub mod tensorboard;
pub mod terminal;

pub use error::ReportError;
