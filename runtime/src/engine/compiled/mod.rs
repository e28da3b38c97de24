//! The compiled engine: a generator in one flat file that is used where it lies, in flash or mapped
//! from disk. No parsing to speak of, no heap, no panic, scratch memory of a size known beforehand.
//! `docs/reference/dream-format.md` describes the bytes.

// From top to bottom; a file uses only what stands below it, or beside it to its right:
// - `model_file`, `owned`, `batch`, `generate_rows`, `engine`: what a program calls
// - `row_stages`, `rows_plan`: the last layers row by row, and the memory that they need
// - `run`: one layer, from its record to the file that computes it
// - `scanlines`, `upsample`, `strided`, `f32_layers`, `int8_layers`, `elementwise`: the layers
// - `context`: what layers run with, their buffers and weights
// - `signed`: a signature, before all else
// - `model`, `work`, `limits`, `class_names`, `check`, `scratch`: what is looked at once, before anything runs
// - `kernels`: the arithmetic, for each instruction set
// - `conv_axis`, `format`: the geometry of convolutions, and the file

mod batch;
mod check;
mod class_names;
mod context;
mod conv_axis;
mod elementwise;
mod engine;
mod f32_layers;
#[cfg(feature = "std")]
mod file_bytes;
#[doc(hidden)]
pub mod format;
mod generate_rows;
mod int8_layers;
mod kernels;
mod limits;
#[cfg(feature = "mmap")]
mod mmap;
mod model;
mod model_file;
#[cfg(feature = "std")]
mod owned;
mod row_stages;
mod rows;
mod rows_plan;
#[cfg(test)]
mod rows_tests;
mod run;
mod scanlines;
mod scratch;
#[cfg(feature = "signed")]
mod signed;
mod strided;
mod upsample;
mod work;

#[doc(hidden)]
pub use conv_axis::{ConvAxis, MAX_KERNEL, Tap, Taps};
pub use engine::{Compiled, Engine};
#[cfg(feature = "std")]
pub use file_bytes::CompiledError;
pub use format::{FormatError, scratch_len};
pub use generate_rows::{ImageRows, rows_scratch_len};
pub use kernels::SimdLevel;
pub use limits::ModelLimits;
#[doc(hidden)]
pub use model::Aligned;
pub use model::Model;
pub use model_file::ModelFile;
#[cfg(feature = "std")]
pub use owned::CompiledGenerator;
#[doc(hidden)]
pub use scratch::{col2im_scratch, upsample_scratch};
#[cfg(feature = "signed")]
pub use signed::VerifyingKey;
