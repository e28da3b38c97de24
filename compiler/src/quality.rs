//! Mixed precision by a measure of quality that the caller has.

use super::{CompileError, Compiled, Options, compile};

/// Compiles a quantized model again, each time with one more layer in f32, until it is good enough.
///
/// `compiled` is what [`compile`] made of `file` with `options`. `distance` says how far a model is
/// from what it should be; at most `most` is good enough. A model all of whose layers are f32 is
/// given back whatever its distance.
///
/// # Errors
/// Those of [`compile`] and of `distance`.
pub fn compile_to_quality<E: From<CompileError>>(
    mut compiled: Compiled,
    file: &[u8],
    options: &Options,
    most: f64,
    mut distance: impl FnMut(&Compiled) -> Result<f64, E>,
) -> Result<Compiled, E> {
    let mut options = options.clone();
    loop {
        let found = distance(&compiled)?;
        let (f32_layers, all) = match &compiled.quantized {
            Some(quantized) => (quantized.f32_layers(), quantized.layers.len()),
            None => (0, 0),
        };
        if found <= most || f32_layers >= all {
            return Ok(compiled);
        }
        options.quantize.f32_layers = f32_layers + 1;
        compiled = compile(file, &options)?;
    }
}
