//! The compiled engine: a generator in one flat file that is used where it lies, in flash or mapped from disk. No parsing to speak
//! of, no heap, no panic, scratch memory of a size known beforehand. `docs/reference/dream-format.md` describes the bytes.

/// Whether layers of floats can be run. What stands behind it is type-checked always, and linked only where it holds.
const FLOATS: bool = cfg!(feature = "floats");

mod batch;
mod check;
mod conv_axis;
mod elementwise;
mod engine;
pub mod format;
mod integer;
mod kernels;
#[cfg(feature = "mmap")]
mod mmap;
mod model;
#[cfg(feature = "std")]
mod owned;
mod run;
mod scanlines;
mod upsample;

pub use check::{few_scratch, upsample_scratch};
pub use conv_axis::{Axis, MAX_KERNEL, Tap, Taps};
pub use engine::{Compiled, Engine};
pub use format::scratch_len;
pub use kernels::Level;
#[doc(hidden)]
pub use model::Aligned;
pub use model::Model;
#[cfg(feature = "std")]
pub use owned::{CompiledError, CompiledGenerator};
pub use scanlines::rows_scratch_len;
