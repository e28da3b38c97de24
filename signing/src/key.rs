//! Keys: ECDSA on the curves of the specification.

use std::fmt::Write as _;

use p256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    LineEnding,
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::error::Error;
use crate::pem;

const PRIVATE: Error = Error::Key {
    what: "the private key",
    expected: "private key",
    label: "PRIVATE KEY",
};
const PUBLIC: Error = Error::Key {
    what: "the public key",
    expected: "public key",
    label: "PUBLIC KEY",
};

/// Which of its hashes SHA-2 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(crate) fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// A private key. What it holds is wiped from memory when it is dropped.
pub struct SigningKey(Private);

enum Private {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

/// A public key.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifyingKey(Public);

#[derive(Clone, Debug, PartialEq)]
enum Public {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Nothing of the key gets into a log.
        write!(f, "SigningKey({})", self.curve())
    }
}

impl SigningKey {
    /// A new key on P-256, from the system's random numbers.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn generate() -> Result<Self, Error> {
        p256::ecdsa::SigningKey::try_generate()
            .map(|key| Self(Private::P256(key)))
            .map_err(|error| Error::Random(error.to_string()))
    }

    /// A key as PEM, PKCS#8 or SEC1, not encrypted.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let key = if let Some(block) = pem::block(text, "PRIVATE KEY") {
            p256::ecdsa::SigningKey::from_pkcs8_pem(block)
                .map(Private::P256)
                .or_else(|_| p384::ecdsa::SigningKey::from_pkcs8_pem(block).map(Private::P384))
                .or_else(|_| p521::ecdsa::SigningKey::from_pkcs8_pem(block).map(Private::P521))
                .map_err(|_| PRIVATE)
        } else if let Some(block) = pem::block(text, "EC PRIVATE KEY") {
            p256::SecretKey::from_sec1_pem(block)
                .map(|key| Private::P256(key.into()))
                .or_else(|_| {
                    p384::SecretKey::from_sec1_pem(block).map(|key| Private::P384(key.into()))
                })
                .or_else(|_| {
                    p521::SecretKey::from_sec1_pem(block).map(|key| Private::P521(key.into()))
                })
                .map_err(|_| PRIVATE)
        } else if text.contains("ENCRYPTED") {
            Err(Error::Encrypted)
        } else {
            Err(PRIVATE)
        };
        key.map(Self)
    }

    /// The key as PEM, PKCS#8.
    ///
    /// # Errors
    /// [`Error::Key`], which a key that was read or generated does not lead to.
    pub fn to_pem(&self) -> Result<String, Error> {
        let pem = match &self.0 {
            Private::P256(key) => p256::SecretKey::from(key).to_pkcs8_pem(LineEnding::LF),
            Private::P384(key) => p384::SecretKey::from(key).to_pkcs8_pem(LineEnding::LF),
            Private::P521(key) => p521::SecretKey::from(key).to_pkcs8_pem(LineEnding::LF),
        };
        pem.map(|text| text.to_string()).map_err(|_| PRIVATE)
    }

    /// The public key to it.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(match &self.0 {
            Private::P256(key) => Public::P256(*key.verifying_key()),
            Private::P384(key) => Public::P384(*key.verifying_key()),
            Private::P521(key) => Public::P521(*key.verifying_key()),
        })
    }

    /// Name of its curve.
    #[must_use]
    pub fn curve(&self) -> &'static str {
        self.verifying_key().curve()
    }

    /// Signs with the hash of the curve; the signature is DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.0 {
            Private::P256(key) => key
                .sign_prehash(&Sha256::digest(message))
                .map(|signature: p256::ecdsa::DerSignature| signature.as_bytes().to_vec()),
            Private::P384(key) => key
                .sign_prehash(&Sha384::digest(message))
                .map(|signature: p384::ecdsa::DerSignature| signature.as_bytes().to_vec()),
            Private::P521(key) => key
                .sign_prehash(&Sha512::digest(message))
                .map(|signature: p521::ecdsa::DerSignature| signature.as_bytes().to_vec()),
        }
        .map_err(|_| PRIVATE)
    }

    /// Signs for a device: P-256, `r` then `s`.
    pub(crate) fn sign_for_device(&self, message: &[u8]) -> Result<[u8; 64], Error> {
        let Private::P256(key) = &self.0 else {
            return Err(Error::Curve {
                found: self.curve(),
            });
        };
        let signature: p256::ecdsa::Signature = key
            .sign_prehash(&Sha256::digest(message))
            .map_err(|_| PRIVATE)?;
        Ok(signature.to_bytes().into())
    }
}

impl VerifyingKey {
    /// A key as PEM, `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let block = pem::block(text, "PUBLIC KEY").ok_or(PUBLIC)?;
        let key = p256::ecdsa::VerifyingKey::from_public_key_pem(block)
            .map(Public::P256)
            .or_else(|_| p384::ecdsa::VerifyingKey::from_public_key_pem(block).map(Public::P384))
            .or_else(|_| p521::ecdsa::VerifyingKey::from_public_key_pem(block).map(Public::P521));
        key.map(Self).map_err(|_| PUBLIC)
    }

    /// A key as the DER of a certificate has it.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let key = p256::ecdsa::VerifyingKey::from_public_key_der(der)
            .map(Public::P256)
            .or_else(|_| p384::ecdsa::VerifyingKey::from_public_key_der(der).map(Public::P384))
            .or_else(|_| p521::ecdsa::VerifyingKey::from_public_key_der(der).map(Public::P521));
        key.map(Self).ok()
    }

    /// The key as PEM.
    ///
    /// # Errors
    /// [`Error::Key`], which a key that was read or generated does not lead to.
    pub fn to_pem(&self) -> Result<String, Error> {
        match &self.0 {
            Public::P256(key) => p256::PublicKey::from(key).to_public_key_pem(LineEnding::LF),
            Public::P384(key) => p384::PublicKey::from(key).to_public_key_pem(LineEnding::LF),
            Public::P521(key) => p521::PublicKey::from(key).to_public_key_pem(LineEnding::LF),
        }
        .map_err(|_| PUBLIC)
    }

    /// SHA-256 of the PEM text: how bundles name a key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&Sha256::digest(self.to_pem().unwrap_or_default()))
    }

    /// The 65 bytes of an uncompressed point, for a device.
    ///
    /// # Errors
    /// [`Error::Curve`].
    pub fn to_device(&self) -> Result<[u8; 65], Error> {
        let wrong = Error::Curve {
            found: self.curve(),
        };
        let Public::P256(key) = &self.0 else {
            return Err(wrong);
        };
        key.to_sec1_point(false)
            .as_bytes()
            .try_into()
            .map_err(|_| wrong)
    }

    /// Whether a signature of [`SigningKey::sign_for_device`] is this key's.
    pub(crate) fn verifies_for_device(
        &self,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<bool, Error> {
        let Public::P256(key) = &self.0 else {
            return Err(Error::Curve {
                found: self.curve(),
            });
        };
        let signature = p256::ecdsa::Signature::from_bytes(signature.into());
        Ok(signature.is_ok_and(|signature| {
            key.verify_prehash(&Sha256::digest(message), &signature)
                .is_ok()
        }))
    }

    /// Name of its curve.
    #[must_use]
    pub fn curve(&self) -> &'static str {
        match &self.0 {
            Public::P256(_) => "P-256",
            Public::P384(_) => "P-384",
            Public::P521(_) => "P-521",
        }
    }

    /// The hash that goes with the curve.
    pub(crate) fn hash(&self) -> Hash {
        match &self.0 {
            Public::P256(_) => Hash::Sha256,
            Public::P384(_) => Hash::Sha384,
            Public::P521(_) => Hash::Sha512,
        }
    }

    /// Whether a DER signature is this key's.
    pub(crate) fn verifies(&self, hash: Hash, message: &[u8], der: &[u8]) -> bool {
        let digest = hash.of(message);
        match &self.0 {
            Public::P256(key) => p256::ecdsa::DerSignature::from_bytes(der)
                .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
            Public::P384(key) => p384::ecdsa::DerSignature::from_bytes(der)
                .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
            Public::P521(key) => p521::ecdsa::DerSignature::from_bytes(der)
                .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
        }
    }
}

/// Bytes as lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
