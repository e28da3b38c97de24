//! The words that settings choose from: enumerations, each variant with its name and its meaning.

use serde::{Deserialize, Serialize};

use super::scheduled::Scheduled;

/// One of the words that a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// As a configuration has it.
    pub name: &'static str,
    /// What it means, and when to choose it.
    pub help: &'static str,
}

macro_rules! choices {
    ($(
        $(#[doc = $about:literal])+
        $choice:ident { $($(#[doc = $help:literal])+ $variant:ident = $name:literal,)+ }
    )+) => {$(
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $choice {
            $($(#[doc = $help])+ #[serde(rename = $name)] $variant,)+
        }

        impl $choice {
            /// Every value, in order.
            pub const WORDS: &'static [Word] = &[
                $(Word { name: $name, help: concat!($($help),+).trim_ascii() },)+
            ];

            /// Its name in a configuration.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    )+};
}

choices! {
    /// The two families of generators.
    ModelKind {
        /// Generative adversarial net: sharp images.
        Gan = "gan",
        /// Variational autoencoder: a run that cannot fail, a latent space without gaps.
        Vae = "vae",
    }

    /// Shape of the nets.
    NetKind {
        /// Dense layers with ReLU.
        Dense = "dense",
        /// Transposed convolutions 4x4 stride 2 with batch normalization.
        Dcgan = "dcgan",
        /// Nearest ×2 and 3x3 convolutions with batch normalization.
        DcganResize = "dcgan-resize",
        /// Residual blocks without normalization (Huang et al. 2024), with `loss = "relativistic"`,
        /// `r1` and `r2`: small files, and longer runs than `dcgan`.
        Residual = "residual",
    }

    /// Last activation of a generator, which fixes its pixel range.
    OutputActivation {
        /// Pixels from 0 to 1.
        Sigmoid = "sigmoid",
        /// Pixels from −1 to 1.
        Tanh = "tanh",
        /// Pixels from −1 to 1, and what is beyond them is drawn as black or white: with `net =
        /// "residual"`.
        Linear = "linear",
    }

    /// What the two players minimize; the formulas are in
    /// [`loss::adversarial`](crate::loss::adversarial).
    AdversarialLoss {
        /// Only to compare (Goodfellow et al. 2014, equation 1): its generator learns next to
        /// nothing while the discriminator wins.
        Minimax = "minimax",
        /// The same with the generator's −log D(G(z)). With `discriminator_norm = "batch"`, for
        /// cleaner strokes after few steps; shares of classes differ from the data's.
        NonSaturating = "non-saturating",
        /// Where the discriminator is too sure for the generator to learn (Mao et al. 2017).
        LeastSquares = "least-squares",
        /// With `discriminator_norm = "spectral"` (Lim and Ye 2017): the default of `dcgan` and
        /// `cgan`.
        Hinge = "hinge",
        /// Each real image against a generated one (Jolicoeur-Martineau 2019), with `r1`, `r2` and
        /// `discriminator_norm = "none"` (Huang et al. 2024): it has no minima where classes are
        /// missing.
        Relativistic = "relativistic",
        /// With `gradient_penalty = 10` and five discriminator steps, where neither `hinge` nor
        /// `non-saturating` holds (Arjovsky et al. 2017). It needs a gradient penalty, weight
        /// clipping or spectral normalization.
        Wasserstein = "wasserstein",
    }

    /// What keeps a discriminator's layers in bounds.
    DiscriminatorNorm {
        /// Batch normalization on all feature maps but the first; nothing in dense nets.
        Batch = "batch",
        /// Nothing: what gradient penalties want.
        None = "none",
        /// Spectral normalization (Miyato et al. 2018).
        Spectral = "spectral",
    }

    /// log p(x|z) of a VAE; the formulas are in [`loss::elbo`](crate::loss::elbo).
    Likelihood {
        /// For drawings and digits: cross-entropy with grey values as probabilities.
        Bernoulli = "bernoulli",
        /// For a bound of grey values: the same as a density on 0 to 1.
        ContinuousBernoulli = "continuous-bernoulli",
        /// A Gaussian with the standard deviation `sigma`: with a small one, sharper images than
        /// `gaussian-learned`.
        Gaussian = "gaussian",
        /// For photographs, and for `second_stage`: a Gaussian whose standard deviation suits the
        /// images best.
        GaussianLearned = "gaussian-learned",
    }

    /// How step sizes change over a run.
    Schedule {
        /// Not at all.
        Constant = "constant",
        /// In the second half of the run, straight to 0.
        Linear = "linear",
        /// From the beginning, along half a cosine to 0 (Loshchilov and Hutter 2017).
        Cosine = "cosine",
    }

    /// The metric of a measurement that picks the best checkpoint.
    BestBy {
        /// `frechet` for data with labels, else `sliced-wasserstein`.
        Auto = "auto",
        /// Fréchet distance of features.
        Frechet = "frechet",
        /// Kernel distance of features. Where fewer than 2000 images are measured: it has no bias
        /// by their number.
        Kernel = "kernel",
        /// Inception score of the data set's own classifier, to compare with papers.
        InceptionScore = "inception-score",
        /// Share of the real images that generated ones cover, where variety counts most.
        Recall = "recall",
        /// Share of the real images that have a generated one near by, where variety counts most.
        Coverage = "coverage",
        /// Sliced Wasserstein distance in pixels.
        SlicedWasserstein = "sliced-wasserstein",
        /// Share of images of the class that was given, where the class must be right.
        ClassAccuracy = "class-accuracy",
        /// Negative evidence lower bound on test images, for a VAE that is to encode images.
        Likelihood = "likelihood",
    }

    /// What to do when all generated images are alike. It is told in any case.
    OnCollapse {
        /// Go on.
        Ignore = "ignore",
        /// End the run.
        Stop = "stop",
        /// Go back to the nets of the best checkpoint, at most three times, then end the run.
        Rollback = "rollback",
    }
}

impl OutputActivation {
    /// The values of black and white: `(low, high)`.
    #[must_use]
    pub fn range(self) -> (f32, f32) {
        match self {
            Self::Sigmoid => (0.0, 1.0),
            Self::Tanh | Self::Linear => (-1.0, 1.0),
        }
    }
}

impl Schedule {
    /// What the step size is multiplied by at `fraction` of the run, 0 to 1.
    #[must_use]
    pub fn factor(self, fraction: f64) -> f64 {
        let fraction = fraction.clamp(0.0, 1.0);
        match self {
            Self::Constant => 1.0,
            Self::Linear => (2.0 * (1.0 - fraction)).min(1.0),
            Self::Cosine => Scheduled::Cosine([1.0, 0.0]).at(fraction),
        }
    }
}

impl BestBy {
    /// Whether it is of the features or of the classes of a classifier, which needs labels.
    #[must_use]
    pub const fn needs_labels(self) -> bool {
        !matches!(
            self,
            Self::Auto | Self::SlicedWasserstein | Self::Likelihood
        )
    }
}
