//! The generator's card, in the file's metadata.
//!
//! Besides `io.dreamlet.card` the metadata has the keys that ONNX itself defines for models that
//! make images (ONNX, "Metadata", 2019: `Image.BitmapPixelFormat`, `Image.ColorSpaceGamma`,
//! `Image.NominalPixelRange`, `model_author`, `model_license`).

use dreamlet_onnx::proto::{ModelProto, StringStringEntryProto};
use dreamlet_onnx::{Interface, Limits, Model};
use dreamlet_runtime::card::{CARD_KEY, Card, InterfaceCard};
use dreamlet_runtime::image::PixelRange;

use super::{ExportError, onnx};

/// Writes `card` into the metadata of `model`, in place of what the keys held before.
///
/// # Errors
/// [`ExportError::Card`] if the card is invalid, or says another latent length, image shape or
/// number of classes than the graph has.
pub(crate) fn attach(model: &mut ModelProto, card: &Card) -> Result<(), ExportError> {
    let said = card.interface.as_ref().map(InterfaceCard::interface);
    let said = said.transpose();
    // The range is for an output with alpha.
    let interface = Interface {
        range: Some((card.range.low, card.range.high)),
        ..said
            .map_err(|error| wrong("interface", error.to_string()))?
            .unwrap_or_default()
    };
    let limits = Limits::default();
    let found = Model::decode(&onnx::to_bytes(model), &limits)
        .and_then(|model| model.check(&limits, &interface))
        .map_err(|error| wrong("image", error.to_string()))?
        .inspection;
    if found.latent_len != card.latent.len {
        let (graph, card) = (found.latent_len, card.latent.len);
        let reason = format!("the graph takes {graph}, the card says {card}");
        return Err(wrong("latent.len", reason));
    }
    let shape = [card.image.channels, card.image.height, card.image.width];
    if found.output_dims != shape {
        let reason = format!(
            "the graph makes {:?}, the card says {shape:?}",
            found.output_dims
        );
        return Err(wrong("image", reason));
    }
    if found.conditional == card.classes.is_empty() {
        let input = if card.classes.is_empty() { "a" } else { "no" };
        let reason = format!(
            "the graph has {input} class input, the card names {} classes",
            card.classes.len()
        );
        return Err(wrong("classes", reason));
    }
    write(model, card)
}

fn wrong(field: &'static str, reason: String) -> ExportError {
    ExportError::Card { field, reason }
}

/// Writes `card`, which is known to fit the graph.
pub(super) fn write(model: &mut ModelProto, card: &Card) -> Result<(), ExportError> {
    let json = card
        .to_json()
        .map_err(|error| wrong("json", error.to_string()))?;
    // The card is of the image over its background, the file's output has alpha.
    let alpha = card.interface.as_ref().and_then(|says| says.background);
    let format = match (card.image.channels, alpha) {
        (1, _) => "Gray8",
        (_, Some(_)) => "Rgba8",
        _ => "Rgb8",
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

/// ONNX's name of a pixel range, where it has one.
fn nominal_range(range: PixelRange) -> Option<&'static str> {
    match (range.low, range.high) {
        (0.0, 1.0) => Some("Normalized_0_1"),
        (-1.0, 1.0) => Some("Normalized_1_1"),
        (0.0, 255.0) => Some("NominalRange_0_255"),
        _ => None,
    }
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
}
