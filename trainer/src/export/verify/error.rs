//! What can be wrong with a check.

use core::fmt;

use dreamlet_onnx::ModelError;

use super::locate::LibraryError;
use super::report::{Pair, Report};

/// Why a file was not found good.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The file cannot be read, or the runtime's check refuses it.
    Refused(ModelError),
    /// The file is not a generator.
    Signature {
        /// What is wrong.
        reason: String,
    },
    /// A conditional generator without a card: nobody said how many classes it has.
    Classes,
    /// An engine failed.
    Engine {
        /// Its name.
        engine: &'static str,
        /// The batch it was given, 0 while it was loading the file.
        batch: usize,
        /// Its own words.
        reason: String,
    },
    /// onnxruntime's library cannot be used.
    Library(LibraryError),
    /// Only one engine took part and the card has no golden images.
    NothingToCompare,
    /// A golden image came out differently.
    Golden {
        /// Its seed.
        seed: u64,
        /// What is different.
        reason: String,
    },
    /// Two engines make different images.
    Different {
        /// The pair that differs most.
        worst: Pair,
        /// All that was measured.
        report: Box<Report>,
    },
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Signature { reason } => write!(f, "the file is not a generator that can be checked: {reason}"),
            Self::Classes => f.write_str("the generator takes a class and has no card: say how many classes it has with --classes COUNT"),
            Self::Engine { engine, batch: 0, reason } => write!(f, "{engine} cannot load the file: {reason}"),
            Self::Engine { engine, batch, reason } => write!(f, "{engine} failed at batch {batch}: {reason}"),
            Self::Library(error) => error.fmt(f),
            Self::NothingToCompare => f.write_str(
                "there is nothing to compare tract with: name the run the file comes from, or install onnxruntime (`pip install onnxruntime`)",
            ),
            Self::Golden { seed, reason } => {
                write!(f, "the golden image of seed {seed} came out differently: {reason}; the file or its card was changed")
            }
            Self::Different { worst, report } => {
                let Some(at) = &worst.largest else { return write!(f, "the engines differ\n{report}") };
                write!(
                    f,
                    "{} and {} differ by {:.2e}, more than {:.0e}, at seed {} (batch of {}), channel {}, row {}, column {}: {} and {}\n{report}",
                    worst.left, worst.right, at.difference, report.tolerance, at.seed, at.batch, at.position[0], at.position[1], at.position[2],
                    at.left, at.right
                )
            }
        }
    }
}

impl std::error::Error for VerifyError {}
