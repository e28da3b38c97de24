//! What every exported file has alike.

/// ONNX operator set of the files.
pub(crate) const OPSET: i64 = 17;
/// ONNX file format of the files: the one that came with [`OPSET`].
pub(crate) const IR_VERSION: i64 = 8;
/// Name of the input that takes latent vectors, `[N, z]` f32.
pub(crate) const LATENT: &str = "latent";
/// Name of the input that takes classes, `[N]` i64; only conditional generators have it.
pub(crate) const CLASS: &str = "class";
/// Name of the output, `[N, C, H, W]` f32.
pub(crate) const IMAGE: &str = "image";
/// Symbol of the batch axis.
pub(crate) const BATCH: &str = "N";
