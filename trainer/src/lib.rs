//! Train small GANs and VAEs on a workstation and export their generators as plain ONNX.
//!
//! The program `dreamlet` is a thin shell over this library: [`config`] resolves settings,
//! [`training`] makes a run folder, [`export`] turns its generator into an ONNX file, and
//! `dreamlet-runtime` samples it.

pub mod atomic_file;
pub mod benchmark;
pub mod cli;
pub mod config;
pub mod data;
pub mod device;
pub mod evaluation;
pub mod export;
pub mod loss;
pub mod nets;
pub mod random;
pub mod report;
pub mod sampling;
mod stderr;
pub mod sweep;
pub mod training;
mod words;
