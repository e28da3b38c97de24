//! Several images at once.

use super::engine::{Engine, u8_to_f32};
use super::format::{ALIGNMENT, BufferRef, DType, Layer, Op, OperandRef};
use super::kernels::{as_bytes, as_bytes_mut};
use super::run::{dense, run};
use super::scratch::second_len;
use super::strided::parts;
use crate::generator::GenerateError;

/// Dense layers that follow one another.
#[derive(Clone, Copy, Debug)]
struct DenseRun {
    first: usize,
    end: usize,
    /// Bytes of the longest vector that one of them reads or writes.
    widest: usize,
}

impl DenseRun {
    /// Bytes of the vectors of `count` images, before and after a layer.
    fn bytes(&self, count: usize) -> usize {
        let half = self.widest.saturating_mul(count).div_ceil(ALIGNMENT);
        half.saturating_mul(2 * ALIGNMENT)
    }
}

/// Bytes of what a layer reads, and of what it writes.
fn widths(layer: &Layer) -> Option<(usize, usize)> {
    let input = layer.input_shape.bytes(layer.input_dtype);
    let output = layer.output_shape.bytes(layer.output_dtype);
    Some((input.try_into().ok()?, output.try_into().ok()?))
}

impl Engine<'_> {
    /// Makes several images: `latents` and `images` hold them one after another, `classes` one
    /// class for each, or none. With more scratch memory than
    /// [`Model::scratch_len`](super::Model::scratch_len), best [`Self::batch_scratch_len`], dense
    /// layers read their weights once for several images.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn generate_batch(
        &self,
        latents: &[f32],
        classes: Option<&[usize]>,
        scratch: &mut [u8],
        images: &mut [f32],
    ) -> Result<(), GenerateError> {
        let (latent_len, image_len) = (self.model.latent_len(), self.model.image_len());
        let count = latents.len() / latent_len.max(1);
        if latents.len() != count * latent_len {
            return Err(GenerateError::LatentLength {
                expected: (count + 1) * latent_len,
                found: latents.len(),
            });
        }
        if images.len() != count * image_len {
            return Err(GenerateError::ImageLength {
                expected: count * image_len,
                found: images.len(),
            });
        }
        if let Some(classes) = classes
            && classes.len() != count
        {
            return Err(GenerateError::ClassCount {
                expected: count,
                found: classes.len(),
            });
        }
        let class = |i: usize| classes.and_then(|classes| classes.get(i).copied());
        for (i, (latent, image)) in latents
            .chunks_exact(latent_len)
            .zip(images.chunks_exact(image_len))
            .enumerate()
        {
            self.check(latent, class(i), image)?;
        }
        let scratch = self.aligned(scratch)?;
        let (single, shared) = scratch
            .split_at_mut_checked(self.model.header().scratch_len as usize)
            .ok_or(GenerateError::Engine)?;
        let run = self.dense_run();
        let at_once = match run {
            Some(run) => (shared.len() / run.bytes(1).max(1)).min(count),
            None => 0,
        };
        if let Some(run) = run
            && at_once > 1
        {
            let mut done = 0;
            for (latents, images) in latents
                .chunks(at_once * latent_len)
                .zip(images.chunks_mut(at_once * image_len))
            {
                let shared = shared
                    .get_mut(..run.bytes(at_once))
                    .ok_or(GenerateError::Engine)?;
                self.dense_batch(run, latents, |i| class(done + i), single, shared, images)
                    .ok_or(GenerateError::Engine)?;
                done += at_once;
            }
            return Ok(());
        }
        for (i, (latent, image)) in latents
            .chunks_exact(latent_len)
            .zip(images.chunks_exact_mut(image_len))
            .enumerate()
        {
            self.layers(0, latent, class(i), single, image)?;
        }
        Ok(())
    }

    /// Scratch bytes with which [`Self::generate_batch`] is fastest for `count` images.
    #[must_use]
    pub fn batch_scratch_len(&self, count: usize) -> usize {
        let shared = self.dense_run().map_or(0, |run| run.bytes(count));
        self.model.scratch_len().saturating_add(shared)
    }

    /// The first dense layers that follow one another, the output of each but the last being read
    /// by the next one alone.
    fn dense_run(&self) -> Option<DenseRun> {
        let mut run: Option<DenseRun> = None;
        let (mut output, mut output_len) = (BufferRef::None, 0);
        for (index, layer) in self.model.layers().enumerate() {
            let layer = layer.ok()?;
            let (input, width) = widths(&layer)?;
            match &mut run {
                None if layer.op == Op::Dense => {
                    run = Some(DenseRun {
                        first: index,
                        end: index + 1,
                        widest: input.max(width),
                    });
                }
                None => {}
                Some(run)
                    if layer.op == Op::Dense
                        && layer.input == output
                        && !self.is_read(index + 1, output, output_len) =>
                {
                    run.end = index + 1;
                    run.widest = run.widest.max(width);
                }
                Some(_) => break,
            }
            (output, output_len) = (layer.output, width);
        }
        run
    }

    /// Whether a layer from number `from` on reads any of the `len` bytes at `buffer` before one
    /// writes over them.
    fn is_read(&self, from: usize, buffer: BufferRef, len: usize) -> bool {
        let BufferRef::Scratch(start) = buffer else {
            return false;
        };
        let (start, end) = (u64::from(start), u64::from(start) + len as u64);
        for layer in self.model.layers().skip(from) {
            let Ok(layer) = layer else { return true };
            let meets = |at: BufferRef, bytes: u64| matches!(at, BufferRef::Scratch(at) if u64::from(at) < end && start < u64::from(at) + bytes);
            if let Op::Strided(kind, words) = layer.op {
                let Some(strided) = parts(&layer, kind, words, self.model.weights()) else {
                    return true;
                };
                let sizes = strided.read_sizes();
                let mut operands = strided.operands();
                if operands.any(|(operand, walk)| match (*operand, walk.reach(&sizes)) {
                    (OperandRef::Scratch(at), Some((_, last))) => meets(
                        BufferRef::Scratch(at),
                        last.saturating_add(1).saturating_mul(4),
                    ),
                    _ => false,
                }) {
                    return true;
                }
                // It may write a part only.
                continue;
            }
            let input = layer.input_shape.bytes(layer.input_dtype);
            let second = second_len(&layer, layer.input_shape.height).unwrap_or(u64::MAX >> 1);
            if meets(layer.input, input) || meets(layer.second, second) {
                return true;
            }
            let output = layer.output_shape.bytes(layer.output_dtype);
            if matches!(layer.output, BufferRef::Scratch(at) if u64::from(at) <= start && end <= u64::from(at) + output)
            {
                return false;
            }
        }
        false
    }

    /// Runs the layers before `dense` for each image, the dense layers for all together, and the
    /// rest for each again.
    fn dense_batch(
        &self,
        dense_run: DenseRun,
        latents: &[f32],
        class: impl Fn(usize) -> Option<usize>,
        single: &mut [u8],
        shared: &mut [u8],
        images: &mut [f32],
    ) -> Option<()> {
        let latent_len = self.model.latent_len();
        let image_len = self.model.image_len();
        let count = latents.len() / latent_len.max(1);
        let (mut input, mut output) = shared.split_at_mut_checked(shared.len() / 2)?;
        let first = self.model.layers().nth(dense_run.first)?.ok()?;
        let (width, _) = widths(&first)?;
        for (i, latent) in latents.chunks_exact(latent_len).enumerate() {
            let context = self.context(latent, class(i));
            for layer in self.model.layers().take(dense_run.first) {
                run(&layer.ok()?, &context, single, &mut [])?;
            }
            let from = match first.input {
                BufferRef::Latent => as_bytes(latent),
                BufferRef::Scratch(offset) => single.get(offset as usize..)?.get(..width)?,
                _ => return None,
            };
            input
                .get_mut(i * width..)?
                .get_mut(..width)?
                .copy_from_slice(from);
        }
        let context = self.context(&[], None);
        let mut last: Option<Layer> = None;
        for layer in self
            .model
            .layers()
            .skip(dense_run.first)
            .take(dense_run.end - dense_run.first)
        {
            let layer = layer.ok()?;
            if layer.output == BufferRef::Image && layer.output_dtype == DType::F32 {
                return dense(&layer, &context, input, count, as_bytes_mut(images));
            }
            dense(&layer, &context, input, count, output)?;
            core::mem::swap(&mut input, &mut output);
            last = Some(layer);
        }
        let last = last?;
        let (_, width) = widths(&last)?;
        let offset = match last.output {
            BufferRef::Scratch(offset) => offset,
            BufferRef::Image => {
                let bytes = input.get(..images.len())?;
                u8_to_f32(bytes, images, self.model.range());
                return Some(());
            }
            _ => return None,
        };
        for (i, (latent, image)) in latents
            .chunks_exact(latent_len)
            .zip(images.chunks_exact_mut(image_len))
            .enumerate()
        {
            // What the layers before the dense ones have left for later ones was of another image.
            let context = self.context(latent, class(i));
            for layer in self.model.layers().take(dense_run.first) {
                run(&layer.ok()?, &context, single, &mut [])?;
            }
            let from = input.get(i * width..)?.get(..width)?;
            single
                .get_mut(offset as usize..)?
                .get_mut(..width)?
                .copy_from_slice(from);
            self.layers(dense_run.end, latent, class(i), single, image)
                .ok()?;
        }
        Some(())
    }
}
