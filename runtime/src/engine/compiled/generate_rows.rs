//! Images row by row, for devices without room for a frame.

use super::context::{Context, buffers};
use super::engine::Engine;
use super::format::{ALIGNMENT, DType, Glance, Layer, Op};
use super::kernels::bytes_as;
use super::run::run;
use super::scanlines::Scanlines;
use crate::generator::{GenerateError, check_input};
use crate::image::{PixelRange, Shape};

impl Engine<'_> {
    /// Scratch bytes that [`Self::generate_rows`] and [`Self::generate_u8`] need: what
    /// [`generate`](Self::generate) needs, one row of the image, and where the last layer cannot
    /// make one row at a time, the whole image. In a constant: [`rows_scratch_len`].
    #[must_use]
    pub fn rows_scratch_len(&self) -> usize {
        rows_room(
            self.model.scratch_len(),
            self.model.shape(),
            self.frame_len(),
        )
    }

    /// Bytes of what the last layer writes before it is brought into rows of bytes.
    fn frame_len(&self) -> usize {
        let Some(Ok(last)) = self.model.layers().last() else {
            return 0;
        };
        frame_room(
            self.model.shape(),
            makes_rows(&last),
            last.output_dtype.size(),
        )
    }

    /// Makes one image, one row after another from the top: `row` receives its number and
    /// `width * channels` u8, HWC (as [`to_hwc_u8`](crate::image::to_hwc_u8)
    /// makes them). `scratch` has at least [`Self::rows_scratch_len`] bytes. Where the last layer
    /// is a convolution with few output channels, as in a DCGAN, no frame is ever in memory.
    ///
    /// # Errors
    /// [`GenerateError`], one variant for each way a call can be wrong.
    pub fn generate_rows(
        &self,
        latent: &[f32],
        class: Option<usize>,
        scratch: &mut [u8],
        row: impl FnMut(usize, &[u8]),
    ) -> Result<(), GenerateError> {
        let model = &self.model;
        check_input(model.latent_len(), model.classes(), latent, class)?;
        let expected = self.rows_scratch_len();
        let too_short = GenerateError::ScratchLength {
            expected,
            found: scratch.len(),
        };
        let scratch = self.aligned(scratch).map_err(|_| too_short)?;
        let (scratch, rest) = scratch
            .split_at_mut_checked(model.header().scratch_len as usize)
            .ok_or(too_short)?;
        let frame_len = self.frame_len();
        let row_len = model.shape().channels * model.shape().width;
        let (frame, rest) = rest
            .split_at_mut_checked(frame_len.next_multiple_of(ALIGNMENT))
            .ok_or(too_short)?;
        let frame = frame.get_mut(..frame_len).ok_or(too_short)?;
        let bytes = rest.get_mut(..row_len).ok_or(too_short)?;
        let context = self.context(latent, class);
        self.rows(&context, scratch, frame, bytes, row)
            .ok_or(GenerateError::Engine)
    }

    /// Makes one image as bytes: `image` receives `height * width * channels` bytes, channels side
    /// by side (HWC). `scratch` as for [`Self::generate_rows`].
    ///
    /// # Errors
    /// As [`Self::generate_rows`], and [`GenerateError::ImageLength`].
    pub fn generate_u8(
        &self,
        latent: &[f32],
        class: Option<usize>,
        scratch: &mut [u8],
        image: &mut [u8],
    ) -> Result<(), GenerateError> {
        let expected = self.model.image_len();
        if image.len() != expected {
            return Err(GenerateError::ImageLength {
                expected,
                found: image.len(),
            });
        }
        self.generate_rows(latent, class, scratch, |row, bytes| {
            if let Some(to) = image.get_mut(row * bytes.len()..(row + 1) * bytes.len()) {
                to.copy_from_slice(bytes);
            }
        })
    }

    fn rows(
        &self,
        context: &Context<'_>,
        scratch: &mut [u8],
        frame: &mut [u8],
        bytes: &mut [u8],
        mut each: impl FnMut(usize, &[u8]),
    ) -> Option<()> {
        let Shape {
            channels,
            height,
            width,
        } = self.model.shape();
        let range = self.model.range();
        let layers = self.model.layers();
        let before = layers.len().checked_sub(1)?;
        for layer in layers.take(before) {
            run(&layer.ok()?, context, scratch, &mut [])?;
        }
        let last = self.model.layers().last()?.ok()?;
        match last.op {
            Op::Col2ImConv(c) if makes_rows(&last) => {
                let buffers = buffers(&last, context, scratch, &mut [])?;
                let mut rows = Scanlines::new(&last, c, context, buffers.input)?;
                for row in 0..height {
                    rows.row(row, buffers.second, frame, width)?;
                    row_to_hwc_u8(
                        frame,
                        last.output_dtype,
                        (channels, width, width),
                        range,
                        bytes,
                    )?;
                    each(row, bytes);
                }
            }
            _ => {
                run(&last, context, scratch, frame)?;
                let size = last.output_dtype.size();
                for row in 0..height {
                    let planes = frame.get(row * width * size..)?;
                    row_to_hwc_u8(
                        planes,
                        last.output_dtype,
                        (channels, width, height * width),
                        range,
                        bytes,
                    )?;
                    each(row, bytes);
                }
            }
        }
        Some(())
    }
}

/// Whether a layer can make one row of the image after another. [`rows_scratch_len`] knows it too.
fn makes_rows(layer: &Layer) -> bool {
    matches!(layer.op, Op::Col2ImConv(_))
}

/// Scratch bytes that [`Engine::generate_rows`] and [`Engine::generate_u8`] need for the model in
/// `file`, as [`Engine::rows_scratch_len`] says of a model that has been checked; 0 if `file` is no
/// compiled model. To size a static.
#[must_use]
pub const fn rows_scratch_len(file: &[u8]) -> usize {
    let Some(Glance {
        scratch_len,
        shape,
        last,
    }) = Glance::new(file)
    else {
        return 0;
    };
    let frame = frame_room(shape, last.col2im, last.element_size);
    rows_room(scratch_len.saturating_add(ALIGNMENT - 1), shape, frame)
}

/// Bytes of one row of the image, or of all, as elements of `size` bytes.
const fn frame_room(shape: Shape, by_row: bool, size: usize) -> usize {
    let rows = if by_row { 1 } else { shape.height };
    row_room(shape).saturating_mul(rows).saturating_mul(size)
}

/// Bytes of one row of pixels.
const fn row_room(shape: Shape) -> usize {
    shape.channels.saturating_mul(shape.width)
}

/// Bytes for the layers, what the last one writes, and a row of pixels.
const fn rows_room(layers: usize, shape: Shape, frame: usize) -> usize {
    let frame = frame.saturating_add(ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    layers.saturating_add(frame).saturating_add(row_room(shape))
}

/// One row of u8, HWC, from planes of an image that begin with the row.
fn row_to_hwc_u8(
    planes: &[u8],
    dtype: DType,
    (channels, width, plane): (usize, usize, usize),
    range: PixelRange,
    bytes: &mut [u8],
) -> Option<()> {
    for channel in 0..channels {
        let out = bytes.iter_mut().skip(channel).step_by(channels.max(1));
        match dtype {
            DType::F32 => {
                let row: &[f32] = bytes_as(planes.get(channel * plane * 4..)?, width)?;
                for (byte, value) in out.zip(row) {
                    *byte = range.to_u8(*value);
                }
            }
            _ => {
                for (byte, value) in out.zip(planes.get(channel * plane..)?.get(..width)?) {
                    *byte = *value;
                }
            }
        }
    }
    Some(())
}
