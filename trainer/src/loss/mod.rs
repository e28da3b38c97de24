//! What is minimized: adversarial losses and the evidence lower bound, on logits.

pub mod adversarial;
pub mod augment;
pub mod elbo;
pub mod penalty;
