//! Measures generators against one data set.

use std::path::{Path, PathBuf};

use dreamlet_runtime::latent::Stream;

use super::features::{Described, Features};
use super::generated::{Generated, Kept};
use super::measure::{Measure, Measurement, of_modes};
use super::reference::{Real, Reference};
use super::training_images::TrainingImages;
use crate::data::{Dataset, Progress, Silent, Unit};
use crate::evaluation::classifier::{hold_out, likeliest};
use crate::evaluation::error::EvaluationError;
use crate::evaluation::frechet::Gaussian;
use crate::evaluation::matrix::{ImageRows, Matrix, count};
use crate::evaluation::memorization::{Match, Nearest, memorization};
use crate::evaluation::metric::{
    Better, ExtractorProvenance, Metric, MetricReport, MetricValue, Provenance,
};
use crate::evaluation::modes::Digits;
use crate::evaluation::onnx::OnnxExtractor;
use crate::evaluation::prdc::Radii;
use crate::evaluation::sliced::{self, Projections};
use crate::evaluation::source::ImageSource;
use crate::evaluation::{ms_ssim, npy};

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
    /// The 16 generated images that are nearest to training images, nearest first; empty if
    /// memorization was not measured.
    pub worst: Vec<Match>,
    /// How many of the generated images the classifier takes for each class; `None` without it.
    pub class_counts: Option<Vec<usize>>,
    /// For each generated image the nearest training image in pixels and in features; empty where
    /// it was not looked for.
    nearest: [Nearest; 2],
    kept: Kept,
}

/// Measures generators against one data set.
pub(crate) struct Evaluator<'a> {
    data: &'a Dataset,
    samples: usize,
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
        let (metrics, progress) = (options.metrics, options.progress);
        let features = Features::new(data, options.extractor, &metrics, options.cache, progress)?;
        let reference = Reference {
            metrics,
            seed: options.seed,
            keep: options.keep,
            shape: data.shape(),
            by_classifier: features.by_classifier(),
            modes: features.digits.as_ref().map(Digits::counts),
            directions: sliced::directions(data.image_len()),
            real: Real::default(),
        };
        let mut evaluator = Self {
            data,
            samples: options.samples,
            progress,
            features,
            reference,
            training: None,
            floor: Vec::new(),
            floor_rows: 0,
        };
        let chosen = choose(evaluator.reference.seed, "eval.real", data.test.len(), rows);
        let hits = evaluator.describe_real(chosen)?;
        evaluator.measure_floor(rows)?;
        if let Some(digits) = &evaluator.features.digits {
            // As many as are generated: the divergence depends on their number.
            let modes = digits.floor(data, evaluator.samples, &Silent)?;
            evaluator.floor.retain(|floor| !is_of_modes(floor));
            evaluator.floor.extend(of_modes(&modes));
        }
        let share = hits.map(|hits| accuracy(count(hits) / count(rows)));
        evaluator.floor.extend(share);
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
        let overlap = self.reference.wants_overlap();
        let singly =
            overlap || wants(Metric::Kernel) || wants(Metric::Memorization) || self.reference.keep;
        let images = ImageRows::chosen(test, &indices);
        let directions = &self.reference.directions;
        self.reference.real = Real {
            width: features.width(),
            gaussian: wants(Metric::Frechet).then(|| Gaussian::of(&features)),
            radii: overlap.then(|| Radii::of(&features)),
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
            let pixels = ImageRows::chosen(train, indices).pixels();
            let range: Vec<usize> = (first..first + indices.len()).collect();
            let part = Described {
                features: found.features.select(&range),
                probabilities: found.probabilities.as_ref().map(|all| all.select(&range)),
                modes: Vec::new(),
            };
            measure.add(&self.reference, &pixels, &part);
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
        let images = Some(total as u64);
        let found = progress.during("generated images", images, Unit::Images, || {
            let (features, training) = (&mut self.features, self.training.as_ref());
            Generated::make(source, (first, total), &self.reference, features, training)
        })?;
        let fakes = found.rows;
        if fakes < LEAST {
            return Err(EvaluationError::TooFew {
                what: "generated images",
                needed: LEAST,
                found: fakes,
                advice: "give more",
            });
        }
        let what = "comparing them with real ones";
        let mut values = progress.during(what, None, Unit::Images, || {
            found.measure.values(&self.reference)
        });
        if self.reference.wants(Metric::ClassAccuracy)
            && source.classes() > 0
            && self.reference.by_classifier
        {
            values.push(accuracy(count(found.hits) / count(fakes)));
        }
        let extractor = self.features.provenance(self.reference.real.width);
        let mut metrics = Vec::new();
        for measured in values {
            let floor = self.floor.iter().find(|floor| floor.key == measured.key);
            metrics.push((floor.map(|floor| floor.value), measured));
        }
        if let Some(training) = &self.training {
            let names = MEMORIZATION.iter().zip([false, true]);
            let nearest = found.nearest.iter().zip(&training.baselines);
            for ((own, baseline), (names, of_features)) in nearest.zip(names) {
                if !own.distances.is_empty() {
                    metrics.extend(memorization_metrics(*names, own, baseline, of_features));
                }
            }
        }
        let metrics = metrics
            .into_iter()
            .map(|(floor, measured)| self.metric_value(measured, floor, extractor.as_ref(), fakes));
        Ok(Evaluation {
            report: MetricReport {
                model: model.to_owned(),
                dreamlet: env!("CARGO_PKG_VERSION"),
                metrics: metrics.collect(),
                notes: Vec::new(),
            },
            worst: found.worst.0,
            class_counts: Some(found.class_counts).filter(|counts| !counts.is_empty()),
            nearest: found.nearest,
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
        let real = usize::from(of_reals) * self.reference.real.indices.len();
        let digits = self.features.digits_provenance(self.data);
        let digits = digits.filter(|_| is_of_modes(&measured));
        let name = match extractor {
            Some(extractor) if measured.key == "frechet_distance" => frechet_name(extractor),
            _ => measured.name.to_owned(),
        };
        MetricValue {
            key: measured.key,
            name,
            value: measured.value,
            error: measured.error,
            floor,
            better: measured.better,
            method: measured.method,
            provenance: Provenance {
                // Real images of modes are new ones, as their method says.
                floor: if digits.is_some() { 0 } else { self.floor_rows },
                extractor: digits.or(extractor.filter(|_| of_features).cloned()),
                fake: fakes,
                ..self.provenance_on_test(real)
            },
        }
    }

    /// Where a metric of the run's own nets on `real` test images comes from.
    pub(crate) fn provenance_on_test(&self, real: usize) -> Provenance {
        Provenance {
            extractor: None,
            data: self.data.name.clone(),
            fingerprint: self.features.fingerprint.chars().take(16).collect(),
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
        std::fs::create_dir_all(folder).map_err(|error| EvaluationError::Write {
            path: folder.to_owned(),
            reason: error.to_string(),
        })?;
        let (reference, kept) = (&self.reference, &evaluation.kept);
        let matrix = |name, matrix: &Matrix| npy::matrix(folder, name, matrix);
        if self.features.provenance(0).is_some() {
            matrix("real.npy", &reference.real.features)?;
            matrix("fake.npy", &kept.described.features)?;
        }
        if let Some(probabilities) = &kept.described.probabilities {
            matrix("fake_probabilities.npy", probabilities)?;
        }
        let shape = reference.shape;
        let real = ImageRows::chosen(&self.data.test, &reference.real.indices);
        npy::images(folder, "real_pixels.npy", &real.pixels(), shape)?;
        npy::images(folder, "fake_pixels.npy", &kept.pixels, shape)?;
        matrix("directions.npy", &reference.directions)?;
        let images = kept.pixels.len() / reference.image_len().max(1);
        let pairs = ms_ssim::pairs(images, reference.seed);
        npy::indices(folder, "pairs.npy", &pairs)?;
        if let Some(training) = &self.training {
            matrix("train.npy", &training.features)?;
        }
        let names = ["nearest_pixels.npy", "nearest_features.npy"];
        for (name, nearest) in names.into_iter().zip(&evaluation.nearest) {
            if !nearest.distances.is_empty()
                && let Some(found) = nearest.to_matrix()
            {
                matrix(name, &found)?;
            }
        }
        Ok(())
    }
}

fn is_of_modes(measured: &Measurement) -> bool {
    matches!(measured.key, "modes" | "modes_kl")
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

/// Keys and names of the share and of the ratio, in pixels and in features.
const MEMORIZATION: [[(&str, &str); 2]; 2] = [
    [
        ("memorized_share_pixels", "nearer than new, pixels"),
        ("memorized_ratio_pixels", "nearest distance ratio, pixels"),
    ],
    [
        ("memorized_share_features", "nearer than new, features"),
        (
            "memorized_ratio_features",
            "nearest distance ratio, features",
        ),
    ],
];

/// The share and the ratio of a comparison, and before each what it is for real images.
fn memorization_metrics(
    [share, ratio]: [(&'static str, &'static str); 2],
    own: &Nearest,
    baseline: &Nearest,
    of_features: bool,
) -> [(Option<f64>, Measurement); 2] {
    let compared = memorization(&own.distances, &baseline.distances);
    let measured = |names, value, method| {
        Measurement::new(names, value, Better::Floor, method, [of_features, true])
    };
    let nearer = format!(
        "nearer to a training image than {:.4}, as 1 % of the test images are",
        compared.threshold
    );
    let median = "median distance to the nearest training image, over that of test images";
    [
        (Some(0.01), measured(share, compared.share, nearer)),
        (
            Some(1.0),
            measured(ratio, compared.median_ratio, median.to_owned()),
        ),
    ]
}

fn accuracy(value: f64) -> Measurement {
    let names = ("class_accuracy", "class accuracy");
    let method = "the classifier finds the class that the image was made in".to_owned();
    Measurement::new(names, value, Better::Higher, method, [true, false])
}

/// `count` of `from` indices, chosen by the seed, in random order.
fn choose(seed: u64, domain: &str, from: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..from).collect();
    Stream::new(seed, domain, 0).shuffle(&mut order);
    order.truncate(count);
    order
}
