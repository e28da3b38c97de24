//! The program `dreamlet`: trains small GANs and VAEs on a workstation and exports their generators
//! as plain ONNX.
//!
//! It is a program, not a library: [`main`] is all that others call. `config` resolves settings,
//! `training` makes a run folder, `export` turns its generator into an ONNX file, and
//! `dreamlet-runtime` samples it.

#![allow(
    missing_docs,
    rustdoc::private_intra_doc_links,
    reason = "a program; what the tests need is named in `testing`"
)]

mod atomic_file;
mod benchmark;
mod chart;
mod cli;
mod colour;
mod config;
mod data;
mod device;
mod evaluation;
mod export;
mod generator_file;
mod latent_space;
mod linalg;
mod logger;
mod loss;
mod nets;
mod npy;
mod random;
mod report;
mod sampling;
mod sheet;
mod suggest;
mod sweep;
mod training;

pub use benchmark::allocations::CountingAllocator;
pub use cli::main;

/// What the tests across the crates need of it, and no more.
#[doc(hidden)]
pub mod testing {
    pub use crate::config::{Overrides, PRESETS, Source, resolve};
    pub use crate::data::{DataSpec, Dataset, LoadOptions, load};
    pub use crate::evaluation::{FileSource, ImageSource};
    pub use crate::export::verify::{BATCHES, OnnxRuntime, VerifyOptions, verify};
    pub use crate::export::{generator, save};
    pub use crate::generator_file::{OpenError, open};
    pub use crate::sampling::{Class, Latents, Request, SamplingError, samples};
    pub use crate::training::saved::{Saved, Which};
    pub use crate::training::{TrainOptions, train};
}
