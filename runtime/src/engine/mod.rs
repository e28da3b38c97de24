//! Engines: what runs a generator.
//!
//! [`compiled`] runs files of `dreamlet compile` where they lie, without a heap. With feature
//! `tract`, `dreamlet-onnx` looks at an ONNX file before any engine sees it and `tract` runs it.

pub mod compiled;
#[cfg(feature = "tract")]
pub mod tract;
