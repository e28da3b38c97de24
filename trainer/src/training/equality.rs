//! Whether a device computes what the CPU computes: one step of each player on both, from the same
//! bits, before a run trains there. Backends for GPUs have had open reports of silently wrong
//! results.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use burn::tensor::{Bytes, Device, Tensor, TensorData};
use burn_pack::Reader;
use serde::Serialize;

use super::batch::{Batch, StepContext};
use super::checkpoint::{self, Whole};
use super::error::TrainError;
use super::feed::Feed;
use super::learner::Learner;
use super::run::BURN;
use super::state::State;
use crate::config::Config;
use crate::data::Dataset;
use crate::device::{OpenDevice, said};
use crate::random::{Purpose, normals};

/// Largest relative difference that is rounding: sums of some thousand products in other orders,
/// through normalization and penalties.
const TOLERANCE: f64 = 1e-3;
/// The same on CUDA, where burn's tuned products of f32 may be those of TF32, with 10 bits of
/// fraction: half a unit in its last place is 5e-4 in each factor.
const TOLERANCE_OF_TF32: f64 = 1e-2;
/// Most images of the step; it is to take seconds on the CPU.
const IMAGES: usize = 64;
/// A step is not smooth: an activation's input near 0 may be on the other side of it after rounding,
/// and with it the gradients of a row of weights. So where there is a difference the CPU takes the
/// step with weights nudged by this much, too, and twice what that makes is rounding.
const NUDGE: f32 = 3e-6;
/// Steps with nudged weights.
const NUDGES: u64 = 3;
/// Batches that a difference must show on: a device that is wrong is wrong on each.
const TRIES: u64 = 3;
/// Gradients that are so much smaller than the largest of their player are compared with that much
/// of it: a bias before batch normalization has none but rounding.
const SMALL: f64 = 1e-3;

/// What was compared, and how it differs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Equality {
    device: String,
    dreamlet: &'static str,
    burn: &'static str,
    tolerance: f64,
    seconds: f64,
    /// Generated images, before the step.
    images: Apart,
    /// Losses and other numbers of the step, relative to numbers above 1.
    losses: BTreeMap<String, Apart>,
    /// In the order of the layers, each player by itself.
    parameters: Vec<ParameterDifference>,
}

/// How far apart two devices are: the root of the mean squared difference, relative to that of what
/// the CPU computes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Apart {
    difference: f64,
    /// What may be rounding.
    allowed: f64,
}

impl Apart {
    fn is_too_far(self) -> bool {
        // NaN is.
        !matches!(
            self.difference.partial_cmp(&self.allowed),
            Some(Ordering::Less | Ordering::Equal)
        )
    }

    /// Allows twice what nudges make.
    fn allow(&mut self, nudged: Self) {
        self.allowed = self.allowed.max(2.0 * nudged.difference);
    }
}

/// One parameter, or a running statistic, which has no gradient.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct ParameterDifference {
    name: String,
    operation: &'static str,
    gradient: Option<Apart>,
    value: Apart,
}

impl Equality {
    /// Takes the step that comes next at `state`, of new nets or of those of a checkpoint.
    ///
    /// # Errors
    /// What cannot be read of the checkpoint.
    pub(crate) fn of(
        config: &Config,
        data: &Dataset,
        state: &State,
        from: Option<&Whole>,
        device: &OpenDevice,
    ) -> Result<Self, TrainError> {
        let (begin, name) = (Instant::now(), device.to_string());
        let mut config = config.clone();
        config.optimizer.batch = config.optimizer.batch.min(IMAGES);
        if let Some(gan) = &mut config.gan {
            gan.discriminator_steps = 1;
        }
        let cpu = Device::flex().autodiff();
        let gpu = device.device.clone().autodiff();
        let mut feed = Feed::new(&config, data, &State::default(), cpu.clone())?;
        let tolerance = match device.is_cuda() {
            true => TOLERANCE_OF_TF32,
            false => TOLERANCE,
        };
        let step = |device: &Device, batch: &Batch, number: u64, nudge: Option<u64>| {
            let failed = |reason| TrainError::Unproven {
                device: name.clone(),
                reason,
            };
            let learner = Learner::new(&config, device);
            let mut learner = learner.ok_or_else(|| failed("there is no model".to_owned()))?;
            if let Some((folder, _)) = from {
                checkpoint::load(folder, state, &mut learner)?;
            }
            if let Some(seed) = nudge {
                learner.nudge(NUDGE, seed);
            }
            let at = State {
                step: state.step.wrapping_add(number),
                ..state.clone()
            };
            let outcome = || Outcome::of(&config, &at, &mut learner, batch, device);
            said(outcome).and_then(|outcome| outcome).map_err(failed)
        };
        let proof = |batch: &Batch, number: u64| -> Result<Self, TrainError> {
            let right = step(&cpu, batch, number, None)?;
            let found = step(&gpu, batch, number, None)?;
            let mut equality = Self::between(&config, &right, &found, tolerance);
            if equality.first_difference().is_some() {
                for seed in 0..NUDGES {
                    let nudged = step(&cpu, batch, number, Some(seed))?;
                    equality.allow(&Self::between(&config, &right, &nudged, tolerance));
                }
            }
            Ok(equality)
        };
        let mut equality = proof(&feed.next_batch(), 0)?;
        for number in 1..TRIES {
            if equality.first_difference().is_none() {
                break;
            }
            equality = proof(&feed.next_batch(), number)?;
        }
        Ok(Self {
            device: name.clone(),
            seconds: begin.elapsed().as_secs_f64(),
            ..equality
        })
    }

    /// Allows as much as nudges make.
    fn allow(&mut self, nudged: &Self) {
        self.images.allow(nudged.images);
        for (mine, nudged) in self.losses.values_mut().zip(nudged.losses.values()) {
            mine.allow(*nudged);
        }
        for (mine, nudged) in self.parameters.iter_mut().zip(&nudged.parameters) {
            mine.value.allow(nudged.value);
            if let (Some(mine), Some(nudged)) = (&mut mine.gradient, nudged.gradient) {
                mine.allow(nudged);
            }
        }
    }

    /// What two devices gave.
    fn between(config: &Config, right: &Outcome, found: &Outcome, tolerance: f64) -> Self {
        let compared = |difference| Apart {
            difference,
            allowed: tolerance,
        };
        let pairs = right.losses.iter().zip(&found.losses);
        let losses = pairs.map(|((name, right), (_, found))| {
            let difference = (right - found).abs() / right.abs().max(1.0);
            ((*name).to_owned(), compared(difference))
        });
        let floor = |values: &BTreeMap<String, Vec<f32>>| {
            let sizes = values.values().map(|values| size(values));
            sizes.fold(0.0, f64::max)
        };
        // What a step of Adam moves a weight by, however small its gradient is.
        let adam = 500.0 * config.optimizer.learning_rate.at(0.0);
        let mut parameters = Vec::new();
        for (player, gradients) in &right.gradients {
            let least = SMALL * floor(&gradients.of);
            let others = found.gradients.get(player);
            for name in &gradients.order {
                let gradient = others.and_then(|others| {
                    let (right, found) = (gradients.of.get(name)?, others.of.get(name)?);
                    Some(apart(right, found, least))
                });
                let pair = right.values.get(name).zip(found.values.get(name));
                let value = pair.map_or(f64::NAN, |(right, found)| apart(right, found, adam));
                parameters.push(ParameterDifference {
                    operation: operation(name),
                    name: name.clone(),
                    gradient: Some(compared(gradient.unwrap_or(f64::NAN))),
                    value: compared(value),
                });
            }
        }
        for (name, values) in &right.values {
            if name.ends_with("running_mean") || name.ends_with("running_var") {
                let found = found.values.get(name);
                parameters.push(ParameterDifference {
                    operation: operation(name),
                    name: name.clone(),
                    gradient: None,
                    value: compared(found.map_or(f64::NAN, |found| apart(values, found, SMALL))),
                });
            }
        }
        Self {
            device: String::new(),
            dreamlet: env!("CARGO_PKG_VERSION"),
            burn: BURN,
            tolerance,
            seconds: 0.0,
            images: compared(apart(&right.images, &found.images, SMALL)),
            losses: losses.collect(),
            parameters,
        }
    }

    /// The largest difference of each kind: images, losses, gradients, weights.
    pub(crate) fn largest(&self) -> [f64; 4] {
        // NaN is the largest of all.
        let most = |most: f64, x: &Apart| {
            let x = x.difference;
            if x > most || x.is_nan() { x } else { most }
        };
        let of = &self.parameters;
        let gradients = of.iter().filter_map(|one| one.gradient.as_ref());
        [
            self.images.difference,
            self.losses.values().fold(0.0, most),
            gradients.fold(0.0, most),
            of.iter().map(|one| &one.value).fold(0.0, most),
        ]
    }

    /// How long the comparison took.
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Where the device first computes something else, in the order of the computation: forwards,
    /// losses, then gradients from the last layer back.
    pub(crate) fn first_difference(&self) -> Option<String> {
        let images = self.images;
        if images.is_too_far() {
            let statistic = |one: &&ParameterDifference| one.gradient.is_none();
            let mut statistics = self.parameters.iter().filter(statistic);
            let first = statistics.find(|one| one.value.is_too_far());
            return Some(match first {
                Some(first) => format!(
                    "generated images differ by {images}, and so does {}: the layer before it computes something else",
                    first.name
                ),
                None => format!("generated images differ by {images}"),
            });
        }
        let losses = self.losses.iter().find(|(_, x)| x.is_too_far());
        if let Some((name, x)) = losses {
            return Some(format!("{name} differs by {x}"));
        }
        let trained = |one: &&ParameterDifference| one.gradient.is_some();
        let trained: Vec<&ParameterDifference> = self.parameters.iter().filter(trained).collect();
        let player = |one: &ParameterDifference| one.name.split(' ').next().map(str::to_owned);
        let mut players = trained.chunk_by(|a, b| player(a) == player(b));
        let differing = players.find_map(|layers| {
            let mut backwards = layers.iter().rev();
            backwards.find_map(|one| Some((one, one.gradient.filter(|x| x.is_too_far())?)))
        });
        if let Some((one, x)) = differing {
            return Some(format!(
                "the gradient of {} ({}) differs by {x}",
                one.name, one.operation
            ));
        }
        let value = self.parameters.iter().find(|one| one.value.is_too_far())?;
        Some(format!(
            "{} ({}) differs by {} after the step",
            value.name, value.operation, value.value
        ))
    }
}

impl fmt::Display for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            difference,
            allowed,
        } = self;
        write!(f, "{difference:.1e}, at most {allowed:.0e} is rounding")
    }
}

impl fmt::Display for Equality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [images, losses, gradients, weights] = self.largest();
        write!(
            f,
            "{} against the CPU, one step, largest relative differences: images {images:.0e}, losses {losses:.0e}, \
             gradients {gradients:.0e}, weights {weights:.0e}; {:.1} s",
            self.device, self.seconds
        )
    }
}

/// The gradients of one optimizer's parameters.
struct Gradients {
    /// Names in the order of the layers.
    order: Vec<String>,
    of: BTreeMap<String, Vec<f32>>,
}

/// What a step on one device gave.
struct Outcome {
    images: Vec<f32>,
    losses: Vec<(&'static str, f64)>,
    /// By optimizer.
    gradients: BTreeMap<&'static str, Gradients>,
    values: BTreeMap<String, Vec<f32>>,
}

impl Outcome {
    fn of(
        config: &Config,
        state: &State,
        learner: &mut Learner,
        batch: &Batch,
        device: &Device,
    ) -> Result<Self, String> {
        let context = StepContext {
            fraction: 0.0,
            augment: state.augment,
        };
        let classes = batch.classes.clone();
        let moved = || Batch {
            pixels: Tensor::from_data(batch.pixels.clone().into_data(), device),
            classes: classes
                .clone()
                .map(|classes| Tensor::from_data(classes.into_data(), device)),
        };
        let own = device.clone().inner();
        let latent = config.model.latent;
        let z = normals(config.training.seed, Purpose::Score, 0, 8, latent, &own);
        let of_latents = (config.model.classes > 0).then(|| {
            let classes: Vec<i64> = (0..8).map(|i| i % config.model.classes as i64).collect();
            Tensor::from_data(TensorData::new(classes, [8]), &own)
        });
        let images = floats(learner.generator().forward(z, of_latents).into_data())?;
        let before = Held::read(learner)?;
        let names = learner.stats(context);
        let stats = learner.step(state.step, context, &mut || moved());
        let stats = floats(stats.into_data())?;
        let after = Held::read(learner)?;
        let keep = config.optimizer.beta1 as f32;
        let gradients = after.moments.iter().map(|(part, moments)| {
            // The first moment is a mean, of which the new gradient is a share.
            let former = before.moments.get(part);
            let of = moments.of.iter().map(|(name, after)| {
                let before = former.and_then(|former| former.of.get(name));
                let before = before.map_or(&[][..], Vec::as_slice);
                let before = before.iter().copied().chain(std::iter::repeat(0.0));
                let pairs = after.iter().zip(before);
                let gradient = pairs.map(|(after, before)| (after - keep * before) / (1.0 - keep));
                (name.clone(), gradient.collect())
            });
            let of = Gradients {
                order: moments.order.clone(),
                of: of.collect(),
            };
            (*part, of)
        });
        Ok(Self {
            images,
            losses: names
                .iter()
                .copied()
                .zip(stats.into_iter().map(f64::from))
                .collect(),
            gradients: gradients.collect(),
            values: after.values,
        })
    }
}

/// What a checkpoint holds: first moments by optimizer, and everything else.
struct Held {
    moments: BTreeMap<&'static str, Gradients>,
    values: BTreeMap<String, Vec<f32>>,
}

impl Held {
    fn read(learner: &Learner) -> Result<Self, String> {
        let (mut moments, mut values) = (BTreeMap::new(), BTreeMap::new());
        for (part, bytes) in learner.parts()? {
            let reader = Reader::from_bytes(Bytes::from_bytes_vec(bytes));
            let reader = reader.map_err(|error| error.to_string())?;
            // Of an optimizer: parameters by number, in the order in which they were made.
            let mut names: Vec<(u64, String)> = reader
                .metadata()
                .iter()
                .filter_map(|(id, name)| Some((id.parse().ok()?, name.clone())))
                .collect();
            names.sort();
            let player = match part {
                "optimizer" => None,
                part => Some(part.trim_end_matches("-optimizer")),
            };
            let full = |name: &str| match player {
                Some(player) => format!("{player} {name}"),
                // Of an autoencoder: `decoder` is the part `generator`.
                None => match name.split_once('.') {
                    Some(("decoder", name)) => format!("generator {name}"),
                    Some((part, name)) => format!("{part} {name}"),
                    None => name.to_owned(),
                },
            };
            let mut all = BTreeMap::new();
            for tensor in reader.into_tensors().map_err(|error| error.to_string())? {
                let bytes = tensor.to_bytes().map_err(|error| error.to_string())?;
                let floats = bytes.chunks_exact(4).filter_map(|x| x.try_into().ok());
                let floats: Vec<f32> = floats.map(f32::from_le_bytes).collect();
                all.insert(tensor.name, floats);
            }
            if !part.ends_with("optimizer") {
                values.extend(all.into_iter().map(|(name, x)| (full(&name), x)));
                continue;
            }
            let of = names.iter().filter_map(|(id, name)| {
                let moment = all.remove(&format!("{id}.momentum.moment_1"))?;
                Some((full(name), moment))
            });
            let of: BTreeMap<_, _> = of.collect();
            let order = names.iter().map(|(_, name)| full(name)).collect();
            moments.insert(part, Gradients { order, of });
        }
        Ok(Self { moments, values })
    }
}

fn floats(data: TensorData) -> Result<Vec<f32>, String> {
    data.try_to_vec().map_err(|error| format!("{error:?}"))
}

/// The root of the mean square.
fn size(values: &[f32]) -> f64 {
    let squares = values.iter().map(|x| f64::from(*x) * f64::from(*x));
    (squares.sum::<f64>() / values.len().max(1) as f64).sqrt()
}

/// The size of the difference, relative to that of `right` or `least`.
fn apart(right: &[f32], found: &[f32], least: f64) -> f64 {
    if right.len() != found.len() {
        return f64::NAN;
    }
    let differences = right.iter().zip(found).map(|(a, b)| a - b);
    let scale = size(right).max(least);
    let difference = size(&differences.collect::<Vec<_>>());
    if difference == 0.0 {
        0.0
    } else {
        difference / scale
    }
}

/// What a parameter belongs to, by its name.
fn operation(name: &str) -> &'static str {
    let parts: Vec<&str> = name.split(['.', ' ']).collect();
    let has = |wanted: &[&str]| wanted.iter().any(|wanted| parts.contains(wanted));
    if has(&["norms"]) {
        "batch normalization"
    } else if has(&["Transposed"]) {
        "transposed convolution"
    } else if has(&["convs", "conv"]) {
        "convolution"
    } else if has(&["classes"]) {
        "embedding of the class"
    } else {
        "linear layer"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PRESETS;
    use crate::data::{DataSpec, LoadOptions, load};
    use crate::nets::cpu::FAULTY;
    use crate::nets::testing::preset;

    /// The step of a preset on the CPU, twice; the second time with a fault in the gradient of the
    /// weight of convolutions that make `faulty` channels.
    fn twice(name: &str, sets: &[&str], faulty: usize) -> Equality {
        let config = preset(name, sets);
        let options = LoadOptions {
            limit: Some(64),
            size: Some(config.data.size),
            ..LoadOptions::default()
        };
        let data = load(&DataSpec::Glyphs, &options).unwrap();
        let device = Device::flex().autodiff();
        let batch = Batch::of_test(&config, &data, 16, &device);
        let step = |faulty| {
            let mut learner = Learner::new(&config, &device).unwrap();
            // Another test runs beside this one, and is to leave its fault alone.
            let set = |faulty| FAULTY.store(faulty, std::sync::atomic::Ordering::Relaxed);
            if faulty > 0 {
                set(faulty);
            }
            let state = State::default();
            let outcome = Outcome::of(&config, &state, &mut learner, &batch, &device);
            if faulty > 0 {
                set(0);
            }
            outcome.unwrap()
        };
        Equality::between(&config, &step(0), &step(faulty), TOLERANCE)
    }

    #[test]
    fn a_faulty_gradient_is_found_and_its_layer_named() {
        // Widths that no other test has, or it would see the fault.
        let sets = ["model.width=26", "data.size=16"];
        let equal = twice("dcgan", &sets, 0);
        assert_eq!(equal.first_difference(), None, "{equal}");
        assert_eq!(equal.largest(), [0.0; 4]);
        let names: Vec<&str> = equal
            .parameters
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert!(
            names.contains(&"generator net.Conv.project.weight"),
            "{names:?}"
        );
        let found = twice("dcgan", &sets, 26).first_difference().unwrap();
        assert!(
            found.contains("discriminator net.Conv.convs.0.weight (convolution)"),
            "{found}"
        );
    }

    #[test]
    fn every_parameter_of_every_preset_is_compared() {
        for name in PRESETS.iter().map(|preset| preset.name) {
            let found = twice(name, &["data.size=16", "data.channels=1"], 0);
            assert_eq!(found.first_difference(), None, "{name}: {found}");
            let of = |one: &ParameterDifference| one.gradient.is_some() && !one.value.is_too_far();
            assert!(
                found.parameters.iter().filter(|one| of(one)).count() > 5,
                "{name}"
            );
        }
    }
}
