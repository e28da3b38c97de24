//! Files that are either whole or absent.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::ExportError;

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// Writes `bytes` to `path`: into a temporary file beside it, synced, renamed over `path`, and the folder
/// synced. Whoever opens `path` sees the old file or the new one, whatever happens in between.
///
/// # Errors
/// [`ExportError::Write`] with the step that failed; the temporary file is removed then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    let fail = |step: &'static str, at: &Path| {
        let path = at.to_path_buf();
        move |error: std::io::Error| ExportError::Write {
            step,
            path,
            reason: error.to_string(),
        }
    };
    let Some(name) = path.file_name() else {
        return Err(ExportError::Write {
            step: "write to",
            path: path.to_path_buf(),
            reason: "the path names no file".into(),
        });
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut temporary = name.to_os_string();
    temporary.push(format!(
        ".{}-{}.tmp",
        std::process::id(),
        SERIAL.fetch_add(1, Ordering::Relaxed)
    ));
    let temporary = Temporary(folder.join(temporary));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary.0)
        .map_err(fail("create", &temporary.0))?;
    file.write_all(bytes).map_err(fail("write", &temporary.0))?;
    file.sync_all().map_err(fail("sync", &temporary.0))?;
    drop(file);
    fs::rename(&temporary.0, path).map_err(fail("rename a temporary file to", path))?;
    sync_folder(folder).map_err(fail("sync the folder", folder))
}

/// Makes a rename last through a power cut. Only Unix lets a folder be opened and synced.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Removes the file it names; after the rename there is none, and that is fine.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("dreamlet-file-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_replaced_and_no_temporary_file_stays() {
        let folder = folder("replace");
        let path = folder.join("model.onnx");
        write_atomic(&path, b"first, and longer").unwrap();
        write_atomic(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_failed_rename_leaves_no_temporary_file() {
        let folder = folder("fail");
        let path = folder.join("taken");
        fs::create_dir_all(path.join("inside")).unwrap();
        let error = write_atomic(&path, b"x").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_missing_folder_is_named() {
        let path = std::env::temp_dir().join("dreamlet-file-nowhere/model.onnx");
        let error = write_atomic(&path, b"x").unwrap_err().to_string();
        assert!(error.contains("dreamlet-file-nowhere"), "{error}");
        assert!(write_atomic(Path::new("/"), b"x").is_err());
    }
}
