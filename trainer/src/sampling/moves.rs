//! Latents moved along directions of the model's card.

use std::str::FromStr;

use dreamlet_runtime::card::Direction;
use dreamlet_runtime::latent::Distribution;

use super::error::SamplingError;

/// A direction by its name or number and how far to go along it, from text such as `size=2`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Move {
    direction: String,
    /// Standard deviations of the latent.
    by: f32,
}

impl FromStr for Move {
    type Err = SamplingError;

    fn from_str(text: &str) -> Result<Self, SamplingError> {
        let wrong = || SamplingError::Move { text: text.into() };
        let (direction, by) = text.rsplit_once('=').ok_or_else(wrong)?;
        let by: f32 = by.trim().parse().map_err(|_| wrong())?;
        let direction = direction.trim();
        if direction.is_empty() || !by.is_finite() {
            return Err(wrong());
        }
        Ok(Self {
            direction: direction.into(),
            by,
        })
    }
}

/// The standard deviation of a latent's components.
pub(crate) fn deviation(distribution: Distribution) -> f32 {
    match distribution {
        Distribution::Normal => 1.0,
        // Of a uniform variable on an interval of length 2.
        Distribution::Uniform => 3.0_f32.sqrt().recip(),
    }
}

/// What moves add to every latent.
///
/// # Errors
/// [`SamplingError::NoDirections`] where the card has none, [`SamplingError::UnknownDirection`].
pub(crate) fn added(
    moves: &[Move],
    directions: &[Direction],
    distribution: Distribution,
) -> Result<Vec<f32>, SamplingError> {
    if !moves.is_empty() && directions.is_empty() {
        return Err(SamplingError::NoDirections);
    }
    let mut sum = vec![0.0; directions.first().map_or(0, |first| first.vector.len())];
    for Move { direction, by } in moves {
        let named = directions.iter().find(|d| d.name == *direction);
        let numbered = || directions.get(direction.parse::<usize>().ok()?.checked_sub(1)?);
        let found = named.or_else(numbered);
        let found = found.ok_or_else(|| SamplingError::UnknownDirection {
            asked: direction.clone(),
            names: directions.iter().map(|d| d.name.clone()).collect(),
        })?;
        found.add_to(&mut sum, by * deviation(distribution));
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directions() -> Vec<Direction> {
        let direction = |name: &str, vector: [f32; 2]| Direction {
            name: name.into(),
            vector: vector.into(),
        };
        vec![
            direction("size", [0.6, 0.8]),
            direction("2", [1.0, 0.0]),
            direction("1", [0.0, 1.0]),
        ]
    }

    fn moved(moves: &[&str]) -> Result<Vec<f32>, SamplingError> {
        let moves: Vec<Move> = moves.iter().map(|text| text.parse().unwrap()).collect();
        added(&moves, &directions(), Distribution::Normal)
    }

    #[test]
    fn moves_are_added_and_a_name_goes_before_a_number() {
        assert_eq!(moved(&["size=10", "2=-1"]).unwrap(), [5.0, 8.0]);
        assert_eq!(moved(&["1=2"]).unwrap(), [0.0, 2.0]);
        assert_eq!(moved(&["3 = 0.5"]).unwrap(), [0.0, 0.5]);
        assert_eq!(moved(&[]).unwrap(), [0.0, 0.0]);
    }

    #[test]
    fn a_uniform_latent_has_a_smaller_deviation() {
        let moves = ["2=1".parse().unwrap()];
        let sum = added(&moves, &directions(), Distribution::Uniform).unwrap();
        assert!((sum[0] - 0.577_35).abs() < 1e-5);
    }

    #[test]
    fn what_is_unknown_is_named_with_what_there_is() {
        let error = moved(&["sized=1"]).unwrap_err().to_string();
        for part in ["\"sized\"", "size, 2, 1", "1 to 3", "mean \"size\""] {
            assert!(error.contains(part), "{error}");
        }
        for text in ["0=1", "4=1"] {
            assert!(moved(&[text]).is_err(), "{text}");
        }
        let moves = ["1=1".parse().unwrap()];
        let error = added(&moves, &[], Distribution::Normal).unwrap_err();
        assert!(error.to_string().contains("dreamlet directions"), "{error}");
        for text in ["size", "size=", "=2", "size=much", "size=NaN"] {
            let error = text.parse::<Move>().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
