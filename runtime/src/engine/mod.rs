//! Engines: what runs a generator.
//!
//! [`validate`] looks at an ONNX file before any engine sees it; [`tract`] runs it.

pub mod tract;
pub mod validate;
