//! Runs ONNX generators with [tract](https://crates.io/crates/tract-onnx), after
//! [checking](dreamlet_onnx) them.
//!
//! ```no_run
//! use dreamlet_runtime::engine::tract::OnnxGenerator;
//! use dreamlet_runtime::generator::Generator;
//!
//! let mut generator = OnnxGenerator::open("digits.onnx")?;
//! let mut latent = vec![0.0; generator.latent_len()];
//! generator.distribution().fill(42, Some(0.8), &mut latent);
//! let mut image = vec![0.0; generator.image_len()];
//! generator.generate(&latent, None, &mut image)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Files written by `dreamlet export` carry a [card](crate::card) and need nothing else. For
//! others, with an input `[N, z]` or `[N, z, 1, 1]` and an output `[N, channels, height, width]`,
//! what the file does not say is taken from [`Assumptions`].
//!
//! # What it allocates
//! Loading optimizes the network for one image at a time and keeps the plan and its state. tract
//! takes no output buffer and allocates the values between layers anew at each call, so a call of
//! `generate` allocates:
//!
//! | generator | allocations | bytes |
//! | --- | --- | --- |
//! | dense 100-256-784 | 21 | 7,968 |
//! | dense 20-400-784 | 21 | 8,480 |
//! | DCGAN 28x28 (z 64, 7x7x128) | 34 | 397,984 |
//! | the same with nearest x2 and 3x3 convolutions | 39 | 1,106,544 |
//!
//! All of it is freed before the call returns. Measured with tract 0.23.9 on x86-64 (AVX-512) by
//! `cargo test --release -p dreamlet-runtime --features tract --test allocations -- --nocapture`.
//!
//! # Safety net
//! Should the check miss something and tract panic, the panic is caught and comes back as
//! [`OnnxError::Panicked`] (its message still goes to standard error through the panic hook). In
//! programs built with `panic = "abort"` this last line of defence does not exist.

mod error;
mod plan;

use alloc::string::ToString;
use alloc::vec::Vec;
use std::path::Path;

use dreamlet_onnx::proto::Message as _;
use dreamlet_onnx::{Inspection, Limits};
use tract_onnx::prelude::*;

use crate::card::{Card, GoldenMatch};
use crate::generator::{GenerateError, Generator, check_call};
use crate::image::{PixelRange, Shape, to_hwc_u8};
use crate::latent::Distribution;
use crate::onnx::OnnxFile;

pub use crate::onnx::{Assumptions, Facts};
pub use error::OnnxError;
use plan::{Plan, guard};

/// Batch sizes that dense networks are planned for, largest first. Convolutional ones run one image
/// at a time, which is faster in tract 0.23: its convolutions lose more at larger batches than
/// calls cost.
const BATCHES: [usize; 3] = [32, 8, 1];

/// An ONNX generator, checked, optimized and ready.
#[derive(Debug)]
pub struct OnnxGenerator {
    inspection: Inspection,
    card: Option<Card>,
    shape: Shape,
    image_len: usize,
    range: PixelRange,
    distribution: Distribution,
    classes: usize,
    single: Plan,
    /// The network as it was read, where larger batches may be planned.
    source: Option<InferenceModel>,
    batched: Vec<Plan>,
    batch_limit: usize,
    last_error: Option<OnnxError>,
}

impl OnnxGenerator {
    /// Loads a file with default [`Limits`] and no assumptions.
    ///
    /// # Errors
    /// [`OnnxError`] if the file is refused or does not say all that is needed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OnnxError> {
        let limits = Limits::default();
        Self::from_bytes(
            &dreamlet_onnx::read(path.as_ref(), &limits)?,
            &limits,
            &Assumptions::default(),
        )
    }

    /// Loads a file from memory.
    ///
    /// # Errors
    /// [`OnnxError`] if the file is refused or neither it nor `assumptions` say all that is needed.
    pub fn from_bytes(
        file: &[u8],
        limits: &Limits,
        assumptions: &Assumptions,
    ) -> Result<Self, OnnxError> {
        let file = OnnxFile::from_bytes(file, limits)?;
        Self::from_file(file, limits, assumptions)
    }

    /// Loads a file that has been checked.
    ///
    /// # Errors
    /// [`OnnxError`] if neither it nor `assumptions` say all that is needed.
    pub fn from_file(
        file: OnnxFile,
        limits: &Limits,
        assumptions: &Assumptions,
    ) -> Result<Self, OnnxError> {
        let Facts {
            shape,
            range,
            distribution,
            classes,
        } = assumptions.facts(&file)?;
        let image_len = shape.len().unwrap_or(0);
        let OnnxFile { graph, card } = file;
        let inspection = graph.inspection;
        let source = guard(|| {
            let onnx = onnx()
                .with_ignore_value_info(true)
                .with_ignore_output_shapes(true);
            // tract is given what was checked, not the file: it has its own types of the same
            // messages.
            let checked = graph.model.encode_to_vec();
            drop(graph.model);
            onnx.model_for_read(&mut checked.as_slice())
                .map_err(|error| OnnxError::load(&error))
        })?;
        let single = Plan::new(source.clone(), &inspection, image_len, 1)?;
        let room = limits.value_bytes / inspection.value_bytes.max(1);
        let batch_limit = usize::try_from(room).unwrap_or(usize::MAX);
        let source = (!inspection.convolutional).then_some(source);
        Ok(Self {
            inspection,
            card,
            shape,
            image_len,
            range,
            distribution,
            classes,
            single,
            source,
            batched: Vec::new(),
            batch_limit,
            last_error: None,
        })
    }

    /// What the check found out about the file.
    #[must_use]
    pub const fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// The card, if the file has one.
    #[must_use]
    pub const fn card(&self) -> Option<&Card> {
        self.card.as_ref()
    }

    /// What latents are drawn from.
    #[must_use]
    pub const fn distribution(&self) -> Distribution {
        self.distribution
    }

    /// Values of an image, `channels * height * width`.
    #[must_use]
    pub const fn image_len(&self) -> usize {
        self.image_len
    }

    /// The error behind the last [`GenerateError::Engine`], once.
    pub const fn take_error(&mut self) -> Option<OnnxError> {
        self.last_error.take()
    }

    /// Makes one image for each latent vector: `latents` holds `n` of them one after the other,
    /// `images` has room for `n` images in channel, row, column order, and a conditional generator
    /// takes `n` classes.
    ///
    /// Dense networks run in batches of 32 and 8, planned at the first use; convolutional ones
    /// image by image, which is faster.
    ///
    /// # Errors
    /// [`OnnxError::Batch`] if the lengths do not go together, [`OnnxError::Call`] for a
    /// class or latent that the generator does not take, and tract's own errors; `images` is then
    /// unspecified.
    pub fn generate_batch(
        &mut self,
        latents: &[f32],
        classes: Option<&[usize]>,
        images: &mut [f32],
    ) -> Result<(), OnnxError> {
        let (latent_len, image_len) = (self.inspection.latent_len, self.image_len);
        let count = latents.len() / latent_len.max(1);
        let expect = |what, expected: usize, found: usize| match expected == found {
            true => Ok(()),
            false => Err(OnnxError::Batch {
                what,
                expected,
                found,
            }),
        };
        expect("latent values", count * latent_len, latents.len())?;
        expect(
            "image values",
            count.saturating_mul(image_len),
            images.len(),
        )?;
        if let Some(classes) = classes {
            expect("classes", count, classes.len())?;
        }
        let mut done = 0;
        let pixels = latents
            .chunks_exact(latent_len)
            .zip(images.chunks_exact(image_len));
        for (index, (latent, image)) in pixels.enumerate() {
            let class = classes.and_then(|classes| classes.get(index).copied());
            check_call(self, latent, class, image).map_err(OnnxError::Call)?;
        }
        while done < count {
            let left = count - done;
            let mut size = self.batch_size(left);
            if self.plan(size).is_err() {
                // A graph that fixes its batch inside still makes pixels one by one.
                self.source = None;
                size = 1;
            }
            let latents = latents
                .get(done * latent_len..(done + size) * latent_len)
                .unwrap_or_default();
            let images = images
                .get_mut(done * image_len..(done + size) * image_len)
                .unwrap_or_default();
            let classes = classes
                .and_then(|classes| classes.get(done..done + size))
                .unwrap_or_default();
            self.plan(size)?.run(latents, classes, images)?;
            done += size;
        }
        Ok(())
    }

    /// Makes the card's golden pixels again and compares them; empty without a card or without
    /// golden pixels.
    ///
    /// # Errors
    /// [`OnnxError`] if an image cannot be made.
    pub fn check_golden(&mut self) -> Result<Vec<GoldenMatch>, OnnxError> {
        let Some(card) = self.card.clone() else {
            return Ok(Vec::new());
        };
        let mut latent = [0.0].repeat(card.latent.len);
        let mut image = [0.0].repeat(self.image_len);
        let mut bytes = [0].repeat(self.image_len);
        let mut results = Vec::new();
        for golden in &card.golden {
            card.latent
                .distribution
                .fill(golden.seed, None, &mut latent);
            let class = golden.class.as_ref().map(core::slice::from_ref);
            self.generate_batch(&latent, class, &mut image)?;
            let check = to_hwc_u8(&image, self.shape, self.range, &mut bytes)
                .and_then(|()| golden.check(card.tolerance, self.shape, &bytes));
            results.push(check.map_err(|error| OnnxError::Run(error.to_string()))?);
        }
        Ok(results)
    }

    /// The largest planned batch that `left` images fill and memory allows.
    fn batch_size(&self, left: usize) -> usize {
        if self.source.is_none() {
            return 1;
        }
        BATCHES
            .into_iter()
            .find(|size| *size <= left && *size <= self.batch_limit)
            .unwrap_or(1)
    }

    fn plan(&mut self, size: usize) -> Result<&mut Plan, OnnxError> {
        let Some(source) = self.source.as_ref().filter(|_| size > 1) else {
            return Ok(&mut self.single);
        };
        let place = match self.batched.iter().position(|plan| plan.batch == size) {
            Some(place) => place,
            None => {
                self.batched.push(Plan::new(
                    source.clone(),
                    &self.inspection,
                    self.image_len,
                    size,
                )?);
                self.batched.len() - 1
            }
        };
        Ok(self.batched.get_mut(place).unwrap_or(&mut self.single))
    }
}

impl Generator for OnnxGenerator {
    fn latent_len(&self) -> usize {
        self.inspection.latent_len
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn range(&self) -> PixelRange {
        self.range
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn generate(
        &mut self,
        latent: &[f32],
        class: Option<usize>,
        image: &mut [f32],
    ) -> Result<(), GenerateError> {
        check_call(self, latent, class, image)?;
        let class = class.as_slice();
        self.single.run(latent, class, image).map_err(|error| {
            self.last_error = Some(error);
            GenerateError::Engine
        })
    }
}
