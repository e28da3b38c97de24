//! A compiled model that the compiler of the program has checked.

use super::format::{
    CHECKED_FROM, FormatError, Glance, HEADER_LEN, LeftOut, MAGIC, VERSION, checksum, header_word,
    left_out, scratch_len, split_trailer,
};
use super::generate_rows::rows_scratch_len;
use super::model::{Aligned, Model};
use crate::image::Shape;

/// A file of `dreamlet compile` in the program, made by [`include_model!`](crate::include_model):
/// magic, version, length, checksum and features were checked when the program was compiled, and
/// its sizes are constants.
///
/// ```
/// use dreamlet_runtime::{Engine, ModelFile, include_model};
///
/// const DIGITS: ModelFile = include_model!("../../../../models/pico/pico.dream");
/// static LATENT: [f32; DIGITS.latent_len()] = [0.0; DIGITS.latent_len()];
///
/// let mut scratch = [0; DIGITS.rows_scratch_len()];
/// let mut image = [0; DIGITS.image_len()];
/// let engine = Engine::new(DIGITS.model()?);
/// engine.generate_u8(&LATENT, Some(7), &mut scratch, &mut image)?;
/// # Ok::<(), dreamlet_runtime::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ModelFile {
    bytes: &'static [u8],
}

impl ModelFile {
    /// The file, for [`include_model!`](crate::include_model). It must be called in a constant:
    /// what is wrong with the file is then an error of the compiler.
    ///
    /// # Panics
    /// If the file is no compiled model that this build can run.
    #[doc(hidden)]
    #[must_use]
    #[allow(clippy::panic, reason = "in a constant: an error of the compiler")]
    pub const fn checked(file: &'static Aligned<[u8]>) -> Self {
        let (bytes, _) = split_trailer(&file.0);
        match wrong(bytes) {
            None => Self { bytes },
            Some(Wrong::Short) => {
                panic!("include_model!: the file is shorter than a compiled model")
            }
            Some(Wrong::Onnx) => panic!(
                "include_model!: this is an ONNX file: run `dreamlet compile model.onnx --out model.dream` and include model.dream"
            ),
            Some(Wrong::Magic) => panic!(
                "include_model!: this is no compiled model: make one with `dreamlet compile model.onnx`"
            ),
            Some(Wrong::Version) => panic!(
                "include_model!: the model has a newer format than this dreamlet-runtime reads: update it, or compile the model with the matching dreamlet"
            ),
            Some(Wrong::Length) => panic!(
                "include_model!: the model has another length than its header says: it was cut off or padded on its way (Git LFS pointer?)"
            ),
            Some(Wrong::Checksum) => {
                panic!(
                    "include_model!: the model is damaged, its checksum is another: copy it again"
                )
            }
            Some(Wrong::LeftOut(LeftOut::F32)) => panic!(
                "include_model!: the model has f32 layers: enable feature `f32` of dreamlet-runtime, or compile it with `--precision int8`"
            ),
            Some(Wrong::LeftOut(LeftOut::Strided)) => panic!(
                "include_model!: the model has strided layers: enable feature `strided` of dreamlet-runtime"
            ),
        }
    }

    /// The bytes of the file, at a multiple of 64.
    #[must_use]
    pub const fn bytes(&self) -> &'static [u8] {
        self.bytes
    }

    /// The model: its layers are looked at, its checksum is not computed again.
    ///
    /// # Errors
    /// [`FormatError`] of a file whose layers cannot be run, which `dreamlet compile` never writes.
    pub fn model(&self) -> Result<Model<'static>, FormatError> {
        Model::without_checksum(self.bytes)
    }

    /// Elements of the latent vector.
    #[must_use]
    pub const fn latent_len(&self) -> usize {
        header_word(self.bytes, super::format::LATENT_LEN_AT)
    }

    /// Number of classes, 0 for an unconditional model.
    #[must_use]
    pub const fn classes(&self) -> usize {
        header_word(self.bytes, super::format::CLASSES_AT)
    }

    /// Shape of the image.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        match Glance::new(self.bytes) {
            Some(glance) => glance.shape,
            None => Shape {
                channels: 0,
                height: 0,
                width: 0,
            },
        }
    }

    /// Elements of an image.
    #[must_use]
    pub const fn image_len(&self) -> usize {
        match self.shape().len() {
            Some(len) => len,
            None => 0,
        }
    }

    /// Scratch bytes of [`Engine::generate`](super::Engine::generate).
    #[must_use]
    pub const fn scratch_len(&self) -> usize {
        scratch_len(self.bytes)
    }

    /// Scratch bytes of [`Engine::generate_rows`](super::Engine::generate_rows),
    /// [`rows`](super::Engine::rows) and [`generate_u8`](super::Engine::generate_u8).
    #[must_use]
    pub const fn rows_scratch_len(&self) -> usize {
        rows_scratch_len(self.bytes)
    }
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Short,
    Onnx,
    Magic,
    Version,
    Length,
    Checksum,
    LeftOut(LeftOut),
}

/// The first thing that is wrong with a file; in constants.
const fn wrong(file: &[u8]) -> Option<Wrong> {
    let Some(magic) = file.first_chunk::<8>() else {
        return Some(Wrong::Short);
    };
    if u64::from_le_bytes(*magic) != u64::from_le_bytes(MAGIC) {
        // An ONNX file begins with the number of its IR version, the first field.
        let onnx = magic[0] == 8 && magic[1] < 32;
        return Some(if onnx { Wrong::Onnx } else { Wrong::Magic });
    }
    if file.len() < HEADER_LEN {
        return Some(Wrong::Short);
    }
    let version = u16::from_le_bytes([file[8], file[9]]);
    if version == 0 || version > VERSION {
        return Some(Wrong::Version);
    }
    if header_word(file, super::format::FILE_LEN_AT) != file.len() {
        return Some(Wrong::Length);
    }
    let (_, checked) = file.split_at(CHECKED_FROM);
    if header_word(file, super::format::CHECKSUM_AT) != checksum(checked) as usize {
        return Some(Wrong::Checksum);
    }
    match left_out(file) {
        Some(what) => Some(Wrong::LeftOut(what)),
        None => None,
    }
}

/// Embeds a compiled model in the program, at an address that suits it: a
/// [`ModelFile`](crate::ModelFile).
///
/// ```ignore
/// const DIGITS: dreamlet_runtime::ModelFile = dreamlet_runtime::include_model!("digits.dream");
/// ```
///
/// An ONNX file is an error of the compiler, and says what to do:
///
/// ```compile_fail
/// const DIGITS: dreamlet_runtime::ModelFile =
///     dreamlet_runtime::include_model!("../../../../models/pico/pico.onnx");
/// ```
#[macro_export]
macro_rules! include_model {
    ($path:expr $(,)?) => {{
        const BYTES: &$crate::engine::compiled::Aligned<[u8]> =
            &$crate::engine::compiled::Aligned(*::core::include_bytes!($path));
        #[allow(long_running_const_eval)]
        const MODEL: $crate::ModelFile = $crate::ModelFile::checked(BYTES);
        MODEL
    }};
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const DIGITS: ModelFile = include_model!("../../../../models/pico/pico.dream");
    const LATENT: [f32; DIGITS.latent_len()] = [0.0; DIGITS.latent_len()];

    #[test]
    fn constants_are_what_the_model_says() {
        let model = DIGITS.model().unwrap();
        assert_eq!(Model::new(DIGITS.bytes()).unwrap().header(), model.header());
        assert_eq!(LATENT.len(), model.latent_len());
        assert_eq!(DIGITS.classes(), model.classes());
        assert_eq!(DIGITS.shape(), model.shape());
        assert_eq!(DIGITS.image_len(), model.image_len());
        assert_eq!(DIGITS.scratch_len(), model.scratch_len());
        let engine = crate::Engine::new(model);
        assert_eq!(DIGITS.rows_scratch_len(), engine.rows_scratch_len());
    }

    #[test]
    fn what_the_compiler_says_of_a_file_names_the_first_thing_that_is_wrong() {
        let good: Vec<u8> = DIGITS.bytes().into();
        assert_eq!(wrong(&good), None);
        let with = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            wrong(&bad)
        };
        assert_eq!(wrong(&[]), Some(Wrong::Short));
        assert_eq!(wrong(&good[..40]), Some(Wrong::Short));
        assert_eq!(wrong(&good[..good.len() - 1]), Some(Wrong::Length));
        assert_eq!(wrong(b"\x08\x08\x12\x07dreamlet"), Some(Wrong::Onnx));
        assert_eq!(with(0, b'x'), Some(Wrong::Magic));
        assert_eq!(with(8, VERSION as u8 + 1), Some(Wrong::Version));
        let last = good.len() - 1;
        assert_eq!(with(last, good[last] ^ 1), Some(Wrong::Checksum));
    }

    #[test]
    fn names_of_classes_are_found_without_a_heap() {
        let model = DIGITS.model().unwrap();
        let names: Vec<_> = (0..11).map(|class| model.class_name(class)).collect();
        assert_eq!(names[0], Some("0"));
        assert_eq!(names[9], Some("9"));
        assert_eq!(names[10], None);
    }
}
