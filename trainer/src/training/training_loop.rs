//! The loop of a run: steps until a limit, and what is due after each.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;

use super::batch::StepContext;
use super::checkpoint::Whole;
use super::clock::Clock;
use super::error::TrainError;
use super::feed::Feed;
use super::journal::Journal;
use super::keeper::{Keeper, Trainee};
use super::latent_use;
use super::learner::Learner;
use super::loss_buffer::Losses;
use super::run::RunFolder;
use super::sample_sheets::SampleSheets;
use super::state::State;
use crate::config::Config;
use crate::data::Dataset;
use crate::device::DeviceChoice;

/// Set to end a run after its current step, with a checkpoint.
pub(crate) type StopFlag = Arc<AtomicBool>;

/// How to train, apart from what.
#[derive(Clone, Debug, Default)]
pub struct TrainOptions {
    /// Folder that holds the run folders.
    pub out: PathBuf,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// Trains on a GPU that does not compute what the CPU computes, too.
    pub trust_device: bool,
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
    /// Somebody stopped it.
    Stopped,
    /// Its quality had not become better for as long as it was to wait.
    Patience,
    /// All generated images were alike.
    Collapsed,
}

/// What a run left behind.
#[derive(Clone, Debug)]
pub struct TrainOutcome {
    pub run: PathBuf,
    pub checkpoint: PathBuf,
    pub ending: Ending,
    pub state: State,
    /// KL of each latent dimension of a VAE in nats, mean over test images; none of a GAN, or of a
    /// run that was stopped.
    pub latent_use: Option<Vec<f64>>,
    /// Steps trained now; none when a resumed run had come to its end before.
    pub steps: u64,
}

/// A run that trains in this process.
pub(super) struct Session<'a> {
    config: &'a Config,
    data: &'a Dataset,
    stop: &'a StopFlag,
    trainee: Trainee<'a>,
    feed: Feed<'a>,
    keeper: Keeper<'a>,
    sheets: SampleSheets<'a>,
}

impl<'a> Session<'a> {
    /// A session at `state`, with new nets. The images are those that are trained on, and the same
    /// as they are seen and measured.
    pub(super) fn new(
        config: &'a Config,
        [data, seen]: [&'a Dataset; 2],
        options: &'a TrainOptions,
        run: RunFolder,
        device: &Device,
        state: State,
    ) -> Result<Self, TrainError> {
        let training_device = device.clone().autodiff();
        let learner =
            Learner::new(config, &training_device).ok_or_else(|| TrainError::NotARun {
                path: run.path().to_owned(),
                missing: "config.toml has neither [gan] nor [vae]".to_owned(),
            })?;
        Ok(Self {
            config,
            data,
            stop: &options.stop,
            feed: Feed::new(config, data, &state, training_device)?,
            keeper: Keeper::new(config, [data, seen], options.quiet, device.clone())?,
            sheets: SampleSheets::new(config, run.path(), device.clone()),
            trainee: Trainee {
                learner,
                state,
                journal: Journal::new(config, run, options.quiet),
            },
        })
    }

    /// A session that goes on with the checkpoint `whole`, at `state`.
    pub(super) fn load(&mut self, (folder, _): &Whole) -> Result<(), TrainError> {
        self.keeper.load(folder, &mut self.trainee)
    }

    /// The run's folder.
    pub(super) fn run(&self) -> &Path {
        self.trainee.journal.run.path()
    }

    /// Trains to the end; on a GPU, with batches that are made meanwhile.
    pub(super) fn go(self) -> Result<TrainOutcome, TrainError> {
        if self.feed.on_cpu() {
            return self.train();
        }
        std::thread::scope(|scope| {
            let feed = self.feed.ahead(scope);
            Session { feed, ..self }.train()
        })
    }

    fn train(mut self) -> Result<TrainOutcome, TrainError> {
        let steps_per_epoch = self.feed.per_epoch() / Learner::batches_per_step(self.config);
        let clock = Clock::start(&self.config.training, steps_per_epoch, &self.trainee.state);
        self.trainee.journal.begin(&self.trainee.state);
        if self.trainee.state.step == 0 {
            self.draw_samples()?;
        }
        let ending = loop {
            self.trainee.state.seconds = clock.seconds();
            if let Some(ending) = self.ending(&clock) {
                break ending;
            }
            self.step(&clock)?;
            let due = clock.due(&self.trainee.state);
            if self.trainee.journal.losses.is_full() || due.log || due.save || due.sample {
                self.read()?;
                self.trainee.journal.show(&self.trainee.state, &clock);
            }
            if due.log || due.save {
                self.trainee.state.seconds = clock.seconds();
                self.trainee.journal.write_stats(&self.trainee.state)?;
            }
            if due.sample {
                self.draw_samples()?;
            }
            if due.evaluate {
                self.keeper.evaluate(&mut self.trainee)?;
            } else if due.save {
                self.keeper.save(&mut self.trainee)?;
            }
        };
        self.finish(ending, &clock)
    }

    /// Why the run ends here, if it does.
    fn ending(&self, clock: &Clock<'_>) -> Option<Ending> {
        let (state, patience) = (&self.trainee.state, self.config.training.patience);
        if self.keeper.collapsed {
            Some(Ending::Collapsed)
        } else if patience > 0 && state.stale >= patience {
            Some(Ending::Patience)
        } else if clock.fraction(state) >= 1.0 {
            Some(Ending::Finished)
        } else if self.stop.load(Ordering::Relaxed) {
            Some(Ending::Stopped)
        } else {
            None
        }
    }

    fn step(&mut self, clock: &Clock<'_>) -> Result<(), TrainError> {
        let Trainee {
            learner,
            state,
            journal,
        } = &mut self.trainee;
        let fraction = clock.schedule_fraction(state);
        let adapts = self.config.gan.as_ref();
        let adapts = adapts.is_some_and(|gan| gan.augment_target > 0.0);
        let context = StepContext {
            fraction,
            augment: match adapts {
                true => state.augment,
                false => self.config.augment_at(fraction),
            },
        };
        let names = learner.stats(context);
        let feed = &mut self.feed;
        let stats = learner.step(state.step, context, &mut || feed.next_batch());
        let position = self.feed.position();
        state.step += 1;
        (state.epoch, state.position) = (position.epoch, position.index);
        state.images += images_per_step(self.config);
        journal.losses.push(state.step, names, stats);
        self.feed.check()
    }

    /// Reads the losses back, and adapts the augmentation to them.
    fn read(&mut self) -> Result<(), TrainError> {
        let losses = self.trainee.journal.read()?;
        let augment = adapted_augment(self.config, self.trainee.state.augment, &losses);
        self.trainee.state.augment = augment;
        Ok(())
    }

    fn draw_samples(&self) -> Result<(), TrainError> {
        let Trainee { learner, state, .. } = &self.trainee;
        self.sheets.draw(&learner.generator(), state.step)
    }

    /// The last losses, checkpoint and samples.
    fn finish(mut self, ending: Ending, clock: &Clock<'_>) -> Result<TrainOutcome, TrainError> {
        self.read()?;
        let checkpoint = self.keeper.last(&mut self.trainee)?;
        let step = self.trainee.state.step;
        if !step.is_multiple_of(self.config.training.sample_every) {
            self.draw_samples()?;
        }
        let latent_use = match ending {
            // Who stops a run wants it to end.
            Ending::Stopped => Ok(None),
            _ => {
                let vae = self.trainee.learner.vae();
                vae.map(|vae| vae.latent_use(self.data)).transpose()
            }
        };
        let latent_use = latent_use.unwrap_or_else(|reason| {
            let run = &mut self.trainee.journal.run;
            run.log(&format!("use of the latents: {reason}"));
            None
        });
        if let Some(found) = &latent_use {
            self.trainee.journal.run.log(&latent_use::in_words(found));
        }
        self.trainee.journal.progress.done();
        let (state, mut run) = (self.trainee.state, self.trainee.journal.run);
        let seconds = state.seconds;
        run.log(&format!("{ending:?} at step {step} after {seconds:.1} s"));
        Ok(TrainOutcome {
            run: run.path().to_owned(),
            checkpoint,
            ending,
            latent_use,
            steps: clock.steps(&state),
            state,
        })
    }
}

fn images_per_step(config: &Config) -> u64 {
    Learner::batches_per_step(config) * config.optimizer.batch as u64
}

/// The probability of augmentation, moved towards where the discriminator is as sure of real images
/// as it may be: by as much as goes from 0 to 1 in half a million images (Karras et al. 2020,
/// section 3.1).
fn adapted_augment(config: &Config, augment: f64, losses: &[Losses]) -> f64 {
    let gan = config.gan.as_ref();
    let target = gan.map_or(0.0, |gan| gan.augment_target);
    if target <= 0.0 {
        return augment;
    }
    let images = images_per_step(config) as f64;
    let signs = losses.iter().filter_map(|step| step.get("d_sign"));
    signs.fold(augment, |augment, sure| {
        let change = (sure - target).signum() * images / 500_000.0;
        (augment + change).clamp(0.0, 0.8)
    })
}
