//! Images after the generator: shape, pixel range, 8-bit conversion, scaling and dithering.
//!
//! A generator writes `f32` in channel, row, column order (CHW); displays and files take bytes in
//! row, column, channel order (HWC). Everything works into the caller's buffers, and every step has
//! a form that handles one row, for devices without room for a frame.
//!
//! ```
//! use dreamlet_runtime::image::{PixelRange, Shape, to_hwc_u8};
//! let shape = Shape::new(1, 2, 2)?;
//! let mut bytes = [0; 4];
//! to_hwc_u8(&[-1.0, 0.0, 0.5, 1.0], shape, PixelRange::SIGNED, &mut bytes)?;
//! assert_eq!(bytes, [0, 128, 191, 255]);
//! # Ok::<(), dreamlet_runtime::image::ImageError>(())
//! ```

mod convert;
mod dither;
mod error;
mod pixel_range;
mod scale;
mod shape;

pub use convert::{grey_row, luma, row_to_u8, to_hwc_u8};
pub use dither::{Bayer, FloydSteinberg, Levels, pack_bits};
pub use error::{ImageError, MAX_SIDE};
pub(crate) use error::{input, output};
pub use pixel_range::PixelRange;
pub use scale::{upscale, upscale_row};
pub use shape::Shape;
