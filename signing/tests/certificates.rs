//! Chains that lead to a trusted root are taken, and others refused with the reason. `data/make.sh` made them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use dreamlet_signing::{
    Certificates, Error, SignOptions, SigningKey, Trust, Verified, VerifyOptions, sign, verify,
};

fn pem(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/pico/pico.dream")
}

/// Signs with the key and chain of a file.
fn signed(by: &str) -> String {
    let text = pem(by);
    let options = SignOptions {
        certificates: Some(Certificates::from_pem(&text).unwrap()),
        ..SignOptions::default()
    };
    sign(&model(), &SigningKey::from_pem(&text).unwrap(), &options).unwrap()
}

fn verified(by: &str, root: &str) -> Result<Verified, Error> {
    let trust = Trust::Roots(Certificates::from_pem(&pem(root)).unwrap());
    verify(
        &model(),
        signed(by).as_bytes(),
        &trust,
        &VerifyOptions::default(),
    )
}

#[test]
fn a_chain_to_a_trusted_root_is_taken() {
    let found = verified("signer.pem", "root.pem").unwrap();
    assert_eq!(found.signer, "CN=signer");
    assert_eq!(found.files, ["pico.dream"]);
    // The certificate itself, and one in between, may be what is trusted.
    verified("self-signed.pem", "self-signed.pem").unwrap();
    verified("signer.pem", "signer.pem").unwrap();
    // One root of several.
    let roots =
        Certificates::from_pems([pem("other-root.pem").as_str(), &pem("root.pem")]).unwrap();
    let bundle = signed("signer.pem");
    verify(
        &model(),
        bundle.as_bytes(),
        &Trust::Roots(roots),
        &VerifyOptions::default(),
    )
    .unwrap();
}

#[test]
fn a_chain_that_breaks_a_rule_is_refused_with_the_rule() {
    for (by, reason) in [
        ("expired.pem", "was valid until"),
        ("web-server.pem", "signs code"),
        ("encipherment.pem", "signs code"),
        ("no-usage.pem", "signs code"),
        ("unknown.pem", "critical extension 1.2.3.4"),
        ("too-deep.pem", "path length"),
        ("of-no-authority.pem", "no authority"),
        ("of-no-cert-sign.pem", "keyCertSign"),
        ("of-constrained.pem", "2.5.29.30"),
        // It brings a root with the trusted one's name.
        ("of-fake-root.pem", "nothing that was given issued"),
        ("self-signed.pem", "nothing that was given issued"),
    ] {
        let error = verified(by, "root.pem").unwrap_err().to_string();
        assert!(error.contains(reason), "{by}: {error}");
    }
    let error = verified("signer.pem", "other-root.pem")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("CN=between") && error.contains("--certificate"),
        "{error}"
    );
}

#[test]
fn the_key_must_be_that_of_the_certificate() {
    let options = SignOptions {
        certificates: Some(Certificates::from_pem(&pem("signer.pem")).unwrap()),
        ..SignOptions::default()
    };
    let key = SigningKey::generate().unwrap();
    assert!(matches!(
        sign(&model(), &key, &options),
        Err(Error::CertificateKey)
    ));
}

#[test]
fn a_signature_by_a_certificate_is_verified_by_certificates_and_one_by_a_key_by_keys() {
    let key = SigningKey::generate().unwrap();
    let roots = Trust::Roots(Certificates::from_pem(&pem("root.pem")).unwrap());
    let bundle = sign(&model(), &key, &SignOptions::default()).unwrap();
    let options = VerifyOptions::default();
    let error = verify(&model(), bundle.as_bytes(), &roots, &options)
        .unwrap_err()
        .to_string();
    assert!(error.contains("--key"), "{error}");
    let trust = Trust::Key(key.verifying_key());
    let error = verify(&model(), signed("signer.pem").as_bytes(), &trust, &options)
        .unwrap_err()
        .to_string();
    assert!(error.contains("--certificate"), "{error}");
}

#[test]
fn what_is_no_certificate_is_refused() {
    let begin = "-----BEGIN CERTIFICATE-----\n";
    let end = "\n-----END CERTIFICATE-----\n";
    for text in [
        "",
        "hello",
        begin,
        &format!("{begin}AAAA{end}"),
        &format!("{begin}%%%{end}"),
    ] {
        let error = Certificates::from_pem(text).unwrap_err().to_string();
        assert!(error.contains("certificate 0 of the PEM file"), "{error}");
    }
}
