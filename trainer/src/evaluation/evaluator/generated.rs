//! Generated images, made and measured part by part.

use super::measure::Measure;
use super::{Evaluator, Kept};
use crate::evaluation::classifier::likeliest;
use crate::evaluation::error::EvaluationError;
use crate::evaluation::matrix::{Matrix, Pixels};
use crate::evaluation::memorization::{Nearest, Worst};
use crate::evaluation::source::Source;

/// Images that are generated in a call, and most numbers of them.
const CALL: usize = 512;
const CALL_NUMBERS: usize = 1 << 22;
/// What was measured of the generated images.
pub(super) struct Generated {
    pub(super) rows: usize,
    pub(super) measure: Measure,
    pub(super) nearest: Nearest,
    pub(super) nearest_in_features: Nearest,
    pub(super) worst: Worst,
    pub(super) class_counts: Vec<usize>,
    /// Images that the classifier takes for the class that was asked for.
    pub(super) hits: usize,
    pub(super) kept: Kept,
}

impl Evaluator<'_> {
    /// Makes `total` images, class i mod n for image i, and measures them part by part.
    pub(super) fn generate(
        &mut self,
        source: &mut dyn Source,
        total: usize,
    ) -> Result<Generated, EvaluationError> {
        let first = if source.available().is_some() {
            0
        } else {
            self.options.seed
        };
        let mut found = Generated {
            rows: 0,
            measure: Measure::new(self, total),
            nearest: Nearest::default(),
            nearest_in_features: Nearest::default(),
            worst: Worst::default(),
            class_counts: Vec::new(),
            hits: 0,
            kept: Kept::default(),
        };
        let length = self.data.image_len().max(1);
        let call = CALL.min(CALL_NUMBERS / length).max(1);
        for part in (0..total).step_by(self.part()) {
            let end = (part + self.part()).min(total);
            let (mut pixels, mut classes) = (Vec::new(), Vec::new());
            for from in (part..end).step_by(call) {
                let rows = (end - from).min(call);
                let wanted: Vec<usize> = match source.classes() {
                    0 => Vec::new(),
                    n => (from..from + rows).map(|index| index % n).collect(),
                };
                pixels.extend(source.images(first.wrapping_add(from as u64), rows, &wanted)?);
                classes.extend(wanted);
            }
            self.take_in(&mut found, pixels, &classes)?;
        }
        Ok(found)
    }

    /// Measures one part of the generated images.
    fn take_in(
        &mut self,
        found: &mut Generated,
        pixels: Vec<u8>,
        classes: &[usize],
    ) -> Result<(), EvaluationError> {
        let part = self.describe(&pixels)?;
        let length = self.data.image_len();
        found.measure.add(self, &pixels, &part);
        for (index, row) in part.probabilities.iter().flat_map(Matrix::iter).enumerate() {
            let class = likeliest(row);
            found.class_counts.resize(row.len(), 0);
            if let Some(count) = class.and_then(|class| found.class_counts.get_mut(class)) {
                *count += 1;
            }
            found.hits += usize::from(class.is_some() && classes.get(index) == class.as_ref());
        }
        if let Some(training) = &self.training {
            let rows = |bytes| Pixels {
                bytes,
                width: length,
            };
            let trained = rows(self.data.train.pixels());
            let near = Nearest::of(&rows(&pixels), &trained, &training.mean_pixels);
            found.worst.add(found.rows, &pixels, length, &near);
            found.nearest.append(near);
            found.nearest_in_features.append(Nearest::of(
                &part.features,
                &training.features,
                &training.mean_features,
            ));
        }
        found.rows += pixels.len() / length.max(1);
        if self.options.keep {
            found.kept.pixels.extend(pixels);
            found.kept.features.append(part.features);
            if let Some(probabilities) = part.probabilities {
                let all = found.kept.probabilities.get_or_insert_default();
                all.append(probabilities);
            }
        }
        Ok(())
    }
}
