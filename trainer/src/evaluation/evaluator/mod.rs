//! Real images and their features once, metrics of as many generators as are wanted.
//!
//! Generated images come in parts and are measured as they come. What is kept of them does not grow
//! with their number where the mathematics of a metric allows it. Kept of each image are its
//! features for precision, recall, density and coverage, 128 projections for the sliced Wasserstein
//! distance, and a distance and an index, twice, for memorization.

#[allow(clippy::module_inception)]
mod evaluator;
mod features;
mod generated;
mod measure;
mod reference;
mod training_images;

pub(crate) use evaluator::{Evaluation, EvaluationOptions, Evaluator, LEAST};
