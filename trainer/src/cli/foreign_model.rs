//! Flags for generators without a card: what their file does not say.

use clap::{Args, ValueEnum};
use dreamlet_runtime::engine::tract::Assumptions;
use dreamlet_runtime::image::{PixelRange, Shape};
use dreamlet_runtime::latent::Distribution;

use crate::sampling::{parse_range, parse_shape};

/// What to take as given of a generator that dreamlet did not export.
#[derive(Debug, Default, Args)]
pub(crate) struct ForeignModelArgs {
    /// Values of black and white, such as -1,1, for a generator without a card
    #[arg(long, value_name = "LOW,HIGH", value_parser = parse_range, allow_hyphen_values = true)]
    range: Option<PixelRange>,
    /// What the latents are drawn from, for a generator without a card
    #[arg(long, value_enum)]
    latent: Option<LatentChoice>,
    /// Channels, height and width, for a generator without a card whose output is flat
    #[arg(long, value_name = "C,H,W", value_parser = parse_shape)]
    shape: Option<Shape>,
    /// Number of classes, for a generator without a card that does not show it
    #[arg(long, value_name = "COUNT")]
    classes: Option<usize>,
}

impl ForeignModelArgs {
    /// `--range`.
    pub(crate) fn range(&self) -> Option<PixelRange> {
        self.range
    }

    /// The flags as the runtime takes them.
    pub(crate) fn assumptions(&self) -> Assumptions {
        Assumptions {
            range: self.range,
            distribution: self.latent.map(LatentChoice::distribution),
            shape: self.shape,
            classes: self.classes,
        }
    }
}

/// What latents are drawn from, on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LatentChoice {
    /// Independent N(0, 1) numbers
    Normal,
    /// Independent numbers from -1 to 1
    Uniform,
}

impl LatentChoice {
    /// As the runtime has it.
    pub(crate) fn distribution(self) -> Distribution {
        match self {
            Self::Normal => Distribution::Normal,
            Self::Uniform => Distribution::Uniform,
        }
    }
}
