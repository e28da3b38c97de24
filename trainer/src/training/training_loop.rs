//! A run from its first step to its end, and from a checkpoint to its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use burn::tensor::{Device, Int, Tensor, TensorData};
use dreamlet_runtime::image::PixelRange;

use super::checkpoint::{self, State};
use super::data_mark::{DataMark, difference};
use super::diagnostics::{Judged, Watch};
use super::error::TrainError;
use super::evaluating::Evaluating;
use super::latent_use;
use super::learner::{Batch, Learner, StepContext};
use super::loss_buffer::Window;
use super::progress::{Progress, Standing};
use super::run::{RunFolder, environment, read_config, write_config};
use super::score;
use crate::atomic_file::write_atomic;
use crate::config::{Config, TrainingConfig};
use crate::data::{Augment, Batches, Dataset, Position, gather};
use crate::device::DeviceChoice;
use crate::evaluation::classifiable;
use crate::report::samples;
use crate::stderr::say;

/// Set to end a run after its current step, with a checkpoint.
pub type StopFlag = Arc<AtomicBool>;

/// How to train, apart from what.
#[derive(Clone, Debug, Default)]
pub struct TrainOptions {
    /// Folder that holds the run folders.
    pub out: PathBuf,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// Ends the run early.
    pub stop: StopFlag,
    /// No progress on standard error.
    pub quiet: bool,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It did all it was configured to do.
    Finished,
    /// Somebody asked it to stop.
    Stopped,
    /// Its quality had not become better for as long as it was to wait.
    Patience,
    /// All generated images were alike.
    Collapsed,
}

/// What a run left behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The run folder.
    pub run: PathBuf,
    /// The last checkpoint.
    pub checkpoint: PathBuf,
    /// Why it ended.
    pub ending: Ending,
    /// Where it stands.
    pub state: State,
    /// KL of each latent dimension of a VAE in nats, mean over test images; none of a GAN, or of a run that was asked to stop.
    pub latent_use: Option<Vec<f64>>,
    /// Steps trained now; none when a resumed run had come to its end before.
    pub steps: u64,
}

/// Steps between two read-backs of the losses.
const READ_EVERY: usize = 10;

/// Images in `samples/` and `reals.png`.
const IMAGES: u64 = 64;

/// Trains from the first step in a new run folder under `options.out`.
///
/// # Errors
/// [`TrainError`]; what was trained until the last checkpoint stays.
pub fn train(
    config: &Config,
    data: &Dataset,
    options: &TrainOptions,
) -> Result<Outcome, TrainError> {
    let (device, name) = options.device.open()?;
    check_data(config, data)?;
    let mut run = RunFolder::create(&options.out, config)?;
    let file = run.path().join("environment.json");
    let environment = serde_json::to_vec_pretty(&environment(name)).unwrap_or_default();
    write_atomic(&file, &environment).map_err(TrainError::file(&file, "writing"))?;
    samples::reals(data, IMAGES, &run.path().join("reals.png")).map_err(TrainError::Image)?;
    run.log(&format!("new run on {name}"));
    for note in &data.notes {
        run.log(&format!("note: {note}"));
    }
    for file in &data.broken {
        run.log(&format!(
            "skipped: {}: {}",
            file.path.display(),
            file.reason
        ));
    }
    let state = beginning(config, data, DataMark::of(data));
    Session::new(config, data, options, run, device, state)?.go()
}

/// Where a run begins.
fn beginning(config: &Config, data: &Dataset, mark: DataMark) -> State {
    State {
        augment: config.gan.as_ref().map_or(0.0, |gan| gan.augment),
        classes: data.classes.clone(),
        data: Some(mark),
        ..State::default()
    }
}

/// Goes on with the newest whole checkpoint of `path`, bit for bit on the CPU.
///
/// `config` is the run's own configuration, perhaps with other limits, which become the run's.
///
/// # Errors
/// [`TrainError`]. A run without any checkpoint begins again at step 0; one whose checkpoints are all damaged, or whose
/// data are others now, is left as it is.
pub fn resume(
    path: &Path,
    config: &Config,
    data: &Dataset,
    options: &TrainOptions,
) -> Result<Outcome, TrainError> {
    let (device, name) = options.device.open()?;
    let former = read_config(path)?;
    let mut run = RunFolder::open(path)?;
    let (newest, _) = checkpoint::newest(path)?;
    let mark = DataMark::of(data);
    if let Some((_, state)) = &newest
        && let Some(difference) = difference(state, &mark, data)
    {
        return Err(TrainError::OtherData {
            run: path.to_owned(),
            source: config.data.source.clone(),
            difference,
        });
    }
    check_data(config, data)?;
    // Only from here on is anything of the run changed.
    for line in checkpoint::tidy(path)? {
        run.log(&line);
        say!("{line}");
    }
    if former != *config {
        write_config(path, config)?;
        run.log(&format!(
            "limits: {}, before: {}",
            limits(&config.training),
            limits(&former.training)
        ));
    }
    let state = if let Some((_, state)) = &newest {
        State {
            data: Some(mark),
            ..state.clone()
        }
    } else {
        let line = format!(
            "{} has no checkpoint: it begins again at step 0",
            path.display()
        );
        run.log(&line);
        say!("{line}");
        beginning(config, data, mark)
    };
    run.log(&format!("resumed at step {} on {name}", state.step));
    run.rewind(state.step)?;
    let mut session = Session::new(config, data, options, run, device, state.clone())?;
    if let Some((folder, _)) = newest {
        checkpoint::load(&folder, &state, &mut session.learner)?;
        session.saved = Some(state.step);
    }
    session.go()
}

/// The limits that there are, in words.
fn limits(t: &TrainingConfig) -> String {
    let all = [
        ("epochs", t.epochs),
        ("steps", t.steps),
        ("seconds", t.seconds),
    ];
    let given = all.iter().filter(|(_, limit)| *limit > 0);
    let words: Vec<String> = given
        .map(|(name, limit)| format!("{limit} {name}"))
        .collect();
    words.join(", ")
}

/// Labels of the images `which` as class numbers `[N]`; `None` for an unconditional model.
fn labels(
    config: &Config,
    labels: Option<&[u16]>,
    which: impl Iterator<Item = usize>,
    device: &Device,
) -> Option<Tensor<1, Int>> {
    let labels = labels.filter(|_| config.model.classes > 0)?;
    let values: Vec<i64> = which
        .map(|index| labels.get(index).copied().map_or(0, i64::from))
        .collect();
    let count = values.len();
    Some(Tensor::from_data(TensorData::new(values, [count]), device))
}

fn check_data(config: &Config, data: &Dataset) -> Result<(), TrainError> {
    let (wanted, labelled) = (config.model.classes, data.train.labels().is_some());
    let found = if labelled { data.classes.len() } else { 0 };
    if wanted > 0 && wanted != found {
        return Err(TrainError::Classes { wanted, found });
    }
    let best_by = config.training.best_by;
    if best_by.needs_labels() && !classifiable(data) {
        return Err(TrainError::BestByNeedsLabels {
            figure: best_by.name(),
            data: data.name.clone(),
        });
    }
    let (found, batch) = (data.train.len(), config.optimizer.batch);
    if found < batch {
        Err(TrainError::TooFewImages { found, batch })
    } else {
        Ok(())
    }
}

pub(super) struct Session<'a> {
    pub(super) config: &'a Config,
    pub(super) options: &'a TrainOptions,
    pub(super) run: RunFolder,
    pub(super) learner: Learner,
    pub(super) data: &'a Dataset,
    pub(super) batches: Batches,
    pub(super) pixels: Vec<f32>,
    pub(super) test: Batch,
    pub(super) device: Device,
    pub(super) training_device: Device,
    pub(super) state: State,
    pub(super) window: Window,
    pub(super) progress: Progress,
    pub(super) saved: Option<u64>,
    pub(super) evaluating: Option<Evaluating<'a>>,
    pub(super) watch: Watch,
    pub(super) collapsed: bool,
}

impl<'a> Session<'a> {
    fn new(
        config: &'a Config,
        data: &'a Dataset,
        options: &'a TrainOptions,
        run: RunFolder,
        device: Device,
        state: State,
    ) -> Result<Self, TrainError> {
        let training_device = device.clone().autodiff();
        let missing = || TrainError::NotARun {
            path: run.path().to_owned(),
            missing: "config.toml has neither [gan] nor [vae]".to_owned(),
        };
        let learner = Learner::new(config, &training_device).ok_or_else(missing)?;
        let rows = data.test.len().min(score::IMAGES);
        let image = data.channels * data.height * data.width;
        let pixels = data.test.pixels().get(..rows * image).unwrap_or_default();
        let test_pixels = score::tensor(
            pixels,
            [rows, data.channels, data.height, data.width],
            config.model.output.range(),
            &device,
        );
        let test = Batch {
            pixels: test_pixels,
            classes: labels(config, data.test.labels(), 0..rows, &device),
        };
        let position = Position {
            epoch: state.epoch,
            index: state.position,
        };
        let batches = Batches::resume(
            config.training.seed,
            data.train.len(),
            config.optimizer.batch,
            position,
        )?;
        let evaluating = Evaluating::new(config, data, options.quiet)?;
        let progress = Progress::new(options.quiet);
        Ok(Self {
            config,
            options,
            run,
            learner,
            data,
            batches,
            pixels: Vec::new(),
            test,
            device,
            training_device,
            state,
            window: Window::default(),
            progress,
            saved: None,
            evaluating,
            watch: Watch::default(),
            collapsed: false,
        })
    }

    fn go(mut self) -> Result<Outcome, TrainError> {
        let before = Duration::from_secs_f64(self.state.seconds.max(0.0));
        let start = Instant::now();
        let (first_step, first_images) = (self.state.step, self.state.images);
        let mut last_stats = (Instant::now(), self.state.images);
        if self.state.step == 0 {
            self.images()?;
        }
        let ending = loop {
            self.state.seconds = (before + start.elapsed()).as_secs_f64();
            let patience = self.config.training.patience;
            if self.collapsed {
                break Ending::Collapsed;
            }
            if patience > 0 && self.state.stale >= patience {
                break Ending::Patience;
            }
            if self.finished() {
                break Ending::Finished;
            }
            if self.options.stop.load(Ordering::Relaxed) {
                break Ending::Stopped;
            }
            self.step();
            let t = &self.config.training;
            let due = |every: u64| every > 0 && self.state.step.is_multiple_of(every);
            let (log, sample, evaluate) =
                (due(t.log_every), due(t.sample_every), due(t.eval_every));
            let save = due(t.checkpoint_every) || evaluate;
            if self.window.pending() >= READ_EVERY || log || save || sample {
                self.read()?;
                let seconds = start.elapsed().as_secs_f64().max(1e-9);
                #[allow(clippy::cast_precision_loss)]
                let rate = (self.state.images - first_images) as f64 / seconds;
                self.show(rate, self.state.step - first_step, start.elapsed());
            }
            if log || save {
                self.state.seconds = (before + start.elapsed()).as_secs_f64();
                self.write_stats(&mut last_stats)?;
            }
            if sample {
                self.images()?;
            }
            if evaluate {
                self.evaluate()?;
            } else if save {
                self.save()?;
            }
        };
        self.read()?;
        let checkpoint = if self.saved == Some(self.state.step) {
            checkpoint::folder(self.run.path(), self.state.step)
        } else if self.evaluating.is_some() {
            self.evaluate()?
        } else {
            self.save()?
        };
        if !self
            .state
            .step
            .is_multiple_of(self.config.training.sample_every)
        {
            self.images()?;
        }
        let latent_use = match ending {
            // Who stops a run wants it to end.
            Ending::Stopped => Ok(None),
            _ => self.learner.latent_use(self.config, self.data),
        };
        let latent_use = match latent_use {
            Ok(found) => found,
            Err(reason) => {
                self.run.log(&format!("use of the latents: {reason}"));
                None
            }
        };
        if let Some(found) = &latent_use {
            self.run.log(&latent_use::in_words(found));
        }
        self.progress.done();
        self.run.log(&format!(
            "{ending:?} at step {} after {:.1} s",
            self.state.step, self.state.seconds
        ));
        Ok(Outcome {
            run: self.run.path().to_owned(),
            checkpoint,
            ending,
            latent_use,
            steps: self.state.step - first_step,
            state: self.state,
        })
    }

    fn steps_per_epoch(&self) -> u64 {
        (self.batches.per_epoch() as u64 / Learner::batches_per_step(self.config)).max(1)
    }

    /// How much is done, from 0 to 1, by whichever limit is nearest; 1 is the end.
    #[allow(clippy::cast_precision_loss)]
    fn fraction(&self) -> f64 {
        let t = &self.config.training;
        let part = |done: f64, limit: u64| if limit == 0 { 0.0 } else { done / limit as f64 };
        let total = t.epochs.saturating_mul(self.steps_per_epoch());
        part(self.state.step as f64, total)
            .max(part(self.state.step as f64, t.steps))
            .max(part(self.state.seconds, t.seconds))
    }

    /// How far schedules are: by steps alone, so that the clock changes no image.
    #[allow(clippy::cast_precision_loss)]
    fn schedule_fraction(&self) -> f64 {
        let t = &self.config.training;
        let epochs = t.epochs.saturating_mul(self.steps_per_epoch());
        let total = [epochs, t.steps].into_iter().filter(|n| *n > 0).min();
        total.map_or(0.0, |total| self.state.step as f64 / total as f64)
    }

    fn finished(&self) -> bool {
        self.fraction() >= 1.0
    }

    fn step(&mut self) {
        let moment = StepContext {
            fraction: self.schedule_fraction(),
            augment: self.state.augment,
        };
        let names = self.learner.stats(moment);
        let (data, batches, pixels, device) = (
            self.data,
            &mut self.batches,
            &mut self.pixels,
            &self.training_device,
        );
        let (low, high) = self.config.model.output.range();
        let seed = self.config.training.seed;
        let augment = Augment {
            flip: self.config.data.flip,
            shift: self.config.data.shift,
            binarize: self.config.data.binarize,
        };
        let config = self.config;
        let stats = self.learner.step(self.state.step, moment, &mut || {
            let batch = batches.next_batch();
            let which = batch.indices.iter().map(|index| *index as usize);
            let classes = labels(config, data.train.labels(), which, device);
            let range = PixelRange { low, high };
            let rows = gather(data, &batch, augment, seed, range, pixels);
            let shape = [rows, data.channels, data.height, data.width];
            let pixels = TensorData::new(std::mem::take(pixels), shape);
            Batch {
                pixels: Tensor::from_data(pixels, device),
                classes,
            }
        });
        self.state.step += 1;
        let position = self.batches.position();
        (self.state.epoch, self.state.position) = (position.epoch, position.index);
        self.state.images +=
            Learner::batches_per_step(self.config) * self.config.optimizer.batch as u64;
        self.window.push(self.state.step, names, stats);
    }

    fn read(&mut self) -> Result<(), TrainError> {
        let Err(bad) = self.window.read() else {
            self.adapt();
            return Ok(());
        };
        let (step, losses) = (bad.step, bad.losses.to_string());
        Err(self.no_longer_finite(step, losses))
    }

    /// Tells and logs the end of a run whose numbers have become NaN or infinite.
    pub(super) fn no_longer_finite(&mut self, step: u64, losses: String) -> TrainError {
        self.progress.done();
        let checkpoint = checkpoint::newest(self.run.path()).ok();
        let error = TrainError::NonFinite {
            step,
            losses,
            checkpoint: checkpoint.and_then(|(newest, _)| Some(newest?.0)),
        };
        self.run.log(&error.to_string());
        error
    }

    /// Moves the probability of augmentation towards where the discriminator is as sure of real images as it may be: by as much as
    /// goes from 0 to 1 in half a million images (Karras et al. 2020, section 3.1).
    fn adapt(&mut self) {
        let target = self
            .config
            .gan
            .as_ref()
            .map_or(0.0, |gan| gan.augment_target);
        if target <= 0.0 {
            return;
        }
        #[allow(clippy::cast_precision_loss)]
        let images =
            (self.config.optimizer.batch as u64 * Learner::batches_per_step(self.config)) as f64;
        for step in self.window.lately() {
            let Some(sure) = step.get("d_sign") else {
                continue;
            };
            let change = (sure - target).signum() * images / 500_000.0;
            self.state.augment = (self.state.augment + change).clamp(0.0, 0.8);
        }
    }

    fn show(&mut self, rate: f64, steps: u64, elapsed: Duration) {
        let fraction = self.fraction();
        #[allow(clippy::cast_precision_loss)]
        let begun = if self.state.step == 0 {
            0.0
        } else {
            fraction * (1.0 - steps as f64 / self.state.step as f64)
        };
        let left = (fraction - begun > 1e-9)
            .then(|| elapsed.mul_f64(((1.0 - fraction) / (fraction - begun)).clamp(0.0, 1e6)));
        let means = self.window.means();
        let standing = Standing {
            step: self.state.step,
            epoch: self.state.epoch,
            rate,
            losses: &means,
            fraction,
            left,
        };
        self.progress.show(&standing);
    }

    fn write_stats(&mut self, last: &mut (Instant, u64)) -> Result<(), TrainError> {
        if self.window.is_empty() {
            return Ok(());
        }
        #[allow(clippy::cast_precision_loss)]
        let rate = (self.state.images - last.1) as f64 / last.0.elapsed().as_secs_f64().max(1e-9);
        let mut line = serde_json::Map::new();
        line.insert("step".into(), self.state.step.into());
        line.insert("epoch".into(), self.state.epoch.into());
        line.insert("images".into(), self.state.images.into());
        line.insert("seconds".into(), self.state.seconds.into());
        line.insert("images_per_second".into(), rate.into());
        let means = self.window.means();
        for (name, value) in &means {
            line.insert((*name).to_owned(), (*value).into());
        }
        if self
            .config
            .gan
            .as_ref()
            .is_some_and(|gan| gan.augment_target > 0.0)
        {
            line.insert("augment".into(), self.state.augment.into());
        }
        self.run.stats(&line.into())?;
        if let Some(judged) = Judged::of(&means) {
            let message = self
                .watch
                .discriminator(self.state.step, judged, self.config);
            self.warn(message);
        }
        self.window.clear();
        *last = (Instant::now(), self.state.images);
        Ok(())
    }

    fn images(&mut self) -> Result<(), TrainError> {
        let path = self
            .run
            .path()
            .join("samples")
            .join(format!("{:06}.png", self.state.step));
        samples::fakes(
            &self.learner.generator(),
            self.config,
            IMAGES,
            &self.device,
            &path,
        )
        .map_err(TrainError::Image)
    }
}
