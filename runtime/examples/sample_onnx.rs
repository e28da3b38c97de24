//! An ONNX generator becomes a PNG with a grid of samples.
//!
//! ```text
//! cargo run --release -p dreamlet-runtime --features tract --example sample_onnx -- MODEL.onnx grid.png \
//!     [--seeds 0-35] [--truncation 0.8] [--class 7] [--range -1,1]
//! ```
//!
//! `--range` says what black and white are, for a file that does not say it itself.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use dreamlet_onnx::{Limits, read};
use dreamlet_runtime::Generator;
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::image::{PixelRange, to_hwc_u8};
use image::{DynamicImage, GenericImage, GrayImage, RgbImage};

/// Pixels between two images of the grid.
const GAP: u32 = 2;

struct Options {
    model: PathBuf,
    out: PathBuf,
    first: u64,
    last: u64,
    truncation: Option<f32>,
    class: Option<usize>,
    range: Option<PixelRange>,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let (mut paths, mut first, mut last) = (Vec::new(), 0, 35);
    let (mut truncation, mut class, mut range) = (None, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--seeds" => {
                let text = value()?;
                let (from, to) = text.split_once('-').unwrap_or((&text, &text));
                (first, last) = (from.parse()?, to.parse()?);
            }
            "--truncation" => truncation = Some(value()?.parse()?),
            "--class" => class = Some(value()?.parse()?),
            "--range" => {
                let text = value()?;
                let (low, high) = text.split_once(',').ok_or("--range is LOW,HIGH")?;
                range = Some(PixelRange {
                    low: low.parse()?,
                    high: high.parse()?,
                });
            }
            _ => paths.push(PathBuf::from(argument)),
        }
    }
    if last < first || last - first >= 10_000 {
        return Err("--seeds is FIRST-LAST, at most 10000 of them".into());
    }
    let [model, out] =
        <[PathBuf; 2]>::try_from(paths).map_err(|_| "give MODEL.onnx and OUT.png")?;
    Ok(Options {
        model,
        out,
        first,
        last,
        truncation,
        class,
        range,
    })
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let limits = Limits::default();
    let assumptions = Assumptions {
        range: options.range,
        ..Assumptions::default()
    };
    let file = read(&options.model, &limits)?;
    let mut generator = OnnxGenerator::from_bytes(&file, &assumptions)?;

    let count = (options.last - options.first + 1) as usize;
    let mut latents = vec![0.0; count * generator.latent_len()];
    for (seed, latent) in (options.first..).zip(latents.chunks_exact_mut(generator.latent_len())) {
        generator
            .distribution()
            .fill(seed, options.truncation, latent);
    }
    let classes = options.class.map(|class| vec![class; count]);
    let mut images = vec![0.0; count * generator.image_len()];
    generator.generate_batch(&latents, classes.as_deref(), &mut images)?;

    let shape = generator.shape();
    let (width, height) = (u32::try_from(shape.width)?, u32::try_from(shape.height)?);
    let columns = (count as f64).sqrt().ceil() as u32;
    let rows = u32::try_from(count)?.div_ceil(columns);
    let side = |cells: u32, size: u32| cells * (size + GAP) - GAP;
    let mut grid = RgbImage::new(side(columns, width), side(rows, height));
    let mut bytes = vec![0; generator.image_len()];
    for (index, values) in (0u32..).zip(images.chunks_exact(generator.image_len())) {
        to_hwc_u8(values, shape, generator.range(), &mut bytes)?;
        let image = match shape.channels {
            1 => GrayImage::from_raw(width, height, bytes.clone()).map(DynamicImage::from),
            _ => RgbImage::from_raw(width, height, bytes.clone()).map(DynamicImage::from),
        };
        let image = image.ok_or("the image's bytes do not fill it")?.into_rgb8();
        grid.copy_from(
            &image,
            index % columns * (width + GAP),
            index / columns * (height + GAP),
        )?;
    }
    grid.save(&options.out)?;
    println!(
        "{count} images of {width} x {height} in {}",
        options.out.display()
    );
    Ok(())
}
