//! Metrics with their provenance, as a table and as JSON.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::suggest::nearest;

/// What can be measured; `--metrics` takes the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Fréchet distance of features.
    Frechet,
    /// Kernel distance of features.
    Kernel,
    /// Inception score of the classifier.
    InceptionScore,
    /// Improved precision and recall.
    PrecisionRecall,
    DensityCoverage,
    /// Sliced Wasserstein distance in pixels.
    SlicedWasserstein,
    /// MS-SSIM between generated images.
    MsSsim,
    /// Share of images that are in the class they were made in.
    ClassAccuracy,
    /// Nearest training images.
    Memorization,
    /// A VAE's bounds on test images.
    Likelihood,
    /// Modes of a stacked set that there are images of, and how evenly.
    Modes,
}

impl Metric {
    /// All of them, with their names on the command line.
    const NAMES: [(Self, &'static str); 11] = [
        (Self::Frechet, "frechet"),
        (Self::Kernel, "kernel"),
        (Self::InceptionScore, "inception-score"),
        (Self::PrecisionRecall, "precision-recall"),
        (Self::DensityCoverage, "density-coverage"),
        (Self::SlicedWasserstein, "sliced-wasserstein"),
        (Self::MsSsim, "ms-ssim"),
        (Self::ClassAccuracy, "class-accuracy"),
        (Self::Memorization, "memorization"),
        (Self::Likelihood, "likelihood"),
        (Self::Modes, "modes"),
    ];

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::NAMES.into_iter().map(|(metric, _)| metric)
    }

    /// Whether it compares features, so that it needs an extractor. [`Metric::Memorization`] does
    /// not: without one it compares pixels alone.
    pub(crate) const fn needs_features(self) -> bool {
        !matches!(
            self,
            Self::SlicedWasserstein
                | Self::MsSsim
                | Self::Memorization
                | Self::Likelihood
                | Self::Modes
        )
    }

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }
}

/// No metric has this name.
#[derive(Debug, Error)]
#[error("{}", self.in_words())]
pub(crate) struct UnknownMetric(String);

impl UnknownMetric {
    fn in_words(&self) -> String {
        let (found, names) = (&self.0, Metric::NAMES.map(|(_, name)| name));
        let meant = match nearest(found, names) {
            Some(nearest) => format!("; did you mean {nearest}?"),
            None => ".".to_owned(),
        };
        let names = names.join(", ");
        format!("there is no metric \"{found}\"{meant} --metrics takes {names}")
    }
}

impl std::str::FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::all();
        all.find(|metric| metric.name() == text)
            .ok_or_else(|| UnknownMetric(text.to_owned()))
    }
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    /// Smaller ones.
    Lower,
    /// Larger ones.
    Higher,
    /// Those near to the floor.
    Floor,
}

/// What features came from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ExtractorProvenance {
    /// Name of the file, or what classifier it is.
    pub name: String,
    /// SHA-256 of the file or of the weights.
    pub sha256: String,
    /// Share of the test images that the classifier puts into their class.
    pub accuracy: Option<f64>,
    /// What computed it.
    pub engine: String,
    /// Numbers in a feature vector.
    pub features: usize,
}

/// What a metric was measured on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Provenance {
    /// What features came from; none for metrics of pixels.
    pub extractor: Option<ExtractorProvenance>,
    /// Name of the data set.
    pub data: String,
    /// First digits of the data set's fingerprint.
    pub fingerprint: String,
    /// Channels, rows and columns of the images that were compared.
    pub shape: [usize; 3],
    /// Where the real images come from.
    pub split: &'static str,
    /// Number of real images.
    pub real: usize,
    /// Number of generated images.
    pub fake: usize,
    /// Number of other real images that stand in for the generated ones in the floor.
    pub floor: usize,
    /// Seed of the first latent, and of the choice of real images and pairs.
    pub seed: u64,
}

/// One metric that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MetricValue {
    /// Its key, such as `frechet_distance`.
    pub key: &'static str,
    /// Its name for people.
    pub name: String,
    pub value: f64,
    /// Its standard error (standard deviation over parts for the inception score).
    pub error: Option<f64>,
    /// The same for real images against real ones.
    pub floor: Option<f64>,
    pub better: Better,
    /// How it was measured.
    pub method: String,
    #[serde(rename = "stamp")]
    pub provenance: Provenance,
}

/// All metrics of one model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MetricReport {
    /// The file or folder.
    pub model: String,
    /// Version of this program.
    pub dreamlet: &'static str,
    #[serde(rename = "figures")]
    pub metrics: Vec<MetricValue>,
    /// What else should be known.
    pub notes: Vec<String>,
}

impl MetricReport {
    pub(crate) fn metric(&self, key: &str) -> Option<&MetricValue> {
        self.metrics.iter().find(|metric| metric.key == key)
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.3}"),
        size if size >= 0.001 || size == 0.0 => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

impl fmt::Display for MetricReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.model)?;
        let names = self.metrics.iter().map(|f| f.name.chars().count());
        let wide = names.max().unwrap_or(0).max("metric".len());
        writeln!(
            f,
            "{:<wide$} {:>18} {:>12}  {:<7} how",
            "metric", "value", "real/real", "better"
        )?;
        for metric in &self.metrics {
            let value = match metric.error {
                Some(error) => format!("{} ± {}", number(metric.value), number(error)),
                None => number(metric.value),
            };
            let floor = metric.floor.map_or("-".to_owned(), number);
            let better = match metric.better {
                Better::Lower => "lower",
                Better::Higher => "higher",
                Better::Floor => "as real",
            };
            let on = &metric.provenance;
            let counts = match (on.real, on.fake) {
                (real, 0) => format!("{real} {} images", on.split),
                (0, fake) => format!("{fake} generated"),
                (real, fake) => format!("{fake} generated, {real} {}", on.split),
            };
            writeln!(
                f,
                "{:<wide$} {value:>18} {floor:>12}  {better:<7} {counts}; {}",
                metric.name, metric.method
            )?;
        }
        if let Some(on) = self.metrics.first().map(|metric| &metric.provenance) {
            let [channels, rows, columns] = on.shape;
            writeln!(
                f,
                "data       {}, images of {channels}x{rows}x{columns}, fingerprint {}",
                on.data, on.fingerprint
            )?;
            let floors = self.metrics.iter().map(|metric| metric.provenance.floor);
            if let Some(floor) = floors.max().filter(|floor| *floor > 0) {
                writeln!(
                    f,
                    "real/real  {floor} training images that no classifier has seen, in place of the generated ones"
                )?;
            }
            writeln!(f, "seed       {}", on.seed)?;
        }
        let mut on = self.metrics.iter().map(|metric| &metric.provenance);
        if let Some(extractor) = on.find_map(|on| on.extractor.as_ref()) {
            let accuracy = extractor.accuracy.map_or(String::new(), |share| {
                format!(", test accuracy {:.2} %", share * 100.0)
            });
            writeln!(
                f,
                "extractor  {}, {} features{accuracy}, {}, SHA-256 {}",
                extractor.name, extractor.features, extractor.engine, extractor.sha256
            )?;
        }
        for note in &self.notes {
            writeln!(f, "note       {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_a_slip_gives_the_nearest() {
        for metric in Metric::all() {
            assert_eq!(metric.name().parse::<Metric>().unwrap(), metric);
        }
        let error = "freshet".parse::<Metric>().unwrap_err().to_string();
        assert!(error.contains("did you mean frechet?"), "{error}");
        let error = "?".parse::<Metric>().unwrap_err().to_string();
        assert!(!error.contains("did you mean"), "{error}");
    }
}
