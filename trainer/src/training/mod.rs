//! The loop: batches in, steps, checkpoints, images and figures out.

mod adam;
pub mod checkpoint;
mod data_mark;
mod error;
mod evaluating;
mod gan;
pub(crate) mod latent_use;
mod learner;
mod progress;
pub mod run;
pub mod saved;
mod saving;
mod score;
mod second_stage;
mod session;
mod vae;
mod watch;
mod window;

pub use data_mark::DataMark;
pub use error::TrainError;
pub(crate) use learner::load_module;
pub use learner::{Learner, Moment, Parts, Reals};
pub use progress::clock;
pub(crate) use score::classes;
pub use session::{Ending, Outcome, StopFlag, TrainOptions, resume, train};
