//! Why something is not signed, or not verified.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why something is not signed, or not verified.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The failure.
        error: io::Error,
    },
    /// No key of a kind that is known.
    #[error(
        "{what} is no {expected}: expected a PEM file with \"-----BEGIN {label}-----\", on the curve P-256, P-384 or P-521; `dreamlet keygen` makes one"
    )]
    Key {
        /// Which of the keys.
        what: &'static str,
        /// What it should be.
        expected: &'static str,
        /// First line of such a file.
        label: &'static str,
    },
    /// A key behind a password.
    #[error(
        "the private key is behind a password, which dreamlet does not ask for: `openssl pkcs8 -in KEY -out PLAIN` writes one without"
    )]
    Encrypted,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers for a key: {0}")]
    Random(String),
    /// A model for devices needs P-256.
    #[error(
        "devices verify keys on P-256, this key is on {found}: make one with `dreamlet keygen`"
    )]
    Curve {
        /// The curve of the key.
        found: &'static str,
    },
    /// What is to carry a signature is no compiled model.
    #[error(
        "a signature is put into compiled models, and this file is none: compile it first with `dreamlet compile`, or sign it without --embed"
    )]
    NotCompiled,
    /// No signature in a compiled model.
    #[error("the file holds no signature: `dreamlet sign --embed` puts one into a compiled model")]
    NoSignature,
    /// A name of the model folder cannot stand in a bundle.
    #[error("{}: the name is not UTF-8, so no bundle can hold it: rename the file", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A link.
    #[error(
        "{}: a symbolic link in a model is not followed: put the file itself there, or leave it out with --ignore",
        path.display()
    )]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// A link out of the model, or in a circle.
    #[error("{}: the symbolic link leads {where_to}: only links to files within the model are followed", path.display())]
    SymlinkTarget {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        where_to: &'static str,
    },
    /// A pipe, a socket, a device.
    #[error("{}: neither a file nor a folder, so it has no content to sign: take it out of the model", path.display())]
    Special {
        /// What it is.
        path: PathBuf,
    },
    /// Nothing to sign.
    #[error("{} holds no file to sign: is this the folder of the model?", path.display())]
    Empty {
        /// The model.
        path: PathBuf,
    },
    /// A path to leave out lies elsewhere.
    #[error("--ignore {}: not a path within the model {}", path.display(), model.display())]
    Ignore {
        /// The path.
        path: PathBuf,
        /// The model.
        model: PathBuf,
    },
    /// The bundle is larger than any should be.
    #[error(
        "the signature has {found} bytes, at most {limit} are read: is it the .sig file, and not the model?"
    )]
    BundleSize {
        /// Its bytes.
        found: u64,
        /// Bytes that are read.
        limit: u64,
    },
    /// The bundle is not JSON, or not of this form.
    #[error("the signature is no Sigstore bundle: {0}: ask for the .sig file again")]
    Json(#[source] serde_json::Error),
    /// What was signed is not JSON, or not of this form.
    #[error("what was signed is no statement about a model: {0}: sign the model again")]
    Statement(#[source] serde_json::Error),
    /// A field has a value that cannot be.
    #[error("{field} is {found}, expected {expected}")]
    Field {
        /// Which field of bundle, envelope or statement.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// Signed in another way than it is verified.
    #[error("the model was signed {signed}, and {given} was given to verify it: {todo}")]
    Method {
        /// How it was signed.
        signed: &'static str,
        /// What the caller trusts.
        given: &'static str,
        /// What to do.
        todo: &'static str,
    },
    /// The signature is not by the key that is trusted.
    #[error(
        "the signature is not by the key {expected} (it names {found}): the signature was changed, or somebody else signed; do not use the model"
    )]
    Signature {
        /// Fingerprint of the key that is trusted.
        expected: String,
        /// What the bundle says of its key.
        found: String,
    },
    /// A certificate cannot be read.
    #[error("certificate {index} of {what} cannot be read: {reason}")]
    Certificate {
        /// Which, from 0.
        index: usize,
        /// Of what.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The chain leads to nothing that is trusted.
    #[error("the certificate of {subject} is not trusted: {reason}")]
    Chain {
        /// Who it is for.
        subject: String,
        /// Why.
        reason: String,
    },
    /// The first certificate is not for the key.
    #[error(
        "the certificate is for another key than the one that signs: give the key's own certificate first"
    )]
    CertificateKey,
    /// A path in what was signed leads out of the model.
    #[error(
        "the signature lists {name:?}, which is no plain path within the model: do not use the model"
    )]
    Traversal {
        /// The path.
        name: String,
    },
    /// A file that was signed is not there.
    #[error("{name:?} was signed and is not in {}: the model is not complete, get it again", model.display())]
    Missing {
        /// The file.
        name: String,
        /// The model.
        model: PathBuf,
    },
    /// A file that was not signed is there.
    #[error(
        "{name:?} is in {} and was not signed: remove it, or name it with --ignore if it does no harm",
        model.display()
    )]
    Added {
        /// The file.
        name: String,
        /// The model.
        model: PathBuf,
    },
    /// A file is not as it was signed.
    #[error(
        "{name:?} was changed after it was signed: SHA-256 {expected} was signed, {found} is there; get the model again"
    )]
    Changed {
        /// The file, or the part of it.
        name: String,
        /// The digest that was signed.
        expected: String,
        /// The digest that is there.
        found: String,
    },
    /// The bundle cannot be written as JSON.
    #[error("the signature cannot be written: {0}")]
    Emit(#[source] serde_json::Error),
}
