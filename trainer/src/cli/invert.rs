//! `dreamlet invert MODEL.onnx|MODEL.dream|RUN IMAGE`

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use dreamlet_compiler::cli::{CliResult, ForeignModelArgs, print};
use dreamlet_runtime::generator::Generator;
use dreamlet_runtime::image::Shape;

use super::const_array::{Language, table};
use crate::colour::Colour;
use crate::data::read_image;
use crate::generator_file::{self, FileGenerator};
use crate::latent_space::{Inversion, Inverted};
use crate::report::terminal::{self, TerminalChoice};
use crate::sampling::{class_number, write_latents};
use crate::sheet::{LabelledRow, chw_to_hwc, labelled, save_png};

/// Seeds among which the starts are chosen.
const SEEDS: u64 = 512;
/// Starts.
const STARTS: usize = 4;
/// Mean absolute error in levels at which no further start is tried.
const ENOUGH: f64 = 0.5;
/// Images that are made together.
const BATCH: usize = 64;
/// Steps of a derivative of an f32 model, and of one that rounds to integers.
const DIFFERENCES: &[f32] = &[0.01];
const DIFFERENCES_OF_INTEGERS: &[f32] = &[0.125, 0.25, 0.5, 1.0];

/// Arguments of `dreamlet invert`.
#[derive(Debug, Args)]
pub(crate) struct InvertArgs {
    /// An ONNX generator, a compiled model, or a run folder for its newest export
    #[arg(value_name = "MODEL.onnx|MODEL.dream|RUN")]
    model: PathBuf,
    /// A PNG, JPEG, BMP, GIF or WebP file
    image: PathBuf,
    /// Class of the image, by its name or number; without it the nearest is found
    #[arg(long, value_name = "NAME|K")]
    class: Option<String>,
    /// Write the image, what the generator makes of the latent, and their difference
    #[arg(long, value_name = "FILE.png")]
    out: Option<PathBuf>,
    /// Write the latent as JSON, for `dreamlet sample --latents`
    #[arg(long, value_name = "FILE.json")]
    latents: Option<PathBuf>,
    /// Print the latent as a constant
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    format: Option<Language>,
    /// Most steps from each of the four starts
    #[arg(long, default_value_t = 40)]
    steps: usize,
    /// Enlarge by a whole factor
    #[arg(long, default_value_t = 1)]
    scale: usize,
    /// Show the images in the terminal
    #[arg(long, value_enum, default_value_t)]
    terminal: TerminalChoice,
    #[command(flatten)]
    foreign: ForeignModelArgs,
}

/// Runs the verb.
pub(crate) fn run(args: &InvertArgs) -> CliResult {
    let path = generator_file::resolve(&args.model)?;
    let mut generator = generator_file::open(&path, &args.foreign.assumptions())?;
    let Shape {
        channels,
        height,
        width,
    } = generator.shape();
    let image = read_image(&args.image, [channels, height, width], Colour::default())?;
    let [own_width, own_height] = image.size;
    if [own_width as usize, own_height as usize] != [width, height] {
        log::info!(
            "note: the middle of {} was resized from {own_width}x{own_height} to {width}x{height}, as training images are",
            args.image.display()
        );
    }
    let target: Vec<f32> = image.pixels.iter().map(|byte| f32::from(*byte)).collect();
    let names = generator.card().map(|card| card.classes.clone());
    let names = names.unwrap_or_default();
    let class = class_number(args.class.as_deref(), generator.classes(), &names)?;
    let differences = match generator.rounds() {
        true => DIFFERENCES_OF_INTEGERS,
        false => DIFFERENCES,
    };
    let inversion = Inversion {
        target: &target,
        distribution: generator.distribution(),
        differences,
        steps: args.steps,
    };
    let (found, class) = search(&inversion, &mut generator, class)?;
    let made: Vec<u8> = found.image.iter().map(|x| x.round() as u8).collect();
    let length = found
        .latent
        .iter()
        .map(|z| f64::from(*z).powi(2))
        .sum::<f64>();
    let class_words = class.map_or(String::new(), |class| {
        let name = names.get(class).cloned();
        format!("class {}: ", name.unwrap_or_else(|| class.to_string()))
    });
    let words = format!(
        "{class_words}mean absolute error {:.2} of 255 levels, PSNR {}, |z|² {length:.1} of {} components",
        mean_error(&made, &image.pixels),
        in_decibels(&made, &image.pixels),
        found.latent.len()
    );
    match args.format {
        Some(language) => {
            log::info!("{words}");
            print(&table(language, "latent", &[(&words, &found.latent)]))?;
        }
        None => print(&words)?,
    }
    if let Some(path) = &args.latents {
        write_latents(path, std::slice::from_ref(&found.latent))?;
        log::info!("wrote {}", path.display());
    }
    let environment = terminal::environment();
    let choice = match args.format {
        Some(_) => TerminalChoice::Off,
        None => args.terminal,
    };
    if args.out.is_none() && terminal::protocol(choice, &environment).is_none() {
        return Ok(());
    }
    let sheet = side_by_side(&image.pixels, &made, generator.shape(), args.scale)?;
    if let Some(path) = &args.out {
        save_png(&sheet, path)?;
        log::info!("wrote {}", path.display());
    }
    Ok(terminal::print(&sheet, choice, &environment)?)
}

/// The best of searches from the best of many seeds; of a class that is not known, of all.
fn search(
    inversion: &Inversion<'_>,
    generator: &mut FileGenerator,
    class: Option<usize>,
) -> Result<(Inverted, Option<usize>), Box<dyn Error>> {
    let (len, classes) = (generator.latent_len().max(1), generator.classes());
    let image_len = generator.image_len().max(1);
    let class_of = |seed: u64| match classes {
        0 => None,
        classes => Some(class.unwrap_or((seed % classes as u64) as usize)),
    };
    let mut starts = Vec::new();
    // Each batch is of one class, as the searches are.
    let mut seeds: Vec<u64> = (0..SEEDS).collect();
    seeds.sort_by_key(|seed| class_of(*seed));
    for seeds in seeds.chunk_by(|a, b| class_of(*a) == class_of(*b)) {
        let mut latents = vec![0.0; seeds.len() * len];
        for (seed, latent) in seeds.iter().zip(latents.chunks_exact_mut(len)) {
            inversion.distribution.fill(*seed, None, latent);
        }
        let class = seeds.first().and_then(|seed| class_of(*seed));
        let images = levels(generator, &latents, class)?;
        for (latent, image) in latents
            .chunks_exact(len)
            .zip(images.chunks_exact(image_len))
        {
            starts.push((inversion.loss(latent, image), latent.to_vec(), class));
        }
    }
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut best: Option<(Inverted, Option<usize>)> = None;
    for (_, start, class) in starts.into_iter().take(STARTS) {
        let found = inversion.search(&start, |latents| levels(generator, latents, class))?;
        let pairs = found.image.iter().zip(inversion.target);
        let error = pairs.map(|(a, b)| f64::from((a - b).abs())).sum::<f64>();
        if best.as_ref().is_none_or(|(best, _)| found.loss < best.loss) {
            best = Some((found, class));
        }
        if error <= ENOUGH * image_len as f64 {
            break;
        }
    }
    best.ok_or_else(|| "the generator makes values that are NaN or infinite".into())
}

/// Images of latents, elements from 0 to 255.
fn levels(
    generator: &mut FileGenerator,
    latents: &[f32],
    class: Option<usize>,
) -> Result<Vec<f32>, Box<dyn Error>> {
    let range = generator.range();
    let (len, image_len) = (generator.latent_len().max(1), generator.image_len());
    let mut all = Vec::with_capacity(latents.len() / len * image_len);
    for latents in latents.chunks(BATCH * len) {
        let rows = latents.len() / len;
        let classes = class.map(|class| vec![class; rows]);
        let mut images = vec![0.0; rows * image_len];
        generator.generate_batch(latents, classes.as_deref(), &mut images)?;
        let scale = 255.0 / (range.high - range.low);
        let level = |x: &f32| ((x - range.low) * scale).clamp(0.0, 255.0);
        all.extend(images.iter().map(level));
    }
    Ok(all)
}

/// The image, what was made and their difference beside each other.
fn side_by_side(
    image: &[u8],
    made: &[u8],
    shape: Shape,
    scale: usize,
) -> Result<image::DynamicImage, crate::sheet::GridError> {
    let difference: Vec<u8> = image
        .iter()
        .zip(made)
        .map(|(a, b)| a.abs_diff(*b))
        .collect();
    let images = [image, made, &difference].map(|planar| chw_to_hwc(planar, shape));
    let row = LabelledRow {
        label: String::new(),
        images: images.into(),
    };
    let labels = ["image", "found", "diff"].map(|word| [String::new(), word.to_owned()]);
    labelled(&[row], &labels, shape, scale)
}

/// Mean absolute difference in levels.
fn mean_error(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.len().max(1) as f64
}

/// Peak signal-to-noise ratio.
fn in_decibels(a: &[u8], b: &[u8]) -> String {
    let squares = a
        .iter()
        .zip(b)
        .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2));
    match squares.sum::<u64>() {
        0 => "infinite".into(),
        sum => {
            let mean = sum as f64 / a.len().max(1) as f64;
            format!("{:.1} dB", 10.0 * (255.0 * 255.0 / mean).log10())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_those_of_the_definitions() {
        assert_eq!(mean_error(&[0, 10, 255], &[3, 10, 252]), 2.0);
        // The mean square is 255²/100: 20 dB.
        let (mut a, b) = ([0; 100], [0; 100]);
        a[7] = 255;
        assert_eq!(in_decibels(&a, &b), "20.0 dB");
        assert_eq!(in_decibels(&b, &b), "infinite");
    }
}
