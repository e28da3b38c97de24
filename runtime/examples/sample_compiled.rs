//! A compiled generator becomes a PNG with a grid of samples, and says how long it took.
//!
//! ```text
//! cargo run --release -p dreamlet-runtime --features mmap --example sample_compiled -- MODEL.dream grid.png \
//!     [--seeds 0-35] [--truncation 0.8] [--class 7] [--threads 4]
//! ```
//!
//! `dreamlet compile MODEL.onnx --out MODEL.dream` makes the model.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use dreamlet_runtime::image::to_hwc_u8;
use dreamlet_runtime::{CompiledGenerator, Generator};

/// Pixels between two images of the grid.
const GAP: usize = 2;

struct Options {
    model: PathBuf,
    out: PathBuf,
    first: u64,
    last: u64,
    truncation: Option<f32>,
    class: Option<usize>,
    threads: usize,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let (mut paths, mut first, mut last, mut threads) = (Vec::new(), 0, 35, 1);
    let (mut truncation, mut class) = (None, None);
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
            "--threads" => threads = value()?.parse()?,
            _ => paths.push(PathBuf::from(argument)),
        }
    }
    if last < first || last - first >= 10_000 {
        return Err("--seeds is FIRST-LAST, at most 10000 of them".into());
    }
    let [model, out] =
        <[PathBuf; 2]>::try_from(paths).map_err(|_| "give MODEL.dream and OUT.png")?;
    Ok(Options {
        model,
        out,
        first,
        last,
        truncation,
        class,
        threads,
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
    let begin = Instant::now();
    let mut generator = CompiledGenerator::open(&options.model)?.with_threads(options.threads);
    let opened = begin.elapsed();

    let count = (options.last - options.first + 1) as usize;
    let latent_len = generator.latent_len();
    let mut latents = vec![0.0; count * latent_len];
    for (seed, latent) in (options.first..).zip(latents.chunks_exact_mut(latent_len)) {
        generator
            .distribution()
            .fill(seed, options.truncation, latent);
    }
    // A conditional generator without a class makes them in turn: each seed has its own,
    // as in `dreamlet sample`.
    let classes: Option<Vec<usize>> = match (generator.classes(), options.class) {
        (0, None) => None,
        (classes, None) => {
            let seeds = options.first..=options.last;
            Some(seeds.map(|seed| (seed % classes as u64) as usize).collect())
        }
        (_, Some(class)) => Some(vec![class; count]),
    };
    let mut images = vec![0.0; count * generator.image_len()];
    let begin = Instant::now();
    generator.generate_batch(&latents, classes.as_deref(), &mut images)?;
    let made = begin.elapsed();

    let shape = generator.shape();
    let columns = (count as f64).sqrt().ceil() as usize;
    let rows = count.div_ceil(columns);
    let side = |cells: usize, size: usize| cells * (size + GAP) - GAP;
    let (width, height) = (side(columns, shape.width), side(rows, shape.height));
    let mut grid = vec![0; width * height * shape.channels];
    let mut bytes = vec![0; generator.image_len()];
    let line = shape.width * shape.channels;
    for (index, values) in images.chunks_exact(generator.image_len()).enumerate() {
        to_hwc_u8(values, shape, generator.range(), &mut bytes)?;
        let left = index % columns * (shape.width + GAP);
        for (row, pixels) in bytes.chunks_exact(line).enumerate() {
            let top = index / columns * (shape.height + GAP) + row;
            let at = (top * width + left) * shape.channels;
            grid[at..at + line].copy_from_slice(pixels);
        }
    }
    let file = BufWriter::new(File::create(&options.out)?);
    let mut png = png::Encoder::new(file, u32::try_from(width)?, u32::try_from(height)?);
    png.set_color(if shape.channels == 1 {
        png::ColorType::Grayscale
    } else {
        png::ColorType::Rgb
    });
    png.write_header()?.write_image_data(&grid)?;
    println!(
        "{count} images of {} x {} in {}: opened in {} µs, made in {} µs",
        shape.width,
        shape.height,
        options.out.display(),
        opened.as_micros(),
        made.as_micros()
    );
    Ok(())
}
