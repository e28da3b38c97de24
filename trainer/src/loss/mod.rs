//! What is minimized: adversarial losses and the evidence lower bound, on logits.

pub(crate) mod adversarial;
pub(crate) mod augment;
pub(crate) mod elbo;
pub(crate) mod penalty;
