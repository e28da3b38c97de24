//! A generator as a run saved it, ready to export or to compare with.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};

use super::batch::class_tensor;
use super::checkpoint::{self, State};
use super::error::TrainError;
use super::learner::Learner;
use super::records::load_module;
use super::run::read_config;
use crate::config::Config;
use crate::nets::Generator;

/// The generator of one checkpoint.
#[derive(Debug)]
pub struct Saved {
    pub run: PathBuf,
    pub config: Config,
    /// Where the checkpoint stands.
    pub state: State,
    /// The generator (its EMA, where one was kept), on the CPU, without gradients.
    pub generator: Generator,
    /// The checkpoint's folder.
    checkpoint: PathBuf,
    pub(super) which: Which,
}

/// Which generator of a run is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// Of the checkpoint with the best score instead of the newest.
    pub best: bool,
    /// The generator itself instead of its EMA.
    pub raw: bool,
    /// The first stage alone of a two-stage VAE.
    pub first_stage: bool,
}

impl Saved {
    /// Opens a run folder's newest (or best) checkpoint, or the checkpoint folder that `path`
    /// names.
    pub fn open(path: &Path, which: Which) -> Result<Self, TrainError> {
        let missing = |missing: &str| TrainError::NotARun {
            path: path.to_owned(),
            missing: missing.to_owned(),
        };
        let (run, of_run) = if path.join("state.json").is_file() {
            let run = path.ancestors().nth(2);
            let run = run.filter(|run| run.join("config.toml").is_file());
            let lost =
                "the checkpoint does not lie in RUN/checkpoints, where RUN has a config.toml";
            (run.ok_or_else(|| missing(lost))?, false)
        } else {
            (path, true)
        };
        let config = read_config(run)?;
        if which.first_stage && config.second_hidden().is_none() {
            let path = run.to_owned();
            return Err(TrainError::NoSecondStage { path });
        }
        let open = |folder: &Path, state: &State| generator(&config, which, folder, state);
        let opened = |folder: &Path| -> Result<_, TrainError> {
            let state = checkpoint::read_state(folder)?;
            let generator = open(folder, &state)?;
            Ok(((folder.to_owned(), state), generator))
        };
        let ((checkpoint, state), generator) = if !of_run {
            opened(path)?
        } else if which.best {
            let best = checkpoint::best(run);
            let step = best
                .ok_or_else(|| missing("it has no scored checkpoint yet"))?
                .step;
            opened(&checkpoint::folder(run, step)).map_err(|e| TrainError::BestCheckpoint {
                run: run.to_owned(),
                step,
                message: e.to_string(),
            })?
        } else {
            let (newest, damaged) = checkpoint::newest_that(run, open)?;
            for message in damaged {
                log::info!("skipped: {message}");
            }
            let none = "it has no checkpoint yet; train it further with --resume";
            newest.ok_or_else(|| missing(none))?
        };
        Ok(Self {
            run: run.to_owned(),
            config,
            state,
            generator,
            checkpoint,
            which,
        })
    }

    /// All nets of the checkpoint (of its first stage, where that alone is meant), on the CPU;
    /// `None` for a configuration without a family.
    pub fn learner(&self) -> Result<Option<Learner>, TrainError> {
        let Some(mut learner) = Learner::new(&self.config, &Device::flex().autodiff()) else {
            return Ok(None);
        };
        checkpoint::load(&self.checkpoint, &self.state, &mut learner)?;
        if self.which.first_stage {
            learner.first_stage();
        }
        Ok(Some(learner))
    }

    /// Data set and configuration in one word, such as `mnist-dcgan`.
    pub fn name(&self) -> String {
        let folder = self.run.file_name().unwrap_or_default().to_string_lossy();
        let rest = folder.split_once('-').map(|(_, rest)| rest);
        rest.unwrap_or(&folder).to_owned()
    }

    /// Images of `rows` latents, of a conditional generator with as many classes, flattened
    /// `[rows, C, H, W]`.
    pub fn generate(
        &self,
        latents: &[f32],
        classes: Option<&[i64]>,
        rows: usize,
    ) -> Result<Vec<f32>, String> {
        let z = self.config.model.latent;
        if latents.len() != rows * z {
            return Err(format!(
                "{rows} latents of {z} elements are {} elements, found {}",
                rows * z,
                latents.len()
            ));
        }
        let device = Device::flex();
        let latents = TensorData::new(latents.to_vec(), [rows, z]);
        let latents = Tensor::from_data(latents, &device);
        if let Some(classes) = classes.filter(|classes| classes.len() != rows) {
            return Err(format!("{rows} latents, but {} classes", classes.len()));
        }
        let classes = classes.map(|classes| class_tensor(classes.iter().copied(), &device));
        let images = self.generator.forward(latents, classes).into_data();
        images.try_to_vec::<f32>().map_err(|e| format!("{e:?}"))
    }
}

/// The generator that is meant of a checkpoint.
fn generator(
    config: &Config,
    which: Which,
    checkpoint: &Path,
    state: &State,
) -> Result<Generator, TrainError> {
    let with_ema = !which.raw && state.files.contains_key("average.bpk");
    let part = if with_ema { "average" } else { "generator" };
    let bytes = checkpoint::read_part(checkpoint, state, part)?;
    let empty = Generator::new(config, &Device::flex());
    let generator = load_module(empty, bytes).map_err(TrainError::checkpoint(checkpoint))?;
    Ok(match which.first_stage {
        true => generator.first_stage(),
        false => generator,
    })
}
