//! `dreamlet keygen --out KEY`

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use dreamlet_compiler::cli::{CliResult, print};
use dreamlet_signing::SigningKey;

/// Arguments of `dreamlet keygen`.
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// The private key's file, which only you can read; KEY.pub and, for devices, KEY.pub.bin get the public key
    #[arg(long, value_name = "KEY")]
    out: PathBuf,
}

/// Makes a key and writes its three files, over none that is there.
pub(crate) fn run(args: &KeygenArgs) -> CliResult {
    let (public, device) = (beside(&args.out, ".pub"), beside(&args.out, ".pub.bin"));
    for path in [&args.out, &public, &device] {
        if path.symlink_metadata().is_ok() {
            return Err(format!(
                "{} is there already, and a key is never written over: name another file",
                path.display()
            )
            .into());
        }
    }
    let key = SigningKey::generate()?;
    let verifying = key.verifying_key();
    write_new(&args.out, 0o600, key.to_pem()?.as_bytes())?;
    write_new(&public, 0o644, verifying.to_pem()?.as_bytes())?;
    write_new(&device, 0o644, &verifying.to_device()?)?;
    print(&format!(
        "{}: keep it secret, and a copy of it safe\n{}: give it to whoever verifies your models\n{}: the same for firmwares\nfingerprint {}",
        args.out.display(),
        public.display(),
        device.display(),
        verifying.fingerprint()
    ))
}

/// A path with something behind its name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Writes a file that must not be there.
fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> CliResult {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_private_has_its_public_one_beside_it_and_is_never_written_over() {
        let folder = std::env::temp_dir().join(format!("dreamlet-keygen-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let out = folder.join("KEY");
        let args = KeygenArgs { out: out.clone() };
        run(&args).unwrap();
        let mode = std::fs::metadata(&out).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let private = std::fs::read_to_string(&out).unwrap();
        let key = SigningKey::from_pem(&private).unwrap().verifying_key();
        let public = std::fs::read_to_string(folder.join("KEY.pub")).unwrap();
        assert_eq!(
            dreamlet_signing::VerifyingKey::from_pem(&public).unwrap(),
            key
        );
        let device = std::fs::read(folder.join("KEY.pub.bin")).unwrap();
        assert_eq!(device, key.to_device().unwrap());

        let error = run(&args).unwrap_err().to_string();
        assert!(error.contains("never written over"), "{error}");
        std::fs::remove_file(&out).unwrap();
        assert!(run(&args).is_err(), "the public key is there");
        assert!(!out.exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
