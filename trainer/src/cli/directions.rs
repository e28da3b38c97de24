//! `dreamlet directions MODEL.onnx|MODEL.dream|RUN`

use std::path::{Path, PathBuf};

use clap::Args;
use dreamlet_compiler::cli::{CliResult, ForeignModelArgs, print};
use dreamlet_compiler::{Options, card_of};
use dreamlet_onnx::read;
use dreamlet_runtime::card::{Card, Direction};
use dreamlet_runtime::engine::compiled::format::MAGIC;
use dreamlet_runtime::generator::Generator;

use super::card::write;
use super::const_array::{Language, table};
use super::find_directions::{Found, Method, find};
use crate::generator_file::{self, FileGenerator, replace_card};
use crate::latent_space::nearest;
use crate::report::terminal::{self, TerminalChoice};
use crate::sampling::{self, Class, Latents, Request, Seeds, deviation};
use crate::sheet::{LabelledRow, labelled, save_png};

/// Standard deviations at which a sheet shows a direction.
const STEPS: [i8; 7] = [-3, -2, -1, 0, 1, 2, 3];

/// Most directions of a sheet and of a card.
const MOST: usize = 64;

/// Arguments of `dreamlet directions`.
#[derive(Debug, Args)]
pub(crate) struct DirectionsArgs {
    /// An ONNX generator, a compiled model, or a run folder for its newest export
    #[arg(value_name = "MODEL.onnx|MODEL.dream|RUN")]
    model: PathBuf,
    /// How they are found
    #[arg(long, value_enum, default_value = "auto")]
    method: Method,
    /// How many
    #[arg(long, default_value_t = 8)]
    count: usize,
    /// Call a direction by a word, such as 1=size; may be given several times
    #[arg(long = "name", value_name = "K=NAME")]
    names: Vec<String>,
    /// Write a copy of the ONNX file with the directions on its card
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the directions as a constant instead of the table
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    format: Option<Language>,
    /// Write a sheet: a row for each direction, from -3 to 3 standard deviations
    #[arg(long, value_name = "FILE.png")]
    sheet: Option<PathBuf>,
    /// Seeds that the sheet begins from
    #[arg(long, default_value = "0-2")]
    seeds: Seeds,
    /// Class of the sheet, by its name or number; without it each seed has its own, in turn
    #[arg(long, value_name = "NAME|K")]
    class: Option<String>,
    /// Enlarge the sheet by a whole factor
    #[arg(long, default_value_t = 1)]
    scale: usize,
    /// Show the sheet in the terminal
    #[arg(long, value_enum, default_value_t)]
    terminal: TerminalChoice,
    #[command(flatten)]
    foreign: ForeignModelArgs,
}

/// Runs the verb.
pub(crate) fn run(args: &DirectionsArgs) -> CliResult {
    if args.count == 0 || args.count > MOST {
        let found = args.count;
        return Err(format!("--count is {found}: give 1 to {MOST}").into());
    }
    let assumptions = args.foreign.assumptions();
    let path = generator_file::resolve(&args.model)?;
    let file =
        read(&path, &assumptions.limits).map_err(|error| format!("{}: {error}", path.display()))?;
    if args.out.is_some() && file.starts_with(&MAGIC) {
        return Err("--out writes a copy of an ONNX file: give that, and compile the copy".into());
    }
    let mut generator = generator_file::open_bytes(&path, &file, &assumptions)?;
    let found = find(
        args.method,
        args.count,
        &args.model,
        &file,
        &mut generator,
        &assumptions,
    )?;
    for note in &found.notes {
        log::info!("note: {note}");
    }
    let directions = named(&found, &args.names)?;
    match args.format {
        Some(language) => {
            let labels = labels(&directions);
            let rows = labels.iter().zip(&directions);
            let rows: Vec<_> = rows
                .map(|(l, d)| (l.as_str(), d.vector.as_slice()))
                .collect();
            print(&table(language, "directions", &rows))?;
        }
        None => print(&in_words(&found, &directions))?,
    }
    if let Some(out) = &args.out {
        let mut card = card(&file, &path, &generator, &args.foreign)?;
        card.directions.clone_from(&directions);
        write(out, &path, &replace_card(&file, &card)?)?;
        log::info!("wrote {}: {} directions", out.display(), directions.len());
    }
    let environment = terminal::environment();
    let choice = match args.format {
        Some(_) => TerminalChoice::Off,
        None => args.terminal,
    };
    let shown = terminal::protocol(choice, &environment).is_some();
    if args.sheet.is_none() && !shown {
        return Ok(());
    }
    let sheet = sheet(&mut generator, &directions, args)?;
    if let Some(path) = &args.sheet {
        save_png(&sheet, path)?;
        log::info!("wrote {}", path.display());
    }
    Ok(terminal::print(&sheet, choice, &environment)?)
}

/// The file's card, or one of what the flags say.
fn card(
    file: &[u8],
    path: &Path,
    generator: &FileGenerator,
    foreign: &ForeignModelArgs,
) -> Result<Card, Box<dyn std::error::Error>> {
    if let Some(card) = generator.card() {
        return Ok(card.clone());
    }
    let name = path.file_stem().unwrap_or_default();
    let options = Options {
        assumptions: foreign.assumptions(),
        name: name.to_string_lossy().into_owned(),
        ..Options::default()
    };
    Ok(card_of(file, &options)?)
}

/// The directions with the names of `--name`.
fn named(found: &Found, names: &[String]) -> Result<Vec<Direction>, String> {
    let mut directions = found.directions.clone();
    let count = directions.len();
    for text in names {
        let parts = text
            .split_once('=')
            .map(|(k, name)| (k.trim(), name.trim()));
        let (number, name) = parts
            .filter(|(_, name)| !name.is_empty())
            .ok_or_else(|| format!("\"{text}\" is no name: write NUMBER=NAME, such as 1=size"))?;
        if name.parse::<usize>().is_ok() || name.contains('=') {
            return Err(format!(
                "\"{name}\" cannot be a name: take a word, not a number or one with ="
            ));
        }
        let index = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let direction = index.and_then(|index| directions.get_mut(index));
        let direction = direction.ok_or_else(|| {
            format!("there is no direction {number} to be called \"{name}\": give a number from 1 to {count}")
        })?;
        direction.name = name.to_owned();
    }
    for (index, direction) in directions.iter().enumerate() {
        let mut before = directions.iter().take(index);
        if before.any(|other| other.name == direction.name) {
            return Err(format!(
                "two directions would be called \"{}\": give each a name of its own",
                direction.name
            ));
        }
    }
    Ok(directions)
}

/// The [`label`] of each direction.
fn labels(directions: &[Direction]) -> Vec<String> {
    let numbered = (1..).zip(directions);
    let labels = numbered.map(|(number, direction)| label(number, &direction.name));
    labels.collect()
}

/// Number and, where it has one, name of a direction.
fn label(number: usize, name: &str) -> String {
    let number = number.to_string();
    match name {
        name if name == number => number,
        name => format!("{number} {name}"),
    }
}

/// The table.
fn in_words(found: &Found, directions: &[Direction]) -> String {
    let labels = labels(directions);
    let width = labels
        .iter()
        .map(|l| l.chars().count())
        .max()
        .unwrap_or(0)
        .max(9);
    if found.measured.is_empty() {
        let lines = labels.iter().map(|label| format!("\n{label}"));
        return format!("{}{}", found.method, lines.collect::<String>());
    }
    let beside = nearest(&found.measured, &found.components);
    let checked = !found.components.is_empty();
    let more = if checked {
        "  nearest component  cosine"
    } else {
        ""
    };
    let mut out = format!(
        "{}\n{:width$}  {:>8}  {:>6}{more}",
        found.method, "direction", found.unit, "share"
    );
    for ((label, direction), (component, cosine)) in labels.iter().zip(&found.measured).zip(&beside)
    {
        let share = 100.0 * direction.share;
        out += &format!(
            "\n{label:width$}  {:>8.3}  {share:>5.1}%",
            direction.strength
        );
        if checked {
            out += &format!("  {:>17}  {cosine:>6.2}", component + 1);
        }
    }
    if checked {
        let mean = beside.iter().map(|(_, c)| c).sum::<f64>() / beside.len().max(1) as f64;
        out += &format!(
            "\nalignment with {}: mean absolute cosine {mean:.2}, {:.2} by chance",
            found.check, found.chance
        );
    }
    out
}

/// A row for each direction, from -3 to 3 standard deviations for each seed.
fn sheet(
    generator: &mut FileGenerator,
    directions: &[Direction],
    args: &DirectionsArgs,
) -> Result<image::DynamicImage, Box<dyn std::error::Error>> {
    let seeds = Latents::Seeds(args.seeds.clone());
    let deviation = deviation(generator.distribution());
    let mut rows = Vec::new();
    for (label, direction) in labels(directions).into_iter().zip(directions) {
        let mut steps = Vec::new();
        for step in STEPS {
            let mut added = vec![0.0; direction.vector.len()];
            direction.add_to(&mut added, f32::from(step) * deviation);
            let request = Request {
                latents: seeds.clone(),
                truncation: None,
                added,
                class: args.class.clone().map_or(Class::OfSeed, Class::Named),
            };
            steps.push(sampling::samples(generator, &request)?);
        }
        let of_seed = |seed: usize| steps.iter().filter_map(move |all| all.get(seed));
        let images = (0..seeds.count()).flat_map(of_seed);
        rows.push(LabelledRow {
            label,
            images: images.map(|sample| sample.bytes.clone()).collect(),
        });
    }
    let columns = (0..seeds.count()).flat_map(|seed| {
        let number = seeds.number(seed);
        STEPS.map(|step| {
            let above = if step == 0 {
                format!("seed {number}")
            } else {
                String::new()
            };
            [above, step.to_string()]
        })
    });
    let columns: Vec<_> = columns.collect();
    Ok(labelled(&rows, &columns, generator.shape(), args.scale)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        let direction = |name: &str| Direction {
            name: name.into(),
            vector: vec![1.0],
        };
        Found {
            directions: vec![direction("1"), direction("2")],
            ..Found::default()
        }
    }

    #[test]
    fn directions_are_called_by_name_or_number() {
        let names = ["2= brightness ".to_owned()];
        let directions = named(&found(), &names).unwrap();
        assert_eq!(directions[0].name, "1");
        assert_eq!(directions[1].name, "brightness");
        let labels = [label(1, "1"), label(2, "brightness")];
        assert_eq!(labels, ["1", "2 brightness"]);
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for (text, part) in [
            ("size", "1=size"),
            ("1=", "1=size"),
            ("3=size", "from 1 to 2"),
            ("0=size", "from 1 to 2"),
            ("1=2", "not a number"),
            ("1=a=b", "with ="),
        ] {
            let error = named(&found(), &[text.to_owned()]).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let twice = ["1=size".to_owned(), "2=size".to_owned()];
        let error = named(&found(), &twice).unwrap_err();
        assert!(error.contains("two directions"), "{error}");
    }
}
