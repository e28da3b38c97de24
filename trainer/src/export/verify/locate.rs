//! Where onnxruntime's library is.
//!
//! It is not linked: it is 35 MB, and who wants the check has it from Python or the system.
//! `ORT_DYLIB_PATH` names it; otherwise Python environments and the system's library folders are
//! looked through.

use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ort::environment::Environment;

/// The environment variable that names the library.
pub(crate) const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Why onnxruntime's library cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub struct LibraryError {
    /// Libraries that were tried, and why they would not do; empty if none was found.
    pub tried: Vec<(PathBuf, String)>,
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tried.is_empty() {
            true => f.write_str("onnxruntime's library was not found")?,
            false => f.write_str("onnxruntime's library cannot be loaded")?,
        }
        for (path, reason) in &self.tried {
            write!(f, "; {}: {reason}", path.display())?;
        }
        write!(
            f,
            ". To get it: `pip install onnxruntime`, then, unless that Python is `python3` on the PATH, set {VARIABLE} to \
             its site-packages/onnxruntime/capi/{}",
            if cfg!(windows) {
                "onnxruntime.dll"
            } else if cfg!(target_os = "macos") {
                "libonnxruntime.*.dylib"
            } else {
                "libonnxruntime.so.*"
            }
        )
    }
}

impl std::error::Error for LibraryError {}

/// Loads the first library that will do.
pub(super) fn load() -> Result<Environment, LibraryError> {
    let mut tried = Vec::new();
    for path in candidates() {
        match load_from(&path) {
            Ok(environment) => return Ok(environment),
            Err(reason) => tried.push((path, reason)),
        }
    }
    Err(LibraryError { tried })
}

/// The library that is loaded where one is needed.
///
/// # Errors
/// As [`load`].
pub(crate) fn find() -> Result<PathBuf, LibraryError> {
    let mut tried = Vec::new();
    for path in candidates() {
        match check(&path) {
            Ok(()) => return Ok(path),
            Err(reason) => tried.push((path, reason)),
        }
    }
    Err(LibraryError { tried })
}

/// The library that `ORT_DYLIB_PATH` names, else all that are found in the usual places.
#[must_use]
pub(crate) fn candidates() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        let absolute = if named.exists() {
            std::path::absolute(&named).ok()
        } else {
            None
        };
        return vec![absolute.unwrap_or(named)];
    }
    let mut found: Vec<_> = folders()
        .iter()
        .flat_map(|folder| libraries(folder))
        .collect();
    let mut seen = std::collections::HashSet::new();
    found.retain(|path| seen.insert(path.clone()));
    found
}

fn load_from(path: &Path) -> Result<Environment, String> {
    check(path)?;
    // `ort` panics where the library does not keep to its interface.
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        let builder = ort::init_from(path).map_err(|error| error.to_string())?;
        builder
            .with_name("dreamlet")
            .build()
            .map_err(|error| error.to_string())
    }));
    loaded.unwrap_or_else(|_| Err("it does not offer onnxruntime's interface".into()))
}

/// Whether the file is an onnxruntime of a version that will do.
fn check(path: &Path) -> Result<(), String> {
    let has_folder = path
        .parent()
        .is_some_and(|parent| !parent.as_os_str().is_empty());
    if has_folder && !path.is_file() {
        return Err("there is no such file".into());
    }
    match catch_unwind(AssertUnwindSafe(|| ort::util::probe(path))) {
        Ok(Some(version)) if version >= ort::MINOR_VERSION => Ok(()),
        Ok(Some(version)) => Err(format!(
            "it is onnxruntime 1.{version}, at least 1.{} is needed",
            ort::MINOR_VERSION
        )),
        _ => Err("it is not an onnxruntime library for this machine".into()),
    }
}

/// Folders that may hold the library, the nearest first.
fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(beside) = std::env::current_exe()
        .ok()
        .as_deref()
        .and_then(Path::parent)
    {
        folders.push(beside.to_path_buf());
    }
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let environments = [
        variable("VIRTUAL_ENV"),
        variable("CONDA_PREFIX"),
        Some(".venv".into()),
        Some("venv".into()),
    ];
    for prefix in environments.into_iter().flatten() {
        folders.extend(packages(&prefix));
    }
    folders.extend(python_package());
    let home = variable(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    let user = home.map(|home| home.join(".local"));
    for prefix in
        user.into_iter()
            .chain(["/usr/local".into(), "/opt/homebrew".into(), "/usr".into()])
    {
        folders.push(prefix.join("lib"));
        folders.push(prefix.join("lib64"));
        folders.push(
            prefix
                .join("lib")
                .join(format!("{}-linux-gnu", std::env::consts::ARCH)),
        );
        folders.extend(packages(&prefix));
    }
    folders
}

/// The package's folders in the Python environment at `prefix`.
fn packages(prefix: &Path) -> Vec<PathBuf> {
    let inside = |lib: PathBuf| {
        ["site-packages", "dist-packages"]
            .map(|packages| lib.join(packages).join("onnxruntime").join("capi"))
    };
    let mut folders: Vec<_> = inside(prefix.join("Lib")).into();
    for entry in std::fs::read_dir(prefix.join("lib"))
        .into_iter()
        .flatten()
        .flatten()
    {
        if entry.file_name().to_string_lossy().starts_with("python3") {
            folders.extend(inside(entry.path()));
        }
    }
    folders.sort();
    folders
}

/// Asks the Python on the PATH where its package is, without importing it.
fn python_package() -> Option<PathBuf> {
    let code = "import importlib.util as u; s = u.find_spec('onnxruntime'); print(s.submodule_search_locations[0] if s else '')";
    let python = if cfg!(windows) { "python" } else { "python3" };
    let output = Command::new(python)
        .args(["-I", "-c", code])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    let folder = folder.trim();
    (!folder.is_empty()).then(|| Path::new(folder).join("capi"))
}

/// Files in `folder` that are called like the library.
fn libraries(folder: &Path) -> Vec<PathBuf> {
    let named = |name: &str| {
        name.starts_with("libonnxruntime.so")
            || name == "onnxruntime.dll"
            || name.starts_with("libonnxruntime.") && name.ends_with(".dylib")
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter(|entry| named(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
        .into_iter()
        .filter_map(|path| std::path::absolute(path).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_library_gives_an_error() {
        let folder = std::env::temp_dir().join(format!("dreamlet-locate-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("libonnxruntime.so.1");
        std::fs::write(&path, b"not a library").unwrap();
        assert!(check(&path).unwrap_err().contains("not an onnxruntime"));
        assert_eq!(libraries(&folder), [path]);
        assert!(
            check(&folder.join("nowhere.so"))
                .unwrap_err()
                .contains("no such file")
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn packages_are_found_in_a_python_environment() {
        let prefix = std::env::temp_dir().join(format!("dreamlet-prefix-{}", std::process::id()));
        let capi = prefix.join("lib/python3.13/site-packages/onnxruntime/capi");
        std::fs::create_dir_all(&capi).unwrap();
        for name in [
            "libonnxruntime.so.1.32.0",
            "libonnxruntime_providers_shared.so",
            "other.so",
        ] {
            std::fs::write(capi.join(name), b"").unwrap();
        }
        let found: Vec<_> = packages(&prefix)
            .iter()
            .flat_map(|folder| libraries(folder))
            .collect();
        assert_eq!(found, [capi.join("libonnxruntime.so.1.32.0")]);
        std::fs::remove_dir_all(prefix).unwrap();
    }

    #[test]
    fn the_message_says_what_to_do() {
        let none = LibraryError { tried: vec![] }.to_string();
        assert!(
            none.contains("not found")
                && none.contains("pip install onnxruntime")
                && none.contains(VARIABLE)
        );
        let bad = LibraryError {
            tried: vec![("x.so".into(), "too old".into())],
        }
        .to_string();
        assert!(bad.contains("x.so: too old"), "{bad}");
    }
}
