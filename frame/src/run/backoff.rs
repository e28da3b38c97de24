//! Pauses between attempts, each twice as long as the one before.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// The pause before the next attempt.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    next: Duration,
}

impl Default for Backoff {
    /// From a second to five minutes.
    fn default() -> Self {
        Self::new(FIRST)
    }
}

impl Backoff {
    /// From `first` to five minutes.
    #[must_use]
    pub const fn new(first: Duration) -> Self {
        Self { first, next: first }
    }

    /// How long to wait now; the next time it is twice as long.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST);
        pause
    }

    /// It works again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let seconds: Vec<u64> = (0..11).map(|_| backoff.pause().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        backoff.reset();
        assert_eq!(backoff.pause(), FIRST);
    }
}
