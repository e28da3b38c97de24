//! Finding and opening the generator.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dreamlet_onnx::read;
use dreamlet_runtime::engine::tract::Assumptions;

use super::error::{FileError, OpenError};
use super::generator::FileGenerator;

/// The model file that `path` means: itself, or the newest `export/*.onnx` of a run folder.
///
/// # Errors
/// [`OpenError`] if there is no such file or folder, the folder is no run, or the run has no
/// export.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    let unreadable = |error| OpenError::NoModel {
        path: path.to_path_buf(),
        error,
    };
    if !path.metadata().map_err(unreadable)?.is_dir() {
        return Ok(path.to_path_buf());
    }
    if !path.join("config.toml").is_file() {
        return Err(OpenError::NotARun {
            path: path.to_path_buf(),
        });
    }
    let mut newest: Option<(SystemTime, PathBuf)> = None;
    // A run that never exported may lack the folder.
    for entry in std::fs::read_dir(path.join("export"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let file = entry.path();
        let modified = entry
            .metadata()
            .and_then(|data| data.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH);
        if file.extension().is_some_and(|e| e == "onnx") && file.is_file() {
            // Of two with the same time the later name, so that the choice does not depend on the
            // file system.
            newest = newest.max(Some((modified, file)));
        }
    }
    newest
        .map(|(_, file)| file)
        .ok_or_else(|| OpenError::NotExported {
            run: path.to_path_buf(),
        })
}

/// Loads a generator, of an ONNX file or a compiled model. `assumptions` are for ONNX files without
/// a card; a card goes before them.
///
/// # Errors
/// [`OpenError::Model`] if the file is refused or does not say all that is needed.
pub fn open(path: &Path, assumptions: &Assumptions) -> Result<FileGenerator, OpenError> {
    read(path, &assumptions.limits)
        .map_err(|error| FileError::Onnx(error.into()))
        .and_then(|file| FileGenerator::from_bytes(&file, assumptions))
        .map_err(refused(path))
}

/// As [`open`], of a file that has been read.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_bytes(
    path: &Path,
    file: &[u8],
    assumptions: &Assumptions,
) -> Result<FileGenerator, OpenError> {
    FileGenerator::from_bytes(file, assumptions).map_err(refused(path))
}

fn refused(path: &Path) -> impl Fn(FileError) -> OpenError {
    |error| OpenError::Model {
        path: path.to_path_buf(),
        error,
    }
}

/// The generator of the file over black and over white, see [`FileGenerator::over_black_and_white`].
///
/// # Errors
/// As [`open`].
pub(crate) fn over_black_and_white(
    generator: &FileGenerator,
    path: &Path,
    assumptions: &Assumptions,
) -> Result<Option<[FileGenerator; 2]>, OpenError> {
    if !generator.has_alpha() {
        return Ok(None);
    }
    read(path, &assumptions.limits)
        .map_err(|error| FileError::Onnx(error.into()))
        .and_then(|file| generator.over_black_and_white(&file, assumptions))
        .map(Some)
        .map_err(refused(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_means_its_newest_export() {
        let run = std::env::temp_dir().join(format!("dreamlet-resolve-{}", std::process::id()));
        std::fs::create_dir_all(run.join("export")).unwrap();
        assert!(matches!(resolve(&run), Err(OpenError::NotARun { .. })));
        std::fs::write(run.join("config.toml"), "").unwrap();
        let error = resolve(&run).unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("dreamlet export {}", run.display())),
            "{error}"
        );
        let now = SystemTime::now();
        for (name, age) in [
            ("a.onnx", 50),
            ("b.onnx", 10),
            ("c.onnx", 90),
            ("newest.txt", 0),
        ] {
            let file = std::fs::File::create(run.join("export").join(name)).unwrap();
            file.set_modified(now - std::time::Duration::from_secs(age))
                .unwrap();
        }
        assert_eq!(resolve(&run).unwrap(), run.join("export/b.onnx"));
        assert_eq!(
            resolve(&run.join("export/a.onnx")).unwrap(),
            run.join("export/a.onnx")
        );
        assert!(matches!(
            resolve(&run.join("no.onnx")),
            Err(OpenError::NoModel { .. })
        ));
        std::fs::remove_dir_all(run).unwrap();
    }

    #[test]
    fn a_file_that_is_no_model_is_refused_by_name() {
        let path =
            std::env::temp_dir().join(format!("dreamlet-no-model-{}.onnx", std::process::id()));
        std::fs::write(&path, b"GIF89a, not a model").unwrap();
        let error = open(&path, &Assumptions::default()).unwrap_err();
        assert!(error.to_string().contains("dreamlet-no-model"), "{error}");
        std::fs::remove_file(path).unwrap();
    }
}
