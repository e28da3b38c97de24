//! What is signed: an in-toto statement with the digests of the files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::bundle::{expect, shortened};
use crate::error::Error;
use crate::files::{Method, file_of_shard, is_plain};
use crate::key::hex;

const TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";
/// Of the reference implementation up to version 0.2: the subjects are the files.
const PREDICATE_TYPE_V0_2: &str = "https://model_signing/Digests/v0.1";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement<P> {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: P,
}

#[derive(Debug, Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Predicate {
    resources: Vec<Resource>,
    serialization: Serialization,
}

#[derive(Debug, Serialize, Deserialize)]
struct Resource {
    name: String,
    digest: String,
    algorithm: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard_size: Option<u64>,
    allow_symlinks: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

/// What was signed of a model.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// Digests, by the names of files or of their parts.
    pub(crate) digests: BTreeMap<String, String>,
    pub(crate) method: Method,
    pub(crate) follow_links: bool,
    pub(crate) left_out: Vec<String>,
    /// In the form of version 0.2.
    pub(crate) is_v0_2: bool,
}

impl Manifest {
    /// The statement that says so, as JSON.
    pub(crate) fn to_json(&self, model: String) -> Result<Vec<u8>, Error> {
        let digest = BTreeMap::from([("sha256".into(), root_digest(self.digests.values())?)]);
        let resources = self.digests.iter().map(|(name, digest)| Resource {
            name: name.clone(),
            digest: digest.clone(),
            algorithm: "sha256".into(),
        });
        let statement = Statement {
            kind: TYPE.into(),
            subject: vec![Subject {
                name: model,
                digest,
            }],
            predicate_type: PREDICATE_TYPE.into(),
            predicate: Predicate {
                resources: resources.collect(),
                serialization: Serialization {
                    method: "files".into(),
                    hash_type: "sha256".into(),
                    shard_size: None,
                    allow_symlinks: self.follow_links,
                    ignore_paths: self.left_out.clone(),
                },
            },
        };
        serde_json::to_vec(&statement).map_err(Error::Emit)
    }

    /// What a statement says. Its signature has been verified.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Error> {
        let outer: Statement<serde::de::IgnoredAny> =
            serde_json::from_slice(payload).map_err(Error::Statement)?;
        expect("_type of the signed statement", &outer.kind, TYPE)?;
        if outer.predicate_type == PREDICATE_TYPE_V0_2 {
            return Self::of_v0_2(outer.subject);
        }
        expect(
            "predicateType of the signed statement",
            &outer.predicate_type,
            PREDICATE_TYPE,
        )?;
        let statement: Statement<Predicate> =
            serde_json::from_slice(payload).map_err(Error::Statement)?;
        let [subject] = statement.subject.as_slice() else {
            return Err(Error::Field {
                field: "subject of the signed statement",
                found: format!("a list of {}", statement.subject.len()),
                expected: "exactly one",
            });
        };
        let Predicate {
            resources,
            serialization,
        } = statement.predicate;
        let method = method(&serialization)?;
        expect(
            "hash_type of the signed statement",
            &serialization.hash_type,
            "sha256",
        )?;
        for resource in &resources {
            expect("algorithm of a signed file", &resource.algorithm, "sha256")?;
        }
        let root = root_digest(resources.iter().map(|resource| &resource.digest))?;
        if subject.digest.get("sha256") != Some(&root) {
            return Err(Error::Field {
                field: "digest of the subject of the signed statement",
                found: subject
                    .digest
                    .get("sha256")
                    .map_or_else(String::new, |text| shortened(text)),
                expected: "the SHA-256 of the listed digests",
            });
        }
        let listed = resources.into_iter().map(|one| (one.name, one.digest));
        Ok(Self {
            digests: checked(listed, method)?,
            method,
            follow_links: serialization.allow_symlinks,
            left_out: serialization.ignore_paths,
            is_v0_2: false,
        })
    }

    fn of_v0_2(subjects: Vec<Subject>) -> Result<Self, Error> {
        let listed = subjects.into_iter().map(|mut subject| {
            let digest = subject.digest.remove("sha256").unwrap_or_default();
            (subject.name, digest)
        });
        Ok(Self {
            digests: checked(listed, Method::Files)?,
            method: Method::Files,
            follow_links: false,
            left_out: Vec::new(),
            is_v0_2: true,
        })
    }
}

/// Whether a payload may be a statement of version 0.2. It is not verified yet, so it is not parsed.
pub(crate) fn is_v0_2(payload: &[u8]) -> bool {
    let text = PREDICATE_TYPE_V0_2.as_bytes();
    payload.windows(text.len()).any(|part| part == text)
}

fn method(serialization: &Serialization) -> Result<Method, Error> {
    match (serialization.method.as_str(), serialization.shard_size) {
        ("files", None) => Ok(Method::Files),
        ("shards", Some(size @ 1..)) => Ok(Method::Shards(size)),
        (method, size) => Err(Error::Field {
            field: "method of the signed statement",
            found: format!("{:?} with shard_size {size:?}", shortened(method)),
            expected: "\"files\" without one, or \"shards\" with 1 or more",
        }),
    }
}

/// The list of files, by name: each name once and within the model, each digest a digest.
fn checked(
    listed: impl Iterator<Item = (String, String)>,
    method: Method,
) -> Result<BTreeMap<String, String>, Error> {
    let mut digests = BTreeMap::new();
    for (name, digest) in listed {
        let file = match method {
            Method::Files => Some(name.as_str()),
            Method::Shards(_) => file_of_shard(&name),
        };
        // "." is the one file of a model in bundles before version 1.0.1.
        if !file.is_some_and(|file| file == "." || is_plain(file)) {
            return Err(Error::Traversal {
                name: shortened(&name),
            });
        }
        bytes_of(&digest)?;
        if digests.insert(name.clone(), digest).is_some() {
            return Err(Error::Field {
                field: "resources of the signed statement",
                found: format!("{:?} twice", shortened(&name)),
                expected: "each file once",
            });
        }
    }
    match digests.is_empty() {
        false => Ok(digests),
        true => Err(Error::Field {
            field: "resources of the signed statement",
            found: "an empty list".into(),
            expected: "one file or more",
        }),
    }
}

/// SHA-256 over the digests, one after another.
fn root_digest<'d>(digests: impl Iterator<Item = &'d String>) -> Result<String, Error> {
    let mut hasher = Sha256::new();
    for digest in digests {
        hasher.update(bytes_of(digest)?);
    }
    Ok(hex(&hasher.finalize()))
}

/// The 32 bytes of a digest.
fn bytes_of(digest: &str) -> Result<[u8; 32], Error> {
    let wrong = || Error::Field {
        field: "digest of a signed file",
        found: format!("{:?}", shortened(digest)),
        expected: "64 lowercase hexadecimal digits",
    };
    let digits = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(wrong()),
    };
    let pairs: &[[u8; 2]; 32] = digest
        .as_bytes()
        .as_chunks()
        .0
        .try_into()
        .map_err(|_| wrong())?;
    if digest.len() != 64 {
        return Err(wrong());
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digits(*high)? << 4 | digits(*low)?;
    }
    Ok(bytes)
}
