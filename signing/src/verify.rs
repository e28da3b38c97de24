//! Verifying a model.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dreamlet_runtime::engine::compiled::format::split_trailer;

use crate::bundle::{Bundle, Signer, encoded, encoded_by_v0_2, shortened};
use crate::certificate::Certificates;
use crate::error::Error;
use crate::files::{Entry, Method, NEVER, digests, entries, file_of_shard, name_within};
use crate::key::{Hash, VerifyingKey};
use crate::statement::{Manifest, is_v0_2};

/// Whose signatures count.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those of this key.
    Key(VerifyingKey),
    /// Those of every key with a certificate that leads to one of these.
    Roots(Certificates),
}

/// How a model is verified.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Files and folders within the model that need not be signed.
    pub ignore: Vec<PathBuf>,
    /// Where the signature is: within the model it need not be signed itself.
    pub signature: Option<PathBuf>,
    /// Whether files that were not signed may lie in the folder. Those that were signed are
    /// verified.
    pub ignore_unsigned: bool,
}

/// A model that is as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Fingerprint of the key, or whom the certificate is for.
    pub signer: String,
    /// Names of the files that were signed.
    pub files: Vec<String>,
}

/// Verifies a model, a file or a folder, with its bundle. The signature is verified before
/// anything that it covers is looked at.
///
/// # Errors
/// [`Error`], with the first thing that is wrong.
pub fn verify(
    model: &Path,
    bundle: &[u8],
    trust: &Trust,
    options: &VerifyOptions,
) -> Result<Verified, Error> {
    let bundle = Bundle::parse(bundle)?;
    let signed = bundle.signed()?;
    let (key, signer, named) = match (trust, bundle.signer()?) {
        (Trust::Key(key), Signer::Key(hint)) => (key.clone(), key.fingerprint(), hint),
        (Trust::Roots(roots), Signer::Chain(ders)) => {
            let chain = Certificates::from_ders(&ders)?;
            let key = chain.trusted_by(roots, SystemTime::now())?;
            (key, chain.subject(), Some("the same".into()))
        }
        (Trust::Key(_), Signer::Chain(_)) => {
            return Err(Error::Method {
                signed: "with a certificate",
                given: "a key",
                todo: "give the root of the certificate with --certificate",
            });
        }
        (Trust::Roots(_), Signer::Key(_)) => {
            return Err(Error::Method {
                signed: "with a key alone",
                given: "a certificate",
                todo: "give the public key with --key",
            });
        }
    };
    let payload = &signed.payload;
    let right = key.verifies(key.hash(), &encoded(payload), &signed.signature);
    let old = !right && is_v0_2(payload) && {
        let message = encoded_by_v0_2(payload);
        // Version 0.2 took SHA-256 for every curve.
        let verifies = |hash| key.verifies(hash, &message, &signed.signature);
        verifies(Hash::Sha256) || verifies(key.hash())
    };
    if !right && !old {
        let named = named.as_deref().map_or("no key".into(), shortened);
        return Err(Error::Signature {
            expected: signer,
            found: named,
        });
    }
    let manifest = Manifest::parse(payload)?;
    if old && !manifest.is_v0_2 {
        return Err(Error::Field {
            field: "predicateType of the signed statement",
            found: "of version 1.0 in an envelope of version 0.2".into(),
            expected: "one version",
        });
    }
    let files = compare(model, &manifest, options)?;
    Ok(Verified { signer, files })
}

/// Verifies the signature within a compiled model, as a device does.
///
/// # Errors
/// [`Error::NoSignature`], [`Error::Signature`], or [`Error::Curve`] for a key that is not on P-256.
pub fn verify_for_device(file: &[u8], key: &VerifyingKey) -> Result<(), Error> {
    let (model, Some(signature)) = split_trailer(file) else {
        return Err(Error::NoSignature);
    };
    match key.verifies_for_device(model, signature)? {
        true => Ok(()),
        false => Err(Error::Signature {
            expected: key.fingerprint(),
            found: "no key".into(),
        }),
    }
}

/// Compares a model with what was signed; names of its files.
fn compare(
    model: &Path,
    manifest: &Manifest,
    options: &VerifyOptions,
) -> Result<Vec<String>, Error> {
    let mut left_out = manifest.left_out.clone();
    left_out.extend(NEVER.map(String::from));
    let paths = options.ignore.iter().chain(&options.signature);
    left_out.extend(paths.filter_map(|path| name_within(model, path)));
    let found = entries(model, &left_out, manifest.follow_links)?;
    let name_of = |name: &'_ str| match manifest.method {
        Method::Files => name.to_owned(),
        Method::Shards(_) => file_of_shard(name).unwrap_or(name).to_owned(),
    };
    let listed: BTreeSet<String> = manifest.digests.keys().map(|name| name_of(name)).collect();
    // The one file of a model that is a file was "." once.
    let alone = model.is_file() && listed.iter().eq(["."]);
    let as_listed = |name: &str| if alone { ".".into() } else { name.to_owned() };
    // Names first: they cost no reading.
    if let Some(name) = listed
        .iter()
        .find(|name| !alone && !found.contains_key(*name))
    {
        return Err(Error::Missing {
            name: name.clone(),
            model: model.into(),
        });
    }
    let mut files = Vec::new();
    for (name, entry) in found {
        let is_listed = listed.contains(&as_listed(&name));
        match entry {
            Entry::File(path) if is_listed => files.push((as_listed(&name), path)),
            Entry::Other(error) if is_listed || !options.ignore_unsigned => return Err(error),
            // Parts cover bytes, and an empty file has none.
            Entry::File(path) if manifest.method != Method::Files && is_empty(&path) => {}
            Entry::File(_) if !options.ignore_unsigned => {
                return Err(Error::Added {
                    name,
                    model: model.into(),
                });
            }
            _ => {}
        }
    }
    let mut left: BTreeSet<&str> = manifest.digests.keys().map(String::as_str).collect();
    for (name, path) in &files {
        for (part, found) in digests(name, path, manifest.method)? {
            left.remove(part.as_str());
            let expected = manifest
                .digests
                .get(&part)
                .map_or("nothing", String::as_str);
            if found != expected {
                return Err(Error::Changed {
                    name: part,
                    expected: expected.into(),
                    found,
                });
            }
        }
    }
    match left.first() {
        None => Ok(files.into_iter().map(|(name, _)| name).collect()),
        Some(part) => Err(Error::Missing {
            name: shortened(part),
            model: model.into(),
        }),
    }
}

fn is_empty(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() == 0)
}
