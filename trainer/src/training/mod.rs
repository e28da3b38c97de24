//! Training: a run begins or goes on, and leaves checkpoints, images and metrics.

mod adam;
mod batch;
pub(crate) mod checkpoint;
mod clock;
mod diagnostics;
mod error;
mod evaluating;
mod feed;
mod gan;
mod journal;
mod keeper;
pub(crate) mod latent_use;
mod learner;
mod likelihood;
mod loss_buffer;
mod progress;
mod records;
pub(crate) mod run;
mod same_data;
mod sample_sheets;
pub(crate) mod saved;
mod score;
mod second_stage;
mod start;
mod state;
mod training_loop;
mod vae;

pub(crate) use batch::{Batch, StepContext};
pub(crate) use batch::{class_tensor, range};
pub(crate) use error::TrainError;
pub(crate) use evaluating::generator_source;
pub(crate) use learner::Learner;
pub(crate) use likelihood::{BoundOptions, likelihood_metrics};
pub(crate) use progress::clock;
pub(crate) use records::load_module;
pub(crate) use start::resume;
pub use start::train;
pub use training_loop::TrainOptions;
pub(crate) use training_loop::{Ending, Outcome, StopFlag};

#[cfg(test)]
pub(crate) mod testing {
    //! Configurations for tests.

    use crate::config::{Config, Overrides, Source, resolve};

    /// A preset with some settings changed.
    pub(crate) fn preset(name: &str, sets: &[&str]) -> Config {
        let overrides = Overrides {
            sets: sets.iter().map(|set| (*set).to_owned()).collect(),
            ..Overrides::default()
        };
        resolve(&Source::Preset(name.into()), &overrides).unwrap()
    }
}
