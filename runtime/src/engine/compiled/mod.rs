//! The compiled engine: a generator in one flat file that is used where it lies, in flash or mapped
//! from disk. No parsing to speak of, no heap, no panic, scratch memory of a size known beforehand.
//! `docs/reference/dream-format.md` describes the bytes.

mod batch;
mod check;
mod context;
mod conv_axis;
mod elementwise;
mod engine;
mod f32_layers;
#[cfg(feature = "std")]
mod file_bytes;
pub mod format;
mod generate_rows;
mod int8_layers;
mod kernels;
#[cfg(feature = "mmap")]
mod mmap;
mod model;
#[cfg(feature = "std")]
mod owned;
mod run;
mod scanlines;
mod scratch;
mod upsample;
#[cfg(feature = "std")]
mod work;

pub use conv_axis::{ConvAxis, MAX_KERNEL, Tap, Taps};
pub use engine::{Compiled, Engine};
#[cfg(feature = "std")]
pub use file_bytes::CompiledError;
pub use format::scratch_len;
pub use generate_rows::rows_scratch_len;
pub use kernels::SimdLevel;
#[doc(hidden)]
pub use model::Aligned;
pub use model::Model;
#[cfg(feature = "std")]
pub use owned::CompiledGenerator;
pub use scratch::{col2im_scratch, upsample_scratch};
