//! Sample small image generators on small machines.
//!
//! A generator (the sampling half of a GAN or VAE) turns a short vector of random numbers, the latent, into a
//! image. This crate is what a device links to do that: seed to latent, latent to image, image to display.
//!
//! | module | what it does | needs |
//! | --- | --- | --- |
//! | [`latent`] | a seed becomes the same latent vector on every target; truncation, interpolation, walks | nothing |
//! | [`generator`] | the trait that every engine implements | nothing |
//! | [`image`] | pixel range, 8-bit conversion, whole-factor scaling, dithering | nothing |
//! | `card` | what a model file says about itself, golden images | feature `alloc` |
//! | `draw` | images as `embedded-graphics` drawables | feature `embedded-graphics` |
//! | [`engine::compiled`] | runs compiled models where they lie, without a heap | nothing; feature `floats` (a default) for layers of floats |
//! | `engine::tract` | runs ONNX files after checking them | feature `tract` |
//!
//! Without features but `floats` the crate is `no_std`, never allocates and has two small dependencies. A firmware for a model of bytes
//! (`dreamlet compile --precision int8`) leaves `floats` out too: half the code.
#![no_std]
#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "alloc")]
pub mod card;
#[cfg(feature = "embedded-graphics")]
pub mod draw;
pub mod engine;
pub mod generator;
pub mod image;
pub mod latent;
#[cfg(feature = "onnx")]
pub mod onnx;
