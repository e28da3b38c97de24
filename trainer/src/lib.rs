//! Train small GANs and VAEs on a workstation and export their generators as plain ONNX.
//!
//! The program `dreamlet` is a thin shell over this library: [`config`] resolves settings,
//! [`training`] makes a run folder, [`export`] turns its generator into an ONNX file, and
//! `dreamlet-runtime` samples it.

#![allow(
    missing_docs,
    reason = "the library is for the program and its tests alone"
)]

pub mod atomic_file;
pub mod benchmark;
pub(crate) mod chart;
pub mod cli;
pub mod config;
pub mod data;
pub mod device;
pub mod evaluation;
pub mod export;
pub mod generator_file;
pub mod loss;
pub mod nets;
pub mod random;
pub mod report;
pub mod sampling;
pub mod sheet;
mod stderr;
pub mod sweep;
pub mod training;
mod words;
