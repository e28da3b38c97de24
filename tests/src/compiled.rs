//! Golden images of compiled models.

use std::fmt::Write;

use dreamlet_runtime::engine::compiled::format::{ALIGNMENT, DType, FormatError};
use dreamlet_runtime::engine::compiled::{Engine, Model, SimdLevel};
use dreamlet_runtime::generator::GenerateError;

/// Bytes at a multiple of 64, as a compiled model should lie.
pub struct Aligned {
    bytes: Vec<u8>,
    begin: usize,
}

impl Aligned {
    /// A copy of `file`.
    pub fn new(file: &[u8]) -> Self {
        let mut bytes: Vec<u8> = Vec::with_capacity(file.len() + ALIGNMENT);
        let begin = bytes.as_ptr().align_offset(ALIGNMENT);
        bytes.resize(begin, 0);
        bytes.extend(file);
        Self { bytes, begin }
    }

    /// The bytes.
    pub fn get(&self) -> &[u8] {
        self.bytes.get(self.begin..).unwrap_or_default()
    }
}

/// Why a golden image cannot be made.
#[derive(Debug)]
pub enum Failure {
    /// The model is refused.
    Model(FormatError),
    /// The engine fails.
    Engine(GenerateError),
}

/// The image of `seed` as bytes, rows from the top, channels side by side; of a conditional model
/// in class `seed % classes`.
///
/// # Errors
/// [`Failure`].
pub fn image(file: &[u8], level: SimdLevel, seed: u64) -> Result<Vec<u8>, Failure> {
    let model = Model::new(file).map_err(Failure::Model)?;
    let engine = Engine::with_simd_level(model, level);
    let mut latent = vec![0.0; model.latent_len()];
    model.distribution().fill(seed, None, &mut latent);
    let class = (model.classes() > 0).then(|| (seed % model.classes() as u64) as usize);
    let mut scratch = vec![0xA5; engine.rows_scratch_len()];
    let mut bytes = vec![0; model.image_len()];
    engine
        .generate_u8(&latent, class, &mut scratch, &mut bytes)
        .map_err(Failure::Engine)?;
    Ok(bytes)
}

/// Whether the last layer of a model makes bytes itself: then it computes with integers, and every
/// processor makes the same image.
///
/// # Errors
/// [`Failure`].
pub fn is_exact(file: &[u8]) -> Result<bool, Failure> {
    let model = Model::new(file).map_err(Failure::Model)?;
    let last = model.layers().last();
    Ok(last.is_some_and(|last| last.is_ok_and(|last| last.output_dtype == DType::U8)))
}

/// 64-bit FNV-1a (Fowler, Noll, Vo, "The FNV non-cryptographic hash algorithm", 1991).
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// What a golden file holds of an image: its [`fnv`] where every processor makes the same image,
/// else all of its bytes.
pub fn golden(image: &[u8], exact: bool) -> String {
    if exact {
        return format!("{:016x}", fnv(image));
    }
    image.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
