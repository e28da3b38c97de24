//! What a person sees meanwhile: a bar on a terminal, elsewhere a line every few seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How the run stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing<'a> {
    pub step: u64,
    /// Complete passes over the data.
    pub epoch: u64,
    /// Images a second, lately.
    pub rate: f64,
    pub losses: &'a [(&'a str, f64)],
    /// Done so far, from 0 to 1.
    pub fraction: f64,
    /// Time to the end, when it can be told.
    pub left: Option<Duration>,
}

/// The bar or the lines.
#[derive(Debug)]
pub(crate) struct TrainingProgress {
    bar: Option<ProgressBar>,
    quiet: bool,
    last: Instant,
}

const EVERY: Duration = Duration::from_secs(5);

impl TrainingProgress {
    /// A bar when standard error is a terminal.
    pub(crate) fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{bar:24} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(1000).with_style(style)
        });
        Self {
            bar,
            quiet,
            last: Instant::now(),
        }
    }

    /// Shows how the run stands.
    pub(crate) fn show(&mut self, s: &Standing<'_>) {
        if self.quiet || (self.bar.is_none() && self.last.elapsed() < EVERY) {
            return;
        }
        self.last = Instant::now();
        let losses: Vec<String> = s
            .losses
            .iter()
            .map(|(n, v)| format!("{n} {v:.3}"))
            .collect();
        let left = s
            .left
            .map_or_else(String::new, |d| format!("  {} left", clock(d)));
        let message = format!(
            "step {}  epoch {}  {:.0} images/s  {}{left}",
            s.step,
            s.epoch,
            s.rate,
            losses.join("  ")
        );
        match &self.bar {
            Some(bar) => {
                bar.set_position((s.fraction.clamp(0.0, 1.0) * 1000.0) as u64);
                bar.set_message(message);
            }
            None => log::info!("{message}"),
        }
    }

    /// Says something that is to stay.
    pub(crate) fn tell(&self, message: &str) {
        match &self.bar {
            _ if self.quiet => {}
            Some(bar) => bar.println(message),
            None => log::info!("{message}"),
        }
    }

    /// Takes the bar away.
    pub(crate) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `1h02m`, `3m20s` or `12s`.
pub(crate) fn clock(d: Duration) -> String {
    let s = d.as_secs();
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}
