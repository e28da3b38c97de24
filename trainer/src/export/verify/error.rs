//! What can be wrong with a check.

use dreamlet_onnx::ModelError;

use super::locate::LibraryError;
use super::report::{Pair, Report};

/// Why a file was not found good.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The file cannot be read, or the runtime's check refuses it.
    #[error(transparent)]
    Refused(ModelError),
    /// The file is not a generator.
    #[error("the file is not a generator that can be checked: {reason}")]
    Signature {
        /// What is wrong.
        reason: String,
    },
    /// A conditional generator without a card: nobody said how many classes it has.
    #[error(
        "the generator takes a class and has no card: say how many classes it has with --classes COUNT"
    )]
    Classes,
    /// An engine failed.
    #[error("{engine} {}: {reason}", when(*.batch))]
    Engine {
        engine: &'static str,
        /// The batch it was given, 0 while it was loading the file.
        batch: usize,
        /// Its own words.
        reason: String,
    },
    /// onnxruntime's library cannot be used.
    #[error(transparent)]
    Library(LibraryError),
    /// Only one engine took part and the card has no golden images.
    #[error(
        "there is nothing to compare tract with: name the run the file comes from, or install onnxruntime (`pip install onnxruntime`)"
    )]
    NothingToCompare,
    #[error(
        "the golden image of seed {seed} came out differently: {reason}; the file or its card was changed"
    )]
    Golden {
        seed: u64,
        /// What is different.
        reason: String,
    },
    /// Two engines make different images.
    #[error("{}\n{report}", difference(worst))]
    Different {
        /// The pair that differs most.
        worst: Box<Pair>,
        /// All that was measured.
        report: Box<Report>,
    },
}

fn when(batch: usize) -> String {
    match batch {
        0 => "cannot load the file".into(),
        _ => format!("failed at batch {batch}"),
    }
}

fn difference(worst: &Pair) -> String {
    let Some(at) = &worst.largest else {
        return "the engines differ".into();
    };
    let [channel, row, column] = at.position;
    format!(
        "{} and {} differ by {:.2e}, more than {:.0e}, at seed {} (batch of {}), channel {channel}, row {row}, column {column}: {} and {}",
        worst.left,
        worst.right,
        at.difference,
        worst.tolerance,
        at.seed,
        at.batch,
        at.left,
        at.right
    )
}
