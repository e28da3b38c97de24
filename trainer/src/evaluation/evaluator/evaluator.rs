//! Measures generators against one data set.

use std::path::{Path, PathBuf};

use dreamlet_runtime::latent::Stream;

use super::dump::{self, Dump};
use super::features::{Described, Features};
use super::generated::{Generated, Kept};
use super::measure::{Measure, Measurement};
use super::reference::{Real, Reference};
use super::training_images::TrainingImages;
use crate::data::{Dataset, Progress, Unit};
use crate::evaluation::classifier::{hold_out, likeliest};
use crate::evaluation::error::EvaluationError;
use crate::evaluation::frechet::Gaussian;
use crate::evaluation::matrix::{ChosenRows, Matrix, count};
use crate::evaluation::memorization::{Match, Memorization, Nearest, memorization};
use crate::evaluation::metric::{
    Better, ExtractorProvenance, Metric, MetricReport, MetricValue, Provenance,
};
use crate::evaluation::onnx::OnnxExtractor;
use crate::evaluation::prdc::Radii;
use crate::evaluation::sliced::{self, Projections};
use crate::evaluation::source::ImageSource;

/// The fewest images on each side.
pub(crate) const LEAST: usize = 50;

/// How to evaluate.
pub(crate) struct EvaluationOptions<'a> {
    /// Generated images; as many test images go against them, if there are so many.
    pub samples: usize,
    /// Number of the first generated image; also chooses the real images and the pairs.
    pub seed: u64,
    /// What to measure; a metric that the images cannot have is left out.
    pub metrics: Vec<Metric>,
    /// A feature extractor instead of the own classifier. Without one, and with metrics of pixels
    /// alone, no classifier is trained.
    pub extractor: Option<OnnxExtractor>,
    /// Folder for the classifier and for features of real images; `None` keeps nothing.
    pub cache: Option<PathBuf>,
    /// Keep all images and features in memory, for [`Evaluator::dump`].
    pub keep: bool,
    /// Hears how far it has come.
    pub progress: &'a dyn Progress,
}

/// What one evaluation gives.
pub(crate) struct Evaluation {
    pub report: MetricReport,
    /// For each generated image the nearest training image in pixels, if memorization was measured.
    pub nearest: Option<Nearest>,
    /// The same in features, where there are any.
    pub nearest_in_features: Option<Nearest>,
    /// The 16 generated images that are nearest to training images, nearest first; empty if
    /// memorization was not measured.
    pub worst: Vec<Match>,
    /// How many of the generated images the classifier takes for each class; `None` without it.
    pub class_counts: Option<Vec<usize>>,
    kept: Kept,
}

/// Measures generators against one data set.
pub(crate) struct Evaluator<'a> {
    data: &'a Dataset,
    samples: usize,
    keep: bool,
    progress: &'a dyn Progress,
    features: Features<'a>,
    reference: Reference,
    training: Option<TrainingImages<'a>>,
    /// The metrics of other real images in place of the generated ones, and how many those are.
    floor: Vec<Measurement>,
    floor_rows: usize,
}

impl<'a> Evaluator<'a> {
    /// Trains or loads the classifier and computes all that does not depend on a generator.
    ///
    /// # Errors
    /// [`EvaluationError`]: too few images, no labels and no extractor, or an extractor that fails.
    pub(crate) fn new(
        data: &'a Dataset,
        options: EvaluationOptions<'a>,
    ) -> Result<Self, EvaluationError> {
        let rows = options.samples.min(data.test.len());
        if rows < LEAST {
            let advice = if data.test.len() < LEAST {
                "of a folder they are a tenth, or half where two folders are compared: add images, or put so many into a sub-folder test"
            } else {
                "ask for more with --samples"
            };
            return Err(EvaluationError::TooFew {
                what: "real images to compare with",
                needed: LEAST,
                found: rows,
                advice,
            });
        }
        let features = Features::new(
            data,
            options.extractor,
            &options.metrics,
            options.cache,
            options.progress,
        )?;
        let reference = Reference {
            metrics: options.metrics,
            seed: options.seed,
            shape: [data.channels, data.height, data.width],
            by_classifier: features.by_classifier(),
            directions: sliced::directions(data.image_len()),
            real: Real::default(),
        };
        let mut evaluator = Self {
            data,
            samples: options.samples,
            keep: options.keep,
            progress: options.progress,
            features,
            reference,
            training: None,
            floor: Vec::new(),
            floor_rows: 0,
        };
        let chosen = choose(evaluator.reference.seed, "eval.real", data.test.len(), rows);
        let hits = evaluator.describe_real(chosen)?;
        evaluator.measure_floor(rows)?;
        if let Some(hits) = hits {
            let share = count(hits) / count(rows);
            evaluator.floor.push(accuracy(share));
        }
        if evaluator.reference.wants(Metric::Memorization) {
            let (real, features) = (&evaluator.reference.real, &mut evaluator.features);
            evaluator.training = Some(TrainingImages::of(data, real, features)?);
        }
        Ok(evaluator)
    }

    /// What the metrics need of the real images, and how many of them the classifier puts into
    /// their class, if there is one.
    fn describe_real(&mut self, indices: Vec<usize>) -> Result<Option<usize>, EvaluationError> {
        let test = &self.data.test;
        let found = self.features.of_real(test, "test", &indices)?;
        let hits = found.probabilities.map(|probabilities| {
            let labels = indices.iter().map(|i| test.label(*i).map(usize::from));
            let hits = probabilities.iter().zip(labels);
            hits.filter(|(row, label)| label.is_some() && likeliest(row) == *label)
                .count()
        });
        let features = found.features;
        let wants = |metric| self.reference.wants(metric);
        let wants_overlap = self.reference.wants_overlap();
        let singly =
            wants_overlap || wants(Metric::Kernel) || wants(Metric::Memorization) || self.keep;
        let images = ChosenRows {
            split: test,
            indices: &indices,
        };
        let directions = &self.reference.directions;
        self.reference.real = Real {
            width: features.width(),
            gaussian: wants(Metric::Frechet).then(|| Gaussian::of(&features)),
            radii: wants_overlap.then(|| Radii::of(&features)),
            projections: wants(Metric::SlicedWasserstein)
                .then(|| Projections::of(&images, directions)),
            features: if singly { features } else { Matrix::default() },
            indices,
        };
        Ok(hits)
    }

    /// The metrics of training images that no classifier has seen, `rows` at most, in the place of
    /// generated ones.
    fn measure_floor(&mut self, rows: usize) -> Result<(), EvaluationError> {
        let (held, _) = hold_out(self.data);
        let indices: Vec<usize> = choose(self.reference.seed, "eval.floor", held.len(), rows)
            .into_iter()
            .filter_map(|index| held.get(index).map(|at| *at as usize))
            .collect();
        if indices.len() < LEAST {
            return Ok(());
        }
        let train = &self.data.train;
        let found = self.features.of_real(train, "held", &indices)?;
        let mut measure = Measure::new(&self.reference, indices.len());
        let mut first = 0;
        for indices in indices.chunks(self.features.part()) {
            let images = ChosenRows {
                split: train,
                indices,
            };
            let range: Vec<usize> = (first..first + indices.len()).collect();
            let part = Described {
                features: found.features.select(&range),
                probabilities: found.probabilities.as_ref().map(|all| all.select(&range)),
            };
            measure.add(&self.reference, &images.bytes(), &part);
            first += indices.len();
        }
        self.floor = measure.values(&self.reference);
        self.floor_rows = indices.len();
        Ok(())
    }

    /// Generates images and measures them.
    ///
    /// # Errors
    /// [`EvaluationError`]: images of another shape, a generator that fails, too few images.
    pub(crate) fn evaluate(
        &mut self,
        model: &str,
        source: &mut dyn ImageSource,
    ) -> Result<Evaluation, EvaluationError> {
        let shape = self.reference.shape;
        if source.shape() != shape {
            return Err(EvaluationError::Shape {
                generated: source.shape(),
                real: shape,
            });
        }
        let available = source.available();
        let total = available.unwrap_or(usize::MAX).min(self.samples);
        let first = match available {
            Some(_) => 0,
            None => self.reference.seed,
        };
        let progress = self.progress;
        let mut found = Generated::new(&self.reference, total, self.keep);
        progress.start("generated images", Some(total as u64), Unit::Images);
        let (features, training) = (&mut self.features, self.training.as_ref());
        let made = found.make(source, (first, total), &self.reference, features, training);
        progress.finish();
        made?;
        let fakes = found.rows;
        if fakes < LEAST {
            return Err(EvaluationError::TooFew {
                what: "generated images",
                needed: LEAST,
                found: fakes,
                advice: "give more",
            });
        }
        progress.start("comparing them with real ones", None, Unit::Images);
        let mut values = found.measure.values(&self.reference);
        progress.finish();
        if self.reference.wants(Metric::ClassAccuracy)
            && source.classes() > 0
            && self.reference.by_classifier
        {
            values.push(accuracy(count(found.hits) / count(fakes)));
        }
        let extractor = self.features.provenance(self.reference.real.width);
        let value = |measured: Measurement, floor| {
            self.metric_value(measured, floor, extractor.as_ref(), fakes)
        };
        let mut metrics = Vec::new();
        for measured in values {
            let floor = self.floor.iter().find(|floor| floor.key == measured.key);
            let mut metric = value(measured, floor.map(|floor| floor.value));
            if metric.key == "frechet_distance"
                && let Some(extractor) = &extractor
            {
                metric.name = frechet_name(extractor);
            }
            metrics.push(metric);
        }
        if let Some(training) = &self.training {
            for (own, baseline, names, of_features) in [
                (&found.nearest, &training.in_pixels, PIXEL_NAMES, false),
                (
                    &found.nearest_in_features,
                    &training.in_features,
                    FEATURE_NAMES,
                    true,
                ),
            ] {
                if !own.distances.is_empty() {
                    let compared = memorization(&own.distances, &baseline.distances);
                    let of = [of_features, true];
                    for (measured, floor) in memorization_metrics(names, compared, of) {
                        metrics.push(value(measured, Some(floor)));
                    }
                }
            }
        }
        let report = MetricReport {
            model: model.to_owned(),
            dreamlet: env!("CARGO_PKG_VERSION"),
            metrics,
            notes: Vec::new(),
        };
        let some = |nearest: Nearest| (!nearest.distances.is_empty()).then_some(nearest);
        Ok(Evaluation {
            report,
            nearest: some(found.nearest),
            nearest_in_features: some(found.nearest_in_features),
            worst: found.worst.0,
            class_counts: Some(found.class_counts).filter(|counts| !counts.is_empty()),
            kept: found.kept.unwrap_or_default(),
        })
    }

    fn metric_value(
        &self,
        measured: Measurement,
        floor: Option<f64>,
        extractor: Option<&ExtractorProvenance>,
        fakes: usize,
    ) -> MetricValue {
        let [of_features, of_reals] = measured.of;
        let real = if of_reals {
            self.reference.real.indices.len()
        } else {
            0
        };
        MetricValue {
            key: measured.key,
            name: measured.name.to_owned(),
            value: measured.value,
            error: measured.error,
            floor,
            better: measured.better,
            method: measured.method,
            provenance: Provenance {
                extractor: extractor.filter(|_| of_features).cloned(),
                fake: fakes,
                floor: self.floor_rows,
                ..self.provenance_on_test(real)
            },
        }
    }

    /// Where a metric of the run's own nets on `real` test images comes from.
    pub(crate) fn provenance_on_test(&self, real: usize) -> Provenance {
        Provenance {
            extractor: None,
            data: self.data.name.clone(),
            fingerprint: self.features.fingerprint().chars().take(16).collect(),
            shape: self.reference.shape,
            split: "test",
            real,
            fake: 0,
            floor: 0,
            seed: self.reference.seed,
        }
    }

    /// Writes what the metrics were computed from as `.npy` files, for `scripts/bench/metrics.py`.
    /// Needs [`EvaluationOptions::keep`]: without it there are no generated images to write.
    pub(crate) fn dump(
        &self,
        evaluation: &Evaluation,
        folder: &Path,
    ) -> Result<(), EvaluationError> {
        let real = ChosenRows {
            split: &self.data.test,
            indices: &self.reference.real.indices,
        };
        let dump = Dump {
            kept: &evaluation.kept,
            with_features: self.features.provenance(0).is_some(),
            real_pixels: &real.bytes(),
            training: self.training.as_ref(),
            nearest: [
                evaluation.nearest.as_ref(),
                evaluation.nearest_in_features.as_ref(),
            ],
        };
        dump::write(&dump, &self.reference, folder)
    }
}

/// FID is the distance in the 2048 features of Inception, which its file's name must tell; in
/// others it is a Fréchet distance.
fn frechet_name(extractor: &ExtractorProvenance) -> String {
    if extractor.features == 2048 && extractor.name.to_lowercase().contains("inception") {
        return "Fréchet inception distance (FID)".into();
    }
    let name = match extractor.accuracy {
        Some(_) => "dreamlet",
        None => &extractor.name,
    };
    format!("Fréchet distance (extractor {name})")
}

const PIXEL_NAMES: [(&str, &str); 2] = [
    ("memorized_share_pixels", "nearer than new, pixels"),
    ("memorized_ratio_pixels", "nearest distance ratio, pixels"),
];
const FEATURE_NAMES: [(&str, &str); 2] = [
    ("memorized_share_features", "nearer than new, features"),
    (
        "memorized_ratio_features",
        "nearest distance ratio, features",
    ),
];

/// The share and the ratio of a comparison, and what both are for real images.
fn memorization_metrics(
    names: [(&'static str, &'static str); 2],
    compared: Memorization,
    of: [bool; 2],
) -> [(Measurement, f64); 2] {
    let [share, ratio] = names;
    let method = format!(
        "nearer to a training image than {:.4}, as 1 % of the test images are",
        compared.threshold
    );
    let measured = |(key, name), value, method| {
        Measurement::of(key, name, value, Better::Floor).by(method, of)
    };
    let median = "median distance to the nearest training image, over that of test images";
    [
        (measured(share, compared.share, method), 0.01),
        (
            measured(ratio, compared.median_ratio, median.to_owned()),
            1.0,
        ),
    ]
}

fn accuracy(value: f64) -> Measurement {
    let method = "the classifier finds the class that the image was made in";
    Measurement::of("class_accuracy", "class accuracy", value, Better::Higher)
        .by(method.to_owned(), [true, false])
}

/// `count` of `from` indices, chosen by the seed, in random order.
fn choose(seed: u64, domain: &str, from: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..from).collect();
    Stream::new(seed, domain, 0).shuffle(&mut order);
    order.truncate(count);
    order
}
