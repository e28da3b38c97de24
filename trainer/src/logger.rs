//! Lines for whoever watches, on standard error.

use std::io::Write as _;

use log::{LevelFilter, Log, Metadata, Record};

/// Writes this program's records as lines, without level and time; those of other crates are
/// dropped.
///
/// Where nobody reads standard error any more (a closed pipe, a terminal that is gone) the work
/// goes on without it.
struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Info && metadata.target().starts_with("dreamlet")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let _ = writeln!(std::io::stderr(), "{}", record.args());
        }
    }

    fn flush(&self) {}
}

/// From here on the records are written. A logger that is there already stays.
pub(crate) fn init() {
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}
