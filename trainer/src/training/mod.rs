//! The loop: batches in, steps, checkpoints, images and figures out.

mod adam;
pub mod checkpoint;
mod data_mark;
mod diagnostics;
mod error;
mod evaluating;
mod gan;
pub(crate) mod latent_use;
mod learner;
mod loss_buffer;
mod progress;
pub mod run;
pub mod saved;
mod saving;
mod score;
mod second_stage;
mod training_loop;
mod vae;

pub use data_mark::DataMark;
pub use error::TrainError;
pub(crate) use learner::load_module;
pub use learner::{Batch, Learner, Parts, StepContext};
pub use progress::clock;
pub(crate) use score::classes;
pub use training_loop::{Ending, Outcome, StopFlag, TrainOptions, resume, train};
