//! Every random number of a run: counter-based streams, by the run's seed, a purpose and a step.
//!
//! No generator is carried along, so a resumed run draws exactly what an undisturbed one would have
//! drawn.

use burn::tensor::{Device, Tensor, TensorData};
use dreamlet_runtime::latent::Stream;

/// What a stream is for; two purposes never share values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Initial weights of the generator or decoder.
    GeneratorInit,
    /// Initial weights of the discriminator or encoder.
    DiscriminatorInit,
    /// Latents of a training step.
    Latents,
    /// The noise of the reparameterization trick.
    Reparameterization,
    /// The noise of the second stage's reparameterization.
    SecondStage,
    /// Differentiable augmentation of what the discriminator sees.
    Augmentation,
    /// Noise on what the discriminator sees.
    InstanceNoise,
    Dropout,
    /// Where between real and generated the gradient penalty looks.
    PenaltyMix,
    /// Latents that calibrate an average's batch normalization.
    Calibration,
    /// Projections and latents of the score that picks the best checkpoint.
    Score,
}

impl Purpose {
    fn domain(self) -> &'static str {
        match self {
            Self::GeneratorInit => "train.gen-init",
            Self::DiscriminatorInit => "train.dis-init",
            Self::Latents => "train.latents",
            Self::Reparameterization => "train.reparam",
            Self::SecondStage => "train.second",
            Self::Augmentation => "train.diffaug",
            Self::InstanceNoise => "train.noise",
            Self::Dropout => "train.dropout",
            Self::PenaltyMix => "train.penalty",
            Self::Calibration => "train.calibrate",
            Self::Score => "train.score",
        }
    }
}

/// The stream of `seed` for `purpose` at `index` (a step, a parameter's number, …).
pub(crate) fn stream(seed: u64, purpose: Purpose, index: u64) -> Stream {
    Stream::new(seed, purpose.domain(), index)
}

/// Independent standard normals, shape `[rows, columns]`.
pub(crate) fn normals(
    seed: u64,
    purpose: Purpose,
    index: u64,
    rows: usize,
    columns: usize,
    device: &Device,
) -> Tensor<2> {
    let values = normal_values(seed, purpose, index, rows.saturating_mul(columns));
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

/// The same as numbers.
pub(crate) fn normal_values(seed: u64, purpose: Purpose, index: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0_f32; count];
    stream(seed, purpose, index).fill_normal(&mut values);
    values
}
