//! The card in the bytes of an ONNX file, all else of which stays as it is.

use dreamlet_onnx::proto::{Message as _, ModelProto, StringStringEntryProto};
use dreamlet_runtime::card::{CARD_KEY, Card, CardError};
use prost::encoding::decode_varint;

use super::error::FileError;

/// The ONNX file with the card behind it: messages one after another are one message.
///
/// # Errors
/// [`CardError`] for a card that is invalid.
pub(crate) fn with_card(mut file: Vec<u8>, card: &Card) -> Result<Vec<u8>, CardError> {
    let entry = ModelProto {
        metadata_props: vec![StringStringEntryProto {
            key: CARD_KEY.into(),
            value: card.to_json()?,
        }],
        ..ModelProto::default()
    };
    file.extend(entry.encode_to_vec());
    Ok(file)
}

/// The ONNX file with this card in place of its own.
///
/// # Errors
/// [`FileError::Card`] for a file that is cut off, and a card that is invalid.
pub(crate) fn replace_card(file: &[u8], card: &Card) -> Result<Vec<u8>, FileError> {
    let cut = || FileError::Card("the file ends in the middle of a field: export it again".into());
    let rest = without_card(file).ok_or_else(cut)?;
    with_card(rest, card).map_err(|error| FileError::Card(error.to_string()))
}

/// The fields of the file but for the card, byte for byte; `None` for what is no protobuf message.
fn without_card(file: &[u8]) -> Option<Vec<u8>> {
    /// `ModelProto.metadata_props`, in a field with a length.
    const METADATA: u64 = 14 << 3 | 2;
    let mut kept = Vec::with_capacity(file.len());
    let mut rest = file;
    while !rest.is_empty() {
        let field = rest;
        let key = decode_varint(&mut rest).ok()?;
        let length = match key & 7 {
            0 => {
                decode_varint(&mut rest).ok()?;
                0
            }
            1 => 8,
            2 => decode_varint(&mut rest).ok()?,
            5 => 4,
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        rest = after;
        let entry = |content| StringStringEntryProto::decode(content).ok();
        if key != METADATA || entry(content).is_none_or(|entry| entry.key != CARD_KEY) {
            kept.extend(field.get(..field.len() - rest.len())?);
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use dreamlet_runtime::card::Latent;
    use dreamlet_runtime::image::{PixelRange, Shape};
    use dreamlet_runtime::latent::Distribution;

    use super::*;

    #[test]
    fn a_card_is_replaced_and_all_else_stays_byte_for_byte() {
        let latent = Latent {
            len: 4,
            distribution: Distribution::Normal,
        };
        let shape = Shape::new(1, 2, 2).unwrap();
        let card = |name| Card::new(name, latent, shape, PixelRange::UNIT);
        // A field that this program does not know, of each wire type.
        let unknown = [
            &[0xf8, 0x3f, 0x96, 0x01][..],
            &[0xf9, 0x3f, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0xfa, 0x3f, 2, b'h', b'i'],
            &[0xfd, 0x3f, 1, 2, 3, 4],
        ]
        .concat();
        let first = with_card(unknown.clone(), &card("first")).unwrap();
        let entry = ModelProto {
            metadata_props: vec![StringStringEntryProto {
                key: "other".into(),
                value: "kept".into(),
            }],
            ..ModelProto::default()
        };
        let file = [first, entry.encode_to_vec()].concat();
        let again = replace_card(&file, &card("second")).unwrap();
        let plain = [unknown, entry.encode_to_vec()].concat();
        assert_eq!(again, with_card(plain, &card("second")).unwrap());
        assert!(without_card(&again[..again.len() - 1]).is_none());
    }
}
