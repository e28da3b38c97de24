//! Presets, files and `--set` become one resolved, validated [`Config`].
//!
//! Every key is listed once, in [`keys`]: its type, its range and what it does. Whatever a person writes is
//! checked against that list before it becomes a struct, so each message can name the key and its range.

pub mod keys;
mod presets;
mod resolve;

pub use presets::{PRESETS, Preset, preset};
pub use resolve::{Overrides, Source, resolve};
pub(crate) use resolve::{check_value, from_text};

use serde::{Deserialize, Serialize};

use crate::files::sha256;

/// Everything a run depends on, apart from the device it runs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The configuration's name, also the end of the run folder's.
    pub name: String,
    /// Which pictures.
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
    /// Mirror every second training picture left and right.
    pub flip: bool,
    /// Move training pictures by up to so many pixels in both directions.
    pub shift: u32,
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
    /// Convolutional nets: feature maps at half the picture's size; doubled at each smaller size, up to 512.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Last activation of the generator.
    pub output: OutputActivation,
}

/// What the generator minimizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GeneratorLoss {
    /// E\[log(1 − D(G(z)))\], the formula of Goodfellow et al. 2014, equation 1.
    Minimax,
    /// −E\[log D(G(z))\], the same paper, section 3: strong gradients while the discriminator wins.
    NonSaturating,
}

/// Section `[gan]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GanConfig {
    /// What the generator minimizes.
    pub generator_loss: GeneratorLoss,
    /// The discriminator's target on real pictures, 0.5 to 1 (one-sided, Salimans et al. 2016, section 3.4).
    pub label_smoothing: f64,
    /// Discriminator steps for each generator step.
    pub discriminator_steps: usize,
}

/// log p(x|z) of a VAE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likelihood {
    /// Cross-entropy with grey values as probabilities.
    Bernoulli,
    /// Unit-free Gaussian with σ = 0.1 of the pixel range.
    Gaussian,
}

/// Section `[vae]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VaeConfig {
    /// log p(x|z).
    pub likelihood: Likelihood,
    /// Weight of the Kullback–Leibler term (Higgins et al. 2017).
    pub beta: f64,
}

/// Section `[optimizer]`: Adam (Kingma and Ba 2015), ε = 1e-8.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptimizerConfig {
    /// Pictures in one step.
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
}

/// Section `[training]`. The run ends at the first of `epochs`, `steps` and `seconds`; 0 means no such limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingConfig {
    /// Passes over the training pictures.
    pub epochs: u64,
    /// Generator steps.
    pub steps: u64,
    /// Wall-clock seconds spent in training, resumed runs included.
    pub seconds: u64,
    /// Fixes initialization, shuffling and latents.
    pub seed: u64,
    /// Steps between two lines of `stats.jsonl`.
    pub log_every: u64,
    /// Steps between two sample pictures.
    pub sample_every: u64,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
    /// How many of the newest checkpoints stay.
    pub keep: usize,
}

impl Config {
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
