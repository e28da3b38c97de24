//! The one list of keys, and the errors that quote it.

use std::fmt;
use std::path::PathBuf;

use crate::words::nearest;

/// What a key's value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number from `.0` to `.1`.
    Integer(i64, i64),
    /// A number from `.0` to `.1`.
    Number(f64, f64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One to eight whole numbers from `.0` to `.1`.
    Integers(i64, i64),
    /// Yes or no.
    Flag,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => write!(f, "text in quotes"),
            Self::Integer(low, i64::MAX) => write!(f, "a whole number, {low} or more"),
            Self::Integer(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Number(low, high) => write!(f, "a number from {low} to {high}"),
            Self::Choice(words) => write!(
                f,
                "one of {}",
                words
                    .iter()
                    .map(|w| format!("\"{w}\""))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            Self::Integers(low, high) => write!(
                f,
                "a list of one to eight whole numbers from {low} to {high}"
            ),
            Self::Flag => write!(f, "true or false"),
        }
    }
}

/// One setting: where it stands, what it may be, what it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// Section and name, such as `optimizer.batch`.
    pub path: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// What it does, in one line.
    pub help: &'static str,
    /// Its value, as TOML, where a configuration does not have it; `None` for those that each must have.
    pub default: Option<&'static str>,
}

const fn key(path: &'static str, kind: Kind, help: &'static str) -> Key {
    Key {
        path,
        kind,
        help,
        default: None,
    }
}

impl Key {
    const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }
}

/// Every key a configuration can hold.
pub const KEYS: &[Key] = &[
    key(
        "name",
        Kind::Text,
        "name of the configuration and end of the run folder's name",
    ),
    key(
        "data.source",
        Kind::Text,
        "glyphs, mnist, fashion-mnist, idx:DIR or folder:DIR",
    ),
    key(
        "data.size",
        Kind::Integer(16, 128),
        "height and width in pixels, a multiple of 4",
    ),
    key(
        "data.channels",
        Kind::Integer(1, 3),
        "1 for grey, 3 for RGB",
    ),
    key(
        "data.flip",
        Kind::Flag,
        "mirror every second training image left and right",
    )
    .or("false"),
    key(
        "data.shift",
        Kind::Integer(0, 32),
        "move training images by up to so many pixels",
    )
    .or("0"),
    key(
        "data.binarize",
        Kind::Flag,
        "make each pixel of a training image white with its grey value as probability, else black, anew in each epoch",
    )
    .or("false"),
    key("model.kind", Kind::Choice(&["gan", "vae"]), "the family"),
    key(
        "model.net",
        Kind::Choice(&["dense", "dcgan", "dcgan-resize"]),
        "shape of the nets",
    ),
    key(
        "model.latent",
        Kind::Integer(1, 4096),
        "length of the latent vector",
    ),
    key(
        "model.hidden",
        Kind::Integers(1, 8192),
        "dense nets: widths of the hidden layers",
    ),
    key(
        "model.width",
        Kind::Integer(1, 512),
        "convolutional nets: feature maps at half the image's size",
    ),
    key(
        "model.output",
        Kind::Choice(&["sigmoid", "tanh"]),
        "last activation: pixels 0..1 or -1..1",
    ),
    key(
        "model.classes",
        Kind::Integer(0, 65_535),
        "classes that can be asked for, 0 for none; of a preset not 0: as many as the data has",
    )
    .or("0"),
    key(
        "gan.loss",
        Kind::Choice(&[
            "minimax",
            "non-saturating",
            "least-squares",
            "hinge",
            "wasserstein",
        ]),
        "what the two players minimize",
    ),
    key(
        "gan.label_smoothing",
        Kind::Number(0.5, 1.0),
        "the discriminator's target on real images",
    ),
    key(
        "gan.discriminator_steps",
        Kind::Integer(1, 100),
        "discriminator steps for each generator step",
    ),
    key(
        "gan.discriminator_norm",
        Kind::Choice(&["batch", "none", "spectral"]),
        "what keeps the discriminator's layers in bounds",
    )
    .or("\"batch\""),
    key(
        "gan.discriminator_hidden",
        Kind::Integer(0, 8192),
        "convolutional nets: width of a dense layer between the discriminator's feature maps and its logit, 0 for none",
    )
    .or("0"),
    key(
        "gan.dropout",
        Kind::Number(0.0, 0.9),
        "share of the discriminator's features that are dropped in a step",
    )
    .or("0.0"),
    key(
        "gan.average",
        Kind::Number(0.0, 0.999_999),
        "what the exported average of the generator keeps of itself at each step, 0 for no average",
    )
    .or("0.999"),
    key(
        "gan.r1",
        Kind::Number(0.0, 1000.0),
        "R1 penalty on the discriminator's gradient at real images, by an estimate of its derivative, 0 for none",
    )
    .or("0.0"),
    key(
        "gan.r1_every",
        Kind::Integer(1, 1000),
        "discriminator steps from one R1 penalty to the next",
    )
    .or("16"),
    key(
        "gan.gradient_penalty",
        Kind::Number(0.0, 1000.0),
        "penalty on gradient lengths other than 1 between real and fake, by an estimate of its derivative, 0 for none",
    )
    .or("0.0"),
    key(
        "gan.weight_clip",
        Kind::Number(0.0, 10.0),
        "largest size of a discriminator's weight, 0 for no limit",
    )
    .or("0.0"),
    key(
        "gan.instance_noise",
        Kind::Number(0.0, 2.0),
        "noise on what the discriminator sees at first; fades to 0",
    )
    .or("0.0"),
    key(
        "gan.augment",
        Kind::Number(0.0, 1.0),
        "probability of shift, cutout, brightness and contrast, for small data sets",
    )
    .or("0.0"),
    key(
        "gan.augment_target",
        Kind::Number(0.0, 0.99),
        "how sure of real images the discriminator may be; adapts gan.augment, 0 for fixed (0.6 is usual)",
    )
    .or("0.0"),
    key(
        "vae.likelihood",
        Kind::Choice(&[
            "bernoulli",
            "continuous-bernoulli",
            "gaussian",
            "gaussian-learned",
        ]),
        "log p(x|z)",
    ),
    key(
        "vae.sigma",
        Kind::Number(0.001, 10.0),
        "standard deviation of the gaussian likelihood, in units of the pixel range",
    )
    .or("0.1"),
    key(
        "vae.warmup",
        Kind::Integer(0, i64::MAX),
        "steps in which beta rises from 0, 0 for none",
    )
    .or("0"),
    key(
        "vae.cycle",
        Kind::Integer(0, i64::MAX),
        "steps of a cycle in whose first half beta rises, 0 for none",
    )
    .or("0"),
    key(
        "vae.free_bits",
        Kind::Number(0.0, 10.0),
        "nats below which a latent dimension's divergence does not count as smaller",
    )
    .or("0.0"),
    key(
        "vae.samples",
        Kind::Integer(1, 1000),
        "draws of the importance-weighted bound, 1 for the evidence lower bound",
    )
    .or("1"),
    key(
        "vae.second_stage",
        Kind::Number(0.0, 0.9),
        "share of the run, at its end, in which a second VAE learns the latents of the first, 0 for none",
    )
    .or("0.0"),
    key(
        "vae.second_hidden",
        Kind::Integers(1, 8192),
        "widths of the hidden layers of the second stage",
    )
    .or("[512, 512]"),
    key(
        "vae.beta",
        Kind::Number(0.0, 1000.0),
        "weight of the Kullback-Leibler term",
    ),
    key(
        "optimizer.batch",
        Kind::Integer(2, 65536),
        "images in one step",
    ),
    key(
        "optimizer.learning_rate",
        Kind::Number(1e-8, 1.0),
        "Adam's step size",
    ),
    key(
        "optimizer.discriminator_learning_rate",
        Kind::Number(1e-8, 1.0),
        "the discriminator's step size",
    ),
    key(
        "optimizer.beta1",
        Kind::Number(0.0, 0.9999),
        "decay of Adam's first moment",
    ),
    key(
        "optimizer.beta2",
        Kind::Number(0.0, 0.999_999),
        "decay of Adam's second moment",
    ),
    key(
        "optimizer.weight_decay",
        Kind::Number(0.0, 1.0),
        "share of each weight that is added to its gradient",
    )
    .or("0.0"),
    key(
        "optimizer.schedule",
        Kind::Choice(&["constant", "linear", "cosine"]),
        "how step sizes go to 0 over the run",
    )
    .or("\"constant\""),
    key(
        "training.epochs",
        Kind::Integer(0, i64::MAX),
        "passes over the images, 0 for no limit",
    ),
    key(
        "training.steps",
        Kind::Integer(0, i64::MAX),
        "generator steps, 0 for no limit",
    ),
    key(
        "training.seconds",
        Kind::Integer(0, i64::MAX),
        "seconds of training, 0 for no limit",
    ),
    key(
        "training.seed",
        Kind::Integer(0, i64::MAX),
        "fixes initialization, shuffling and latents",
    ),
    key(
        "training.log_every",
        Kind::Integer(1, 1_000_000),
        "steps between two lines of stats.jsonl",
    ),
    key(
        "training.sample_every",
        Kind::Integer(1, i64::MAX),
        "steps between two sample images",
    ),
    key(
        "training.checkpoint_every",
        Kind::Integer(1, i64::MAX),
        "steps between two checkpoints",
    ),
    key(
        "training.keep",
        Kind::Integer(1, 10_000),
        "how many of the newest checkpoints stay",
    ),
    key(
        "training.eval_every",
        Kind::Integer(0, i64::MAX),
        "steps between two measurements of quality (metrics.jsonl), 0 for none",
    )
    .or("0"),
    key(
        "training.eval_samples",
        Kind::Integer(100, 100_000),
        "images on each side of a measurement",
    )
    .or("2000"),
    key(
        "training.best_by",
        Kind::Choice(&[
            "auto",
            "frechet",
            "kernel",
            "inception-score",
            "recall",
            "coverage",
            "sliced-wasserstein",
            "class-accuracy",
            "likelihood",
        ]),
        "figure of a measurement that picks the best checkpoint; auto is frechet of labelled data, else sliced-wasserstein",
    )
    .or("\"auto\""),
    key(
        "training.patience",
        Kind::Integer(0, 1_000_000),
        "measurements without a better one after which the run ends, 0 for never",
    )
    .or("0"),
    key(
        "training.on_collapse",
        Kind::Choice(&["ignore", "stop", "rollback"]),
        "what to do when all images of a GAN are alike: tell only, end, or go back to the best checkpoint",
    )
    .or("\"ignore\""),
];

/// The key at `path`.
#[must_use]
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.path == path)
}

/// One variant for each way a configuration can be wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// No preset of that name.
    UnknownPreset {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not TOML.
    Syntax {
        /// File, preset or option.
        origin: String,
        /// The parser's words, with line and column.
        message: String,
    },
    /// A key that does not exist.
    UnknownKey {
        /// File, preset or option.
        origin: String,
        /// The key as written.
        key: String,
    },
    /// A key that exists in several sections was given without its section.
    AmbiguousKey {
        /// The key as written.
        key: String,
        /// The full names it could mean.
        candidates: Vec<&'static str>,
    },
    /// The value has the wrong type or is out of range.
    BadValue {
        /// File, preset or option.
        origin: String,
        /// The key.
        key: &'static Key,
        /// What was found there.
        found: String,
    },
    /// A key that the configuration needs is not there.
    Missing {
        /// The key.
        key: &'static Key,
    },
    /// Two settings do not go together.
    Conflict {
        /// Which, why and what to do.
        message: String,
    },
    /// `--set` without `=`.
    BadSet {
        /// The option as written.
        text: String,
    },
    /// The configuration cannot be written as TOML.
    Write(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPreset { name } => {
                let names = super::PRESETS.iter().map(|p| p.name);
                write!(f, "there is no preset \"{name}\"")?;
                if let Some(near) = nearest(name, names.clone()) {
                    write!(f, "; did you mean \"{near}\"?")?;
                } else {
                    f.write_str(".")?;
                }
                write!(
                    f,
                    " Presets: {}. For a file of your own: --config FILE",
                    names.collect::<Vec<_>>().join(", ")
                )
            }
            Self::Read { path, source } => write!(
                f,
                "cannot read the configuration {}: {source}",
                path.display()
            ),
            Self::Syntax { origin, message } => write!(f, "{origin} is not valid TOML: {message}"),
            Self::UnknownKey { origin, key } => {
                write!(f, "{origin}: there is no key \"{key}\"")?;
                let last = key.rsplit('.').next().unwrap_or(key);
                let near = nearest(key, KEYS.iter().map(|k| k.path)).or_else(|| {
                    let short = nearest(
                        last,
                        KEYS.iter()
                            .map(|k| k.path.rsplit('.').next().unwrap_or(k.path)),
                    )?;
                    KEYS.iter()
                        .map(|k| k.path)
                        .find(|p| p.rsplit('.').next() == Some(short))
                });
                match near.and_then(find) {
                    Some(k) => write!(
                        f,
                        "; the nearest is \"{}\" ({}): {}",
                        k.path, k.kind, k.help
                    ),
                    None => write!(f, "; `dreamlet presets --keys` lists them"),
                }
            }
            Self::AmbiguousKey { key, candidates } => write!(
                f,
                "\"{key}\" could be {}: write the section too",
                candidates.join(" or ")
            ),
            Self::BadValue { origin, key, found } => write!(
                f,
                "{origin}: {} must be {}, found {found} ({})",
                key.path, key.kind, key.help
            ),
            Self::Missing { key } => write!(
                f,
                "the key \"{}\" is missing: {} ({}). Set it, or begin the file with preset = \"dcgan\" to take the rest from a preset",
                key.path, key.kind, key.help
            ),
            Self::Conflict { message } => f.write_str(message),
            Self::BadSet { text } => write!(
                f,
                "--set takes KEY=VALUE, such as --set optimizer.batch=32; found \"{text}\""
            ),
            Self::Write(message) => {
                write!(f, "the configuration cannot be written as TOML: {message}")
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}
