//! Presets, files and `--set` become one resolved, validated [`Config`].
//!
//! Every key is listed once, in [`keys`]: its type, its range and what it does. Whatever a person writes is
//! checked against that list before it becomes a struct, so each message can name the key and its range.

pub mod keys;
mod presets;
mod resolve;

pub use presets::{PRESETS, Preset, preset};
pub use resolve::{Overrides, Source, is_given, resolve};
pub(crate) use resolve::{check_value, from_text, with_limits};

use serde::{Deserialize, Serialize};

use crate::atomic_file::sha256;

/// Everything a run depends on, apart from the device it runs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The configuration's name, also the end of the run folder's.
    pub name: String,
    /// Which images.
    pub data: DataConfig,
    /// Which nets.
    pub model: ModelConfig,
    /// Adversarial settings; present when `model.kind` is `gan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gan: Option<GanConfig>,
    /// Variational settings; present when `model.kind` is `vae`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vae: Option<VaeConfig>,
    /// Adam's settings.
    pub optimizer: OptimizerConfig,
    /// How long, how often, which seed.
    pub training: TrainingConfig,
}

/// Section `[data]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataConfig {
    /// `glyphs`, `mnist`, `fashion-mnist`, `idx:DIR` or `folder:DIR`.
    pub source: String,
    /// Height and width in pixels, a multiple of 4 from 16 to 128.
    pub size: usize,
    /// 1 for grey, 3 for RGB.
    pub channels: usize,
    /// Mirror every second training image left and right.
    pub flip: bool,
    /// Move training images by up to so many pixels in both directions.
    pub shift: u32,
    /// Make each pixel of a training image white with its grey value as probability, else black.
    pub binarize: bool,
}

/// The two families of generators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// Generative adversarial net.
    Gan,
    /// Variational autoencoder.
    Vae,
}

/// Shape of the nets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetKind {
    /// Dense layers with ReLU.
    Dense,
    /// Transposed convolutions 4x4 stride 2 with batch normalization.
    Dcgan,
    /// Nearest ×2 and 3x3 convolutions with batch normalization.
    DcganResize,
}

/// Last activation of a generator, which fixes its pixel range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputActivation {
    /// Pixels from 0 to 1.
    Sigmoid,
    /// Pixels from −1 to 1.
    Tanh,
}

impl OutputActivation {
    /// The values of black and white: `(low, high)`.
    #[must_use]
    pub fn range(self) -> (f32, f32) {
        match self {
            Self::Sigmoid => (0.0, 1.0),
            Self::Tanh => (-1.0, 1.0),
        }
    }
}

/// Section `[model]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// GAN or VAE.
    pub kind: ModelKind,
    /// Shape of the nets.
    pub net: NetKind,
    /// Length of the latent vector.
    pub latent: usize,
    /// Dense nets: widths of the hidden layers, from the latent side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<usize>,
    /// Convolutional nets: feature maps at half the image's size; doubled at each smaller size, up to 512.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Last activation of the generator.
    pub output: OutputActivation,
    /// Classes that are asked for and told apart; 0 for an unconditional model.
    pub classes: usize,
}

/// What the two players minimize; the formulas are in [`loss::adversarial`](crate::loss::adversarial).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdversarialLoss {
    /// Goodfellow et al. 2014, equation 1.
    Minimax,
    /// The same with the generator's −log D(G(z)): strong gradients while the discriminator wins.
    NonSaturating,
    /// Mao et al. 2017.
    LeastSquares,
    /// Lim and Ye 2017.
    Hinge,
    /// Arjovsky et al. 2017; wants a gradient penalty, weight clipping or spectral normalization.
    Wasserstein,
}

/// What keeps a discriminator's layers in bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiscriminatorNorm {
    /// Batch normalization on all feature maps but the first; nothing in dense nets.
    Batch,
    /// Nothing: what gradient penalties want.
    None,
    /// Spectral normalization (Miyato et al. 2018).
    Spectral,
}

/// Section `[gan]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GanConfig {
    /// What the players minimize.
    pub loss: AdversarialLoss,
    /// The discriminator's target on real images, 0.5 to 1 (one-sided, Salimans et al. 2016, section 3.4).
    pub label_smoothing: f64,
    /// Discriminator steps for each generator step.
    pub discriminator_steps: usize,
    /// What keeps the discriminator's layers in bounds.
    pub discriminator_norm: DiscriminatorNorm,
    /// Convolutional nets: width of a dense layer between the discriminator's feature maps and its logit; 0 for none.
    pub discriminator_hidden: usize,
    /// Share of the discriminator's features that are dropped in a step.
    pub dropout: f64,
    /// The share of itself that the average of the generator keeps at each step; 0 for no average.
    pub average: f64,
    /// γ of R1 (Mescheder et al. 2018); 0 for none.
    pub r1: f64,
    /// Discriminator steps from one R1 to the next, which counts as many times (Karras et al. 2020, "lazy").
    pub r1_every: u64,
    /// λ of the gradient penalty (Gulrajani et al. 2017); 0 for none.
    pub gradient_penalty: f64,
    /// Largest size of a discriminator's weight (Arjovsky et al. 2017); 0 for no limit.
    pub weight_clip: f64,
    /// Standard deviation of the noise on what the discriminator sees, in the range of pixels; it fades to 0 over the run
    /// (Sønderby et al. 2017).
    pub instance_noise: f64,
    /// Probability of differentiable augmentation, at first where it adapts.
    pub augment: f64,
    /// What E\[sign(l(x))\] the probability adapts to (Karras et al. 2020, equation 1); 0 for a fixed probability.
    pub augment_target: f64,
}

/// log p(x|z) of a VAE; the formulas are in [`loss::elbo`](crate::loss::elbo).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likelihood {
    /// Cross-entropy with grey values as probabilities.
    Bernoulli,
    /// The same as a density on 0 to 1.
    ContinuousBernoulli,
    /// A Gaussian with the standard deviation `sigma`.
    Gaussian,
    /// A Gaussian whose standard deviation suits the images best.
    GaussianLearned,
}

/// Section `[vae]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VaeConfig {
    /// log p(x|z).
    pub likelihood: Likelihood,
    /// Standard deviation of the Gaussian likelihood, in units of the pixel range.
    pub sigma: f64,
    /// Weight of the Kullback–Leibler term (Higgins et al. 2017).
    pub beta: f64,
    /// Steps in which β rises from 0; 0 for none.
    pub warmup: u64,
    /// Steps of a cycle in whose first half β rises from 0, again and again; 0 for none.
    pub cycle: u64,
    /// Nats below which a latent dimension's divergence does not count as smaller.
    pub free_bits: f64,
    /// Draws of the importance-weighted bound that is trained on; 1 for the evidence lower bound.
    pub samples: usize,
    /// Share of the run, at its end, in which a second VAE learns the latents of the first, which stays as it is (Dai and Wipf 2019);
    /// 0 for none.
    pub second_stage: f64,
    /// Widths of the hidden layers of the second stage's decoder, from its latents on; its encoder has them the other way round.
    pub second_hidden: Vec<usize>,
}

/// Section `[optimizer]`: Adam (Kingma and Ba 2015), ε = 1e-8.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptimizerConfig {
    /// Images in one step.
    pub batch: usize,
    /// Step size of the generator or the autoencoder.
    pub learning_rate: f64,
    /// Step size of the discriminator; GANs only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discriminator_learning_rate: Option<f64>,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Share of each weight that is added to its gradient.
    pub weight_decay: f64,
    /// How the step sizes change over the run.
    pub schedule: Schedule,
}

/// How step sizes change over a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// In the second half of the run, straight to 0.
    Linear,
    /// From the beginning, along half a cosine to 0 (Loshchilov and Hutter 2017).
    Cosine,
}

impl Schedule {
    /// What the step size is multiplied by at `fraction` of the run, 0 to 1.
    #[must_use]
    pub fn factor(self, fraction: f64) -> f64 {
        let fraction = fraction.clamp(0.0, 1.0);
        match self {
            Self::Constant => 1.0,
            Self::Linear => (2.0 * (1.0 - fraction)).min(1.0),
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * fraction).cos()),
        }
    }
}

/// Section `[training]`. The run ends at the first of `epochs`, `steps` and `seconds`; 0 means no such limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingConfig {
    /// Passes over the training images.
    pub epochs: u64,
    /// Generator steps.
    pub steps: u64,
    /// Wall-clock seconds spent in training, resumed runs included.
    pub seconds: u64,
    /// Fixes initialization, shuffling and latents.
    pub seed: u64,
    /// Steps between two lines of `stats.jsonl`.
    pub log_every: u64,
    /// Steps between two sample images.
    pub sample_every: u64,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
    /// How many of the newest checkpoints stay.
    pub keep: usize,
    /// Steps between two measurements of quality; 0 for none.
    pub eval_every: u64,
    /// Images on each side of a measurement.
    pub eval_samples: usize,
    /// The figure of a measurement that picks the best checkpoint and that `patience` goes by.
    pub best_by: BestBy,
    /// Measurements without a better one after which the run ends; 0 for never.
    pub patience: u64,
    /// What to do when all generated images are alike.
    pub on_collapse: OnCollapse,
}

/// The figure of a measurement that picks the best checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BestBy {
    /// The Fréchet distance of labelled data, the sliced Wasserstein distance of others.
    Auto,
    /// Fréchet distance of features.
    Frechet,
    /// Kernel distance of features.
    Kernel,
    /// Inception score of the data set's own classifier.
    InceptionScore,
    /// Share of the real images that generated ones cover.
    Recall,
    /// Share of the real images that have a generated one near by.
    Coverage,
    /// Sliced Wasserstein distance in pixels.
    SlicedWasserstein,
    /// Share of images in the class that was asked for.
    ClassAccuracy,
    /// A VAE's negative evidence lower bound on test images.
    Likelihood,
}

impl BestBy {
    /// Its name in a configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Frechet => "frechet",
            Self::Kernel => "kernel",
            Self::InceptionScore => "inception-score",
            Self::Recall => "recall",
            Self::Coverage => "coverage",
            Self::SlicedWasserstein => "sliced-wasserstein",
            Self::ClassAccuracy => "class-accuracy",
            Self::Likelihood => "likelihood",
        }
    }

    /// Whether it is of the features or of the classes of a classifier, which needs labels.
    #[must_use]
    pub const fn needs_labels(self) -> bool {
        !matches!(
            self,
            Self::Auto | Self::SlicedWasserstein | Self::Likelihood
        )
    }
}

/// What to do when all generated images are alike. It is told in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnCollapse {
    /// Go on.
    Ignore,
    /// End the run.
    Stop,
    /// Go back to the nets of the best checkpoint, at most three times, then end the run.
    Rollback,
}

impl Config {
    /// Widths of the hidden layers of the second stage; `None` where there is none.
    #[must_use]
    pub fn second_hidden(&self) -> Option<&[usize]> {
        let vae = self.vae.as_ref()?;
        (vae.second_stage > 0.0).then_some(vae.second_hidden.as_slice())
    }

    /// The configuration as TOML text, the file `config.toml` of a run.
    ///
    /// # Errors
    /// [`keys::ConfigError::Write`] when it cannot be expressed as TOML.
    pub fn to_toml(&self) -> Result<String, keys::ConfigError> {
        toml::to_string(self).map_err(|e| keys::ConfigError::Write(e.to_string()))
    }

    /// SHA-256 of the resolved TOML, in hexadecimal: the same for the same settings.
    ///
    /// # Errors
    /// As [`Config::to_toml`].
    pub fn hash(&self) -> Result<String, keys::ConfigError> {
        Ok(sha256(self.to_toml()?.as_bytes()))
    }
}
