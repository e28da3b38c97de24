//! Verbs that a signal ends.

use dreamlet_compiler::cli::CliResult;

/// The exit status of a program that a signal ended: what was to follow it must not.
pub(crate) const INTERRUPTED: u8 = 130;

/// A signal ended the verb, which left all in order and has said how to go on.
#[derive(Debug, thiserror::Error)]
#[error("stopped by a signal")]
pub(crate) struct Stopped;

/// The last words of a verb that a signal ended. The signal may have ended whoever reads them, too.
pub(crate) fn stopped(text: &str) -> CliResult {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
    Err(Box::new(Stopped))
}
