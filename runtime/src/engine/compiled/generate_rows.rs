//! Images row by row, for devices without room for a frame.

use super::context::Context;
use super::engine::Engine;
use super::format::{ALIGNMENT, DType, Glance, records};
use super::kernels::bytes_as;
use super::row_stages::RowStages;
use super::rows_plan::RowPlan;
use super::run::run;
use crate::generator::{GenerateError, check_input};
use crate::image::{PixelRange, Shape};

impl Engine<'_> {
    /// Scratch bytes that [`Self::generate_rows`] and [`Self::generate_u8`] need: what the layers
    /// need, some rows of the image, and where the last layer cannot make some rows at a time, the
    /// whole image. Often it is less than [`generate`](Self::generate) needs. In a constant:
    /// [`rows_scratch_len`].
    #[must_use]
    pub fn rows_scratch_len(&self) -> usize {
        let glance = self.model.glance();
        rows_room(&glance, &RowPlan::new(&glance, self.model.records()))
    }

    /// Makes one image, one row after another from the top: `row` receives its number and
    /// `width * channels` u8, HWC (as [`to_hwc_u8`](crate::image::to_hwc_u8)
    /// makes them). `scratch` has at least [`Self::rows_scratch_len`] bytes. The last layers run
    /// for a few rows at a time where they can, so that no whole image is ever in memory, nor what
    /// they make before it.
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
        let glance = model.glance();
        let plan = RowPlan::new(&glance, model.records());
        let too_short = GenerateError::ScratchLength {
            expected: rows_room(&glance, &plan),
            found: scratch.len(),
        };
        let skip = scratch.as_ptr().addr().next_multiple_of(ALIGNMENT) - scratch.as_ptr().addr();
        let scratch = scratch.get_mut(skip..).ok_or(too_short)?;
        let (scratch, rest) = scratch
            .split_at_mut_checked(plan.scratch_len)
            .ok_or(too_short)?;
        let (frame, rest) = rest
            .split_at_mut_checked(plan.frame_len.next_multiple_of(ALIGNMENT))
            .ok_or(too_short)?;
        let frame = frame.get_mut(..plan.frame_len).ok_or(too_short)?;
        let bytes = rest.get_mut(..glance.row_len()).ok_or(too_short)?;
        let context = self.context(latent, class);
        self.rows(&plan, &context, scratch, frame, bytes, row)
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
        plan: &RowPlan,
        context: &Context<'_>,
        scratch: &mut [u8],
        frame: &mut [u8],
        bytes: &mut [u8],
        mut each: impl FnMut(usize, &[u8]),
    ) -> Option<()> {
        let Shape { height, width, .. } = self.model.shape();
        for layer in self.model.layers().take(plan.base + plan.first) {
            run(&layer.ok()?, context, scratch, frame)?;
        }
        let last = (plan.base + plan.count).checked_sub(1)?;
        let dtype = self.model.layer(last)?.output_dtype;
        let range = self.model.range();
        let by_rows = plan.first < plan.count;
        let mut stages = RowStages::new(plan);
        let mut made = 0;
        while made < height {
            let (rows, plane) = if by_rows {
                let rows = stages.next(&self.model, context, scratch, frame)?;
                (rows, width)
            } else {
                (height, height * width)
            };
            for row in 0..rows {
                let planes = frame.get(row * width * dtype.size()..)?;
                row_to_hwc_u8(planes, dtype, self.model.shape(), plane, range, bytes)?;
                each(made + row, bytes);
            }
            made += rows;
        }
        Some(())
    }
}

/// Scratch bytes that [`Engine::generate_rows`] and [`Engine::generate_u8`] need for the model in
/// `file`, as [`Engine::rows_scratch_len`] says of a model that has been checked; 0 if `file` is no
/// compiled model. To size a static.
#[must_use]
pub const fn rows_scratch_len(file: &[u8]) -> usize {
    match Glance::new(file) {
        Some(glance) => rows_room(&glance, &RowPlan::new(&glance, records(file))),
        None => 0,
    }
}

/// Bytes for the layers, what the last one writes, and a row of pixels, with room to align them.
const fn rows_room(glance: &Glance, plan: &RowPlan) -> usize {
    let frame = plan.frame_len.saturating_add(ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    plan.scratch_len
        .saturating_add(ALIGNMENT - 1)
        .saturating_add(frame)
        .saturating_add(glance.row_len())
}

/// One row of u8, HWC, from planes of an image that begin with the row.
fn row_to_hwc_u8(
    planes: &[u8],
    dtype: DType,
    Shape {
        channels, width, ..
    }: Shape,
    plane: usize,
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
