//! A run for people: one HTML page, TensorBoard, images in the terminal.

pub mod error;
pub mod log;
pub mod page;
pub mod run_files;
pub mod tensorboard;
pub mod terminal;

pub use error::ReportError;
