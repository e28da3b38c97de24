//! `dreamlet sweep`: many short runs with settings drawn at random, to find good ones.
//!
//! A sweep file ([`Spec`]) names the settings to search and their ranges ([`parameter`]). What
//! trial number *i* draws is a function of the sweep's seed and *i*, so it does not matter who runs
//! it and when. Each trial is an ordinary run folder; [`schedule`] says which trial trains next and
//! how far, a [`launcher`] trains it, [`run`] writes down what it came to, and [`report`] shows it.
//!
//! The sweep folder holds all state: `sweep.toml`, `trials/NNNNN.json`, `runs/NNNNN/`. The same
//! command on the same folder goes on where it was.

mod error;
mod folder;
pub mod launcher;
pub mod metric;
pub mod parameter;
mod read;
pub mod report;
mod run;
pub mod schedule;
mod spec;
pub mod trial;

pub use error::SweepError;
pub use folder::{Sweep, SweepLock};
pub use run::{Ending, Event, Watch, retry_failed, run};
pub use spec::{Algorithm, Goal, Metric, Settings, Spec, Unit, describe, plain};
