//! A model from its file, checked before an image of it is shown.

use std::path::{Path, PathBuf};

use dreamlet_runtime::card::{Card, GoldenMatch};
use dreamlet_runtime::engine::compiled::CompiledError;
use dreamlet_runtime::latent::Distribution;
use dreamlet_runtime::{CompiledGenerator, Generator, PixelRange, Shape, VerifyingKey};
use p256::ecdsa::VerifyingKey as PublicKey;
use p256::pkcs8::DecodePublicKey as _;
use thiserror::Error;

/// Why a file is not shown.
#[derive(Debug, Error)]
pub enum ModelError {
    /// It cannot be used.
    #[error("{}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its words.
        reason: String,
    },
    /// It is an ONNX file, and the program is built without ONNX.
    #[error(
        "{}: this program takes compiled models; compile it with `dreamlet compile {}`, or build the program with --features onnx",
        path.display(),
        path.display()
    )]
    Onnx {
        /// The file.
        path: PathBuf,
    },
    /// The key of `--trust` cannot be used.
    #[error(
        "--trust {}: {reason}: expected the public key on P-256 that `dreamlet keygen` writes, KEY.pub",
        path.display()
    )]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An ONNX file holds no signature that could be verified here.
    #[error(
        "{}: with --trust only signed compiled models are shown: compile it with `dreamlet compile`, then `dreamlet sign --embed`",
        path.display()
    )]
    OnnxUnsigned {
        /// The file.
        path: PathBuf,
    },
    /// It makes other images than its card promises.
    #[error(
        "{}: golden image {index} differs by up to {worst} levels of 255: the file or this build is damaged; compile the model again",
        path.display()
    )]
    Golden {
        /// The file.
        path: PathBuf,
        /// Which golden image, from 0.
        index: usize,
        /// Largest difference, in levels of 255.
        worst: u8,
    },
    /// A class it does not have.
    #[error("no class \"{found}\": the model has {}", classes_of(names, *count))]
    Class {
        /// What was found.
        found: String,
        /// Names of the classes.
        names: Vec<String>,
        /// Number of classes.
        count: usize,
    },
    /// A class for a model without.
    #[error("{what} needs a conditional model, and this one has no classes")]
    Unconditional {
        /// What failed.
        what: &'static str,
    },
}

fn classes_of(names: &[String], count: usize) -> String {
    match (names, count) {
        (_, 0) => "no classes".into(),
        ([], count) => format!("classes 0 to {}", count - 1),
        (names, _) => names.join(", "),
    }
}

/// A generator and what its file says of it.
pub struct Model {
    /// Makes images.
    pub generator: Box<dyn Generator + Send>,
    /// What latents are drawn from.
    pub distribution: Distribution,
    /// Name of the model, for people.
    pub name: String,
    /// Names of the classes; may be empty though there are classes.
    pub class_names: Vec<String>,
    /// Golden images that were made again and compared.
    pub compared: usize,
}

impl Model {
    /// Opens a file and makes its golden images again. With a key only a model that is signed by
    /// it, which is found out before anything of the file is read.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn open(path: &Path, trust: Option<&VerifyingKey>) -> Result<Self, ModelError> {
        if path.extension().is_some_and(|ending| ending == "onnx") {
            return match trust {
                None => Self::open_onnx(path),
                Some(_) => Err(ModelError::OnnxUnsigned { path: path.into() }),
            };
        }
        // Read, not mapped as by `open`: a file written over in place must not change under a
        // running program.
        let bytes = std::fs::read(path).map_err(|error| ModelError::Open {
            path: path.into(),
            reason: error.to_string(),
        })?;
        let generator = match trust {
            None => CompiledGenerator::from_bytes(&bytes),
            Some(key) => CompiledGenerator::from_signed_bytes(&bytes, key),
        };
        let mut generator = generator.map_err(|e| compiled(path, &e))?;
        let card = generator.card().map_err(|e| compiled(path, &e))?;
        let golden = generator.check_golden().map_err(|e| compiled(path, &e))?;
        let distribution = generator.distribution();
        Self::checked(path, Box::new(generator), distribution, card, &golden)
    }

    #[cfg(feature = "onnx")]
    fn open_onnx(path: &Path) -> Result<Self, ModelError> {
        use dreamlet_runtime::engine::tract::{OnnxError, OnnxGenerator};
        let wrong = |error: OnnxError| ModelError::Open {
            path: path.into(),
            reason: error.to_string(),
        };
        let mut generator = OnnxGenerator::open(path).map_err(wrong)?;
        let golden = generator.check_golden().map_err(wrong)?;
        let card = generator.card().cloned();
        let distribution = generator.distribution();
        Self::checked(path, Box::new(generator), distribution, card, &golden)
    }

    #[cfg(not(feature = "onnx"))]
    fn open_onnx(path: &Path) -> Result<Self, ModelError> {
        Err(ModelError::Onnx { path: path.into() })
    }

    fn checked(
        path: &Path,
        generator: Box<dyn Generator + Send>,
        distribution: Distribution,
        card: Option<Card>,
        golden: &[GoldenMatch],
    ) -> Result<Self, ModelError> {
        for (index, found) in golden.iter().enumerate() {
            if let GoldenMatch::Different { worst, .. } = found {
                return Err(ModelError::Golden {
                    path: path.into(),
                    index,
                    worst: *worst,
                });
            }
        }
        let file = path.file_stem().unwrap_or_default().to_string_lossy();
        let (name, class_names) = match card {
            Some(card) => (card.name, card.classes),
            None => (file.into_owned(), Vec::new()),
        };
        Ok(Self {
            generator,
            distribution,
            name,
            class_names,
            compared: golden.len(),
        })
    }

    /// Shape of the images.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.generator.shape()
    }

    /// What black and white are in them.
    #[must_use]
    pub fn range(&self) -> PixelRange {
        self.generator.range()
    }

    /// Number of classes, 0 for none.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.generator.classes()
    }

    /// The number of a class, by its name on the card or as a number.
    ///
    /// # Errors
    /// [`ModelError::Class`] or [`ModelError::Unconditional`].
    pub fn class(&self, name: &str) -> Result<usize, ModelError> {
        let count = self.classes();
        if count == 0 {
            return Err(ModelError::Unconditional { what: "--class" });
        }
        let by_name = self.class_names.iter().position(|one| one == name);
        let by_number = || name.parse().ok().filter(|number| *number < count);
        by_name.or_else(by_number).ok_or_else(|| ModelError::Class {
            found: name.into(),
            names: self.class_names.clone(),
            count,
        })
    }
}

/// Where a model is read from, at the beginning and whenever the file is another.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    trust: Option<VerifyingKey>,
}

impl Source {
    /// A model's file, and the file of the key that must have signed it. The key is read now: one
    /// that is exchanged later changes nothing.
    ///
    /// # Errors
    /// [`ModelError::Key`].
    pub fn new(path: &Path, trust: Option<&Path>) -> Result<Self, ModelError> {
        Ok(Self {
            path: path.into(),
            trust: trust.map(trusted_key).transpose()?,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The model as the file is now.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn open(&self) -> Result<Model, ModelError> {
        Model::open(&self.path, self.trust.as_ref())
    }
}

fn trusted_key(path: &Path) -> Result<VerifyingKey, ModelError> {
    let wrong = |reason: String| ModelError::Key {
        path: path.into(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let key = PublicKey::from_public_key_pem(&text).map_err(|error| wrong(error.to_string()))?;
    let point = key.to_sec1_point(false);
    VerifyingKey::new(point.as_bytes()).map_err(|error| wrong(error.to_string()))
}

fn compiled(path: &Path, error: &CompiledError) -> ModelError {
    ModelError::Open {
        path: path.into(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pico() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/pico/pico.dream")
    }

    #[test]
    fn a_model_is_compared_with_its_golden_images_and_classes_have_names() {
        let model = Model::open(&pico(), None).unwrap();
        assert!(model.compared > 0);
        assert_eq!(model.class("7").unwrap(), 7);
        let error = model.class("cat").err().unwrap().to_string();
        assert!(
            error.contains("cat") && error.contains("0, 1, 2"),
            "{error}"
        );
    }

    #[cfg(not(feature = "onnx"))]
    #[test]
    fn an_onnx_file_is_refused_with_what_to_do() {
        let error = Model::open(Path::new("some.onnx"), None)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("dreamlet compile some.onnx"), "{error}");
        assert!(error.contains("--features onnx"), "{error}");
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let mut bytes = std::fs::read(pico()).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let folder =
            std::env::temp_dir().join(format!("dreamlet-frame-model-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("damaged.dream");
        std::fs::write(&path, bytes).unwrap();
        let error = Model::open(&path, None).err().unwrap().to_string();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(error.contains("damaged.dream"), "{error}");
    }
}
