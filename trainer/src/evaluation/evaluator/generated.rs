//! Generated images, made and measured part by part.

use super::features::{Described, Features};
use super::measure::Measure;
use super::reference::Reference;
use super::training_images::TrainingImages;
use crate::evaluation::classifier::likeliest;
use crate::evaluation::error::EvaluationError;
use crate::evaluation::matrix::Matrix;
use crate::evaluation::memorization::{Nearest, Worst};
use crate::evaluation::source::ImageSource;

/// Images that are generated in a call, and most numbers of them.
const CALL: usize = 512;
const CALL_NUMBERS: usize = 1 << 22;

/// All images, and what was said of them.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) pixels: Vec<u8>,
    pub(super) described: Described,
}

/// What was measured of the generated images.
pub(super) struct Generated {
    pub(super) rows: usize,
    pub(super) measure: Measure,
    /// The nearest training images, in pixels and in features.
    pub(super) nearest: [Nearest; 2],
    pub(super) worst: Worst,
    pub(super) class_counts: Vec<usize>,
    /// Images that the classifier takes for the class they were made in.
    pub(super) hits: usize,
    /// Everything, where it is wanted.
    pub(super) kept: Option<Kept>,
}

impl Generated {
    /// Makes `total` images from number `first` on, class i mod n for image i, and measures them
    /// part by part.
    pub(super) fn make(
        source: &mut dyn ImageSource,
        (first, total): (u64, usize),
        reference: &Reference,
        features: &mut Features<'_>,
        training: Option<&TrainingImages<'_>>,
    ) -> Result<Self, EvaluationError> {
        let mut all = Self {
            rows: 0,
            measure: Measure::new(reference, total),
            nearest: Default::default(),
            worst: Worst::default(),
            class_counts: Vec::new(),
            hits: 0,
            kept: reference.keep.then(Kept::default),
        };
        let call = CALL.min(CALL_NUMBERS / reference.image_len().max(1)).max(1);
        let part = features.part();
        for begin in (0..total).step_by(part) {
            let end = (begin + part).min(total);
            let (mut pixels, mut classes) = (Vec::new(), Vec::new());
            for from in (begin..end).step_by(call) {
                let rows = (end - from).min(call);
                let wanted: Vec<usize> = match source.classes() {
                    0 => Vec::new(),
                    n => (from..from + rows).map(|index| index % n).collect(),
                };
                pixels.extend(source.images(first.wrapping_add(from as u64), rows, &wanted)?);
                classes.extend(wanted);
            }
            all.take_in(pixels, &classes, reference, features, training)?;
        }
        Ok(all)
    }

    /// Measures one part of the generated images.
    fn take_in(
        &mut self,
        pixels: Vec<u8>,
        classes: &[usize],
        reference: &Reference,
        features: &mut Features<'_>,
        training: Option<&TrainingImages<'_>>,
    ) -> Result<(), EvaluationError> {
        let part = features.describe(&pixels)?;
        self.measure.add(reference, &pixels, &part);
        for (index, row) in part.probabilities.iter().flat_map(Matrix::iter).enumerate() {
            let class = likeliest(row);
            self.class_counts.resize(row.len(), 0);
            if let Some(count) = class.and_then(|class| self.class_counts.get_mut(class)) {
                *count += 1;
            }
            self.hits += usize::from(class.is_some() && classes.get(index) == class.as_ref());
        }
        let length = reference.image_len();
        if let Some(training) = training {
            let near = training.nearest(&reference.rows(&pixels), &part.features);
            self.worst.add(self.rows, &pixels, length, &near[0]);
            for (all, near) in self.nearest.iter_mut().zip(near) {
                all.append(near);
            }
        }
        self.rows += pixels.len() / length.max(1);
        if let Some(kept) = &mut self.kept {
            kept.pixels.extend(pixels);
            kept.described.append(part);
        }
        Ok(())
    }
}
