//! Makes golden images.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Card, CardError, Golden};
use crate::image::to_hwc_u8;

/// Number of golden images that [`make_golden`] makes: seeds 0 to 7.
pub const GOLDEN_SEEDS: u64 = 8;

/// Golden images of seeds 0 to [`GOLDEN_SEEDS`]; a conditional generator's go through its classes.
///
/// `generate` fills its last argument, `channels * height * width` numbers (CHW), from a latent
/// vector and a class.
///
/// # Errors
/// [`CardError::Image`] for an impossible shape or range, [`CardError::MakeGolden`] with the
/// engine's words.
pub fn make_golden(
    card: &Card,
    mut generate: impl FnMut(&[f32], Option<usize>, &mut [f32]) -> Result<(), String>,
) -> Result<Vec<Golden>, CardError> {
    let len = card.image.check().map_err(CardError::Image)?;
    let mut latent = vec![0.0; card.latent.len];
    let (mut image, mut bytes) = (vec![0.0; len], vec![0; len]);
    let mut images = Vec::new();
    for seed in 0..GOLDEN_SEEDS {
        card.latent.distribution.fill(seed, None, &mut latent);
        let class = usize::try_from(seed)
            .ok()
            .and_then(|seed| seed.checked_rem(card.classes.len()));
        generate(&latent, class, &mut image)
            .map_err(|reason| CardError::MakeGolden { seed, reason })?;
        to_hwc_u8(&image, card.image, card.range, &mut bytes).map_err(CardError::Image)?;
        images.push(Golden::of(seed, class, card.image, &bytes).map_err(CardError::Image)?);
    }
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Shape;

    #[test]
    fn golden_images_go_through_seeds_and_classes() {
        let shape = Shape {
            channels: 3,
            height: 20,
            width: 28,
        };
        let latent = crate::card::Latent {
            len: 4,
            distribution: crate::latent::Distribution::Normal,
        };
        let mut card = Card::new("dense", latent, shape, crate::image::PixelRange::UNIT);
        card.classes = vec!["a".into(), "b".into(), "c".into()];
        let golden = make_golden(&card, |latent, class, image| {
            image.fill((latent[0] / 8.0 + class.unwrap() as f32 / 4.0).clamp(0.0, 1.0));
            Ok(())
        })
        .unwrap();
        assert_eq!(
            golden
                .iter()
                .map(|g| (g.seed, g.class))
                .take(4)
                .collect::<Vec<_>>(),
            [(0, Some(0)), (1, Some(1)), (2, Some(2)), (3, Some(0))]
        );
        card.golden = golden;
        card.check().unwrap();
        assert!(
            alloc::string::ToString::to_string(
                &make_golden(&card, |_, _, _| Err("no".into())).unwrap_err()
            )
            .contains("seed 0: no")
        );
    }
}
