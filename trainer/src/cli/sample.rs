//! `dreamlet sample MODEL.onnx|RUN --seeds 0-35 --out grid.png`

use std::path::{Path, PathBuf};

use clap::Args;
use dreamlet_compiler::cli::ForeignModelArgs;
use dreamlet_runtime::engine::tract::Assumptions;
use dreamlet_runtime::generator::Generator;
use dreamlet_runtime::image::PixelRange;

use crate::generator_file::{self, FileGenerator};
use crate::report::terminal::{self, TerminalChoice};
use crate::sampling::{
    self, Class, Interpolation, Latents, Layout, Move, Output, Request, SamplingError, Seeds, Way,
    added, parse_truncation, read_latents,
};
use crate::training::checkpoint::newer_checkpoint;
use dreamlet_compiler::cli::CliResult;

/// Images that are shown in the terminal when they go to files of their own.
const SHOWN: usize = 64;

/// Arguments of `dreamlet sample`.
#[derive(Debug, Args)]
pub(crate) struct SampleArgs {
    /// An ONNX generator, a compiled model, or a run folder for its newest export
    #[arg(value_name = "MODEL.onnx|MODEL.dream|RUN")]
    model: PathBuf,
    /// Seeds and ranges, such as 0-35 or 1,5,9-12
    #[arg(long, default_value = "0-35", conflicts_with_all = ["interpolate", "latents"])]
    seeds: Seeds,
    /// N images from seed A to seed B
    #[arg(long, value_name = "A,B,N")]
    interpolate: Option<Interpolation>,
    /// A JSON list of latents instead of seeds, as `dreamlet invert` writes it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["interpolate", "truncation"])]
    latents: Option<PathBuf>,
    /// Move the latents along a direction of the model's card by so many standard deviations, such
    /// as size=2 or 1=-1.5; may be given several times
    #[arg(long = "move", value_name = "NAME|K=STEP")]
    moves: Vec<Move>,
    /// Interpolate along the straight line instead of the great circle
    #[arg(long, requires = "interpolate")]
    linear: bool,
    /// Largest size of a latent component: smaller is more typical and less varied
    #[arg(long, value_parser = parse_truncation)]
    truncation: Option<f32>,
    /// Class to sample, by its name or number; without it each seed has its own class, in turn
    #[arg(long, value_name = "NAME|K")]
    class: Option<String>,
    /// A PNG file for a sheet, a folder for one file a seed, a .npy file for an array of bytes
    /// [N, H, W, C], or - for a sheet on standard output; without it the images are only shown
    #[arg(long, value_name = "FILE.png|DIR|FILE.npy|-")]
    out: Option<PathBuf>,
    /// Images in a row of the sheet
    #[arg(long)]
    columns: Option<usize>,
    /// Enlarge by a whole factor
    #[arg(long, default_value_t = 1)]
    scale: usize,
    /// Show the images in the terminal
    #[arg(long, value_enum, default_value_t)]
    terminal: TerminalChoice,
    #[command(flatten)]
    foreign: ForeignModelArgs,
}

impl SampleArgs {
    /// A sheet of the seeds 0 to 35 of `model` in the file `out`, shown in the terminal if there is
    /// one.
    pub(crate) fn of(model: PathBuf, out: PathBuf) -> Result<Self, SamplingError> {
        Ok(Self {
            model,
            seeds: "0-35".parse()?,
            interpolate: None,
            latents: None,
            moves: Vec::new(),
            linear: false,
            truncation: None,
            class: None,
            out: Some(out),
            columns: None,
            scale: 1,
            terminal: TerminalChoice::Auto,
            foreign: ForeignModelArgs::default(),
        })
    }
}

/// What is taken for granted of a model that says nothing of its pixels.
pub(super) fn range_note(range: PixelRange) -> String {
    format!(
        "the model has no card: black is taken to be {} and white {}, as its last operator has them; --range LOW,HIGH says otherwise",
        range.low, range.high
    )
}

/// Runs the verb.
pub(crate) fn run(args: &SampleArgs) -> CliResult {
    let environment = terminal::environment();
    let output = args.out.as_deref().map(Output::from_path).transpose()?;
    // The image itself is on standard output: nothing else may be.
    let choice = if output == Some(Output::Stdout) {
        TerminalChoice::Off
    } else {
        args.terminal
    };
    if output.is_none() && terminal::protocol(choice, &environment).is_none() {
        return Err(
            "no terminal to show images in: write them with --out FILE.png, --out DIR or --out -"
                .into(),
        );
    }
    let assumptions = args.foreign.assumptions();
    let file = generator_file::resolve(&args.model)?;
    if file != args.model
        && let Some(newer) = newer_checkpoint(&args.model, &file)
    {
        log::info!(
            "note: {} is older than {}; `dreamlet export {}` makes a new one",
            file.display(),
            newer.display(),
            args.model.display()
        );
    }
    let mut generator = generator_file::open(&file, &assumptions)?;
    for note in generator.notes() {
        log::warn!("note: {note}");
    }
    if (generator.card().is_some() || generator.is_compiled())
        && assumptions != Assumptions::default()
    {
        log::info!(
            "note: the model says it itself; --range, --latent, --shape and --classes are for models without one and are ignored"
        );
    } else if generator.card().is_none()
        && !generator.is_compiled()
        && args.foreign.range().is_none()
    {
        log::warn!("note: {}", range_note(generator.range()));
    }
    let directions = generator.card().map(|card| card.directions.as_slice());
    let added = added(
        &args.moves,
        directions.unwrap_or_default(),
        generator.distribution(),
    )?;
    let request = Request {
        latents: match (&args.latents, args.interpolate) {
            (Some(file), _) => Latents::Given(read_latents(file, generator.latent_len())?),
            (None, Some(interpolation)) => Latents::Between(
                interpolation,
                if args.linear {
                    Way::Linear
                } else {
                    Way::Spherical
                },
            ),
            (None, None) => Latents::Seeds(args.seeds.clone()),
        },
        truncation: args.truncation,
        added,
        class: args.class.clone().map_or(Class::OfSeed, Class::Named),
    };
    let sheet = match &output {
        Some(Output::Folder(folder)) => in_folder(&mut generator, &request, &file, folder, args)?,
        _ => {
            // A row is the natural image of an interpolation.
            let columns = args.columns.or(args
                .interpolate
                .map(|i| usize::try_from(i.count).unwrap_or(1).min(16)));
            let layout = Layout {
                columns,
                scale: args.scale,
                ..Layout::default()
            };
            let samples = sampling::samples(&mut generator, &request)?;
            let shape = generator.shape();
            if let Some(Output::Array(path)) = &output {
                sampling::save_array(&samples, shape, path)?;
            }
            let shown = match output {
                Some(Output::Array(_)) => samples.get(..SHOWN).unwrap_or(&samples),
                _ => &samples,
            };
            sampling::sheet(shown, shape, layout)?
        }
    };
    match &output {
        Some(Output::Stdout) => sampling::print_png(&sheet)?,
        Some(Output::File(path)) => {
            crate::sheet::save_png(&sheet, path)?;
            log::info!(
                "wrote {}: {} images",
                path.display(),
                request.latents.count()
            );
        }
        Some(Output::Array(path)) => {
            log::info!(
                "wrote {}: {} images",
                path.display(),
                request.latents.count()
            );
        }
        Some(Output::Folder(path)) => {
            log::info!(
                "wrote {} files in {}",
                request.latents.count(),
                path.display()
            )
        }
        None => {}
    }
    Ok(terminal::print(&sheet, choice, &environment)?)
}

/// Writes one file an image, with alpha if it has any; gives a sheet of the first ones, to be shown.
fn in_folder(
    generator: &mut FileGenerator,
    request: &Request,
    file: &Path,
    folder: &Path,
    args: &SampleArgs,
) -> Result<image::DynamicImage, Box<dyn std::error::Error>> {
    sampling::make_folder(folder)?;
    let shape = generator.shape();
    let assumptions = args.foreign.assumptions();
    let mut shown = Vec::new();
    match generator_file::over_black_and_white(generator, file, &assumptions)? {
        Some([mut black, mut white]) => {
            sampling::each_with_alpha([&mut black, &mut white], request, |sample| {
                sampling::save_one(&sample, shape, args.scale, folder)?;
                Ok(())
            })?;
            shown = sampling::first_samples(generator, request, SHOWN)?;
        }
        None => sampling::each_sample(generator, request, |sample| {
            sampling::save_one(&sample, shape, args.scale, folder)?;
            if shown.len() < SHOWN {
                shown.push(sample);
            }
            Ok(())
        })?,
    }
    Ok(sampling::sheet(
        &shown,
        shape,
        Layout {
            columns: args.columns,
            ..Layout::default()
        },
    )?)
}
