//! What directions a generator's latent space has, and which latent makes an image.

mod components;
mod directions;
mod first_layer;
mod inversion;
#[cfg(test)]
mod testing;

pub(crate) use components::{Observations, components};
pub(crate) use directions::{
    LatentDirection, MOST_COMPONENTS, nearest, of_divergences, of_weights,
};
pub(crate) use first_layer::FirstLayer;
pub(crate) use inversion::{Inversion, Inverted};
