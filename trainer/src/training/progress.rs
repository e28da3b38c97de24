//! What a person sees meanwhile: a bar on a terminal, elsewhere a line every few seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::clock::Clock;
use super::state::State;

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

    /// Shows how the run stands, and its losses lately.
    pub(super) fn show(&mut self, state: &State, time: &Clock<'_>, losses: &[(&str, f64)]) {
        if self.quiet || (self.bar.is_none() && self.last.elapsed() < EVERY) {
            return;
        }
        self.last = Instant::now();
        let losses: Vec<String> = losses.iter().map(|(n, v)| format!("{n} {v:.3}")).collect();
        let left = time.left(state);
        let left = left.map_or_else(String::new, |left| format!("  {} left", clock(left)));
        let message = format!(
            "step {}  epoch {}  {:.0} images/s  {}{left}",
            state.step,
            state.epoch,
            time.images_per_second(state),
            losses.join("  ")
        );
        match &self.bar {
            Some(bar) => {
                bar.set_position((time.fraction(state).clamp(0.0, 1.0) * 1000.0) as u64);
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
