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
//! one image is compared with the [`reference`](mod@dreamlet_onnx::reference), for graphs of up to
//! [`CHECKED_WORK`] multiplications.
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

use dreamlet_onnx::{CheckedGraph, Inspection, reference};

use crate::card::{Card, GoldenMatch};
use crate::generator::{GenerateError, Generator, check_call};
use crate::image::{PixelRange, Shape, to_hwc_u8};
use crate::latent::Distribution;
use crate::onnx::OnnxFile;

pub use crate::onnx::{Assumptions, Facts};
pub use error::OnnxError;
use plan::Plan;

/// Most multiplications of an image that loading compares with the reference: some seconds.
pub const CHECKED_WORK: u64 = 1_000_000_000;

/// How far tract may be from the reference, relative to the range of the image's elements.
const TOLERANCE: f32 = 1e-3;

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
    plan: Plan,
    last_error: Option<OnnxError>,
}

/// An image as the reference makes it, to be compared with tract's.
struct Sample {
    latent: Vec<f32>,
    class: Option<usize>,
    image: Vec<f32>,
    /// How far an element may be away.
    allowed: f32,
}

impl Sample {
    fn new(
        checked: &CheckedGraph,
        range: PixelRange,
        distribution: Distribution,
        classes: usize,
    ) -> Result<Self, OnnxError> {
        let mut latent = [0.0].repeat(checked.inspection.latent_len);
        distribution.fill(0, None, &mut latent);
        let class = classes.checked_sub(1).map(|last| last / 2);
        let image = reference::run(&checked.graph, &latent, class.unwrap_or(0));
        let image = image.ok_or_else(|| OnnxError::Load("no reference".to_string()))?;
        let bounds = image.iter().fold((0.0f32, 0.0f32), |(low, high), x| {
            (low.min(*x), high.max(*x))
        });
        let allowed = TOLERANCE * (bounds.1 - bounds.0).max(range.high - range.low);
        Ok(Self {
            latent,
            class,
            image,
            allowed,
        })
    }

    fn check(&self, plan: &mut Plan) -> Result<(), OnnxError> {
        let mut made = [0.0].repeat(self.image.len());
        plan.run(&self.latent, self.class, &mut made)?;
        let pairs = made.iter().zip(&self.image);
        // What is not finite in both is the same.
        let far = pairs.map(|(a, b)| {
            if a.is_finite() || b.is_finite() {
                (a - b).abs()
            } else {
                0.0
            }
        });
        let most = far.fold(0.0f32, |most, x| {
            if x.is_nan() {
                f32::INFINITY
            } else {
                most.max(x)
            }
        });
        match most <= self.allowed {
            true => Ok(()),
            false => Err(OnnxError::Differs {
                expected: self.allowed,
                found: most,
            }),
        }
    }
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
        let Facts {
            shape,
            range,
            distribution,
            classes,
        } = assumptions.facts(&file)?;
        let OnnxFile {
            graph: checked,
            card,
        } = file;
        let sample = match checked.inspection.work <= CHECKED_WORK && !assumptions.unchecked {
            true => Some(Sample::new(&checked, range, distribution, classes)?),
            false => None,
        };
        let planned = |optimized| {
            let mut plan = Plan::new(&checked.graph, optimized)?;
            sample
                .iter()
                .try_for_each(|sample| sample.check(&mut plan))?;
            Ok::<Plan, OnnxError>(plan)
        };
        // Where tract's optimizer fails, the graph runs as it stands: slower, but right.
        let plan = planned(true).or_else(|first| planned(false).map_err(|_| first))?;
        Ok(Self {
            plan,
            inspection: checked.inspection,
            card,
            shape,
            image_len: shape.len().unwrap_or(0),
            range,
            distribution,
            classes,
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
            let check = to_hwc_u8(&image, self.shape, self.range, &mut bytes)
                .and_then(|()| golden.check(card.tolerance, self.shape, &bytes));
            results.push(check.map_err(|error| OnnxError::Run(error.to_string()))?);
        }
        Ok(results)
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
        self.plan.run(latent, class, image).map_err(|error| {
            self.last_error = Some(error);
            GenerateError::Engine
        })
    }
}
