//! Telling the user how far loading has come.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Images drawn, decoded or converted.
    Images,
    Bytes,
}

/// Hears how far loading has come. Calls come from several threads.
pub trait Progress: Sync {
    /// A piece of work begins: what it is, how much there is if that is known, and what is counted.
    fn start(&self, what: &str, total: Option<u64>, unit: Unit);
    /// `amount` more is done.
    fn advance(&self, amount: u64);
    /// The piece of work is over, done or failed.
    fn finish(&self);
}

impl dyn Progress + '_ {
    /// Does a piece of work between its start and its end.
    pub(crate) fn during<T>(
        &self,
        what: &str,
        total: Option<u64>,
        unit: Unit,
        work: impl FnOnce() -> T,
    ) -> T {
        self.start(what, total, unit);
        let done = work();
        self.finish();
        done
    }
}

impl Default for &dyn Progress {
    fn default() -> Self {
        &Silent
    }
}

/// Says nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silent;

impl Progress for Silent {
    fn start(&self, _: &str, _: Option<u64>, _: Unit) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
}

/// A bar on standard error when that is a terminal; otherwise one line where work begins.
#[derive(Debug, Default)]
pub(crate) struct Bar(Mutex<Option<ProgressBar>>);

impl Progress for Bar {
    fn start(&self, what: &str, total: Option<u64>, unit: Unit) {
        if !std::io::stderr().is_terminal() {
            log::info!("{what} ...");
            return;
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = match (unit, total.is_some()) {
            (Unit::Images, true) => "{msg} {bar:30} {human_pos}/{human_len} images, {eta} left",
            (Unit::Images, false) => "{msg} {spinner} {human_pos} images",
            (Unit::Bytes, true) => {
                "{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left"
            }
            (Unit::Bytes, false) => "{msg} {spinner} {bytes}, {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn advance(&self, amount: u64) {
        if let Some(bar) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.inc(amount);
        }
    }

    fn finish(&self) {
        let bar = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
}
