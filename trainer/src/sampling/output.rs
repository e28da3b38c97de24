//! Where images go: a sheet in a PNG file, a folder of PNG files, or standard output.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use dreamlet_runtime::image::Shape;
use image::DynamicImage;

use super::error::SamplingError;
use super::sampler::Sample;
use crate::npy;
use crate::sheet::{enlarge, grid, png, save_png, to_image, with_alpha};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// A sheet of all as PNG on standard output.
    Stdout,
    /// A sheet of all in a PNG file.
    File(PathBuf),
    /// All as an array of bytes, `[N, H, W, C]`, in a `.npy` file.
    Array(PathBuf),
    /// Each in a file of its own, named by its seed, and by the number of its class if it has one:
    /// `000012.png`, `000012-7.png`.
    Folder(PathBuf),
}

impl Output {
    /// `-` is standard output, `NAME.png` and `NAME.npy` are files, an existing folder or a name without ending a
    /// folder.
    ///
    /// # Errors
    /// [`SamplingError::OutputKind`] for a name with another ending.
    pub(crate) fn from_path(path: &Path) -> Result<Self, SamplingError> {
        let ending = path
            .extension()
            .map(|e| e.to_string_lossy().to_ascii_lowercase());
        match ending.as_deref() {
            _ if path.as_os_str() == "-" => Ok(Self::Stdout),
            _ if path.is_dir()
                || path
                    .as_os_str()
                    .to_string_lossy()
                    .ends_with(['/', std::path::MAIN_SEPARATOR]) =>
            {
                Ok(Self::Folder(path.to_path_buf()))
            }
            Some("png") => Ok(Self::File(path.to_path_buf())),
            Some("npy") => Ok(Self::Array(path.to_path_buf())),
            None => Ok(Self::Folder(path.to_path_buf())),
            Some(_) => Err(SamplingError::OutputKind {
                path: path.to_path_buf(),
            }),
        }
    }
}

/// How a sheet is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Images in a row, else as near to a square as can be.
    pub columns: Option<usize>,
    /// Pixels between the images and around them, before enlarging.
    pub gap: usize,
    /// Whole factor of enlargement, 1 for none.
    pub scale: usize,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            columns: None,
            gap: 2,
            scale: 1,
        }
    }
}

/// A sheet of samples.
///
/// # Errors
/// [`SamplingError::Grid`] where there are none or too many.
pub(crate) fn sheet(
    samples: &[Sample],
    shape: Shape,
    layout: Layout,
) -> Result<DynamicImage, SamplingError> {
    let images: Vec<Vec<u8>> = samples.iter().map(|sample| sample.bytes.clone()).collect();
    let sheet = grid(&images, shape, layout.columns, layout.gap)?;
    Ok(enlarge(&sheet, layout.scale)?)
}

/// Writes all samples as one array.
///
/// # Errors
/// [`SamplingError::Array`] where it cannot be written.
pub(crate) fn save_array(
    samples: &[Sample],
    shape: Shape,
    path: &Path,
) -> Result<(), SamplingError> {
    let shape = [samples.len(), shape.height, shape.width, shape.channels];
    let bytes: Vec<u8> = samples
        .iter()
        .flat_map(|sample| &sample.bytes)
        .copied()
        .collect();
    npy::write(path, "|u1", &shape, &bytes).map_err(|error| SamplingError::Array {
        path: path.to_path_buf(),
        error,
    })
}

/// Writes one sample into a folder, enlarged: `000012.png`, or `000012-7.png` in class 7. Gives the
/// path.
///
/// # Errors
/// [`SamplingError::Grid`] where it cannot be written.
pub(crate) fn save_one(
    sample: &Sample,
    shape: Shape,
    scale: usize,
    folder: &Path,
) -> Result<PathBuf, SamplingError> {
    let class = sample
        .class
        .map_or(String::new(), |class| format!("-{class}"));
    let path = folder.join(format!("{:06}{class}.png", sample.number));
    let image = match with_alpha(&sample.bytes, shape) {
        Some(image) => image,
        None => to_image(&sample.bytes, shape)?,
    };
    save_png(&enlarge(&image, scale)?, &path)?;
    Ok(path)
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), SamplingError> {
    std::fs::create_dir_all(path).map_err(|error| SamplingError::Folder {
        path: path.to_path_buf(),
        error,
    })
}

pub(crate) fn print_png(image: &DynamicImage) -> Result<(), SamplingError> {
    let bytes = png(image)?;
    let mut out = std::io::stdout().lock();
    out.write_all(&bytes)
        .and_then(|()| out.flush())
        .map_err(SamplingError::Stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_the_output_is() {
        let kind = |text: &str| Output::from_path(Path::new(text));
        assert_eq!(kind("-").unwrap(), Output::Stdout);
        assert_eq!(
            kind("a/grid.PNG").unwrap(),
            Output::File("a/grid.PNG".into())
        );
        assert_eq!(kind("images").unwrap(), Output::Folder("images".into()));
        assert_eq!(kind("v1.2/").unwrap(), Output::Folder("v1.2/".into()));
        assert!(matches!(
            kind("grid.jpg"),
            Err(SamplingError::OutputKind { .. })
        ));
    }

    #[test]
    fn files_are_named_by_the_seed_and_enlarged() {
        let folder = std::env::temp_dir().join(format!("dreamlet-samples-{}", std::process::id()));
        make_folder(&folder.join("a")).unwrap();
        let shape = Shape {
            channels: 1,
            height: 1,
            width: 2,
        };
        for (number, class, name) in [
            (12, None, "000012.png"),
            (12, Some(7), "000012-7.png"),
            (u64::MAX, None, "18446744073709551615.png"),
        ] {
            let sample = Sample {
                number,
                class,
                bytes: vec![0, 255],
            };
            let path = save_one(&sample, shape, 2, &folder.join("a")).unwrap();
            assert_eq!(path, folder.join("a").join(name));
            let read = image::open(path).unwrap().into_luma8();
            assert_eq!(read.into_raw(), [0, 0, 255, 255, 0, 0, 255, 255]);
        }
        std::fs::write(folder.join("file"), "").unwrap();
        assert!(matches!(
            make_folder(&folder.join("file/b")),
            Err(SamplingError::Folder { .. })
        ));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
