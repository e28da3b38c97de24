//! Signing a model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dreamlet_runtime::engine::compiled::format::{MAGIC, split_trailer, trailer};

use crate::bundle::{Bundle, Signed, Signer, encoded};
use crate::certificate::Certificates;
use crate::error::Error;
use crate::files::{Entry, Method, NEVER, base_name, digests, entries, name_within};
use crate::key::SigningKey;
use crate::statement::Manifest;

/// How a model is signed.
#[derive(Clone, Debug, Default)]
pub struct SignOptions {
    /// Files and folders within the model that are not signed.
    pub ignore: Vec<PathBuf>,
    /// Where the signature will be: within the model it is not signed itself.
    pub signature: Option<PathBuf>,
    /// The certificate of the key, then those that lead to a root. Without them the key alone is
    /// named.
    pub certificates: Option<Certificates>,
}

/// Signs a model, a file or a folder; returns the bundle, JSON.
///
/// # Errors
/// [`Error`]: something in the folder cannot be read or signed, or the certificate is for another
/// key.
pub fn sign(model: &Path, key: &SigningKey, options: &SignOptions) -> Result<String, Error> {
    let signer = match &options.certificates {
        None => Signer::Key(Some(key.verifying_key().fingerprint())),
        Some(chain) if chain.key() == Some(key.verifying_key()) => Signer::Chain(chain.to_ders()?),
        Some(_) => return Err(Error::CertificateKey),
    };
    let mut left_out: Vec<String> = NEVER.map(String::from).into();
    for path in &options.ignore {
        left_out.push(name_within(model, path).ok_or_else(|| Error::Ignore {
            path: path.clone(),
            model: model.into(),
        })?);
    }
    let signature = options.signature.as_deref();
    left_out.extend(signature.and_then(|path| name_within(model, path)));
    left_out.sort_unstable();
    left_out.dedup();
    let mut listed = BTreeMap::new();
    for (name, entry) in entries(model, &left_out, false)? {
        match entry {
            Entry::File(path) => listed.extend(digests(&name, &path, Method::Files)?),
            Entry::Other(error) => return Err(error),
        }
    }
    if listed.is_empty() {
        return Err(Error::Empty { path: model.into() });
    }
    let manifest = Manifest {
        digests: listed,
        method: Method::Files,
        follow_links: false,
        left_out,
        is_v0_2: false,
    };
    let payload = manifest.to_json(base_name(model)?)?;
    let signature = key.sign(&encoded(&payload))?;
    Bundle::new(signer, &Signed { payload, signature }).to_json()
}

/// A compiled model with a signature at its end, which a device verifies before it reads anything
/// else; a signature that is there is replaced.
///
/// # Errors
/// [`Error::NotCompiled`], or [`Error::Curve`] for a key that is not on P-256.
pub fn sign_for_device(model: &[u8], key: &SigningKey) -> Result<Vec<u8>, Error> {
    let (model, _) = split_trailer(model);
    if !model.starts_with(&MAGIC) {
        return Err(Error::NotCompiled);
    }
    let end = trailer(&key.sign_for_device(model)?);
    Ok([model, end.as_slice()].concat())
}
