//! Compiled models with a signature: verified before anything else of them is read.
//!
//! The signature is ECDSA on P-256 with SHA-256 (FIPS 186-5) of the model's bytes as they are, so
//! that any tool can make one. A model begins with `dreamlet` and what
//! OpenSSF Model Signing signs with `DSSE`: no signature of the one is one of the other.

use p256::ecdsa::signature::Verifier as _;

use super::format::{FormatError, split_trailer};
use super::model::Model;

/// The public key of whoever may sign models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey(p256::ecdsa::VerifyingKey);

impl VerifyingKey {
    /// A key as `dreamlet keygen` writes it into `KEY.pub.bin`: 65 bytes, 4, then the point's x
    /// and y (SEC 1, section 2.3.3).
    ///
    /// # Errors
    /// [`FormatError::Key`]: the bytes are no point on P-256.
    pub fn new(bytes: &[u8]) -> Result<Self, FormatError> {
        p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes)
            .map(Self)
            .map_err(|_| FormatError::Key { found: bytes.len() })
    }

    /// The model of a file whose signature is this key's.
    pub(super) fn verified<'m>(&self, file: &'m [u8]) -> Result<&'m [u8], FormatError> {
        let (model, Some(signature)) = split_trailer(file) else {
            return Err(FormatError::Unsigned);
        };
        let signature = p256::ecdsa::Signature::from_bytes(signature.into());
        let verified = signature.and_then(|signature| self.0.verify(model, &signature));
        verified.map(|()| model).map_err(|_| FormatError::Signature)
    }
}

impl<'m> Model<'m> {
    /// [`Self::new`] of a file that `dreamlet sign --embed` has signed. Whatever the bytes are,
    /// nothing but this signature is looked at before it was found right.
    ///
    /// # Errors
    /// [`FormatError::Unsigned`], [`FormatError::Signature`], then as [`Self::new`].
    pub fn new_signed(file: &'m [u8], key: &VerifyingKey) -> Result<Self, FormatError> {
        Self::new(key.verified(file)?)
    }
}
