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
//! others, what the file does not say is taken from [`Assumptions`].
//!
//! # What tract is given
//! Not the file, but its canonical graph ([`dreamlet_onnx::graph`]) for one image: so errors of an
//! engine in old operator sets, large batches or rare modes cannot make a wrong image. At loading
//! one image is compared with the [reference](dreamlet_onnx::reference), for graphs of up to
//! [`CHECKED_WORK`] multiplications and [`CHECKED_VALUE_BYTES`].
//!
//! # What it allocates
//! Loading optimizes the network for one image and keeps the plan and its state. tract
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

use dreamlet_onnx::Inspection;

use crate::card::{Card, GoldenMatch};
use crate::generator::{GenerateError, Generator, check_call};
use crate::image::{PixelRange, Shape, to_hwc_u8};
use crate::latent::Distribution;
use crate::onnx::{Difference, OnnxFile, ReferenceImage};

pub use crate::onnx::{Assumptions, Facts};
pub use error::OnnxError;
use plan::Plan;

/// Most multiplications of an image that loading compares with the reference.
pub const CHECKED_WORK: u64 = 1_000_000_000;

/// Most bytes of all values between the layers of an image that loading compares with the
/// reference: where they are many, each costs more than the multiplications.
pub const CHECKED_VALUE_BYTES: u64 = 16 << 20;

/// How far tract may be from the reference, relative to the range of the image's elements.
const TOLERANCE: f32 = 1e-3;

/// An ONNX generator, checked, optimized and ready.
#[derive(Debug)]
pub struct OnnxGenerator {
    inspection: Inspection,
    card: Option<Card>,
    facts: Facts,
    image_len: usize,
    plan: Plan,
    last_error: Option<OnnxError>,
}

impl OnnxGenerator {
    /// Loads a file with no assumptions.
    ///
    /// # Errors
    /// [`OnnxError`] if the file is refused or does not say all that is needed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OnnxError> {
        let assumptions = Assumptions::default();
        let file = dreamlet_onnx::read(path.as_ref(), &assumptions.limits)?;
        Self::from_bytes(&file, &assumptions)
    }

    /// Loads a file from memory.
    ///
    /// # Errors
    /// [`OnnxError`] if the file is refused or neither it nor `assumptions` say all that is needed.
    pub fn from_bytes(file: &[u8], assumptions: &Assumptions) -> Result<Self, OnnxError> {
        let file = OnnxFile::from_bytes(file, assumptions)?;
        Self::from_file(file, assumptions)
    }

    /// Loads a file that has been checked.
    ///
    /// # Errors
    /// [`OnnxError`] if neither it nor `assumptions` say all that is needed, or if tract makes
    /// another image than the reference.
    pub fn from_file(file: OnnxFile, assumptions: &Assumptions) -> Result<Self, OnnxError> {
        let facts = assumptions.facts(&file)?;
        let OnnxFile {
            graph: checked,
            card,
        } = file;
        let inspection = &checked.inspection;
        let compares = inspection.work <= CHECKED_WORK
            && inspection.value_bytes <= CHECKED_VALUE_BYTES
            && !assumptions.unchecked;
        let reference = match compares {
            true => Some(ReferenceImage::new(&checked, &facts).ok_or_else(|| {
                OnnxError::Load("the reference cannot compute the graph".to_string())
            })?),
            false => None,
        };
        let planned = |optimized| {
            let mut plan = Plan::new(&checked.graph, optimized)?;
            if let Some(reference) = &reference {
                compare(reference, &mut plan)?;
            }
            Ok::<Plan, OnnxError>(plan)
        };
        // Where tract's optimizer fails, the graph runs as it stands: slower, but right.
        let plan = planned(true).or_else(|first| planned(false).map_err(|_| first))?;
        Ok(Self {
            plan,
            inspection: checked.inspection,
            card,
            image_len: facts.shape.len().unwrap_or(0),
            facts,
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
        self.facts.distribution
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
        let pixels = latents
            .chunks_exact(latent_len)
            .zip(images.chunks_exact_mut(image_len));
        for (index, (latent, image)) in pixels.enumerate() {
            let class = classes.and_then(|classes| classes.get(index).copied());
            check_call(self, latent, class, image).map_err(OnnxError::Call)?;
            self.plan.run(latent, class, image)?;
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
            let check = to_hwc_u8(&image, self.facts.shape, self.facts.range, &mut bytes)
                .and_then(|()| golden.check(card.tolerance, self.facts.shape, &bytes));
            results.push(check.map_err(|error| OnnxError::Run(error.to_string()))?);
        }
        Ok(results)
    }
}

/// Compares one image of tract with the reference's.
fn compare(reference: &ReferenceImage, plan: &mut Plan) -> Result<(), OnnxError> {
    let mut made = [0.0].repeat(reference.image.len());
    plan.run(&reference.latent, reference.class, &mut made)?;
    let compared = reference.compare(&made, TOLERANCE);
    compared.map_err(|Difference { allowed, found }| OnnxError::Differs {
        expected: allowed,
        found,
    })
}

impl Generator for OnnxGenerator {
    fn latent_len(&self) -> usize {
        self.inspection.latent_len
    }

    fn shape(&self) -> Shape {
        self.facts.shape
    }

    fn range(&self) -> PixelRange {
        self.facts.range
    }

    fn classes(&self) -> usize {
        self.facts.classes
    }

    fn generate(
        &mut self,
        latent: &[f32],
        class: Option<usize>,
        image: &mut [f32],
    ) -> Result<(), GenerateError> {
        check_call(self, latent, class, image)?;
        self.plan.run(latent, class, image).map_err(|error| {
            self.last_error = Some(error);
            GenerateError::Engine
        })
    }
}
