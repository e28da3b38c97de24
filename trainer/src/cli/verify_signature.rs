//! `dreamlet verify-signature MODEL --key KEY.pub`

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use dreamlet_compiler::cli::{CliResult, print};
use dreamlet_signing::{MAX_BUNDLE, Trust, VerifyOptions, VerifyingKey, verify, verify_for_device};

use super::sign::{certificates, signature_of, text};

/// Arguments of `dreamlet verify-signature`.
#[derive(Debug, Args)]
pub(crate) struct VerifySignatureArgs {
    /// The model: a file or a folder
    model: PathBuf,
    /// The public key of the signer, PEM
    #[arg(long, value_name = "PUB", required_unless_present = "certificate")]
    key: Option<PathBuf>,
    /// Certificates that are trusted, PEM: the signer's must lead to one of them
    #[arg(long, value_name = "ROOTS", conflicts_with = "key")]
    certificate: Vec<PathBuf>,
    /// The signature [default: MODEL.sig]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// A file or folder within the model that need not be signed
    #[arg(long, value_name = "PATH")]
    ignore: Vec<PathBuf>,
    /// Let files lie in the folder that were not signed; those that were are verified
    #[arg(long)]
    ignore_unsigned_files: bool,
    /// Verify the signature within a compiled model, as a device does
    #[arg(long, requires = "key", conflicts_with_all = ["signature", "ignore", "ignore_unsigned_files"])]
    embedded: bool,
}

/// Verifies a model, and prints who signed it.
pub(crate) fn run(args: &VerifySignatureArgs) -> CliResult {
    let trust = match &args.key {
        None => Trust::Roots(certificates(&args.certificate)?),
        Some(path) => Trust::Key(
            VerifyingKey::from_pem(&text(path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?,
        ),
    };
    if let (true, Trust::Key(key)) = (args.embedded, &trust) {
        let model = fs::read(&args.model)
            .map_err(|error| format!("cannot read {}: {error}", args.model.display()))?;
        verify_for_device(&model, key)
            .map_err(|error| format!("{}: {error}", args.model.display()))?;
        return print(&format!("right: signed by {}", key.fingerprint()));
    }
    let path = args.signature.clone();
    let path = path.map_or_else(|| signature_of(&args.model), Ok)?;
    let mut bundle = Vec::new();
    // One byte more than is read: a longer file is then refused.
    File::open(&path)
        .and_then(|file| file.take(MAX_BUNDLE + 1).read_to_end(&mut bundle))
        .map_err(|error| {
            format!(
                "cannot read the signature {}: {error}; --signature names another",
                path.display()
            )
        })?;
    let options = VerifyOptions {
        ignore: args.ignore.clone(),
        signature: Some(path.clone()),
        ignore_unsigned: args.ignore_unsigned_files,
    };
    let verified = verify(&args.model, &bundle, &trust, &options)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let files = match verified.files.len() {
        1 => "1 file is".into(),
        count => format!("{count} files are"),
    };
    print(&format!("right: {files} as {} signed", verified.signer))
}
