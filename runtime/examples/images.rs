//! Makes images one after another and nothing with them: what `scripts/bench/arm-instructions.sh`
//! counts the instructions of.
//!
//! ```text
//! cargo run --release -p dreamlet-runtime --features tract --example images -- MODEL.onnx|MODEL.dream COUNT
//! ```

use std::error::Error;
use std::path::PathBuf;

use dreamlet_onnx::{Limits, read};
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::image::PixelRange;
use dreamlet_runtime::{CompiledGenerator, Generator};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(count)) = (arguments.next(), arguments.next()) else {
        return Err("give MODEL.onnx or MODEL.dream, and how many images".into());
    };
    let (path, count) = (PathBuf::from(path), count.parse::<usize>()?);
    let mut generator: Box<dyn Generator> = if path.extension().is_some_and(|e| e == "onnx") {
        let limits = Limits::default();
        // What black and white are does not change the work.
        let assumptions = Assumptions {
            range: Some(PixelRange::UNIT),
            ..Assumptions::default()
        };
        let file = read(&path, &limits)?;
        Box::new(OnnxGenerator::from_bytes(&file, &assumptions)?)
    } else {
        Box::new(CompiledGenerator::open(&path)?)
    };
    let class = (generator.classes() > 0).then_some(0);
    let latent = vec![0.1; generator.latent_len()];
    let mut image = vec![0.0; generator.shape().len().unwrap_or(0)];
    let mut sum = 0.0;
    for _ in 0..count {
        generator.generate(&latent, class, &mut image)?;
        sum += image.iter().sum::<f32>();
    }
    println!("{count} images, their numbers are {sum} in all");
    Ok(())
}
