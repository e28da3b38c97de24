//! Directions of the latent space.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::error::CardError;

/// How far the length of a direction may be from 1: cards hold rounded numbers.
const ROUNDING: f32 = 0.01;

/// A direction of the latent space along which images change in one way.
///
/// A latent vector is moved by adding: 2 standard deviations along it are `2.0` times the vector of
/// a generator with normal latents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Direction {
    /// What changes along it, in a word; its number, from 1, where nobody has said it.
    pub name: String,
    /// Its components, as many as the latent vector has, of length 1.
    pub vector: Vec<f32>,
}

impl Direction {
    /// Adds `by` times the direction to a latent vector.
    pub fn add_to(&self, latent: &mut [f32], by: f32) {
        for (to, component) in latent.iter_mut().zip(&self.vector) {
            *to += by * component;
        }
    }
}

/// Checks the directions of a card whose latent vector has so many components.
pub(super) fn check(directions: &[Direction], latent_len: usize) -> Result<(), CardError> {
    for (index, direction) in directions.iter().enumerate() {
        let found = direction.vector.len();
        if found != latent_len {
            return Err(CardError::DirectionComponents {
                index,
                expected: latent_len,
                found,
            });
        }
        let square: f32 = direction.vector.iter().map(|x| x * x).sum();
        let length = libm::sqrtf(square);
        if length.is_nan() || (length - 1.0).abs() > ROUNDING {
            return Err(CardError::DirectionLength {
                index,
                found: length,
            });
        }
        let mut before = directions.iter().take(index);
        if direction.name.is_empty() || before.any(|other| other.name == direction.name) {
            return Err(CardError::DirectionName {
                index,
                name: direction.name.clone(),
            });
        }
    }
    Ok(())
}
