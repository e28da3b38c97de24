//! Whether the model's file has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(2);

type State = Option<(SystemTime, u64)>;

/// Looks at a file now and then.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    /// What it is like since the model was read.
    known: State,
    /// What it was like at the last look, if that was something else.
    seen: State,
    next: Instant,
}

impl Watch {
    /// Watches a file from now on.
    #[must_use]
    pub fn new(path: &Path, now: Instant) -> Self {
        Self {
            path: path.into(),
            known: state(path),
            seen: None,
            next: now + EVERY,
        }
    }

    /// When the file is to be looked at next.
    #[must_use]
    pub const fn next(&self) -> Instant {
        self.next
    }

    /// Whether the file has changed and is the same at two looks: who copies a file may need some
    /// time.
    pub fn changed(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now + EVERY;
        let found = state(&self.path);
        if found.is_none() || found == self.known {
            self.seen = None;
            return false;
        }
        if found != self.seen {
            self.seen = found;
            return false;
        }
        (self.known, self.seen) = (found, None);
        true
    }
}

fn state(path: &Path) -> State {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_only_when_the_file_has_come_to_rest() {
        let path = std::env::temp_dir().join(format!("dreamlet-watch-{}", std::process::id()));
        fs::write(&path, "1").unwrap();
        let mut now = Instant::now();
        let mut watch = Watch::new(&path, now);
        let mut look = || {
            now += EVERY;
            watch.changed(now)
        };
        assert!(!look());
        fs::write(&path, "12").unwrap();
        assert!(!look());
        fs::write(&path, "123").unwrap();
        assert_eq!([look(), look(), look()], [false, true, false]);
        fs::remove_file(&path).unwrap();
        assert_eq!([look(), look()], [false, false]);
    }
}
