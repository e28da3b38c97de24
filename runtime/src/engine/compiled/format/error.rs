//! What can be wrong with a compiled model.

use crate::error_messages::error_messages;

/// What can be wrong with a compiled model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FormatError {
    /// The file is shorter than its header.
    TooShort {
        /// Bytes a header has.
        expected: usize,
        /// Bytes of the file.
        found: usize,
    },
    /// The first eight bytes are others.
    Magic,
    /// The file was written in a format that this version does not read.
    Version {
        /// The newest version that is read.
        newest: u16,
        /// The file's.
        found: u16,
    },
    /// The file is not as long as it says.
    Length {
        /// Bytes by the header.
        expected: u64,
        /// Bytes of the file.
        found: usize,
    },
    /// The bytes are not those that were written.
    Checksum {
        /// By the header.
        expected: u32,
        /// Of the bytes.
        found: u32,
    },
    /// The file does not begin at an address that is a multiple of 4 (better: 64).
    Unaligned,
    /// A field of the header has a value that cannot be.
    Header {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: u32,
    },
    /// A field of a layer has a value that cannot be.
    Layer {
        /// Which layer, from 0.
        layer: usize,
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: u32,
    },
    /// A layer's tensor or buffer lies outside its section, or at an address that is not a multiple
    /// of its alignment.
    Range {
        /// Which layer, from 0.
        layer: usize,
        /// Which of its ranges.
        what: &'static str,
        /// First byte.
        offset: u64,
        /// Bytes.
        len: u64,
        /// Bytes of the section.
        section: u64,
    },
    /// A layer needs what this build of the crate has left out.
    LeftOut {
        /// Which layer, from 0.
        layer: usize,
        /// Feature of `dreamlet-runtime` that has it.
        feature: &'static str,
    },
    /// The file has no signature, and was to be verified.
    Unsigned,
    /// The signature is not by the key that is trusted, or not of these bytes.
    Signature,
    /// A key that is none.
    Key {
        /// Its bytes.
        found: usize,
    },
    /// There are more layers than the caller allows.
    Layers {
        /// The most.
        limit: u32,
        /// How many there are.
        found: u32,
    },
    /// An image takes more work than the caller allows: multiplications, and elements that are read
    /// and written.
    Work {
        /// The most.
        limit: u64,
        /// How much it takes.
        found: u64,
    },
    /// A layer's buffers overlap: it would write over what it still reads.
    Overlap {
        /// Which layer, from 0.
        layer: usize,
    },
}

error_messages! { FormatError:
    Self::TooShort { expected, found } =>
        "a compiled model has a header of {expected} bytes, the file has {found}: is it a file of `dreamlet compile`?";
    Self::Magic => "this is no compiled model: make one with `dreamlet compile model.onnx`";
    Self::Version { newest, found } =>
        "the model has format {found}, this version of dreamlet-runtime reads up to {newest}: update it, or compile the model with the matching dreamlet";
    Self::Length { expected, found } =>
        "the model should have {expected} bytes, it has {found}: it was cut off or padded on its way";
    Self::Checksum { expected, found } =>
        "the model is damaged: checksum {expected:08x} was written, its bytes give {found:08x}: copy it again";
    Self::Unaligned =>
        "the model does not lie at a multiple of 4 bytes: embed it with include_model!, or copy it to aligned memory";
    Self::Header { field, found } => "the model's header has {field} = {found}, which cannot be";
    Self::Layer { layer, field, found } =>
        "layer {layer} of the model has {field} = {found}, which cannot be";
    Self::Range { layer, what, offset, len, section } =>
        "layer {layer} of the model has its {what} at bytes {offset} to {} of {section}, or not aligned", offset.saturating_add(len);
    Self::LeftOut { layer, feature } =>
        "layer {layer} of the model is of a kind that this program was built without: enable feature `{feature}` of dreamlet-runtime, or compile the model with `--precision int8` (where some layers, such as normalizations, stay f32)";
    Self::Unsigned =>
        "the model has no signature, and only signed models are used: sign it with `dreamlet sign --embed`";
    Self::Signature =>
        "the model's signature is not by the trusted key, or the model was changed after it was signed: get it again from its maker";
    Self::Key { found } =>
        "the key of {found} bytes is no point on P-256: expected the 65 bytes of KEY.pub.bin, which `dreamlet keygen` writes";
    Self::Layers { limit, found } =>
        "the model has {found} layers, {limit} are allowed: if it is yours, open it with more (`ModelLimits::layers`)";
    Self::Work { limit, found } =>
        "an image of the model takes {found} multiplications and moves, {limit} are allowed: if it is yours, raise the limit: `--max-file` of dreamlet, `ModelLimits::work` in a program";
    Self::Overlap { layer } => "layer {layer} of the model has buffers that overlap";
}
