//! Real images and their features once, figures of as many generators as are wanted.
//!
//! Generated images come in parts and are measured as they come. What is kept of them does not grow with their number where the
//! mathematics of a figure allows it; of each image are kept its features for precision, recall, density and coverage,
//! 128 projections for the sliced Wasserstein distance, and a distance and an index, twice, for memorization.

mod dump;
mod features;
mod generated;
mod measure;

use std::path::PathBuf;

use dreamlet_runtime::latent::Stream;

use super::classifier::{TrainedClassifier, VERSION, classifiable, hold_out, likeliest};
use super::error::EvaluationError;
use super::frechet::Gaussian;
use super::matrix::{Chosen, Matrix, Pixels, count};
use super::memorization::{self, Match, Nearest, memorization};
use super::onnx::OnnxExtractor;
use super::prdc::Radii;
use super::report::{Better, ExtractorStamp, Figure, Metric, Provenance, Report};
use super::sliced::{self, Projections};
use super::source::Source;
use crate::data::{Dataset, Progress, Unit};
use features::{Described, Extractor};
use measure::{Measure, Value};

/// The fewest images on each side.
pub const LEAST: usize = 50;

/// Images that are measured together, and most bytes of them.
const PART: usize = 2048;
const PART_BYTES: usize = 1 << 26;

/// How to evaluate.
pub struct Options<'a> {
    /// Generated images; as many test images go against them, if there are so many.
    pub samples: usize,
    /// Number of the first generated image; also chooses the real images and the pairs.
    pub seed: u64,
    /// What to measure; a metric that the images cannot have is left out.
    pub metrics: Vec<Metric>,
    /// A feature extractor instead of the own classifier. Without one, and with metrics of pixels alone, no classifier is trained.
    pub extractor: Option<OnnxExtractor>,
    /// Folder for the classifier and for features of real images; `None` keeps nothing.
    pub cache: Option<PathBuf>,
    /// Keep all images and features in memory, for [`Evaluator::dump`].
    pub keep: bool,
    /// Hears how far it has come.
    pub progress: &'a dyn Progress,
}

/// The real images: numbers of those that were chosen, and of them what the metrics need.
#[derive(Default)]
struct Real {
    indices: Vec<usize>,
    /// Numbers in a feature vector, 0 without an extractor.
    width: usize,
    /// Empty where no metric compares features one by one.
    features: Matrix,
    gaussian: Option<Gaussian>,
    radii: Option<Radii>,
    projections: Option<Projections>,
}

/// Training images, for memorization: their features and mean images, and how near the real images come to them in pixels and in features.
struct Training {
    features: Matrix,
    mean_pixels: Vec<f64>,
    mean_features: Vec<f64>,
    in_pixels: Nearest,
    in_features: Nearest,
}

/// All images with their features and, from a classifier, class probabilities.
#[derive(Default)]
struct Kept {
    pixels: Vec<u8>,
    features: Matrix,
    probabilities: Option<Matrix>,
}

/// What one evaluation gives.
pub struct Evaluation {
    /// The figures.
    pub report: Report,
    /// For each generated image the nearest training image in pixels, if memorization was measured.
    pub nearest: Option<Nearest>,
    /// The same in features, where there are any.
    pub nearest_in_features: Option<Nearest>,
    /// The 16 generated images that are nearest to training images, nearest first; empty if memorization was not measured.
    pub worst: Vec<Match>,
    /// How many of the generated images the classifier takes for each class; `None` without it.
    pub class_counts: Option<Vec<usize>>,
    kept: Kept,
}

/// Measures generators against one data set.
pub struct Evaluator<'a> {
    data: &'a Dataset,
    options: Options<'a>,
    fingerprint: String,
    extractor: Extractor,
    shape: [usize; 3],
    real: Real,
    floor: Vec<Value>,
    floor_rows: usize,
    directions: Matrix,
    training: Option<Training>,
}

impl<'a> Evaluator<'a> {
    /// Trains or loads the classifier and computes all that does not depend on a generator.
    ///
    /// # Errors
    /// [`EvaluationError`]: too few images, no labels and no extractor, or an extractor that fails.
    pub fn new(data: &'a Dataset, mut options: Options<'a>) -> Result<Self, EvaluationError> {
        let fingerprint = data.fingerprint();
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
        let extractor = match options.extractor.take() {
            Some(extractor) => Extractor::Onnx(Box::new(extractor)),
            None if !wants_features(&options.metrics, data) => Extractor::None,
            None => Extractor::Classifier(Box::new(TrainedClassifier::of(
                data,
                &fingerprint,
                options.cache.as_deref(),
                options.progress,
            )?)),
        };
        let mut evaluator = Self {
            data,
            fingerprint,
            extractor,
            shape: [data.channels, data.height, data.width],
            real: Real::default(),
            floor: Vec::new(),
            floor_rows: 0,
            directions: sliced::directions(data.image_len()),
            training: None,
            options,
        };
        let chosen = choose(evaluator.options.seed, "eval.real", data.test.len(), rows);
        let hits = evaluator.describe_real(chosen)?;
        evaluator.measure_floor(rows)?;
        if let Some(hits) = hits {
            let share = count(hits) / count(rows);
            evaluator.floor.push(accuracy(share));
        }
        if evaluator.wants(Metric::Memorization) {
            evaluator.training = Some(evaluator.training()?);
        }
        Ok(evaluator)
    }

    fn wants(&self, metric: Metric) -> bool {
        self.options.metrics.contains(&metric)
    }

    /// Whether balls around images are compared, for which all features are needed.
    fn wants_overlap(&self) -> bool {
        self.wants(Metric::PrecisionRecall) || self.wants(Metric::DensityCoverage)
    }

    /// What the metrics need of the real images, and how many of them the classifier puts into their class, if there is one.
    fn describe_real(&mut self, indices: Vec<usize>) -> Result<Option<usize>, EvaluationError> {
        let test = &self.data.test;
        let found = self.kept(test, "test", &indices)?;
        let hits = found.probabilities.map(|probabilities| {
            let labels = indices.iter().map(|i| test.label(*i).map(usize::from));
            let hits = probabilities.iter().zip(labels);
            hits.filter(|(row, label)| label.is_some() && likeliest(row) == *label)
                .count()
        });
        let features = found.features;
        let singly = self.wants_overlap() || self.wants(Metric::Kernel);
        let singly = singly || self.wants(Metric::Memorization) || self.options.keep;
        let images = Chosen {
            split: test,
            indices: &indices,
        };
        self.real = Real {
            width: features.width(),
            gaussian: (self.wants(Metric::Frechet)).then(|| Gaussian::of(&features)),
            radii: self.wants_overlap().then(|| Radii::of(&features)),
            projections: self
                .wants(Metric::SlicedWasserstein)
                .then(|| Projections::of(&images, &self.directions)),
            features: if singly { features } else { Matrix::default() },
            indices,
        };
        Ok(hits)
    }

    /// The figures of training images that no classifier has seen, `rows` at most, in the place of generated ones.
    fn measure_floor(&mut self, rows: usize) -> Result<(), EvaluationError> {
        let (held, _) = hold_out(self.data);
        let indices: Vec<usize> = choose(self.options.seed, "eval.floor", held.len(), rows)
            .into_iter()
            .filter_map(|index| held.get(index).map(|at| *at as usize))
            .collect();
        if indices.len() < LEAST {
            return Ok(());
        }
        let train = &self.data.train;
        let found = self.kept(train, "held", &indices)?;
        let mut measure = Measure::new(self, indices.len());
        let mut first = 0;
        for indices in indices.chunks(self.part()) {
            let images = Chosen {
                split: train,
                indices,
            };
            let range: Vec<usize> = (first..first + indices.len()).collect();
            let part = Described {
                features: found.features.select(&range),
                probabilities: found.probabilities.as_ref().map(|all| all.select(&range)),
            };
            measure.add(self, &images.bytes(), &part);
            first += indices.len();
        }
        self.floor = measure.values(self);
        self.floor_rows = indices.len();
        Ok(())
    }

    /// Images that are measured together.
    fn part(&self) -> usize {
        PART.min(PART_BYTES / self.data.image_len().max(1)).max(1)
    }

    /// What the figures of features stand on; `None` if there are none.
    #[must_use]
    pub fn stamp(&self) -> Option<ExtractorStamp> {
        let features = self.real.width;
        Some(match &self.extractor {
            Extractor::None => return None,
            Extractor::Classifier(net) => ExtractorStamp {
                name: format!("dreamlet classifier v{} of {}", VERSION, self.data.name),
                sha256: net.sha256.clone(),
                accuracy: Some(net.accuracy),
                engine: "burn-flex".into(),
                features,
            },
            Extractor::Onnx(file) => ExtractorStamp {
                name: file.name.clone(),
                sha256: file.sha256.clone(),
                accuracy: None,
                engine: file.engine_name.into(),
                features,
            },
        })
    }

    fn training(&mut self) -> Result<Training, EvaluationError> {
        let data = self.data;
        let all: Vec<usize> = (0..data.train.len()).collect();
        let features = self.kept(&data.train, "train", &all)?.features;
        let mean_pixels = memorization::mean(data.train.pixels(), data.image_len());
        let mean_features = features.mean();
        let slot = self.slot("nearest", &self.real.indices);
        let kept = slot.as_ref().and_then(|slot| slot.read_matrices(2));
        let kept = kept.and_then(|kept| {
            let [in_pixels, in_features] = kept.as_slice() else {
                return None;
            };
            Nearest::from_matrix(in_pixels).zip(Nearest::from_matrix(in_features))
        });
        let (in_pixels, in_features) = kept.unwrap_or_else(|| {
            let (images, training) = (
                Chosen {
                    split: &data.test,
                    indices: &self.real.indices,
                },
                Pixels {
                    bytes: data.train.pixels(),
                    width: data.image_len(),
                },
            );
            let found = (
                Nearest::of(&images, &training, &mean_pixels),
                Nearest::of(&self.real.features, &features, &mean_features),
            );
            if let (Some(slot), Some(a), Some(b)) = (slot, found.0.to_matrix(), found.1.to_matrix())
            {
                slot.write_matrices(&[&a, &b]);
            }
            found
        });
        Ok(Training {
            features,
            mean_pixels,
            mean_features,
            in_pixels,
            in_features,
        })
    }

    /// Generates images and measures them.
    ///
    /// # Errors
    /// [`EvaluationError`]: images of another shape, a generator that fails, too few images.
    pub fn evaluate(
        &mut self,
        model: &str,
        source: &mut dyn Source,
    ) -> Result<Evaluation, EvaluationError> {
        if source.shape() != self.shape {
            return Err(EvaluationError::Shape {
                generated: source.shape(),
                real: self.shape,
            });
        }
        let total = source.available().unwrap_or(usize::MAX);
        let total = total.min(self.options.samples);
        let progress = self.options.progress;
        progress.start("generated images", Some(total as u64), Unit::Images);
        let found = self.generate(source, total);
        progress.finish();
        let found = found?;
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
        let mut values = found.measure.values(self);
        progress.finish();
        if self.wants(Metric::ClassAccuracy)
            && source.classes() > 0
            && matches!(self.extractor, Extractor::Classifier(_))
        {
            values.push(accuracy(count(found.hits) / count(fakes)));
        }
        let extractor = self.stamp();
        let frechet = extractor.as_ref().map(frechet_name);
        let mut figures: Vec<Figure> = values
            .into_iter()
            .map(|value| {
                let floor = self.floor.iter().find(|floor| floor.key == value.key);
                let mut figure =
                    self.figure(value, floor.map(|f| f.value), extractor.as_ref(), fakes);
                if figure.key == "frechet_distance"
                    && let Some(name) = &frechet
                {
                    figure.name.clone_from(name);
                }
                figure
            })
            .collect();
        if let Some(training) = &self.training {
            for (own, baseline, names, of) in [
                (&found.nearest, &training.in_pixels, PIXEL_NAMES, false),
                (
                    &found.nearest_in_features,
                    &training.in_features,
                    FEATURE_NAMES,
                    true,
                ),
            ] {
                if own.distances.is_empty() {
                    continue;
                }
                let compared = memorization(&own.distances, &baseline.distances);
                let threshold = compared.threshold;
                let methods = [
                    format!(
                        "nearer to a training image than {threshold:.4}, as 1 % of the test images are"
                    ),
                    "median distance to the nearest training image, over that of test images"
                        .to_owned(),
                ];
                let numbers = [(compared.share, 0.01), (compared.median_ratio, 1.0)];
                for ((key, name), (method, (value, floor))) in
                    names.into_iter().zip(methods.into_iter().zip(numbers))
                {
                    let value = Value {
                        key,
                        name,
                        value,
                        error: None,
                        better: Better::Floor,
                        method,
                        of: [of, true],
                    };
                    figures.push(self.figure(value, Some(floor), extractor.as_ref(), fakes));
                }
            }
        }
        let report = Report {
            model: model.to_owned(),
            dreamlet: env!("CARGO_PKG_VERSION"),
            figures,
            notes: Vec::new(),
        };
        let some = |nearest: Nearest| (!nearest.distances.is_empty()).then_some(nearest);
        Ok(Evaluation {
            report,
            nearest: some(found.nearest),
            nearest_in_features: some(found.nearest_in_features),
            worst: found.worst.0,
            class_counts: Some(found.class_counts).filter(|counts| !counts.is_empty()),
            kept: found.kept,
        })
    }

    fn figure(
        &self,
        value: Value,
        floor: Option<f64>,
        extractor: Option<&ExtractorStamp>,
        fakes: usize,
    ) -> Figure {
        let [of_features, of_reals] = value.of;
        Figure {
            key: value.key,
            name: value.name.to_owned(),
            value: value.value,
            error: value.error,
            floor,
            better: value.better,
            method: value.method,
            stamp: Provenance {
                extractor: extractor.filter(|_| of_features).cloned(),
                data: self.data.name.clone(),
                fingerprint: self.fingerprint.chars().take(16).collect(),
                shape: self.shape,
                split: "test",
                real: if of_reals { self.real.indices.len() } else { 0 },
                fake: fakes,
                floor: self.floor_rows,
                seed: self.options.seed,
            },
        }
    }

    /// The stamp of a figure of the run's own nets on test images.
    #[must_use]
    pub fn likelihood_stamp(&self, real: usize) -> Provenance {
        Provenance {
            extractor: None,
            data: self.data.name.clone(),
            fingerprint: self.fingerprint.chars().take(16).collect(),
            shape: self.shape,
            split: "test",
            real,
            fake: 0,
            floor: 0,
            seed: self.options.seed,
        }
    }
}

/// FID is the distance in the 2048 features of Inception, which its file's name must tell; in others it is a Fréchet distance.
fn frechet_name(extractor: &ExtractorStamp) -> String {
    if extractor.features == 2048 && extractor.name.to_lowercase().contains("inception") {
        return "Fréchet inception distance (FID)".into();
    }
    let name = match extractor.accuracy {
        Some(_) => "dreamlet",
        None => &extractor.name,
    };
    format!("Fréchet distance (extractor {name})")
}

/// Whether an extractor is needed, or at hand for memorization, which also compares features where it can.
fn wants_features(metrics: &[Metric], data: &Dataset) -> bool {
    metrics.iter().any(|metric| {
        metric.needs_features() || (*metric == Metric::Memorization && classifiable(data))
    })
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

fn accuracy(value: f64) -> Value {
    Value {
        key: "class_accuracy",
        name: "class accuracy",
        value,
        error: None,
        better: Better::Higher,
        method: "the classifier finds the class that was asked for".into(),
        of: [true, false],
    }
}

/// `count` of `from` indices, chosen by the seed, in random order.
fn choose(seed: u64, domain: &str, from: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..from).collect();
    Stream::new(seed, domain, 0).shuffle(&mut order);
    order.truncate(count);
    order
}
