//! Bundles from strangers, and statements that somebody signed although they cannot be.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::bundle::{Bundle, Signed, Signer, encoded, encoded_by_v0_2};
use crate::key::hex;
use crate::{Error, SigningKey, Trust, VerifyOptions, verify};

/// What makes a statement wrong.
type Change = fn(&mut Value);

fn pico() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/pico/pico.dream")
}

/// A statement about the model, right in everything.
fn statement() -> Value {
    let digest = Sha256::digest(std::fs::read(pico()).unwrap());
    let resource = json!({"name": "pico.dream", "digest": hex(&digest), "algorithm": "sha256"});
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "pico.dream", "digest": {"sha256": hex(&Sha256::digest(digest))}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "resources": [resource],
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": false},
        },
    })
}

/// The root digest of a statement, as its resources are now.
fn with_root(mut statement: Value) -> Value {
    let mut root = Sha256::new();
    for resource in statement["predicate"]["resources"].as_array().unwrap() {
        let digest = resource["digest"].as_str().unwrap().as_bytes();
        root.update(
            digest
                .chunks(2)
                .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap_or(0))
                .collect::<Vec<_>>(),
        );
    }
    statement["subject"][0]["digest"]["sha256"] = hex(&root.finalize()).into();
    statement
}

/// Verifies the model with these bytes as what was signed, in an envelope that is right.
fn signed(payload: Vec<u8>, message: impl Fn(&[u8]) -> Vec<u8>) -> Result<Vec<String>, Error> {
    let key = SigningKey::generate().unwrap();
    let signature = key.sign(&message(&payload)).unwrap();
    let bundle = Bundle::new(Signer::Key(None), &Signed { payload, signature });
    let trust = Trust::Key(key.verifying_key());
    let json = bundle.to_json().unwrap();
    verify(&pico(), json.as_bytes(), &trust, &VerifyOptions::default())
        .map(|verified| verified.files)
}

fn refusal(statement: &Value) -> String {
    signed(statement.to_string().into(), encoded)
        .unwrap_err()
        .to_string()
}

/// What a stranger's bundle is refused with.
fn stranger(bundle: &[u8]) -> String {
    let key = SigningKey::generate().unwrap();
    let trust = Trust::Key(key.verifying_key());
    let error = verify(&pico(), bundle, &trust, &VerifyOptions::default());
    error.unwrap_err().to_string()
}

#[test]
fn a_right_statement_is_accepted() {
    assert_eq!(
        signed(statement().to_string().into(), encoded).unwrap(),
        ["pico.dream"]
    );
}

#[test]
fn a_name_out_of_the_model_is_refused() {
    for name in [
        "../pico.dream",
        "/etc/passwd",
        "a/../../b",
        "a//b",
        "a/",
        "",
        "./pico.dream",
        "..",
        "a\0b",
    ] {
        let mut bad = statement();
        bad["predicate"]["resources"][0]["name"] = name.into();
        let error = refusal(&bad);
        assert!(
            error.contains("no plain path within the model"),
            "{name:?}: {error}"
        );
    }
}

#[test]
fn what_a_statement_must_say_is_asked_for() {
    let wrong: [(&str, Change, &str); 16] = [
        (
            "type",
            |s| s["_type"] = "https://in-toto.io/Statement/v0.1".into(),
            "_type",
        ),
        (
            "predicate type",
            |s| s["predicateType"] = "https://slsa.dev/provenance/v1".into(),
            "predicateType",
        ),
        (
            "no predicate",
            |s| drop(s.as_object_mut().unwrap().remove("predicate")),
            "predicate",
        ),
        ("no subject", |s| s["subject"] = json!([]), "subject"),
        (
            "two subjects",
            |s| {
                let one = s["subject"][0].clone();
                s["subject"] = json!([one, one])
            },
            "a list of 2",
        ),
        (
            "another root digest",
            |s| s["subject"][0]["digest"]["sha256"] = "00".repeat(32).into(),
            "digest of the subject",
        ),
        (
            "no files",
            |s| s["predicate"]["resources"] = json!([]),
            "digest of the subject",
        ),
        (
            "a file twice",
            |s| {
                let one = s["predicate"]["resources"][0].clone();
                s["predicate"]["resources"] = json!([one, one]);
                *s = with_root(s.clone())
            },
            "twice",
        ),
        (
            "another hash",
            |s| s["predicate"]["serialization"]["hash_type"] = "blake3".into(),
            "hash_type",
        ),
        (
            "another hash of a file",
            |s| s["predicate"]["resources"][0]["algorithm"] = "md5".into(),
            "algorithm",
        ),
        (
            "a short digest",
            |s| s["predicate"]["resources"][0]["digest"] = "ab".into(),
            "64 lowercase",
        ),
        (
            "a digest that is none",
            |s| s["predicate"]["resources"][0]["digest"] = "G".repeat(64).into(),
            "64 lowercase",
        ),
        (
            "another method",
            |s| s["predicate"]["serialization"]["method"] = "tensors".into(),
            "tensors",
        ),
        (
            "parts of no size",
            |s| s["predicate"]["serialization"]["method"] = "shards".into(),
            "shard_size",
        ),
        (
            "parts of zero bytes",
            |s| {
                s["predicate"]["serialization"]["method"] = "shards".into();
                s["predicate"]["serialization"]["shard_size"] = 0.into()
            },
            "shard_size",
        ),
        (
            "files with a size of parts",
            |s| s["predicate"]["serialization"]["shard_size"] = 5.into(),
            "shard_size",
        ),
    ];
    for (what, change, reason) in wrong {
        let mut bad = statement();
        change(&mut bad);
        let error = refusal(&bad);
        assert!(error.contains(reason), "{what}: {error}");
    }
    let mut empty = statement();
    empty["predicate"]["resources"] = json!([]);
    assert!(refusal(&with_root(empty)).contains("an empty list"));
}

#[test]
fn parts_of_files_are_verified() {
    let file = std::fs::read(pico()).unwrap();
    let mut parts = statement();
    let resources: Vec<Value> = (0..file.len()).step_by(50_000).map(|begin| {
        let end = file.len().min(begin + 50_000);
        let digest = hex(&Sha256::digest(&file[begin..end]));
        json!({"name": format!("pico.dream:{begin}:{end}"), "digest": digest, "algorithm": "sha256"})
    }).collect();
    assert!(resources.len() > 1);
    parts["predicate"]["serialization"] = json!({"method": "shards", "shard_size": 50_000, "hash_type": "sha256", "allow_symlinks": false});
    parts["predicate"]["resources"] = resources.into();
    let parts = with_root(parts);
    assert_eq!(
        signed(parts.to_string().into(), encoded).unwrap(),
        ["pico.dream"]
    );

    let mut missing = parts.clone();
    missing["predicate"]["resources"]
        .as_array_mut()
        .unwrap()
        .pop();
    assert!(refusal(&with_root(missing)).contains("was changed"));
    let mut more = parts.clone();
    let extra = json!({"name": "pico.dream:900000:900001", "digest": "00".repeat(32), "algorithm": "sha256"});
    more["predicate"]["resources"]
        .as_array_mut()
        .unwrap()
        .push(extra);
    assert!(refusal(&with_root(more)).contains("pico.dream:900000:900001"));
    let mut other = parts.clone();
    other["predicate"]["resources"][1]["digest"] = "00".repeat(32).into();
    assert!(refusal(&with_root(other)).contains("was changed"));
    let mut bare = parts;
    bare["predicate"]["resources"][0]["name"] = "pico.dream".into();
    assert!(refusal(&bare).contains("no plain path"));
}

#[test]
fn version_0_2_is_read_in_its_own_envelope_only() {
    let old = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "pico.dream", "digest": {"sha256": statement()["predicate"]["resources"][0]["digest"]}}],
        "predicateType": "https://model_signing/Digests/v0.1",
        "predicate": {"unused": "it's\\ so"},
    });
    assert_eq!(
        signed(old.to_string().into(), encoded_by_v0_2).unwrap(),
        ["pico.dream"]
    );
    let mut new = statement();
    new["subject"][0]["name"] = "https://model_signing/Digests/v0.1".into();
    let error = signed(new.to_string().into(), encoded_by_v0_2)
        .unwrap_err()
        .to_string();
    assert!(error.contains("envelope of version 0.2"), "{error}");
    let literal = encoded_by_v0_2(b"a\"'\\\n\x00\xff");
    assert!(
        literal.ends_with(br#" 7 b'a"\'\\\n\x00\xff'"#),
        "{}",
        String::from_utf8_lossy(&literal)
    );
}

#[test]
fn a_payload_that_is_no_statement_is_refused() {
    for payload in [
        &b""[..],
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"{\"_type\":1}",
    ] {
        let error = signed(payload.into(), encoded).unwrap_err().to_string();
        assert!(error.contains("no statement about a model"), "{error}");
    }
}

#[test]
fn a_changed_payload_or_signature_is_refused() {
    let key = SigningKey::generate().unwrap();
    let payload: Vec<u8> = statement().to_string().into();
    let signature = key.sign(&encoded(&payload)).unwrap();
    let trust = Trust::Key(key.verifying_key());
    let check = |payload: &[u8], signature: &[u8]| {
        let signed = Signed {
            payload: payload.into(),
            signature: signature.into(),
        };
        let json = Bundle::new(Signer::Key(None), &signed).to_json().unwrap();
        verify(&pico(), json.as_bytes(), &trust, &VerifyOptions::default())
    };
    check(&payload, &signature).unwrap();
    for at in (0..payload.len()).step_by(7) {
        let mut changed = payload.clone();
        changed[at] ^= 1;
        assert!(
            matches!(check(&changed, &signature), Err(Error::Signature { .. })),
            "{at}"
        );
    }
    for at in 0..signature.len() {
        let mut changed = signature.clone();
        changed[at] ^= 1;
        assert!(
            matches!(check(&payload, &changed), Err(Error::Signature { .. })),
            "{at}"
        );
    }
    for bad in [
        &[][..],
        &[0x30],
        &signature[..20],
        &[0x30, 6, 2, 1, 0, 2, 1, 0],
    ] {
        assert!(matches!(check(&payload, bad), Err(Error::Signature { .. })));
    }
}

#[test]
fn a_bundle_that_is_none_is_refused() {
    let base = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":MATERIAL,"dsseEnvelope":
        {"payload":"PAYLOAD","payloadType":"application/vnd.in-toto+json","signatures":SIGNATURES}}"#;
    let one = r#"[{"sig":"AA=="}]"#;
    let with = |material: &str, payload: &str, signatures: &str| {
        let text = base
            .replace("MATERIAL", material)
            .replace("PAYLOAD", payload);
        stranger(text.replace("SIGNATURES", signatures).as_bytes())
    };
    let key = r#"{"publicKey":{"hint":"x"}}"#;
    for (found, reason) in [
        (stranger(b""), "no Sigstore bundle"),
        (stranger(b"\x7fELF"), "no Sigstore bundle"),
        (
            stranger(&std::fs::read(pico()).unwrap()),
            "no Sigstore bundle",
        ),
        (
            stranger("[".repeat(1_000_000).as_bytes()),
            "no Sigstore bundle",
        ),
        (
            stranger(
                base.replace("v0.3", "v0.1")
                    .replace("MATERIAL", key)
                    .replace("SIGNATURES", one)
                    .as_bytes(),
            ),
            "mediaType",
        ),
        (
            stranger(
                base.replace("in-toto", "x")
                    .replace("MATERIAL", key)
                    .replace("SIGNATURES", one)
                    .as_bytes(),
            ),
            "payloadType",
        ),
        (with(key, "e30=", "[]"), "exactly one"),
        (
            with(key, "e30=", r#"[{"sig":"AA=="},{"sig":"AA=="}]"#),
            "exactly one",
        ),
        (with(key, "e30", one), "not base64"),
        (with(key, "%%%%", one), "not base64"),
        (with(key, "e30=", r#"[{"sig":"A"}]"#), "not base64"),
        (with("{}", "e30=", one), "none of the kinds"),
        (
            with(
                r#"{"publicKey":{},"x509CertificateChain":{"certificates":[]}}"#,
                "e30=",
                one,
            ),
            "several",
        ),
        (
            with(
                r#"{"certificate":{"rawBytes":"AA=="},"tlogEntries":[{}]}"#,
                "e30=",
                one,
            ),
            "identity of Sigstore",
        ),
        (
            with(
                r#"{"x509CertificateChain":{"certificates":[{"rawBytes":"AA=="}]}}"#,
                "e30=",
                one,
            ),
            "--certificate",
        ),
        (with(key, "e30=", one), "not by the key"),
    ] {
        assert!(found.contains(reason), "{reason}: {found}");
    }
}

#[test]
fn a_huge_bundle_is_refused_before_it_is_parsed() {
    let begin = Instant::now();
    let huge = vec![b' '; (64 << 20) + 1];
    assert!(stranger(&huge).contains("at most 67108864 are read"));
    assert!(begin.elapsed() < Duration::from_secs(1));
}
