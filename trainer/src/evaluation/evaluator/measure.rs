//! The metrics of one set of images against the real ones, while the images come in parts.

use super::features::Described;
use super::reference::Reference;
use crate::evaluation::frechet::GaussianFit;
use crate::evaluation::inception::{self, Scores};
use crate::evaluation::kid::Subsets;
use crate::evaluation::matrix::Matrix;
use crate::evaluation::metric::{Better, Metric};
use crate::evaluation::modes::ModeCounts;
use crate::evaluation::ms_ssim::{self, Similarities};
use crate::evaluation::prdc::{Radii, overlap};
use crate::evaluation::sliced::{self, Projections};

/// One number that was measured.
pub(super) struct Measurement {
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) error: Option<f64>,
    pub(super) better: Better,
    pub(super) method: String,
    /// Whether it is of features, and of real images.
    pub(super) of: [bool; 2],
}

impl Measurement {
    pub(super) fn new(
        (key, name): (&'static str, &'static str),
        value: f64,
        better: Better,
        method: String,
        of: [bool; 2],
    ) -> Self {
        Self {
            key,
            name,
            value,
            error: None,
            better,
            method,
            of,
        }
    }

    /// With a standard error.
    fn within(self, error: f64) -> Self {
        Self {
            error: Some(error),
            ..self
        }
    }
}

/// What is known of the images so far, for each metric that is wanted. It compares a set with the
/// real images, whether the set is generated or real itself.
pub(super) struct Measure {
    gaussian: Option<GaussianFit>,
    kernel: Option<Subsets>,
    scores: Option<Scores>,
    /// All features, where balls around images are compared.
    features: Option<Matrix>,
    projections: Option<Projections>,
    similarities: Option<Similarities>,
    modes: Option<ModeCounts>,
}

impl Measure {
    /// For `rows` images or a few less.
    pub(super) fn new(reference: &Reference, rows: usize) -> Self {
        let real = &reference.real;
        let wants = |metric| reference.wants(metric);
        let [_, height, width] = reference.shape;
        let fits = ms_ssim::scales(height, width) > 0;
        Self {
            gaussian: wants(Metric::Frechet).then(|| GaussianFit::new(real.width)),
            kernel: wants(Metric::Kernel).then(|| Subsets::new(real.indices.len(), rows)),
            scores: (wants(Metric::InceptionScore) && reference.by_classifier)
                .then(|| Scores::new(rows)),
            features: real.radii.is_some().then(Matrix::default),
            projections: wants(Metric::SlicedWasserstein).then(Projections::new),
            modes: reference.modes.clone(),
            similarities: (wants(Metric::MsSsim) && fits).then(|| {
                let pairs = ms_ssim::pairs(rows, reference.seed);
                Similarities::new(reference.shape, &pairs)
            }),
        }
    }

    /// The next images.
    pub(super) fn add(&mut self, reference: &Reference, pixels: &[u8], part: &Described) {
        if let Some(gaussian) = &mut self.gaussian {
            gaussian.add(&part.features);
        }
        if let Some(kernel) = &mut self.kernel {
            kernel.add(&reference.real.features, &part.features);
        }
        if let (Some(scores), Some(probabilities)) = (&mut self.scores, &part.probabilities) {
            scores.add(probabilities);
        }
        if let Some(features) = &mut self.features {
            features.append(part.features.clone());
        }
        if let Some(projections) = &mut self.projections {
            projections.add(&reference.rows(pixels), &reference.directions);
        }
        if let Some(similarities) = &mut self.similarities {
            similarities.add(pixels);
        }
        if let Some(modes) = &mut self.modes {
            modes.add(&part.modes);
        }
    }

    pub(super) fn values(&self, reference: &Reference) -> Vec<Measurement> {
        let mut values = Vec::new();
        let (real, both) = (&reference.real, [true, true]);
        if let (Some(own), Some(real)) = (&self.gaussian, &real.gaussian) {
            let names = ("frechet_distance", "Fréchet distance");
            let distance = real.frechet_distance(&own.gaussian());
            let method = "Gaussians fitted to features, f64".to_owned();
            values.push(Measurement::new(
                names,
                distance,
                Better::Lower,
                method,
                both,
            ));
        }
        if let Some(kernel) = &self.kernel {
            let names = ("kernel_distance", "kernel distance");
            let found = kernel.distance();
            let (subsets, size) = (found.subsets, found.size);
            let method = format!("unbiased MMD², degree 3, {subsets} subsets of {size}");
            let measured = Measurement::new(names, found.mean, Better::Lower, method, both);
            values.push(measured.within(found.error));
        }
        if let Some(scores) = &self.scores {
            let names = ("inception_score", "inception score");
            let (mean, deviation) = scores.score();
            let splits = inception::SPLITS;
            let method = format!("{splits} parts of the set, ± is their deviation");
            let measured = Measurement::new(names, mean, Better::Higher, method, [true, false]);
            values.push(measured.within(deviation));
        }
        if let (Some(radii), Some(features)) = (&real.radii, &self.features) {
            let found = overlap(&real.features, radii, features, &Radii::of(features));
            let [three, five] = ["balls to the 3rd neighbour", "balls to the 5th neighbour"];
            for (metric, key, value, method) in [
                (Metric::PrecisionRecall, "precision", found.precision, three),
                (Metric::PrecisionRecall, "recall", found.recall, three),
                (Metric::DensityCoverage, "density", found.density, five),
                (Metric::DensityCoverage, "coverage", found.coverage, five),
            ] {
                if reference.wants(metric) {
                    let (names, method) = ((key, key), method.to_owned());
                    values.push(Measurement::new(names, value, Better::Higher, method, both));
                }
            }
        }
        if let (Some(own), Some(real)) = (&self.projections, &real.projections) {
            let names = ("sliced_wasserstein", "sliced Wasserstein distance");
            let method = format!("pixels 0 to 1, {} directions", sliced::DIRECTIONS);
            let (distance, of) = (real.distance(own), [false, true]);
            values.push(Measurement::new(names, distance, Better::Lower, method, of));
        }
        if let Some(similarities) = &self.similarities {
            let names = ("ms_ssim", "MS-SSIM between images");
            let (mean, error) = similarities.mean();
            let scales = ms_ssim::scales(reference.shape[1], reference.shape[2]);
            let pairs = similarities.pairs();
            let method = format!("{pairs} random pairs, {scales} of 5 scales fit");
            let measured = Measurement::new(names, mean, Better::Floor, method, [false, false]);
            values.push(measured.within(error));
        }
        values.extend(self.modes.iter().flat_map(of_modes));
        values
    }
}

/// What is measured of modes.
pub(super) fn of_modes(modes: &ModeCounts) -> [Measurement; 2] {
    let all = modes.of();
    let found = format!(
        "of {all}, by a classifier of single digits on each channel; real/real: as many images of test digits"
    );
    let even = "modes, nats; the data's shares are those of training digits".to_owned();
    let of = [false, false];
    [
        Measurement::new(
            ("modes", "modes"),
            modes.found() as f64,
            Better::Higher,
            found,
            of,
        ),
        Measurement::new(
            ("modes_kl", "KL(generated ‖ data)"),
            modes.divergence(),
            Better::Lower,
            even,
            of,
        ),
    ]
}
