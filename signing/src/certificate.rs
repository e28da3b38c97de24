//! Certificates: whether a chain leads from a signing key to a root that the caller trusts.
//!
//! The rules are those of RFC 5280, section 6.1, without what no chain of a model needs. An
//! extension that is critical and not known here, name constraints and policies among them, ends
//! it: what is not understood is not trusted.

use std::time::{Duration, SystemTime};

use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    UnparsedPublicKey,
};
use x509_cert::Certificate as X509;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, DecodePem as _, Encode as _};
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName,
};

use crate::bundle::shortened;
use crate::error::Error;
use crate::key::{Hash, VerifyingKey};
use crate::pem;

/// Most certificates of a chain; usual are two or three.
const MAX_CHAIN: usize = 8;
/// Most certificates of a file of roots.
const MAX_ROOTS: usize = 1024;

const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const EC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ECDSA: [(ObjectIdentifier, Hash); 3] = [
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"),
        Hash::Sha256,
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"),
        Hash::Sha384,
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"),
        Hash::Sha512,
    ),
];
const RSA: [(ObjectIdentifier, &ring::signature::RsaParameters); 3] = [
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"),
        &RSA_PKCS1_2048_8192_SHA256,
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"),
        &RSA_PKCS1_2048_8192_SHA384,
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"),
        &RSA_PKCS1_2048_8192_SHA512,
    ),
];

/// Certificates of a file: a chain, its own first, or roots.
#[derive(Clone, Debug)]
pub struct Certificates(Vec<X509>);

impl Certificates {
    /// The certificates of a PEM file, one or more.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let what = "the PEM file";
        let all = pem::blocks(text, "CERTIFICATE")
            .take(MAX_ROOTS)
            .enumerate()
            .map(|(index, block)| {
                X509::from_pem(block).map_err(|error| unreadable(index, what, &error))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if all.is_empty() {
            return Err(Error::Certificate {
                index: 0,
                what,
                reason: "there is no \"-----BEGIN CERTIFICATE-----\" in it".into(),
            });
        }
        Ok(Self(all))
    }

    /// The certificates of several PEM files, one after another.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn from_pems<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, Error> {
        let mut all = Vec::new();
        for text in texts {
            all.extend(Self::from_pem(text)?.0);
        }
        Ok(Self(all))
    }

    /// The chain of a bundle.
    pub(crate) fn from_ders(ders: &[Vec<u8>]) -> Result<Self, Error> {
        let what = "the signature";
        if ders.is_empty() || ders.len() > MAX_CHAIN {
            return Err(Error::Field {
                field: "x509CertificateChain.certificates of the signature",
                found: format!("{} certificates", ders.len()),
                expected: "1 to 8",
            });
        }
        ders.iter()
            .enumerate()
            .map(|(index, der)| {
                X509::from_der(der).map_err(|error| unreadable(index, what, &error))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Each as DER.
    pub(crate) fn to_ders(&self) -> Result<Vec<Vec<u8>>, Error> {
        let what = "the chain";
        self.0
            .iter()
            .enumerate()
            .map(|(index, one)| {
                one.to_der()
                    .map_err(|error| unreadable(index, what, &error))
            })
            .collect()
    }

    /// The key of the first.
    pub(crate) fn key(&self) -> Option<VerifyingKey> {
        self.0.first().and_then(key_of)
    }

    /// Who the first is for.
    pub(crate) fn subject(&self) -> String {
        self.0.first().map_or_else(String::new, subject)
    }

    /// Whether this chain leads to one of the roots, at a time. The key of its first certificate.
    pub(crate) fn trusted_by(&self, roots: &Self, now: SystemTime) -> Result<VerifyingKey, Error> {
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let wrong = |reason: String| Error::Chain {
            subject: self.subject(),
            reason,
        };
        let Some((leaf, mut rest)) = self.0.split_first() else {
            return Err(wrong("the chain is empty".into()));
        };
        may_sign_models(leaf).map_err(wrong)?;
        let mut current = leaf;
        for below in 0..=MAX_CHAIN {
            is_valid(current, now).map_err(wrong)?;
            if roots.0.contains(current) {
                return key_of(leaf)
                    .ok_or_else(|| wrong("its key is none on P-256, P-384 or P-521".into()));
            }
            // Roots first: what else the bundle brings is then not looked at.
            if let Some(root) = roots.0.iter().find(|root| issued(root, current)) {
                may_issue(root, below).map_err(wrong)?;
                current = root;
                continue;
            }
            let Some(at) = rest.iter().position(|issuer| issued(issuer, current)) else {
                return Err(wrong(format!(
                    "nothing that was given issued the certificate of {}: give its root with --certificate",
                    subject(current)
                )));
            };
            let (issuer, after) = rest
                .get(at..)
                .and_then(<[X509]>::split_first)
                .ok_or_else(|| wrong("the chain is empty".into()))?;
            may_issue(issuer, below).map_err(wrong)?;
            (current, rest) = (issuer, after);
        }
        Err(wrong("the chain is too long".into()))
    }
}

fn unreadable(index: usize, what: &'static str, error: &x509_cert::der::Error) -> Error {
    Error::Certificate {
        index,
        what,
        reason: error.to_string(),
    }
}

fn subject(one: &X509) -> String {
    shortened(&one.tbs_certificate().subject().to_string())
}

fn key_of(one: &X509) -> Option<VerifyingKey> {
    let key = one
        .tbs_certificate()
        .subject_public_key_info()
        .to_der()
        .ok()?;
    VerifyingKey::from_der(&key)
}

fn is_valid(one: &X509, now: Duration) -> Result<(), String> {
    let validity = one.tbs_certificate().validity();
    if now < validity.not_before.to_unix_duration() {
        return Err(format!(
            "{} is valid only from {}: is the clock of this machine right?",
            subject(one),
            validity.not_before
        ));
    }
    if now > validity.not_after.to_unix_duration() {
        return Err(format!(
            "{} was valid until {}: the model must be signed again, with a certificate that is valid",
            subject(one),
            validity.not_after
        ));
    }
    Ok(())
}

/// An extension of a certificate, if it has one.
fn extension<'c, T: Decode<'c, Error = x509_cert::der::Error> + AssociatedOid>(
    one: &'c X509,
) -> Result<Option<T>, String> {
    let found = one.tbs_certificate().get_extension::<T>();
    found
        .map(|found| found.map(|(_, value)| value))
        .map_err(|_| {
            format!(
                "an extension of the certificate of {} cannot be read, or stands there twice",
                subject(one)
            )
        })
}

/// Nothing in it that would have to be understood.
fn is_understood(one: &X509) -> Result<(), String> {
    let known = [
        BasicConstraints::OID,
        KeyUsage::OID,
        ExtendedKeyUsage::OID,
        SubjectAltName::OID,
    ];
    for extension in one.tbs_certificate().extensions().into_iter().flatten() {
        let id = extension.extn_id;
        if (extension.critical && !known.contains(&id)) || id == NameConstraints::OID {
            return Err(format!(
                "the certificate of {} has the critical extension {id}, which dreamlet does not know",
                subject(one)
            ));
        }
    }
    Ok(())
}

/// Whether the first of a chain may sign models.
fn may_sign_models(leaf: &X509) -> Result<(), String> {
    is_understood(leaf)?;
    let usage = extension::<KeyUsage>(leaf)?;
    let extended = extension::<ExtendedKeyUsage>(leaf)?;
    let signs = usage.as_ref().is_none_or(KeyUsage::digital_signature);
    let code = extended.as_ref().is_none_or(|extended| {
        extended.0.contains(&CODE_SIGNING) || extended.0.contains(&ANY_USAGE)
    });
    match (usage.is_some() || extended.is_some(), signs && code) {
        (true, true) => Ok(()),
        _ => Err("it does not say that its key signs code: key usage digitalSignature, extended key usage codeSigning".into()),
    }
}

/// Whether this one may issue another, with so many intermediate ones between it and the first.
fn may_issue(one: &X509, below: usize) -> Result<(), String> {
    is_understood(one)?;
    let no = |what: &str| Err(format!("{} issued a certificate and {what}", subject(one)));
    let Some(constraints) = extension::<BasicConstraints>(one)?.filter(|found| found.ca) else {
        return no("is no authority (basic constraints, CA)");
    };
    if constraints
        .path_len_constraint
        .is_some_and(|most| usize::from(most) < below)
    {
        return no("may not have so many below it (path length)");
    }
    if extension::<KeyUsage>(one)?.is_some_and(|usage| !usage.key_cert_sign()) {
        return no("its key is not for certificates (key usage keyCertSign)");
    }
    Ok(())
}

/// Whether the one issued the other: its name is there, and its signature is right.
fn issued(issuer: &X509, one: &X509) -> bool {
    let (by, of) = (issuer.tbs_certificate(), one.tbs_certificate());
    let algorithm = one.signature_algorithm();
    if by.subject() != of.issuer() || algorithm != of.signature() {
        return false;
    }
    let (Ok(message), Some(signature)) = (of.to_der(), one.signature().as_bytes()) else {
        return false;
    };
    let key = by.subject_public_key_info();
    let same = |id: &ObjectIdentifier| *id == algorithm.oid;
    if let Some((_, hash)) = ECDSA.iter().find(|(id, _)| same(id)) {
        return key.algorithm.oid == EC_KEY
            && key_of(issuer).is_some_and(|key| key.verifies(*hash, &message, signature));
    }
    let Some((_, parameters)) = RSA.iter().find(|(id, _)| same(id)) else {
        return false;
    };
    key.subject_public_key.as_bytes().is_some_and(|bytes| {
        UnparsedPublicKey::new(*parameters, bytes)
            .verify(&message, signature)
            .is_ok()
    })
}
