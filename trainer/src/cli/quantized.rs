//! For `dreamlet compile --precision int8 --data NAME`: the Fréchet distance of a quantized model
//! beside that of its ONNX file.

use dreamlet_compiler::{Compiled, Quantized, compile, compile_to_quality};
use dreamlet_runtime::engine::tract::Assumptions;

use crate::data::{self, Bar, DataSpec, LoadOptions};
use crate::evaluation::{
    EvaluationError, EvaluationOptions, Evaluator, FileSource, ImageSource, Metric,
};
use dreamlet_compiler::cli::print;

/// By how much of the ONNX file's distance a quantized model may be worse.
const WORSE: f64 = 0.05;

/// Compiles `file`, and again with one more layer in f32 until the distance to test images is at
/// most 5 % worse than the ONNX file's.
pub(super) fn compile_measured(
    file: &[u8],
    options: &dreamlet_compiler::Options,
    spec: &DataSpec,
    samples: usize,
) -> Result<Compiled, Box<dyn std::error::Error>> {
    let compiled = compile(file, options)?;
    let mut original = FileSource::new(file, &options.assumptions)?;
    let bar = Bar::default();
    let [channels, height, _] = original.shape();
    let loading = LoadOptions {
        size: Some(height),
        channels: Some(channels),
        progress: &bar,
        ..LoadOptions::default()
    };
    let data = data::load(spec, &loading)?;
    let evaluation = EvaluationOptions {
        samples,
        seed: 0,
        metrics: vec![Metric::Frechet],
        extractor: None,
        cache: Some(data::cache_dir()?),
        keep: false,
        progress: &bar,
    };
    let mut evaluator = Evaluator::new(&data, evaluation)?;
    let mut distance = |source: &mut FileSource| -> Result<f64, EvaluationError> {
        let report = evaluator.evaluate("model", source)?.report;
        let metric = report.metric("frechet_distance");
        Ok(metric.map_or(f64::NAN, |metric| metric.value))
    };
    let expected = distance(&mut original)?;
    let worst = expected * (1.0 + WORSE);
    compile_to_quality(compiled, file, options, worst, |compiled| {
        let mut source = FileSource::new(&compiled.file, &Assumptions::default())?;
        let found = distance(&mut source)?;
        let f32_layers = compiled.quantized.as_ref().map_or(0, Quantized::f32_layers);
        let change = (found / expected - 1.0) * 100.0;
        print(&format!(
            "Fréchet distance to {} of {samples} images: {found:.3}, of the ONNX file \
             {expected:.3} ({change:+.1} %), with {f32_layers} f32 layers",
            data.name
        ))?;
        Ok(found)
    })
}
