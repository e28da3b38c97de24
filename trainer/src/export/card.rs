//! The generator's card, in the file's metadata.
//!
//! Besides `io.dreamlet.card` the metadata has the keys that ONNX itself defines for models that make pictures
//! (ONNX, "Metadata", 2019: `Image.BitmapPixelFormat`, `Image.ColorSpaceGamma`, `Image.NominalPixelRange`,
//! `model_author`, `model_license`).

use dreamlet_runtime::card::{CARD_KEY, Card, Golden};
use dreamlet_runtime::image::{PixelRange, to_hwc_u8};
use tract_onnx::pb::{ModelProto, StringStringEntryProto};

use super::ExportError;
use super::verify::signature::Signature;

/// Number of golden pictures that an export keeps: seeds 0 to 7.
pub const GOLDEN_SEEDS: u64 = 8;

/// Writes `card` into the metadata of `model`, in place of what the keys held before.
///
/// # Errors
/// [`ExportError::Card`] if the card is invalid, or says another latent length, picture shape or number of
/// classes than the graph has.
pub fn attach(model: &mut ModelProto, card: &Card) -> Result<(), ExportError> {
    let wrong = |field, reason: String| ExportError::Card { field, reason };
    let signature = Signature::of(model).map_err(|error| wrong("image", error.to_string()))?;
    if signature.latent_len != card.latent.len {
        return Err(wrong(
            "latent.len",
            format!(
                "the graph takes {}, the card says {}",
                signature.latent_len, card.latent.len
            ),
        ));
    }
    let shape = [card.image.channels, card.image.height, card.image.width];
    if signature.image != shape {
        return Err(wrong(
            "image",
            format!(
                "the graph makes {:?}, the card says {shape:?}",
                signature.image
            ),
        ));
    }
    if signature.class.is_some() == card.classes.is_empty() {
        let input = if signature.class.is_some() { "a" } else { "no" };
        return Err(wrong(
            "classes",
            format!(
                "the graph has {input} class input, the card names {} classes",
                card.classes.len()
            ),
        ));
    }
    let json = card
        .to_json()
        .map_err(|error| wrong("json", error.to_string()))?;
    let format = if card.image.channels == 1 {
        "Gray8"
    } else {
        "Rgb8"
    };
    let properties = [
        ("Image.BitmapPixelFormat", Some(format.to_owned())),
        ("Image.ColorSpaceGamma", Some("SRGB".to_owned())),
        (
            "Image.NominalPixelRange",
            nominal_range(card.range).map(str::to_owned),
        ),
        (CARD_KEY, Some(json)),
        (
            "model_author",
            Some(card.author.clone()).filter(|author| !author.is_empty()),
        ),
        (
            "model_license",
            Some(card.license.clone()).filter(|license| !license.is_empty()),
        ),
    ];
    model
        .metadata_props
        .retain(|entry| properties.iter().all(|(key, _)| entry.key != *key));
    model
        .metadata_props
        .extend(properties.into_iter().filter_map(|(key, value)| {
            Some(StringStringEntryProto {
                key: key.into(),
                value: value?,
            })
        }));
    Ok(())
}

/// ONNX's word for a pixel range, where it has one.
fn nominal_range(range: PixelRange) -> Option<&'static str> {
    match (range.low, range.high) {
        (0.0, 1.0) => Some("Normalized_0_1"),
        (-1.0, 1.0) => Some("Normalized_1_1"),
        (0.0, 255.0) => Some("NominalRange_0_255"),
        _ => None,
    }
}

/// Golden pictures of seeds 0 to [`GOLDEN_SEEDS`]; a conditional generator's go through its classes.
///
/// `generate` fills its last argument, `channels * height * width` numbers (CHW), from a latent vector and a class:
/// the exported file, run by the engine that devices use.
///
/// # Errors
/// [`ExportError::Card`] with the engine's words.
pub fn golden(
    card: &Card,
    mut generate: impl FnMut(&[f32], Option<usize>, &mut [f32]) -> Result<(), String>,
) -> Result<Vec<Golden>, ExportError> {
    let wrong = |reason: String| ExportError::Card {
        field: "golden",
        reason,
    };
    let len = card
        .image
        .check()
        .map_err(|error| wrong(error.to_string()))?;
    let mut latent = vec![0.0; card.latent.len];
    let (mut image, mut bytes) = (vec![0.0; len], vec![0; len]);
    let mut pictures = Vec::new();
    for seed in 0..GOLDEN_SEEDS {
        card.latent.distribution.fill(seed, None, &mut latent);
        let class = usize::try_from(seed)
            .ok()
            .and_then(|seed| seed.checked_rem(card.classes.len()));
        generate(&latent, class, &mut image)
            .map_err(|reason| wrong(format!("seed {seed}: {reason}")))?;
        to_hwc_u8(&image, card.image, card.range, &mut bytes)
            .map_err(|error| wrong(error.to_string()))?;
        pictures.push(
            Golden::of(seed, class, card.image, &bytes)
                .map_err(|error| wrong(error.to_string()))?,
        );
    }
    Ok(pictures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::onnx::nets;
    use dreamlet_runtime::card::Latent;
    use dreamlet_runtime::image::Shape;
    use dreamlet_runtime::latent::Distribution;

    fn dense() -> (ModelProto, Card) {
        let model = nets::all().remove(0).export();
        let latent = Latent {
            len: 100,
            distribution: Distribution::Normal,
        };
        let shape = Shape {
            channels: 1,
            height: 28,
            width: 28,
        };
        let mut card = Card::new("dense", latent, shape, PixelRange::UNIT);
        card.author = "Ada".into();
        (model, card)
    }

    #[test]
    fn the_metadata_has_the_card_and_the_keys_of_onnx() {
        let (mut model, card) = dense();
        attach(&mut model, &card).unwrap();
        attach(&mut model, &card).unwrap();
        let keys: Vec<_> = model
            .metadata_props
            .iter()
            .map(|entry| entry.key.as_str())
            .collect();
        assert_eq!(
            keys,
            [
                "Image.BitmapPixelFormat",
                "Image.ColorSpaceGamma",
                "Image.NominalPixelRange",
                "io.dreamlet.card",
                "model_author"
            ]
        );
        assert_eq!(
            Card::from_json(&model.metadata_props[3].value).unwrap(),
            card
        );
        assert_eq!(model.metadata_props[2].value, "Normalized_0_1");
    }

    #[test]
    fn a_card_that_does_not_fit_the_graph_is_refused() {
        for spoil in [
            |card: &mut Card| card.latent.len = 64,
            |card: &mut Card| card.image.height = 32,
            |card: &mut Card| card.classes = vec!["zero".into()],
            |card: &mut Card| card.tolerance.max_abs = f32::NAN,
        ] {
            let (mut model, mut card) = dense();
            spoil(&mut card);
            let error = attach(&mut model, &card).unwrap_err();
            assert!(matches!(error, ExportError::Card { .. }), "{error}");
        }
    }

    #[test]
    fn golden_pictures_go_through_seeds_and_classes() {
        let (_, mut card) = dense();
        card.classes = vec!["a".into(), "b".into(), "c".into()];
        let golden = golden(&card, |latent, class, image| {
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
            super::golden(&card, |_, _, _| Err("no".into()))
                .unwrap_err()
                .to_string()
                .contains("seed 0: no")
        );
    }
}
