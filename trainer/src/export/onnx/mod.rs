//! burn generator to ONNX.
//!
//! burn records the forward pass on its capture device (`capture`); every recorded operation
//! becomes one or two ONNX operators (`lower`); operators on constants only are computed at once
//! (`fold`); batch normalization goes into the weights beside it (`batch_norm`); what is left is
//! named and written (`emit`). One net gives one file, byte for byte.

mod batch_norm;
mod capture;
mod emit;
mod lower;
mod names;
#[cfg(test)]
pub(crate) mod nets;
#[cfg(test)]
pub(crate) mod testing;

use burn::tensor::{Device, Int, Tensor};
use dreamlet_onnx::proto::Message as _;
use dreamlet_onnx::proto::ModelProto;

use super::ExportError;

/// Records `forward` and gives it back as an ONNX model with a dynamic batch axis.
///
/// `forward` gets a capture device, latent vectors `[N, latent_len]` and, where `classes` is given,
/// classes `[N]`; it returns images `[N, C, H, W]`. It runs twice, at two batch sizes, which shows
/// what depends on the batch. Nothing is computed: the module has to be moved to that device, as
/// `module.valid().to_device(device).forward(latent)`. `valid` frees it of autodiff, puts it in
/// inference mode and takes in the last update of running statistics; and it parts with them.
/// `clone` shares them, so that the original could never leave the capture device again.
///
/// # Errors
/// [`ExportError::NotLowered`] names an operation without an ONNX form here,
/// [`ExportError::BatchDependent`] one that differs between batch sizes; see the other variants.
pub(crate) fn trace(
    latent_len: usize,
    classes: Option<usize>,
    forward: impl Fn(&Device, Tensor<2>, Option<Tensor<1, Int>>) -> Tensor<4>,
) -> Result<ModelProto, ExportError> {
    let trace = capture::capture(latent_len, classes, forward)?;
    let mut graph = lower::lower(&trace)?;
    batch_norm::fold(&mut graph)?;
    emit::emit(&graph, &trace, latent_len)
}

/// The bytes of the file that holds `model`.
#[must_use]
pub(crate) fn to_bytes(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}
