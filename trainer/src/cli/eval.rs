//! `dreamlet eval RUN|MODEL.onnx|FOLDER --data mnist`

use std::path::{Path, PathBuf};

use clap::Args;
use dreamlet_compiler::cli::{ForeignModelArgs, parse_range};
use dreamlet_onnx::read;
use dreamlet_runtime::image::{PixelRange, Shape};
use serde_json::Value;

use super::sample::range_note;
use crate::colour::Colour;
use crate::data::{self, Bar, DataSpec, Dataset, FolderImages, LoadOptions};
use crate::evaluation::{
    self, Evaluation, EvaluationError, EvaluationOptions, Evaluator, FileSource, ImageSource,
    Metric, OnnxExtractor,
};
use crate::sheet::{chw_to_hwc, enlarge, grid, save_png};
use crate::training::saved::{Saved, Which};
use crate::training::{BoundOptions, generator_source, likelihood_metrics};
use dreamlet_compiler::cli::{CliResult, print};

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// A run folder, an ONNX generator, a compiled model, or a folder or archive of images
    #[arg(value_name = "RUN|MODEL.onnx|MODEL.dream|FOLDER")]
    model: PathBuf,
    /// The real images: glyphs, mnist, fashion-mnist, stacked-mnist, idx:DIR or folder:DIR; a run knows its own
    #[arg(long)]
    data: Option<DataSpec>,
    /// Height and width that the images of folders are resized to, when a folder is measured
    /// against a data set
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,
    /// 1 for grey, 3 for RGB, when a folder is measured against a data set
    #[arg(long)]
    channels: Option<usize>,
    /// Only these, such as frechet,precision-recall; all that are possible by default
    #[arg(long, value_delimiter = ',')]
    metrics: Vec<Metric>,
    /// Generated images, and as many test images if there are so many; 10,000 by default, 25,600
    /// for stacked-mnist
    #[arg(long)]
    samples: Option<usize>,
    /// Seed of the first image, and of every choice
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A feature extractor [N, C, H, W] to [N, F] instead of the classifier that is trained on the
    /// data's labels
    #[arg(long, value_name = "FILE.onnx")]
    extractor: Option<PathBuf>,
    /// Values of black and white that the extractor takes
    #[arg(long, value_name = "LOW,HIGH", value_parser = parse_range, allow_hyphen_values = true, default_value = "0,1")]
    extractor_range: PixelRange,
    /// The run's best checkpoint instead of its newest
    #[arg(long)]
    best: bool,
    /// The run's generator itself instead of its EMA
    #[arg(long)]
    raw: bool,
    /// The first stage alone of a run that trained a two-stage VAE
    #[arg(long)]
    first_stage: bool,
    /// Draws for each image of the importance-weighted bound of a VAE; 0 leaves it out
    #[arg(long, default_value_t = 50)]
    draws: usize,
    /// Test images of the importance-weighted bound
    #[arg(long, default_value_t = 1000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    bound_images: usize,
    /// The old name of --bound-images, for one version
    #[arg(long, hide = true, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    bound_pictures: Option<usize>,
    /// One JSON object instead of the table
    #[arg(long)]
    json: bool,
    /// Folder for memorization.png: the generated images nearest to training images, each beside
    /// its neighbour
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder for features, pixels and probabilities as .npy files
    #[arg(long, value_name = "DIR")]
    dump_features: Option<PathBuf>,
    /// Train the classifier and compute all features afresh, and keep nothing
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    foreign: ForeignModelArgs,
}

/// What the path means.
enum EvalSubject {
    Run(Box<Saved>, FileSource),
    File(FileSource),
    Folder(PathBuf),
}

pub(crate) fn run(args: &EvalArgs) -> CliResult {
    if args.bound_pictures.is_some() {
        log::warn!("note: --bound-pictures is called --bound-images now");
    }
    let bar = Bar::default();
    if args.out.is_some() && !wants(args, Metric::Memorization) {
        return Err("--out is for the metric memorization: add it to --metrics".into());
    }
    for folder in args.out.iter().chain(&args.dump_features) {
        make_folder(folder)?;
    }
    let mut model = open(args)?;
    let loaded = load(args, &model, &bar)?;
    let data = loaded.over(background(&model));
    let vae = matches!(&model, EvalSubject::Run(saved, _) if saved.config.vae.is_some());
    let mut folder = None;
    let source: &mut dyn ImageSource = match &mut model {
        EvalSubject::Run(_, source) | EvalSubject::File(source) => source,
        EvalSubject::Folder(path) => folder.insert(FolderImages::open(
            path,
            data.height,
            data.channels,
            Colour::default(),
        )?),
    };
    let extractor = args.extractor.as_ref();
    let extractor = extractor.map(|path| OnnxExtractor::open(path, args.extractor_range));
    let extractor = extractor.transpose()?;
    // Said here: the evaluator would miss as many real images first.
    let available = source.available().unwrap_or(usize::MAX);
    if available < evaluation::LEAST {
        return Err(EvaluationError::TooFew {
            what: "generated images",
            needed: evaluation::LEAST,
            found: available,
            advice: "put more into the folder",
        }
        .into());
    }
    refuse_impossible(args, source.classes(), &data, vae)?;
    let usual = match data.digits {
        Some(_) => evaluation::MODE_SAMPLES,
        None => 10_000,
    };
    let options = EvaluationOptions {
        samples: args.samples.unwrap_or(usual).min(available),
        seed: args.seed,
        metrics: metrics(args, &data),
        extractor,
        cache: (!args.no_cache).then(data::cache_dir).transpose()?,
        keep: args.dump_features.is_some(),
        progress: &bar,
    };
    let mut evaluator = Evaluator::new(&data, options)?;
    let mut found = evaluator.evaluate(&args.model.display().to_string(), source)?;
    for note in folder.iter().flat_map(FolderImages::notes) {
        log::warn!("note: {note}");
    }
    if let EvalSubject::Run(saved, _) = &model
        && wants(args, Metric::Likelihood)
        && let Some(learner) = saved.learner()?
    {
        let options = BoundOptions {
            draws: args.draws,
            images: args.bound_pictures.unwrap_or(args.bound_images),
            seed: args.seed,
            progress: &bar,
        };
        let bounds = likelihood_metrics(&learner, &saved.config, &loaded, &options, &evaluator)?;
        found.report.metrics.extend(bounds);
    }
    if let EvalSubject::Run(saved, _) = &model {
        let mut note = format!("step {} of the run", saved.state.step);
        for (_, _, what) in of_a_run(args).iter().filter(|(is, _, _)| *is) {
            note += &format!(", {what}");
        }
        found.report.notes.push(note);
        // The report is on the generator that is exported.
        if !args.raw && !args.first_stage {
            save_metrics(&saved.run, &found.report);
        }
    }
    if let EvalSubject::File(source) = &model
        && args.foreign.range().is_none()
    {
        let range = source.range_of_graph();
        found.report.notes.extend(range.map(range_note));
    }
    // The metrics first: they took the time, whatever becomes of the files.
    if args.json {
        print(&serde_json::to_string(&found.report)?)?;
    } else {
        print(found.report.to_string().trim_end())?;
    }
    if let Some(folder) = &args.dump_features {
        evaluator.dump(&found, folder)?;
    }
    if let Some(folder) = &args.out {
        draw_worst(&found, &data, folder)?;
    }
    Ok(())
}

/// Keeps the metrics in the run's folder, for its report. Of a run that is only to be read they are
/// printed all the same.
fn save_metrics(run: &Path, report: &evaluation::MetricReport) {
    let file = run.join("eval.json");
    let former = std::fs::read(&file).unwrap_or_default();
    let former = serde_json::from_slice(&former).unwrap_or_default();
    let kept = serde_json::to_value(report).map(|report| joined(&former, report));
    let text = serde_json::to_vec_pretty(&kept.unwrap_or_default()).unwrap_or_default();
    if let Err(error) = crate::atomic_file::write_atomic(&file, &text) {
        log::warn!(
            "note: {} cannot be written, so that `dreamlet report` will not show these metrics: {error}",
            file.display()
        );
    }
}

/// The report, and the metrics of the one before that it has not measured again: those of the same
/// nets, measured on the same.
fn joined(former: &Value, mut report: Value) -> Value {
    let agree = |old: &Value, new: &Value| {
        let (old, new) = (&old["stamp"], &new["stamp"]);
        let same = |key: &str| old[key] == new[key];
        let extractors = [&old["extractor"], &new["extractor"]];
        let keys = ["data", "fingerprint", "shape", "seed"];
        keys.into_iter().all(same)
            && (same("extractor") || extractors.into_iter().any(Value::is_null))
    };
    if former["notes"] == report["notes"]
        && let Some(old) = former["figures"].as_array()
        && let Some(new) = report["figures"].as_array_mut()
    {
        let measured = new.clone();
        let other = |old: &&Value| {
            let mut measured = measured.iter();
            measured.all(|new| old["key"] != new["key"] && agree(old, new))
        };
        new.extend(old.iter().filter(other).cloned());
    }
    report
}

/// Before the work and not after it.
fn make_folder(folder: &Path) -> Result<(), EvaluationError> {
    std::fs::create_dir_all(folder).map_err(|error| EvaluationError::Write {
        path: folder.to_owned(),
        reason: format!("{error}; choose another folder"),
    })
}

/// The metrics of `--metrics`, or all that can be measured.
fn metrics(args: &EvalArgs, data: &Dataset) -> Vec<Metric> {
    if !args.metrics.is_empty() {
        return args.metrics.clone();
    }
    if args.extractor.is_some() || evaluation::classifiable(data) {
        return Metric::all().collect();
    }
    let of_pixels = Metric::all().filter(|metric| !metric.needs_features());
    if data.digits.is_some() {
        return of_pixels.collect();
    }
    log::warn!(
        "note: {} has no labels to train a classifier on, so these are the metrics of pixels; --extractor FILE.onnx gives the others, and so does a sub-folder for each class",
        data.name
    );
    of_pixels.collect()
}

fn wants(args: &EvalArgs, metric: Metric) -> bool {
    args.metrics.is_empty() || args.metrics.contains(&metric)
}

/// A metric of `--metrics` must not be missing in silence.
fn refuse_impossible(
    args: &EvalArgs,
    classes: usize,
    data: &Dataset,
    vae: bool,
) -> Result<(), EvaluationError> {
    let foreign = args.extractor.is_some();
    use Metric::{ClassAccuracy, InceptionScore, Likelihood, Modes, MsSsim};
    let asked = |metric: &Metric| args.metrics.contains(metric);
    let some = [InceptionScore, ClassAccuracy, MsSsim, Likelihood, Modes];
    for metric in some.into_iter().filter(asked) {
        let needs = match metric {
            InceptionScore if foreign => "the classifier's probabilities: leave --extractor out",
            ClassAccuracy if classes == 0 || foreign => {
                "a conditional generator, and the classifier instead of --extractor"
            }
            MsSsim if data.height < 11 => "images of at least 11 pixels a side",
            Likelihood if !vae => "a run folder of a VAE: a file holds the decoder alone",
            Modes if data.digits.is_none() => "the data set stacked-mnist",
            _ => continue,
        };
        let metric = metric.name();
        return Err(EvaluationError::NotPossible { metric, needs });
    }
    Ok(())
}

/// The flags for runs: whether they are given, and what they choose.
fn of_a_run(args: &EvalArgs) -> [(bool, &'static str, &'static str); 3] {
    [
        (args.best, "--best", "the best checkpoint"),
        (args.raw, "--raw", "not averaged"),
        (args.first_stage, "--first-stage", "the first stage alone"),
    ]
}

/// A flag for runs, where there is none.
fn of_a_run_only(args: &EvalArgs) -> CliResult {
    match of_a_run(args).into_iter().find(|(is, _, _)| *is) {
        Some((_, flag, _)) => Err(format!(
            "{flag} is for a run folder, which {} is not: leave it out",
            args.model.display()
        )
        .into()),
        None => Ok(()),
    }
}

fn open(args: &EvalArgs) -> Result<EvalSubject, Box<dyn std::error::Error>> {
    let path = args.model.to_string_lossy();
    let path = Path::new(path.strip_prefix("folder:").unwrap_or(&path));
    if path.is_dir() && !path.join("config.toml").is_file() && !path.join("state.json").is_file() {
        of_a_run_only(args)?;
        let folders = crate::atomic_file::folders(path).unwrap_or_default();
        let mut runs = folders
            .iter()
            .filter(|run| run.join("config.toml").is_file());
        if let Some(run) = runs.next_back() {
            let (path, run) = (path.display(), run.display());
            return Err(format!(
                "{path} is no run but a folder of runs: name one of them, such as {run}"
            )
            .into());
        }
        return Ok(EvalSubject::Folder(path.to_owned()));
    }
    if path.is_file() && data::is_archive(path) {
        of_a_run_only(args)?;
        return Ok(EvalSubject::Folder(path.to_owned()));
    }
    if path.is_dir() {
        let which = Which {
            best: args.best,
            raw: args.raw,
            first_stage: args.first_stage,
        };
        let saved = Saved::open(path, which)?;
        let source = generator_source(&saved.generator, &saved.config)?;
        return Ok(EvalSubject::Run(Box::new(saved), source));
    }
    of_a_run_only(args)?;
    let assumptions = args.foreign.assumptions();
    let file = read(path, &assumptions.limits).map_err(|error| error.to_string())?;
    let source = FileSource::new(&file, &assumptions);
    let named = |error| format!("{}: {error}", path.display());
    Ok(EvalSubject::File(source.map_err(named)?))
}

/// The colour under what is transparent.
fn background(model: &EvalSubject) -> Colour {
    match model {
        EvalSubject::Run(saved, _) => saved.config.data.background(),
        EvalSubject::File(source) => source.background().map_or(Colour::default(), Colour),
        EvalSubject::Folder(_) => Colour::default(),
    }
}

/// The real images, in the shape of the generated ones.
fn load(
    args: &EvalArgs,
    model: &EvalSubject,
    bar: &Bar,
) -> Result<Dataset, Box<dyn std::error::Error>> {
    let (spec, shape) = match model {
        EvalSubject::Run(saved, source) => {
            let own = saved.config.data.source.parse::<DataSpec>();
            let spec = args.data.clone().map_or(own, Ok)?;
            (Some(spec), Some(source.shape()))
        }
        EvalSubject::File(source) => (args.data.clone(), Some(source.shape())),
        EvalSubject::Folder(_) => (args.data.clone(), None),
    };
    if shape.is_some() && (args.size.is_some() || args.channels.is_some()) {
        let why = "--size and --channels are for a folder of images: a generator has its own";
        return Err(why.into());
    }
    let options = LoadOptions {
        size: shape.map_or(args.size, |[_, height, _]| Some(height)),
        channels: match model {
            // Its nets have alpha, and the images of its generator are seen without.
            EvalSubject::Run(saved, _) => Some(saved.config.data.channels),
            _ => shape.map_or(args.channels, |[channels, _, _]| Some(channels)),
        },
        background: background(model),
        no_cache: args.no_cache,
        progress: bar,
        ..LoadOptions::default()
    };
    let spec = spec.ok_or(EvaluationError::NoData)?;
    let mut data = data::load(&spec, &options)?;
    if let (EvalSubject::Folder(_), DataSpec::Folder(path)) = (model, &spec)
        && data.split_here
    {
        // Nothing was trained on the one or the other: a tenth would be too few.
        data.hold_back_half();
        data.notes.push(format!(
            "compared with half of the images of {}, chosen evenly; the other half tells how near real images are to each other",
            path.display()
        ));
    }
    for note in &data.notes {
        log::warn!("note: {note}");
    }
    Ok(data)
}

/// Writes the images nearest to training images, each left of its neighbour.
fn draw_worst(found: &Evaluation, data: &Dataset, folder: &Path) -> CliResult {
    if found.worst.is_empty() {
        return Ok(());
    }
    let shape = Shape::new(data.channels, data.height, data.width)?;
    let mut images = Vec::new();
    for worst in &found.worst {
        for planar in [Some(&worst.pixels[..]), data.train.image(worst.training)] {
            images.push(chw_to_hwc(planar.unwrap_or_default(), shape));
        }
    }
    let path = folder.join("memorization.png");
    let sheet = grid(&images, shape, Some(8), 2)?;
    save_png(&enlarge(&sheet, (112 / data.height.max(1)).max(1))?, &path)?;
    log::info!(
        "wrote {}: {} generated images, each left of its nearest training image",
        path.display(),
        found.worst.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report(step: u64, metrics: &[(&str, f64, u64)]) -> Value {
        let metrics = metrics.iter().map(|(key, value, seed)| {
            json!({"key": key, "value": value, "stamp": {"data": "glyphs", "seed": seed, "extractor": null}})
        });
        json!({"figures": metrics.collect::<Vec<_>>(), "notes": [format!("step {step}")]})
    }

    #[test]
    fn figures_that_were_not_measured_again_stay_where_they_are_of_the_same() {
        let former = report(9, &[("recall", 0.5, 0), ("coverage", 0.6, 0)]);
        let new = |step, seed| report(step, &[("recall", 0.7, seed)]);
        let both = report(9, &[("recall", 0.7, 0), ("coverage", 0.6, 0)]);
        assert_eq!(joined(&former, new(9, 0)), both);
        assert_eq!(joined(&former, new(10, 0)), new(10, 0));
        assert_eq!(joined(&former, new(9, 1)), new(9, 1));
        assert_eq!(joined(&Value::Null, new(9, 0)), new(9, 0));
    }
}
