//! Latents in a file: a JSON list of lists of numbers, or of numbers for one.

use std::path::Path;

use serde::Deserialize;

use super::error::SamplingError;
use crate::atomic_file::write_atomic;

/// Longest file that is read.
const MAX_BYTES: u64 = 256 << 20;

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    One(Vec<f32>),
    Several(Vec<Vec<f32>>),
}

/// Reads latents of `len` components.
///
/// # Errors
/// [`SamplingError::LatentsFile`] for what cannot be read or is something else,
/// [`SamplingError::LatentLength`] for a latent of another length.
pub(crate) fn read_latents(path: &Path, len: usize) -> Result<Vec<Vec<f32>>, SamplingError> {
    let wrong = |reason: String| SamplingError::LatentsFile {
        path: path.to_path_buf(),
        reason,
    };
    let size = std::fs::metadata(path).map_err(|e| wrong(e.to_string()))?;
    if size.len() > MAX_BYTES {
        return Err(wrong(format!(
            "the file has {} bytes, more than {MAX_BYTES}",
            size.len()
        )));
    }
    let text = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    let form = "expected a JSON list of latents, each a list of numbers, as `dreamlet invert --latents` writes it";
    let latents = match serde_json::from_slice(&text).map_err(|_| wrong(form.into()))? {
        Content::One(latent) if latent.is_empty() => Vec::new(),
        Content::One(latent) => vec![latent],
        Content::Several(latents) => latents,
    };
    if latents.is_empty() {
        return Err(wrong(format!("there is no latent in it; {form}")));
    }
    for (index, latent) in latents.iter().enumerate() {
        if latent.len() != len {
            return Err(SamplingError::LatentLength {
                path: path.to_path_buf(),
                index,
                expected: len,
                found: latent.len(),
            });
        }
        // Numbers beyond f32 are read as infinite.
        if latent.iter().any(|x| !x.is_finite()) {
            return Err(wrong(format!(
                "latent {index} has a number that is too large"
            )));
        }
    }
    Ok(latents)
}

/// Writes latents so that [`read_latents`] reads the same numbers.
///
/// # Errors
/// [`SamplingError::LatentsFile`].
pub(crate) fn write_latents(path: &Path, latents: &[Vec<f32>]) -> Result<(), SamplingError> {
    let wrong = |reason: String| SamplingError::LatentsFile {
        path: path.to_path_buf(),
        reason,
    };
    let text = serde_json::to_string(latents).map_err(|e| wrong(e.to_string()))?;
    write_atomic(path, format!("{text}\n").as_bytes()).map_err(|e| wrong(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic_file::TestFolder;

    #[test]
    fn latents_come_back_bit_for_bit() {
        let folder = TestFolder::new();
        let path = folder.0.join("z.json");
        let latents = vec![vec![0.1, -1.0e-20], vec![f32::MIN_POSITIVE, 3.0]];
        write_latents(&path, &latents).unwrap();
        assert_eq!(read_latents(&path, 2).unwrap(), latents);
        let one = folder.write("one.json", b"[1, 2.5]");
        assert_eq!(read_latents(&one, 2).unwrap(), [[1.0, 2.5]]);
    }

    #[test]
    fn what_is_no_list_of_latents_is_refused_with_its_name() {
        let folder = TestFolder::new();
        for text in [
            "",
            "[]",
            "[[]]",
            "{}",
            "[1, \"a\"]",
            "[[1, 2], [3]]",
            "[1e99, 0]",
        ] {
            let path = folder.write("bad.json", text.as_bytes());
            let error = read_latents(&path, 2).unwrap_err().to_string();
            assert!(error.contains("bad.json"), "{text}: {error}");
        }
        let path = folder.write("bad.json", b"[[1, 2], [3]]");
        let error = read_latents(&path, 2).unwrap_err().to_string();
        assert!(
            error.contains("latent 1 has 1") && error.contains('2'),
            "{error}"
        );
        assert!(read_latents(&folder.0.join("none.json"), 2).is_err());
    }
}
