//! The compiled engine: a generator in one flat file that is used where it lies, in flash or mapped from disk. No parsing to speak
//! of, no heap, no panic, scratch memory of a size known beforehand. `docs/reference/dream-format.md` describes the bytes.

/// Whether f32 layers can be run. What stands behind it is always type-checked, and linked only where it holds.
const F32_LAYERS: bool = cfg!(feature = "f32");

mod batch;
mod check;
mod conv_axis;
mod elementwise;
mod engine;
pub mod format;
mod int8_layers;
mod kernels;
#[cfg(feature = "mmap")]
mod mmap;
mod model;
#[cfg(feature = "std")]
mod owned;
mod run;
mod scanlines;
mod upsample;

pub use check::{col2im_scratch, upsample_scratch};
pub use conv_axis::{ConvAxis, MAX_KERNEL, Tap, Taps};
pub use engine::{Compiled, Engine};
pub use format::scratch_len;
pub use kernels::SimdLevel;
#[doc(hidden)]
pub use model::Aligned;
pub use model::Model;
#[cfg(feature = "std")]
pub use owned::{CompiledError, CompiledGenerator};
pub use scanlines::rows_scratch_len;
