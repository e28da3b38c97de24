//! Signed models on a device: the right key's are taken, and nothing else is looked at.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use dreamlet_runtime::engine::compiled::format::{
    TRAILER_LEN, TRAILER_MAGIC, split_trailer, trailer,
};
use dreamlet_runtime::engine::compiled::{Aligned, CompiledGenerator, FormatError};
use dreamlet_runtime::{Model, VerifyingKey};
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;

fn key(seed: u8) -> (SigningKey, VerifyingKey) {
    let private = SigningKey::from_slice(&[seed; 32]).unwrap();
    let public = private.verifying_key().to_sec1_point(false);
    (private, VerifyingKey::new(public.as_bytes()).unwrap())
}

fn model() -> Vec<u8> {
    std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../models/pico/pico.dream"
    ))
    .unwrap()
}

fn signed(model: &[u8], key: &SigningKey) -> Vec<u8> {
    let signature: p256::ecdsa::Signature = key.sign(model);
    [model, &trailer(&signature.to_bytes().into())].concat()
}

/// What is wrong with a file, in aligned memory.
fn refusal(file: &[u8], key: &VerifyingKey) -> Option<FormatError> {
    let mut room = Box::new(Aligned([0; 1 << 18]));
    room.0[..file.len()].copy_from_slice(file);
    Model::new_signed(&room.0[..file.len()], key).err()
}

#[test]
fn the_right_key_is_accepted_and_another_refused() {
    let (private, public) = key(1);
    let file = signed(&model(), &private);
    assert_eq!(refusal(&file, &public), None);
    assert_eq!(refusal(&file, &key(2).1), Some(FormatError::Signature));
    assert_eq!(refusal(&model(), &public), Some(FormatError::Unsigned));
}

#[test]
fn one_flipped_bit_anywhere_is_refused() {
    let (private, public) = key(1);
    let file = signed(&model(), &private);
    let ends = file.len() - TRAILER_LEN - 64..file.len();
    for at in (0..64).chain((64..ends.start).step_by(4_001)).chain(ends) {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        let expected = match at >= file.len() - TRAILER_MAGIC.len() {
            true => FormatError::Unsigned,
            false => FormatError::Signature,
        };
        assert_eq!(refusal(&changed, &public), Some(expected), "byte {at}");
    }
}

#[test]
fn a_file_cut_off_or_longer_is_refused() {
    let (private, public) = key(1);
    let file = signed(&model(), &private);
    for len in [
        0,
        1,
        7,
        8,
        71,
        72,
        73,
        file.len() / 2,
        file.len() - 72,
        file.len() - 1,
    ] {
        assert_eq!(
            refusal(&file[..len], &public),
            Some(FormatError::Unsigned),
            "{len}"
        );
    }
    for more in [&b"\0"[..], b"dreamsig", &trailer(&[1; 64]), &file] {
        assert!(refusal(&[&file, more].concat(), &public).is_some());
    }
    // The signature of something shorter, put behind the whole.
    let half = signed(&file[..40_000], &private);
    let mixed = [&model(), &half[40_000..]].concat();
    assert_eq!(refusal(&mixed, &public), Some(FormatError::Signature));
    assert_eq!(
        refusal(&trailer(&[0; 64]), &public),
        Some(FormatError::Signature)
    );
}

#[test]
fn what_was_signed_is_still_checked() {
    let (private, public) = key(1);
    for other in [&b""[..], b"DSSEv1 28", &[0; 4096]] {
        assert!(matches!(
            refusal(&signed(other, &private), &public),
            Some(FormatError::TooShort { .. } | FormatError::Magic)
        ));
    }
    let mut damaged = model();
    damaged[100] ^= 1;
    assert!(matches!(
        refusal(&signed(&damaged, &private), &public),
        Some(FormatError::Checksum { .. })
    ));
}

#[test]
fn a_reader_without_a_key_leaves_the_signature_aside() {
    let (private, public) = key(1);
    let file = signed(&model(), &private);
    assert_eq!(split_trailer(&file).0, model());
    let plain = CompiledGenerator::from_bytes(&model()).unwrap();
    let with = CompiledGenerator::from_bytes(&file).unwrap();
    assert_eq!(plain.model().header(), with.model().header());
    assert_eq!(plain.model().weights(), with.model().weights());
    let verified = CompiledGenerator::from_signed_bytes(&file, &public).unwrap();
    assert_eq!(verified.model().weights(), plain.model().weights());
    assert!(CompiledGenerator::from_signed_bytes(&model(), &public).is_err());
}

#[test]
fn what_is_no_key_is_refused() {
    for bytes in [
        &b""[..],
        &[4; 65],
        &[0],
        &[4; 64],
        b"-----BEGIN PUBLIC KEY-----",
    ] {
        let error = VerifyingKey::new(bytes).unwrap_err();
        assert_eq!(error, FormatError::Key { found: bytes.len() });
    }
}
