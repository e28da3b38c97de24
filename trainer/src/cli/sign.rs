//! `dreamlet sign MODEL --key KEY`

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use dreamlet_compiler::atomic_file::write_atomic;
use dreamlet_compiler::cli::{CliResult, print};
use dreamlet_signing::{Certificates, SignOptions, SigningKey, sign, sign_for_device};

use super::keygen::beside;

/// Arguments of `dreamlet sign`.
#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The model: a file, or a folder with all that belongs to it
    model: PathBuf,
    /// The private key, PEM; `dreamlet keygen` makes one
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// Where the signature goes [default: MODEL.sig], or with --embed the signed model [default: MODEL]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The key's certificate and those above it, PEM: they go into the signature
    #[arg(long, value_name = "CHAIN", conflicts_with = "embed")]
    certificate: Vec<PathBuf>,
    /// A file or folder within the model that is not signed
    #[arg(long, value_name = "PATH", conflicts_with = "embed")]
    ignore: Vec<PathBuf>,
    /// Put the signature into a compiled model, for devices and `dreamlet-frame --trust`
    #[arg(long)]
    embed: bool,
}

/// Signs a model.
pub(crate) fn run(args: &SignArgs) -> CliResult {
    let key = SigningKey::from_pem(&text(&args.key)?)
        .map_err(|error| format!("{}: {error}", args.key.display()))?;
    let (out, bytes) = if args.embed {
        let model = fs::read(&args.model)
            .map_err(|error| format!("cannot read {}: {error}", args.model.display()))?;
        let signed = sign_for_device(&model, &key)
            .map_err(|error| format!("{}: {error}", args.model.display()))?;
        (args.out.clone().unwrap_or(args.model.clone()), signed)
    } else {
        let out = args.out.clone();
        let out = out.map_or_else(|| signature_of(&args.model), Ok)?;
        let certificates = match args.certificate.as_slice() {
            [] => None,
            paths => Some(certificates(paths)?),
        };
        let options = SignOptions {
            ignore: args.ignore.clone(),
            signature: Some(out.clone()),
            certificates,
        };
        let bundle = sign(&args.model, &key, &options)?;
        (out, bundle.into_bytes())
    };
    write_atomic(&out, &bytes)
        .map_err(|error| format!("cannot write {}: {error}", out.display()))?;
    print(&format!(
        "{}: signed by {}",
        out.display(),
        key.verifying_key().fingerprint()
    ))
}

/// Where the signature of a model lies: beside it.
pub(super) fn signature_of(model: &Path) -> Result<PathBuf, String> {
    // `.` and `models/..` have no name of their own.
    let named = match model.file_name() {
        Some(_) => Ok(model.components().collect()),
        None => model.canonicalize(),
    };
    named
        .map(|model: PathBuf| beside(&model, ".sig"))
        .map_err(|error| format!("cannot read {}: {error}", model.display()))
}

/// The certificates of these files, one after another.
pub(super) fn certificates(paths: &[PathBuf]) -> Result<Certificates, String> {
    let texts = paths.iter().map(|path| text(path));
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    Certificates::from_pems(texts.iter().map(String::as_str)).map_err(|error| {
        let names: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        format!("--certificate {}: {error}", names.join(", "))
    })
}

/// A text file, or what is wrong with it.
pub(super) fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
