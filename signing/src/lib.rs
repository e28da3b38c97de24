//! Signs models and verifies them, as [OpenSSF Model Signing 1.0](https://github.com/ossf/model-signing-spec) says.
//!
//! A signature is a file of its own, a Sigstore bundle: the SHA-256 of every file of the model, signed with a key (ECDSA
//! on P-256; keys on P-384 and P-521 are taken too). Whoever has the public key, or the root of the signer's certificate,
//! can say whether a model is what the signer had.
//!
//! ```
//! use dreamlet_signing::{SignOptions, SigningKey, Trust, VerifyOptions, sign, verify};
//!
//! # let model = std::path::Path::new("../models/pico/pico.dream");
//! let key = SigningKey::generate()?;
//! let bundle = sign(model, &key, &SignOptions::default())?;
//! let trust = Trust::Key(key.verifying_key());
//! let verified = verify(model, bundle.as_bytes(), &trust, &VerifyOptions::default())?;
//! assert_eq!(verified.files, ["pico.dream"]);
//! # Ok::<(), dreamlet_signing::Error>(())
//! ```
//!
//! [`sign_for_device`] puts a signature into a compiled model, for machines without files and without a heap:
//! `dreamlet_runtime::Model::new_signed` verifies it.
//!
//! Not supported: signatures without a key of one's own (Sigstore's identities), keys behind a password or in hardware,
//! digests by BLAKE2 and BLAKE3.

mod bundle;
mod certificate;
mod error;
mod files;
mod key;
mod pem;
mod sign;
mod statement;
mod verify;

pub use bundle::MAX_BUNDLE;
pub use certificate::Certificates;
pub use error::Error;
pub use key::{SigningKey, VerifyingKey};
pub use sign::{SignOptions, sign, sign_for_device};
pub use verify::{Trust, Verified, VerifyOptions, verify, verify_for_device};

#[cfg(test)]
mod hostile_tests;
