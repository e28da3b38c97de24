//! The bundle: Sigstore's JSON around a DSSE envelope.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Most bytes of a bundle: 100,000 files have about 20 MB.
pub const MAX_BUNDLE: u64 = 64 << 20;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What a signature file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bundle {
    media_type: String,
    pub(crate) verification_material: Material,
    dsse_envelope: Envelope,
}

/// How the signer is named: one of them.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Material {
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<PublicKey>,
    #[serde(
        rename = "x509CertificateChain",
        skip_serializing_if = "Option::is_none"
    )]
    chain: Option<Chain>,
    /// Of a signature without a key of one's own (Fulcio).
    #[serde(skip_serializing)]
    certificate: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PublicKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Chain {
    certificates: Vec<Certificate>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    raw_bytes: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Signature {
    sig: String,
}

/// Who signed, as the bundle says.
pub(crate) enum Signer {
    /// The owner of a key with this fingerprint; of older bundles without.
    Key(Option<String>),
    /// The owner of the first of these certificates, DER.
    Chain(Vec<Vec<u8>>),
}

/// What was signed, with its signature.
pub(crate) struct Signed {
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Bundle {
    pub(crate) fn new(signer: Signer, signed: &Signed) -> Self {
        let verification_material = match signer {
            Signer::Key(hint) => Material {
                public_key: Some(PublicKey { hint }),
                ..Material::default()
            },
            Signer::Chain(ders) => Material {
                chain: Some(Chain {
                    certificates: ders
                        .iter()
                        .map(|der| Certificate {
                            raw_bytes: STANDARD.encode(der),
                        })
                        .collect(),
                }),
                ..Material::default()
            },
        };
        Self {
            media_type: MEDIA_TYPE.into(),
            verification_material,
            dsse_envelope: Envelope {
                payload: STANDARD.encode(&signed.payload),
                payload_type: PAYLOAD_TYPE.into(),
                signatures: vec![Signature {
                    sig: STANDARD.encode(&signed.signature),
                }],
            },
        }
    }

    /// A bundle from its file. Nothing of it is trusted yet.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let found = bytes.len() as u64;
        if found > MAX_BUNDLE {
            return Err(Error::BundleSize {
                found,
                limit: MAX_BUNDLE,
            });
        }
        let bundle: Self = serde_json::from_slice(bytes).map_err(Error::Json)?;
        expect("mediaType of the signature", &bundle.media_type, MEDIA_TYPE)?;
        expect(
            "payloadType of the signature",
            &bundle.dsse_envelope.payload_type,
            PAYLOAD_TYPE,
        )?;
        Ok(bundle)
    }

    pub(crate) fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(Error::Emit)
    }

    /// Payload and signature, decoded.
    pub(crate) fn signed(&self) -> Result<Signed, Error> {
        let [signature] = self.dsse_envelope.signatures.as_slice() else {
            return Err(Error::Field {
                field: "signatures of the signature file",
                found: format!("a list of {}", self.dsse_envelope.signatures.len()),
                expected: "exactly one",
            });
        };
        Ok(Signed {
            payload: decode("payload of the signature", &self.dsse_envelope.payload)?,
            signature: decode("sig of the signature", &signature.sig)?,
        })
    }

    pub(crate) fn signer(&self) -> Result<Signer, Error> {
        let material = &self.verification_material;
        match (&material.public_key, &material.chain, &material.certificate) {
            (Some(key), None, None) => Ok(Signer::Key(key.hint.clone())),
            (None, Some(chain), None) => {
                let field = "rawBytes of a certificate of the signature";
                let ders = chain.certificates.iter();
                let ders = ders.map(|one| decode(field, &one.raw_bytes));
                Ok(Signer::Chain(ders.collect::<Result<_, _>>()?))
            }
            (None, None, Some(_)) => Err(Error::Method {
                signed: "without a key, by an identity of Sigstore",
                given: "a key or a certificate",
                todo: "verify it with a client of Sigstore, or ask for a signature by a key",
            }),
            _ => Err(Error::Field {
                field: "verificationMaterial of the signature",
                found: "none of the kinds, or several".into(),
                expected: "one of publicKey and x509CertificateChain",
            }),
        }
    }
}

/// An error if a field is not what it must be.
pub(crate) fn expect(
    field: &'static str,
    found: &str,
    expected: &'static str,
) -> Result<(), Error> {
    match found == expected {
        true => Ok(()),
        false => Err(Error::Field {
            field,
            found: format!("{:?}", shortened(found)),
            expected,
        }),
    }
}

/// At most the first 100 characters, none that could move a terminal's cursor: a message is for a
/// person, and the text is a stranger's.
pub(crate) fn shortened(text: &str) -> String {
    let shown = |character: char| match character.is_control() {
        true => '?',
        false => character,
    };
    text.chars().take(100).map(shown).collect()
}

fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text).map_err(|error| Error::Field {
        field,
        found: format!("not base64 ({error})"),
        expected: "base64 with padding",
    })
}

/// What is signed of a payload: DSSE's pre-authentication encoding.
pub(crate) fn encoded(payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} ",
        PAYLOAD_TYPE.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

/// The same as the reference implementation wrote it up to version 0.2: the payload in the notation
/// of a Python literal.
pub(crate) fn encoded_by_v0_2(payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEV1 {} {PAYLOAD_TYPE} {} ",
        PAYLOAD_TYPE.len(),
        payload.len()
    );
    let quote = match payload.contains(&b'\'') && !payload.contains(&b'"') {
        true => b'"',
        false => b'\'',
    };
    let mut text = [head.as_bytes(), &[b'b', quote]].concat();
    for byte in payload {
        match byte {
            b'\\' => text.extend(b"\\\\"),
            b'\n' => text.extend(b"\\n"),
            b'\r' => text.extend(b"\\r"),
            b'\t' => text.extend(b"\\t"),
            b' '..=b'~' if *byte == quote => text.extend([b'\\', quote]),
            b' '..=b'~' => text.push(*byte),
            _ => text.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    text.push(quote);
    text
}
