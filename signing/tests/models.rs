//! Models are signed and verified, and what is not as it was signed is refused with its reason.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use dreamlet_signing::{Error, SignOptions, SigningKey, Trust, VerifyOptions, sign, verify};

/// A folder with a model, removed at the end.
struct Model(PathBuf);

impl Model {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("dreamlet-signing-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("sub/deep")).unwrap();
        fs::create_dir_all(folder.join(".git")).unwrap();
        fs::write(folder.join("weights.bin"), vec![7; 600_000]).unwrap();
        fs::write(folder.join("sub/deep/a b é.txt"), "text").unwrap();
        fs::write(folder.join("empty"), "").unwrap();
        fs::write(folder.join(".git/HEAD"), "ref").unwrap();
        Self(folder)
    }

    fn sign(&self) -> (String, Trust) {
        let key = SigningKey::generate().unwrap();
        let bundle = sign(&self.0, &key, &SignOptions::default()).unwrap();
        (bundle, Trust::Key(key.verifying_key()))
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(result: Result<dreamlet_signing::Verified, Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn every_file_of_a_folder_is_signed_but_those_of_git() {
    let model = Model::new("folder");
    let (bundle, trust) = model.sign();
    let verified = verify(
        &model.0,
        bundle.as_bytes(),
        &trust,
        &VerifyOptions::default(),
    )
    .unwrap();
    assert_eq!(
        verified.files,
        ["empty", "sub/deep/a b é.txt", "weights.bin"]
    );
    let Trust::Key(key) = trust else { panic!() };
    assert_eq!(verified.signer, key.fingerprint());
}

#[test]
fn a_changed_missing_or_added_file_is_refused_by_its_name() {
    let model = Model::new("changed");
    let (bundle, trust) = model.sign();
    let check = |options: &VerifyOptions| verify(&model.0, bundle.as_bytes(), &trust, options);
    let strict = VerifyOptions::default();

    let weights = model.0.join("weights.bin");
    let mut bytes = fs::read(&weights).unwrap();
    bytes[599_999] ^= 1;
    fs::write(&weights, &bytes).unwrap();
    let error = text(check(&strict));
    assert!(error.contains("\"weights.bin\" was changed"), "{error}");
    bytes[599_999] ^= 1;
    bytes.push(0);
    fs::write(&weights, &bytes).unwrap();
    assert!(matches!(check(&strict), Err(Error::Changed { .. })));
    bytes.pop();
    fs::write(&weights, &bytes).unwrap();
    check(&strict).unwrap();

    fs::write(model.0.join("sub/more.py"), "").unwrap();
    let error = text(check(&strict));
    assert!(
        error.contains("\"sub/more.py\"") && error.contains("not signed"),
        "{error}"
    );
    let lax = VerifyOptions {
        ignore_unsigned: true,
        ..VerifyOptions::default()
    };
    assert_eq!(check(&lax).unwrap().files.len(), 3);
    let ignoring = VerifyOptions {
        ignore: vec![model.0.join("sub/more.py")],
        ..VerifyOptions::default()
    };
    check(&ignoring).unwrap();

    fs::remove_file(model.0.join("empty")).unwrap();
    for options in [&strict, &lax] {
        let error = text(check(options));
        assert!(
            error.contains("\"empty\" was signed and is not in"),
            "{error}"
        );
    }
}

#[test]
fn a_link_is_never_followed() {
    let model = Model::new("links");
    let (bundle, trust) = model.sign();
    for (name, target) in [
        ("passwd", "/etc/passwd"),
        ("circle", "."),
        ("inside", "weights.bin"),
        ("nowhere", "x/y"),
    ] {
        let link = model.0.join(name);
        symlink(target, &link).unwrap();
        let key = SigningKey::generate().unwrap();
        let error = sign(&model.0, &key, &SignOptions::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(name) && error.contains("symbolic link"),
            "{error}"
        );
        let error = text(verify(
            &model.0,
            bundle.as_bytes(),
            &trust,
            &VerifyOptions::default(),
        ));
        assert!(
            error.contains(name) && error.contains("symbolic link"),
            "{error}"
        );
        fs::remove_file(link).unwrap();
    }
    // A file that was signed, and is a link to the same bytes elsewhere now.
    let outside = Model::new("links-outside");
    fs::remove_file(model.0.join("weights.bin")).unwrap();
    symlink(outside.0.join("weights.bin"), model.0.join("weights.bin")).unwrap();
    for ignore_unsigned in [false, true] {
        let options = VerifyOptions {
            ignore_unsigned,
            ..VerifyOptions::default()
        };
        let error = text(verify(&model.0, bundle.as_bytes(), &trust, &options));
        assert!(error.contains("weights.bin"), "{error}");
    }
}

#[test]
fn what_is_neither_file_nor_folder_is_refused_without_being_read() {
    let model = Model::new("pipe");
    let (bundle, trust) = model.sign();
    let pipe = model.0.join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let error = text(verify(
        &model.0,
        bundle.as_bytes(),
        &trust,
        &VerifyOptions::default(),
    ));
    assert!(error.contains("neither a file nor a folder"), "{error}");
    let key = SigningKey::generate().unwrap();
    assert!(matches!(
        sign(&model.0, &key, &SignOptions::default()),
        Err(Error::Special { .. })
    ));
}

#[test]
fn the_signature_in_the_folder_and_what_is_ignored_are_not_signed() {
    let model = Model::new("ignored");
    let signature = model.0.join("model.sig");
    let key = SigningKey::generate().unwrap();
    let options = SignOptions {
        ignore: vec![model.0.join("sub")],
        signature: Some(signature.clone()),
        ..SignOptions::default()
    };
    let bundle = sign(&model.0, &key, &options).unwrap();
    fs::write(&signature, &bundle).unwrap();
    // Both are in the signed list of what was left out.
    let trust = Trust::Key(key.verifying_key());
    let verified = verify(
        &model.0,
        bundle.as_bytes(),
        &trust,
        &VerifyOptions::default(),
    )
    .unwrap();
    assert_eq!(verified.files, ["empty", "weights.bin"]);
    // The name of a folder is no beginning of other names.
    fs::write(model.0.join("subway"), "").unwrap();
    assert!(matches!(
        verify(
            &model.0,
            bundle.as_bytes(),
            &trust,
            &VerifyOptions::default()
        ),
        Err(Error::Added { .. })
    ));
    let elsewhere = SignOptions {
        ignore: vec!["/etc/passwd".into()],
        ..SignOptions::default()
    };
    let error = sign(&model.0, &key, &elsewhere).unwrap_err().to_string();
    assert!(
        error.contains("/etc/passwd") && error.contains("within the model"),
        "{error}"
    );
}

#[test]
fn one_file_is_a_model_too_and_keeps_its_name() {
    let model = Model::new("file");
    let file = model.0.join("weights.bin");
    let key = SigningKey::generate().unwrap();
    let bundle = sign(&file, &key, &SignOptions::default()).unwrap();
    let trust = Trust::Key(key.verifying_key());
    let verified = verify(&file, bundle.as_bytes(), &trust, &VerifyOptions::default()).unwrap();
    assert_eq!(verified.files, ["weights.bin"]);
    let other = model.0.join("other.bin");
    fs::rename(&file, &other).unwrap();
    let error = text(verify(
        &other,
        bundle.as_bytes(),
        &trust,
        &VerifyOptions::default(),
    ));
    assert!(error.contains("weights.bin"), "{error}");
}

#[test]
fn an_empty_folder_and_a_model_that_is_not_there_are_refused() {
    let model = Model::new("empty");
    let key = SigningKey::generate().unwrap();
    let empty = model.0.join("none");
    fs::create_dir(&empty).unwrap();
    let error = sign(&empty, &key, &SignOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("no file to sign"), "{error}");
    let error = sign(&model.0.join("nowhere"), &key, &SignOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
    let (bundle, trust) = model.sign();
    assert!(matches!(
        verify(&empty, bundle.as_bytes(), &trust, &VerifyOptions::default()),
        Err(Error::Missing { .. })
    ));
}

#[test]
fn another_key_and_another_signature_are_refused() {
    let model = Model::new("keys");
    let (bundle, _) = model.sign();
    let (other, trust) = model.sign();
    let error = text(verify(
        &model.0,
        bundle.as_bytes(),
        &trust,
        &VerifyOptions::default(),
    ));
    assert!(
        error.contains("not by the key") && error.contains("do not use"),
        "{error}"
    );
    verify(
        &model.0,
        other.as_bytes(),
        &trust,
        &VerifyOptions::default(),
    )
    .unwrap();
}
