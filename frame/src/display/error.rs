//! What can be wrong with a display.

use std::io;
use std::path::Path;

use thiserror::Error;

/// What can be wrong with a display, and what to do.
#[derive(Debug, Error)]
pub enum DisplayError {
    /// No display has this name.
    #[error("there is no display \"{found}\": see --list-displays")]
    Unknown {
        /// What was found.
        found: String,
    },
    /// The program is built without it.
    #[error("the display {name} is not in this program: build it with --features {feature}")]
    NotBuilt {
        /// Name of the display.
        name: &'static str,
        /// The feature that adds it.
        feature: &'static str,
    },
    /// What stands behind the colon is missing or wrong.
    #[error("--display {name} needs {expected}, found \"{found}\"")]
    Argument {
        /// Name of the display.
        name: &'static str,
        /// What may stand there.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A setting of the panel cannot be.
    #[error("[panel] {key} is {found}: expected {expected}")]
    Setting {
        /// Key of the setting.
        key: &'static str,
        /// What was found.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// The palette has an ink that the display has not.
    #[error(
        "the display has no {ink} ink, the palette {palette} needs it: use --palette auto, or another that it has"
    )]
    Ink {
        /// The ink.
        ink: String,
        /// The palette.
        palette: &'static str,
    },
    /// A file or device failed.
    #[error("{what}: {error}{}", hint(advice))]
    Io {
        /// What failed.
        what: String,
        /// The failure.
        error: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// The panel's bus or pins failed.
    #[error("{what} failed: {reason}; look at the wiring and the pins in [panel]")]
    Bus {
        /// What failed.
        what: &'static str,
        /// Its words.
        reason: String,
    },
    /// The panel says for too long that it is busy.
    #[error(
        "the panel is busy for more than {seconds} s: look at the wire of BUSY, the pin `busy` in [panel], and the panel's supply"
    )]
    Busy {
        /// Seconds waited.
        seconds: u64,
    },
    /// Who looked at the images has gone: no failure.
    #[error("standard output is closed")]
    Closed,
}

fn hint(advice: &str) -> String {
    match advice {
        "" => String::new(),
        advice => format!("; {advice}"),
    }
}

impl DisplayError {
    /// A file that cannot be written.
    #[must_use]
    pub fn file(path: &Path, error: io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull => "the disk is full",
            io::ErrorKind::PermissionDenied => "this user may not write there",
            io::ErrorKind::ReadOnlyFilesystem => "the file system is mounted read-only",
            _ => "",
        };
        Self::Io {
            what: format!("cannot write {}", path.display()),
            error,
            advice,
        }
    }
}
