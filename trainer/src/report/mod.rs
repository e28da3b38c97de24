//! A run for people: one HTML page, TensorBoard, images in the terminal.

pub(crate) mod error;
pub(crate) mod log;
pub(crate) mod page;
pub(crate) mod run_files;
pub(crate) mod tensorboard;
pub(crate) mod terminal;

pub(crate) use error::ReportError;
