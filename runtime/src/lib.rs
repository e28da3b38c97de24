//! Sample small image generators on small machines.
//!
//! A generator (the sampling half of a GAN or VAE) turns a short vector of random numbers, the
//! latent, into an image. This crate is what a device links to do that: seed to latent, latent to
//! image, image to display.
//!
//! ```
//! use dreamlet_runtime::{Engine, ModelFile, include_model};
//!
//! // Checked when the program is compiled; all its sizes are constants.
//! const DIGITS: ModelFile = include_model!("../../models/pico/pico.dream");
//!
//! let engine = Engine::new(DIGITS.model()?);
//! let model = engine.model();
//! println!("{:?}", model.shape());
//!
//! let mut latent = [0.0; DIGITS.latent_len()];
//! model.distribution().fill(42, None, &mut latent);
//!
//! // Row by row: no frame is ever in memory. Class 7 is the digit 7.
//! let mut scratch = [0; DIGITS.rows_scratch_len()];
//! let mut rows = [[0; 28]; 28];
//! engine.generate_rows(&latent, Some(7), &mut scratch, |y, row| rows[y].copy_from_slice(row))?;
//!
//! // The whole image, as HWC.
//! let mut image = [0; 28 * 28];
//! engine.generate_u8(&latent, Some(7), &mut scratch, &mut image)?;
//! assert_eq!(image, rows.as_flattened());
//! # Ok::<(), dreamlet_runtime::Error>(())
//! ```
//!
//! | module | what it does | needs |
//! | --- | --- | --- |
//! | [`latent`] | seed to latent vector, the same everywhere; truncation, interpolation, walks | |
//! | [`generator`] | the trait that every engine implements | |
//! | [`image`] | pixel range, 8-bit conversion, scaling, dithering | |
//! | [`ink`] | images in the few inks of e-paper | |
//! | [`engine::compiled`] | runs compiled models where they lie, without a heap | |
//! | `draw` | images as `embedded-graphics` drawables | feature `embedded-graphics` |
//! | `frames` | images of a walk on a display, at their pace | feature `embedded-graphics` |
//! | `card` | what a model file says about itself, golden images | feature `alloc` |
//! | `Model::new_signed` | models that a key has signed, and no others | feature `signed` |
//! | `onnx` | checks of ONNX files | feature `onnx` |
//! | `engine::tract` | runs ONNX files | feature `tract` |
//!
//! The default features `f32` and `strided` add f32 and strided layers of compiled models. Without
//! features the crate is `no_std`, never allocates and has two small dependencies: all that an int8 model needs.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "alloc")]
pub mod card;
#[cfg(feature = "embedded-graphics")]
pub mod draw;
pub mod engine;
mod error;
mod error_messages;
#[cfg(feature = "embedded-graphics")]
pub mod frames;
pub mod generator;
pub mod image;
pub mod ink;
pub mod latent;
#[cfg(feature = "onnx")]
pub mod onnx;

#[cfg(feature = "std")]
pub use engine::compiled::CompiledGenerator;
#[cfg(feature = "signed")]
pub use engine::compiled::VerifyingKey;
pub use engine::compiled::{Engine, Model, ModelFile, rows_scratch_len, scratch_len};
pub use error::Error;
pub use generator::Generator;
pub use image::{PixelRange, Shape};
pub use latent::Stream;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
