//! Keys are written and read again, and what is none is refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use dreamlet_runtime::{CompiledGenerator, VerifyingKey as DeviceKey};
use dreamlet_signing::{Error, SigningKey, VerifyingKey, sign_for_device, verify_for_device};

#[test]
fn a_key_is_read_as_it_was_written() {
    let key = SigningKey::generate().unwrap();
    let again = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap();
    assert_eq!(key.verifying_key(), again.verifying_key());
    let public = key.verifying_key().to_pem().unwrap();
    assert!(public.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert_eq!(
        VerifyingKey::from_pem(&public).unwrap(),
        key.verifying_key()
    );
    assert_eq!(key.verifying_key().to_device().unwrap()[0], 4);
    assert_eq!(key.curve(), "P-256");
    // Text around the block, as other tools write it.
    let around = format!("Public Key Info:\n\tAlgorithm: ECDSA\n\n{public}\nkind regards");
    assert_eq!(
        VerifyingKey::from_pem(&around).unwrap(),
        key.verifying_key()
    );
    assert_ne!(
        SigningKey::generate().unwrap().verifying_key(),
        key.verifying_key()
    );
}

#[test]
fn a_private_key_is_not_printed() {
    let key = SigningKey::generate().unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey(P-256)");
}

#[test]
fn what_is_no_key_is_refused_with_what_to_do() {
    let key = SigningKey::generate().unwrap();
    let (private, public) = (key.to_pem().unwrap(), key.verifying_key().to_pem().unwrap());
    let cut = &private[..private.len() / 2];
    for text in ["", "hello", cut, &public, &private.replace("MI", "AA")] {
        let error = SigningKey::from_pem(text).unwrap_err().to_string();
        assert!(error.contains("keygen"), "{error}");
    }
    for text in ["", &private, &public[..60], &public.replace("MF", "AA")] {
        let error = VerifyingKey::from_pem(text).unwrap_err().to_string();
        assert!(error.contains("keygen"), "{error}");
    }
    let locked = private.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let error = SigningKey::from_pem(&locked).unwrap_err().to_string();
    assert!(error.contains("password"), "{error}");
}

#[test]
fn a_signature_in_a_model_replaces_the_one_before_and_leaves_the_model_as_it_was() {
    let model = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../models/pico/pico.dream"
    ))
    .unwrap();
    let (one, two) = (
        SigningKey::generate().unwrap(),
        SigningKey::generate().unwrap(),
    );
    let signed = sign_for_device(&model, &one).unwrap();
    assert_eq!(signed.len(), model.len() + 72);
    assert!(signed.starts_with(&model));
    let again = sign_for_device(&signed, &two).unwrap();
    assert_eq!(again.len(), signed.len());
    assert!(again.starts_with(&model));
    assert_ne!(again, signed);
    for (file, right, wrong) in [(&signed, &one, &two), (&again, &two, &one)] {
        verify_for_device(file, &right.verifying_key()).unwrap();
        let error = verify_for_device(file, &wrong.verifying_key());
        assert!(matches!(error, Err(Error::Signature { .. })));
        // A device says the same.
        let key =
            |of: &SigningKey| DeviceKey::new(&of.verifying_key().to_device().unwrap()).unwrap();
        assert!(CompiledGenerator::from_signed_bytes(file, &key(right)).is_ok());
        assert!(CompiledGenerator::from_signed_bytes(file, &key(wrong)).is_err());
    }
    assert!(matches!(
        verify_for_device(&model, &one.verifying_key()),
        Err(Error::NoSignature)
    ));
}

#[test]
fn what_is_no_compiled_model_gets_no_signature_within() {
    let key = SigningKey::generate().unwrap();
    for bytes in [&b""[..], b"\x08\x08onnx", b"dreamle"] {
        assert!(matches!(
            sign_for_device(bytes, &key),
            Err(Error::NotCompiled)
        ));
    }
}
