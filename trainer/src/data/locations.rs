//! Where data lies on this machine.

use std::env;
use std::path::PathBuf;

use super::error::DataError;

/// The folder with the user's own data sets, one sub-folder each: `DREAMLET_DATA_DIR`, if it is
/// set.
pub(crate) fn data_dir() -> Option<PathBuf> {
    folder_in(|name| env::var_os(name), "DREAMLET_DATA_DIR")
}

/// The user's cache folder for dreamlet: `DREAMLET_CACHE_DIR`, or `dreamlet` in the system's place
/// for caches (`XDG_CACHE_HOME` or `~/.cache`; `~/Library/Caches` on macOS; `LOCALAPPDATA` on
/// Windows).
///
/// # Errors
/// [`DataError::NoCacheFolder`] when none of these is known.
pub(crate) fn cache_dir() -> Result<PathBuf, DataError> {
    cache_dir_from(|name| env::var_os(name)).ok_or(DataError::NoCacheFolder)
}

type Variable = std::ffi::OsString;

fn folder_in(get: impl Fn(&str) -> Option<Variable>, name: &str) -> Option<PathBuf> {
    get(name).filter(|v| !v.is_empty()).map(PathBuf::from)
}

fn cache_dir_from(get: impl Fn(&str) -> Option<Variable> + Copy) -> Option<PathBuf> {
    if let Some(own) = folder_in(get, "DREAMLET_CACHE_DIR") {
        return Some(own);
    }
    // The XDG specification says that a relative path there must be ignored.
    if let Some(xdg) = folder_in(get, "XDG_CACHE_HOME").filter(|p| p.is_absolute()) {
        return Some(xdg.join("dreamlet"));
    }
    let base = if cfg!(windows) {
        folder_in(get, "LOCALAPPDATA")?
    } else if cfg!(target_os = "macos") {
        folder_in(get, "HOME")?.join("Library").join("Caches")
    } else {
        folder_in(get, "HOME")?.join(".cache")
    };
    Some(base.join("dreamlet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn the_most_particular_variable_wins() {
        let (home, xdg) = (("HOME", "/home/u"), ("XDG_CACHE_HOME", "/xdg"));
        let relative = ("XDG_CACHE_HOME", "relative");
        let (own, empty) = (("DREAMLET_CACHE_DIR", "/own"), ("DREAMLET_CACHE_DIR", ""));
        let in_home = Some("/home/u/.cache/dreamlet");
        for (set, expected) in [
            (&[][..], None),
            (&[home], in_home),
            (&[home, xdg], Some("/xdg/dreamlet")),
            (&[home, xdg, own], Some("/own")),
            (&[home, relative], in_home),
            (&[home, empty], in_home),
        ] {
            let get = |name: &str| {
                let (_, value) = set.iter().find(|(key, _)| *key == name)?;
                Some(Variable::from(*value))
            };
            assert_eq!(cache_dir_from(get), expected.map(PathBuf::from));
        }
    }
}
