//! What the public conformance suite of OpenSSF Model Signing calls; `scripts/test-signing.sh` runs it.
//!
//! ```text
//! conformance sign-model --method key --model-path DIR --output-bundle FILE --private-key PEM
//! conformance verify-model --method key --model-path DIR --bundle FILE --public-key PEM
//! ```

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use dreamlet_signing::{
    Certificates, SignOptions, SigningKey, Trust, VerifyOptions, VerifyingKey, sign, verify,
};

/// Flags and what follows them.
struct Arguments(Vec<String>);

impl Arguments {
    fn all(&self, flag: &str) -> impl Iterator<Item = &str> {
        let pairs = self.0.windows(2);
        pairs.filter_map(move |pair| match pair {
            [found, value] if found == flag => Some(value.as_str()),
            _ => None,
        })
    }

    fn paths(&self, flag: &str) -> Vec<PathBuf> {
        self.all(flag).map(PathBuf::from).collect()
    }

    fn one(&self, flag: &str) -> Result<&str, String> {
        self.all(flag).next().ok_or(format!("no {flag}"))
    }

    fn text(&self, flag: &str) -> Result<String, Box<dyn Error>> {
        Ok(fs::read_to_string(self.one(flag)?)?)
    }

    /// The certificates of every file that a flag names.
    fn certificates(&self, flags: &[&str]) -> Result<Certificates, Box<dyn Error>> {
        let paths = flags.iter().flat_map(|flag| self.all(flag));
        let texts = paths
            .map(fs::read_to_string)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Certificates::from_pems(texts.iter().map(String::as_str))?)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments(std::env::args().skip(1).collect());
    let model = Path::new(arguments.one("--model-path")?);
    let method = arguments.one("--method")?;
    let ignore = arguments.paths("--ignore-paths");
    match (arguments.0.first().map(String::as_str), method) {
        (Some("sign-model"), "key" | "certificate") => {
            let out = PathBuf::from(arguments.one("--output-bundle")?);
            let key = SigningKey::from_pem(&arguments.text("--private-key")?)?;
            let certificates = match method {
                "key" => None,
                _ => Some(arguments.certificates(&["--signing-cert", "--cert-chain"])?),
            };
            let options = SignOptions {
                ignore,
                signature: Some(out.clone()),
                certificates,
            };
            fs::write(out, sign(model, &key, &options)?)?;
        }
        (Some("verify-model"), "key" | "certificate") => {
            let signature = PathBuf::from(arguments.one("--bundle")?);
            let trust = match method {
                "key" => Trust::Key(VerifyingKey::from_pem(&arguments.text("--public-key")?)?),
                _ => Trust::Roots(arguments.certificates(&["--cert-chain"])?),
            };
            let options = VerifyOptions {
                ignore,
                signature: Some(signature.clone()),
                ignore_unsigned: arguments
                    .0
                    .iter()
                    .any(|flag| flag == "--ignore-unsigned-files"),
            };
            verify(model, &fs::read(signature)?, &trust, &options)?;
        }
        _ => return Err("sign-model or verify-model, --method key or certificate".into()),
    }
    Ok(())
}
