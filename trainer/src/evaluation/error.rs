//! What can be wrong with an evaluation.

use std::fmt;
use std::path::PathBuf;

use crate::data::DataError;
use crate::export::ExportError;
use crate::sampling::SamplingError;
use crate::training::TrainError;

/// What can be wrong with an evaluation, one variant for each way.
#[derive(Debug)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The data set cannot be loaded.
    Data(DataError),
    /// The generator cannot be opened.
    Model(SamplingError),
    /// The run cannot be opened.
    Run(TrainError),
    /// The run's generator cannot be turned into a graph.
    Graph(ExportError),
    /// Neither `--data` nor a run says what to compare with.
    NoData,
    /// The data set has no labels to train the classifier on.
    NoLabels {
        /// The data set's name.
        data: String,
    },
    /// The images to compare have different shapes.
    Shape {
        /// Channels, rows and columns of the generated images.
        generated: [usize; 3],
        /// Channels, rows and columns of the data set's.
        real: [usize; 3],
    },
    /// Too few images for a figure that means something.
    TooFew {
        /// Images of which kind.
        what: &'static str,
        /// The least.
        needed: usize,
        /// How many there are.
        found: usize,
        /// What to do.
        advice: &'static str,
    },
    /// No metric has this name.
    UnknownMetric {
        /// The name as given.
        found: String,
        /// The metric that was probably meant, if it is near enough to be a slip.
        nearest: Option<&'static str>,
    },
    /// A metric was asked for by name that these images cannot have.
    NotPossible {
        /// The metric.
        metric: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// The extractor's file cannot be used.
    Extractor {
        /// The file.
        path: PathBuf,
        /// What was expected of it.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A net failed.
    Net {
        /// Which one: "the classifier", "the extractor", …
        net: &'static str,
        /// Its own words.
        reason: String,
    },
    /// The generator failed.
    Generate {
        /// Its own words.
        reason: String,
    },
    /// A net made numbers that are no numbers.
    NotFinite {
        /// What was computed.
        what: &'static str,
        /// The image.
        image: usize,
    },
    /// A file cannot be written.
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => error.fmt(f),
            Self::Model(error) => error.fmt(f),
            Self::Run(error) => error.fmt(f),
            Self::Graph(error) => error.fmt(f),
            Self::NoData => f.write_str(
                "there is nothing to compare with: name the real images with --data, such as --data mnist or --data folder:DIR",
            ),
            Self::NoLabels { data } => write!(
                f,
                "the data set {data} has no labels to train a classifier on: name a feature extractor with --extractor FILE.onnx, or put each class in a sub-folder"
            ),
            Self::Shape { generated, real } => {
                let [a, b, c] = generated;
                let [d, e, g] = real;
                write!(
                    f,
                    "the generated images have {a} channels and {b}x{c} pixels, the data set's {d} channels and {e}x{g}: name the data set the generator was trained on"
                )
            }
            Self::TooFew {
                what,
                needed,
                found,
                advice,
            } => write!(
                f,
                "there are {found} {what}, these figures need at least {needed}: {advice}"
            ),
            Self::UnknownMetric { found, nearest } => {
                write!(f, "there is no metric \"{found}\"")?;
                if let Some(nearest) = nearest {
                    write!(f, "; did you mean {nearest}?")?;
                } else {
                    f.write_str(".")?;
                }
                let names = super::Metric::ALL.map(super::Metric::name);
                write!(f, " --metrics takes {}", names.join(", "))
            }
            Self::NotPossible { metric, needs } => write!(f, "the metric {metric} needs {needs}"),
            Self::Extractor { path, expected, found } => write!(
                f,
                "the extractor {} cannot be used: expected {expected}, found {found}",
                path.display()
            ),
            Self::Net { net, reason } => write!(f, "{net} failed: {reason}"),
            Self::Generate { reason } => write!(f, "the generator failed: {reason}"),
            Self::NotFinite { what, image } => write!(
                f,
                "{what} of image {image} hold a number that is NaN or infinite, so that no figure can be made of them"
            ),
            Self::Write { path, reason } => write!(f, "cannot write {}: {reason}", path.display()),
        }
    }
}

impl std::error::Error for EvaluationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Data(error) => Some(error),
            Self::Model(error) => Some(error),
            Self::Run(error) => Some(error),
            Self::Graph(error) => Some(error),
            _ => None,
        }
    }
}

impl From<DataError> for EvaluationError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl From<SamplingError> for EvaluationError {
    fn from(error: SamplingError) -> Self {
        Self::Model(error)
    }
}

impl From<TrainError> for EvaluationError {
    fn from(error: TrainError) -> Self {
        Self::Run(error)
    }
}

impl From<ExportError> for EvaluationError {
    fn from(error: ExportError) -> Self {
        Self::Graph(error)
    }
}
