//! Seed to latent vector.
