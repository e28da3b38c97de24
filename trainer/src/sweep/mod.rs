//! `dreamlet sweep`: many short runs with settings drawn at random, to find good ones.
//!
//! A sweep file ([`Spec`]) names the settings to search and their ranges ([`parameter`]). What
//! trial number *i* draws is a function of the sweep's seed and *i*, so it does not matter who runs
//! it and when. Each trial is an ordinary run folder; [`schedule`] says which trial trains next and
//! how far, a [`launcher`] trains it, [`run`](mod@run) writes down what it came to, and [`report`] shows it.
//!
//! The sweep folder holds all state: `sweep.toml`, `trials/NNNNN.json`, `runs/NNNNN/`. The same
//! command on the same folder goes on where it was.

mod error;
mod folder;
pub(crate) mod launcher;
pub(crate) mod metric;
pub(crate) mod parameter;
mod read;
pub(crate) mod report;
mod run;
pub(crate) mod schedule;
mod spec;
pub(crate) mod trial;

pub(crate) use error::SweepError;
pub(crate) use folder::Sweep;
pub(crate) use run::{Ending, Event, retry_failed, run};
pub(crate) use spec::{Spec, Unit, describe};
