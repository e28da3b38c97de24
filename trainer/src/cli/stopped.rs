//! Verbs that a signal ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use dreamlet_compiler::cli::CliResult;
#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::training::StopFlag;

/// Those that ask a program to end.
const SIGNALS: &[i32] = &[
    SIGINT,
    SIGTERM,
    #[cfg(unix)]
    SIGHUP,
];

/// The last signal that asked to end.
static ASKED: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// A signal ended the verb, which left all in order and has said how to go on.
#[derive(Debug, thiserror::Error)]
#[error("stopped by a signal")]
pub(crate) struct Stopped;

impl Stopped {
    /// The program's exit status: what was to follow it must not.
    pub(crate) fn status() -> u8 {
        let signal = match ASKED.load(Ordering::Relaxed) {
            0 => SIGINT.unsigned_abs() as usize,
            signal => signal,
        };
        u8::try_from(128 + signal).unwrap_or(u8::MAX)
    }
}

/// The last words of a verb that a signal ended. The signal may have ended whoever reads them, too.
pub(crate) fn stopped(text: &str) -> CliResult {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
    Err(Box::new(Stopped))
}

/// A flag that Ctrl-C, a polite kill or the end of the terminal sets; a second one ends the program
/// at once. A signal that the program was started to ignore stays ignored, as under `nohup`.
pub(crate) fn stop_on_signal() -> StopFlag {
    let stop = StopFlag::default();
    let ignored = ignored();
    for &signal in SIGNALS.iter().filter(|signal| !ignored.contains(signal)) {
        let (number, status) = (signal.unsigned_abs() as usize, 128 + signal);
        // In this order: the first signal finds the flag down.
        let set = flag::register_conditional_shutdown(signal, status, stop.clone())
            .and_then(|_| flag::register_usize(signal, ASKED.clone(), number))
            .and_then(|_| flag::register(signal, stop.clone()));
        if let Err(e) = set {
            log::warn!("signal {signal} will end the program without a checkpoint: {e}");
        }
    }
    let asked = stop.clone();
    std::thread::spawn(move || {
        while !asked.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
        log::info!(
            "\nstopping after this step and a checkpoint; press Ctrl-C again to stop at once"
        );
    });
    stop
}

/// Signals that whoever started the program had it ignore. Linux tells them in a file.
fn ignored() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let is_set = |signal: &i32| (mask.unwrap_or(0) >> (signal - 1)) & 1 == 1;
    SIGNALS.iter().copied().filter(is_set).collect()
}
