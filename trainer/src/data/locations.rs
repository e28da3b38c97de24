//! Where data lies on this machine.

use std::env;
use std::path::PathBuf;

use super::error::DataError;

/// The environment variable that names the folder with the user's own copies of data sets.
pub(crate) const DATA_DIR_VARIABLE: &str = "DREAMLET_DATA_DIR";

/// The environment variable that names the cache folder.
pub(crate) const CACHE_DIR_VARIABLE: &str = "DREAMLET_CACHE_DIR";

/// The folder with the user's own data sets, one sub-folder each: `DREAMLET_DATA_DIR`, if it is
/// set.
pub(crate) fn data_dir() -> Option<PathBuf> {
    folder_in(|name| env::var_os(name), DATA_DIR_VARIABLE)
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
    if let Some(own) = folder_in(get, CACHE_DIR_VARIABLE) {
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

    fn with<'a>(
        set: &'a [(&'a str, &'a str)],
    ) -> impl Fn(&str) -> Option<Variable> + Copy + use<'a> {
        move |name| {
            set.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| Variable::from(*value))
        }
    }

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn the_most_particular_variable_wins() {
        let home = ("HOME", "/home/u");
        let xdg = ("XDG_CACHE_HOME", "/xdg");
        let own = (CACHE_DIR_VARIABLE, "/own");
        let found = |set: &[(&str, &str)]| cache_dir_from(with(set));
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[home]), Some("/home/u/.cache/dreamlet".into()));
        assert_eq!(found(&[home, xdg]), Some("/xdg/dreamlet".into()));
        assert_eq!(found(&[home, xdg, own]), Some("/own".into()));
        assert_eq!(
            found(&[home, ("XDG_CACHE_HOME", "relative")]),
            Some("/home/u/.cache/dreamlet".into())
        );
        assert_eq!(
            found(&[home, (CACHE_DIR_VARIABLE, "")]),
            Some("/home/u/.cache/dreamlet".into())
        );
    }
}
