//! Training: a run begins or goes on, and leaves checkpoints, images and metrics.

mod adam;
mod batch;
pub mod checkpoint;
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
pub mod run;
mod same_data;
mod sample_sheets;
pub mod saved;
mod score;
mod second_stage;
mod start;
mod state;
mod training_loop;
mod vae;

pub use batch::{Batch, StepContext};
pub(crate) use batch::{class_tensor, range};
pub use error::TrainError;
pub use evaluating::generator_source;
pub use learner::Learner;
pub use likelihood::{BoundOptions, likelihood_metrics};
pub use progress::clock;
pub(crate) use records::load_module;
pub use start::{resume, train};
pub use state::DataMark;
pub use training_loop::{Ending, Outcome, StopFlag, TrainOptions};

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
