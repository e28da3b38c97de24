//! Images row by row, for devices without room for a frame.

use super::context::Context;
use super::engine::Engine;
use super::format::{ALIGNMENT, DType, Glance, records};
use super::kernels::bytes_as;
use super::model::Model;
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
        mut row: impl FnMut(usize, &[u8]),
    ) -> Result<(), GenerateError> {
        let mut rows = self.begin(latent, class)?;
        rows.set_memory(scratch)?;
        let mut number = 0;
        while let Some(bytes) = rows.next()? {
            row(number, bytes);
            number += 1;
        }
        Ok(())
    }

    /// Begins one image whose rows are asked for one after another; see [`ImageRows`]. `scratch` as
    /// for [`Self::generate_rows`].
    ///
    /// # Errors
    /// [`GenerateError`], one variant for each way a call can be wrong.
    pub fn rows<'r>(
        &'r self,
        latent: &'r [f32],
        class: Option<usize>,
        scratch: &'r mut [u8],
    ) -> Result<ImageRows<'r>, GenerateError> {
        let mut rows = self.begin(latent, class)?;
        rows.set_memory(scratch)?;
        Ok(rows)
    }

    /// An image without memory. Inlined, so that the plan is made where it stays: it is large.
    #[inline(always)]
    fn begin<'r>(
        &'r self,
        latent: &'r [f32],
        class: Option<usize>,
    ) -> Result<ImageRows<'r>, GenerateError> {
        let model = &self.model;
        check_input(model.latent_len(), model.classes(), latent, class)?;
        let glance = model.glance();
        Ok(ImageRows {
            model,
            context: self.context(latent, class),
            plan: RowPlan::new(&glance, model.records()),
            stages: RowStages::new(),
            scratch: &mut [],
            frame: &mut [],
            bytes: &mut [],
            begun: false,
            made: 0,
            given: 0,
            left: glance.shape.height,
        })
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
}

/// The rows of an image that is being made, from the top; each is made when it is asked for.
///
/// What shows them may fail, or wait: the loop is the caller's.
///
/// ```
/// # use dreamlet_runtime::{Engine, ModelFile, include_model};
/// # const DIGITS: ModelFile = include_model!("../../../../models/pico/pico.dream");
/// # struct Display(usize);
/// # impl Display { fn write(&mut self, bits: &[u8]) -> Result<(), std::io::Error> { self.0 += bits.len(); Ok(()) } }
/// use dreamlet_runtime::image::{FloydSteinberg, Levels, pack_bits};
///
/// # let mut display = Display(0);
/// # let latent = [0.0; 24];
/// let engine = Engine::new(DIGITS.model()?);
/// let mut scratch = [0; DIGITS.rows_scratch_len()];
/// // One bit a pixel: what a row owes to the next stays in the dither.
/// let mut errors = [0; FloydSteinberg::scratch_len(28)];
/// let mut dither = FloydSteinberg::new(28, Levels::BINARY, &mut errors)?;
///
/// let mut rows = engine.rows(&latent, Some(7), &mut scratch)?;
/// while let Some(row) = rows.next()? {
///     let (mut levels, mut bits) = ([0; 28], [0; 4]);
///     dither.row(row, &mut levels)?;
///     pack_bits(&levels, &mut bits)?;
///     display.write(&bits)?; // with an asynchronous driver: display.write(&bits).await?
/// }
/// # assert_eq!(display.0, 28 * 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ImageRows<'r> {
    model: &'r Model<'r>,
    context: Context<'r>,
    plan: RowPlan,
    stages: RowStages,
    scratch: &'r mut [u8],
    /// What the last layer makes at once.
    frame: &'r mut [u8],
    bytes: &'r mut [u8],
    /// Whether the layers that make no rows have run.
    begun: bool,
    /// Rows that are in `frame`, and how many of them have been given.
    made: usize,
    given: usize,
    /// Rows that are still to be made.
    left: usize,
}

impl core::fmt::Debug for ImageRows<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ImageRows").finish_non_exhaustive()
    }
}

impl<'r> ImageRows<'r> {
    /// Cuts scratch memory into its parts.
    fn set_memory(&mut self, scratch: &'r mut [u8]) -> Result<(), GenerateError> {
        let (glance, plan) = (self.model.glance(), &self.plan);
        let too_short = GenerateError::ScratchLength {
            expected: rows_room(&glance, plan),
            found: scratch.len(),
        };
        let skip = scratch.as_ptr().addr().next_multiple_of(ALIGNMENT) - scratch.as_ptr().addr();
        let scratch = scratch.get_mut(skip..).ok_or(too_short)?;
        let (scratch, rest) = scratch
            .split_at_mut_checked(plan.scratch_len)
            .ok_or(too_short)?;
        let (frame, rest) = rest
            .split_at_mut_checked(aligned(plan.frame_len))
            .ok_or(too_short)?;
        self.frame = frame.get_mut(..plan.frame_len).ok_or(too_short)?;
        self.bytes = rest.get_mut(..glance.row_len()).ok_or(too_short)?;
        self.scratch = scratch;
        Ok(())
    }

    /// Makes the next row, `width * channels` u8, HWC; `None` behind the last one.
    ///
    /// # Errors
    /// [`GenerateError::Engine`].
    #[allow(
        clippy::should_implement_trait,
        reason = "a row is lent, which an Iterator cannot do"
    )]
    pub fn next(&mut self) -> Result<Option<&[u8]>, GenerateError> {
        if self.given == self.made && self.left == 0 {
            return Ok(None);
        }
        self.advance().ok_or(GenerateError::Engine)?;
        Ok(Some(self.bytes))
    }

    fn advance(&mut self) -> Option<()> {
        let (plan, shape) = (&self.plan, self.model.shape());
        if !self.begun {
            for layer in self.model.layers().take(plan.base + plan.first) {
                run(&layer.ok()?, &self.context, self.scratch, self.frame)?;
            }
            self.begun = true;
        }
        let by_rows = plan.first < plan.count;
        if self.given == self.made {
            self.made = if by_rows {
                self.stages
                    .next(plan, self.model, &self.context, self.scratch, self.frame)?
            } else {
                shape.height
            };
            self.given = 0;
            self.left = self.left.checked_sub(self.made).filter(|_| self.made > 0)?;
        }
        let last = (plan.base + plan.count).checked_sub(1)?;
        let dtype = self.model.layer(last)?.output_dtype;
        let plane = if by_rows {
            shape.width
        } else {
            shape.height * shape.width
        };
        let planes = self.frame.get(self.given * shape.width * dtype.size()..)?;
        row_to_hwc_u8(planes, dtype, shape, plane, self.model.range(), self.bytes)?;
        self.given += 1;
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
    plan.scratch_len
        .saturating_add(ALIGNMENT - 1)
        .saturating_add(aligned(plan.frame_len))
        .saturating_add(glance.row_len())
}

/// `len` up to a multiple of the alignment; what is no length stays too long for any memory.
const fn aligned(len: usize) -> usize {
    len.saturating_add(ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
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
