//! What images take, for `--stats`.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

/// Time between two lines.
const EVERY: Duration = Duration::from_secs(10);

/// Sums since the last line.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    since: Instant,
    /// Images of this run.
    all: u64,
    count: u32,
    made: Duration,
    shown: Duration,
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    all: u64,
    rate: f64,
    made: Duration,
    shown: Duration,
    resident: Option<u64>,
}

impl Stats {
    /// Begins now.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self {
            since: now,
            all: 0,
            count: 0,
            made: Duration::ZERO,
            shown: Duration::ZERO,
        }
    }

    /// One more image.
    pub fn add(&mut self, made: Duration, shown: Duration) {
        self.all += 1;
        self.count += 1;
        self.made += made;
        self.shown += shown;
    }

    /// Images of this run.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.all
    }

    /// A line every ten seconds; sums then begin anew.
    pub fn line(&mut self, now: Instant) -> Option<Line> {
        let time = now - self.since;
        if time < EVERY {
            return None;
        }
        let count = self.count.max(1);
        let line = Line {
            all: self.all,
            rate: f64::from(self.count) / time.as_secs_f64(),
            made: self.made / count,
            shown: self.shown / count,
            resident: resident_kilobytes(),
        };
        *self = Self {
            all: self.all,
            ..Self::new(now)
        };
        Some(line)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(
            f,
            "{} images, {:.1} a second; {:.2} ms to make, {:.2} ms to show one",
            self.all,
            self.rate,
            ms(self.made),
            ms(self.shown)
        )?;
        match self.resident {
            Some(kilobytes) => write!(f, "; {kilobytes} KB of memory"),
            None => Ok(()),
        }
    }
}

/// Memory of this process, in KB.
fn resident_kilobytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_means_since_the_one_before() {
        let begin = Instant::now();
        let mut stats = Stats::new(begin);
        for _ in 0..20 {
            stats.add(Duration::from_millis(2), Duration::from_millis(4));
        }
        assert!(stats.line(begin + EVERY / 2).is_none());
        let line = stats.line(begin + EVERY).unwrap().to_string();
        assert!(
            line.starts_with("20 images, 2.0 a second; 2.00 ms to make, 4.00 ms"),
            "{line}"
        );
        let line = stats.line(begin + EVERY * 2).unwrap().to_string();
        assert!(line.starts_with("20 images, 0.0 a second"), "{line}");
    }
}
