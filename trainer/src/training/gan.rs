//! One adversarial step: the discriminator's turns, then the generator's.

use std::cell::OnceCell;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::adam::NetAdam;
use super::batch::{Batch, StepContext, classes_in_turn};
use super::records::{Parts, load_module, module_bytes};
use crate::config::{AdversarialLoss, Config, GanConfig};
use crate::loss::adversarial::{discriminator_loss, generator_loss, threshold};
use crate::loss::augment::Changes;
use crate::loss::penalty::{Recorded, between, half_square, one_lipschitz};
use crate::nets::{Discriminator, Generator, Pass, ema_update};
use crate::random::{Purpose, normals, stream};

/// Latents that the EMA's batch normalization is calibrated with.
const CALIBRATION: usize = 512;

/// The two players, their optimizers and the EMA of the generator.
pub struct Gan {
    pub(super) generator: Generator,
    /// Exponential moving average, without gradients; `None` where none is kept.
    ema: Option<Generator>,
    /// The generator as it is used after training, once it was needed in this step.
    ready: OnceCell<Generator>,
    discriminator: Discriminator,
    generator_optimizer: NetAdam,
    discriminator_optimizer: NetAdam,
    settings: GanConfig,
    config: Config,
    /// Where the run stands in this step.
    context: StepContext,
    pub(super) device: Device,
}

/// Keeps every trained weight within ± its number.
struct Clip(f64);

impl ModuleMapper for Clip {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let limit = self.0;
        param.map(|weight| {
            if weight.is_require_grad() {
                let clipped = weight.inner().clamp(-limit, limit);
                Tensor::from_inner(clipped).require_grad()
            } else {
                // Running statistics are no weights.
                weight
            }
        })
    }
}

/// How a batch of images is shown to the discriminator.
#[derive(Clone)]
struct View {
    /// Their classes in a conditional net.
    class: Option<Tensor<1, Int>>,
    /// What is drawn at random goes by it: it differs between real and generated images.
    index: u64,
}

/// A turn of the discriminator: a scalar with the gradient that its weights follow, and without
/// gradients the loss and the logits of real and of generated images.
struct Turn {
    objective: Tensor<1>,
    loss: Tensor<1>,
    logits: [Tensor<2>; 2],
}

/// A tensor's halves along its first extent.
fn halves<const D: usize>(both: Tensor<D>) -> [Tensor<D>; 2] {
    let half = both.shape().dims::<D>()[0] / 2;
    [0, half].map(|from| both.clone().narrow(0, from, half))
}

/// The mean squared difference of images `[N, C, H, W]` that are shrunk to a quarter: what is where,
/// not its texture.
fn coarse_difference(one: Tensor<4>, other: Tensor<4>) -> Tensor<1> {
    let apart = one - other;
    let [n, channels, height, width] = apart.dims();
    let blocks = apart.reshape([n, channels, height / 4, 4, width / 4, 4]);
    blocks.mean_dim(5).mean_dim(3).powi_scalar(2).mean()
}

/// Both losses, the mean logit of real and of generated images, the share of images that the
/// discriminator got right, and the mean sign of the real images' logits.
const STATS: &[&str] = &["d_loss", "g_loss", "d_real", "d_fake", "d_right", "d_sign"];

/// The same where the loss has probabilities: `d_real` and `d_fake` are the means of D(x) and
/// D(G(z)) then, and the mean logits come last.
const STATS_WITH_LOGITS: &[&str] = &[
    "d_loss",
    "g_loss",
    "d_real",
    "d_fake",
    "d_right",
    "d_sign",
    "d_logit_real",
    "d_logit_fake",
];

impl Gan {
    /// Names of what a step returns.
    pub(super) fn stats_names(&self) -> &'static [&'static str] {
        match self.has_probabilities() {
            true => STATS_WITH_LOGITS,
            false => STATS,
        }
    }

    /// Whether the loss takes the logits for those of a probability.
    fn has_probabilities(&self) -> bool {
        let kind = self.settings.loss;
        matches!(
            kind,
            AdversarialLoss::Minimax | AdversarialLoss::NonSaturating
        )
    }

    pub(super) fn new(config: &Config, settings: &GanConfig, device: &Device) -> Self {
        let generator = Generator::new(config, device);
        let averages = settings.average > 0.0 || settings.average_half_life.most() > 0.0;
        let ema = averages.then(|| generator.valid());
        Self {
            generator,
            ema,
            ready: OnceCell::new(),
            discriminator: Discriminator::new(config, device),
            generator_optimizer: NetAdam::new(&config.optimizer),
            discriminator_optimizer: NetAdam::new(&config.optimizer),
            settings: settings.clone(),
            config: config.clone(),
            context: StepContext::default(),
            device: device.clone(),
        }
    }

    /// The logits of images by a [`Discriminator::normalized`] one, seen through augmentation,
    /// noise and dropout. As many images belong to each of `views`.
    fn judge(
        &self,
        discriminator: &Discriminator,
        x: Tensor<4>,
        views: &[View],
        pass: &mut Pass,
    ) -> Tensor<2> {
        let x = self.seen(x, views, pass);
        let features = self.kept(discriminator.features(x, pass), views);
        let class: Option<Vec<_>> = views.iter().map(|view| view.class.clone()).collect();
        let class = class.map(|classes| Tensor::cat(classes, 0));
        discriminator.judge(features, class, pass)
    }

    /// Images through augmentation and noise.
    fn seen(&self, x: Tensor<4>, views: &[View], pass: &Pass) -> Tensor<4> {
        let (seed, augment) = (self.config.training.seed, self.context.augment);
        let noise = self.settings.instance_noise * (1.0 - self.context.fraction);
        if augment <= 0.0 && noise <= 0.0 {
            return x;
        }
        let [all, channels, height, width] = x.dims();
        let rows = all / views.len().max(1);
        let (low, high) = self.config.model.output.range();
        let views = views.iter().enumerate().map(|(at, view)| {
            let share = pass.share();
            let share = share.map(|share| share.clone().narrow(0, at * rows, rows));
            let mut x = x.clone().narrow(0, at * rows, rows);
            if augment > 0.0 {
                let mut stream = stream(seed, Purpose::Augmentation, view.index);
                let shape = [rows, channels, height, width];
                let changes = Changes::draw(&mut stream, shape, high - low, augment);
                x = changes.apply(x, share.as_ref());
            }
            if noise > 0.0 {
                let pixels = channels * height * width;
                let purpose = Purpose::InstanceNoise;
                let grain = normals(seed, purpose, view.index, rows, pixels, &self.device);
                let mut grain = grain.mul_scalar(noise);
                if let Some(share) = share {
                    grain = grain * Tensor::from_inner(share.reshape([rows, 1]));
                }
                x = x + grain.reshape([rows, channels, height, width]);
            }
            x
        });
        Tensor::cat(views.collect(), 0)
    }

    /// Features after dropout.
    fn kept(&self, features: Tensor<2>, views: &[View]) -> Tensor<2> {
        if self.settings.dropout <= 0.0 {
            return features;
        }
        let [rows, columns] = features.dims();
        let shape = [rows / views.len().max(1), columns];
        let masks = views.iter().map(|view| self.mask(shape, view.index));
        features * Tensor::cat(masks.collect(), 0)
    }

    /// Zeros where features are dropped, elsewhere what keeps their mean (Srivastava et al. 2014).
    fn mask(&self, shape: [usize; 2], index: u64) -> Tensor<2> {
        let [rows, columns] = shape;
        let mut values = vec![0.0_f32; rows * columns];
        let mut stream = stream(self.config.training.seed, Purpose::Dropout, index);
        stream.fill_uniform(&mut values);
        let dropped = self.settings.dropout as f32;
        let kept = 1.0 / (1.0 - dropped);
        for value in &mut values {
            *value = if *value <= dropped { 0.0 } else { kept };
        }
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    /// The discriminator's turn number `index` on as many real as generated images. It is a
    /// [`Discriminator::normalized`] one.
    ///
    /// It looks at both at once where it sees each image alone, else at one batch after the other,
    /// because batch normalization is to have the statistics of either kind.
    fn turn(
        &self,
        discriminator: &Discriminator,
        [real, fake]: [Tensor<4>; 2],
        views: &[View; 2],
        index: u64,
    ) -> Turn {
        let s = &self.settings;
        let judge = |x, views: &[View]| self.judge(discriminator, x, views, &mut Pass::Value);
        let loss_of = |[real, fake]: [Tensor<2>; 2]| {
            discriminator_loss(real, fake, s.loss, s.label_smoothing)
        };
        let due = index.is_multiple_of(s.r1_every);
        let at = |setting| self.config.optimizer.at(self.context.fraction, setting);
        let weights = [s.r1, s.r2].map(|weight| if due { at(weight) } else { 0.0 });
        let mut turn = if weights != [0.0; 2] {
            self.penalized_turn(discriminator, [&real, &fake], views, weights, &loss_of)
        } else {
            let logits = if discriminator.sees_each_alone() {
                halves(judge(
                    Tensor::cat(vec![real.clone(), fake.clone()], 0),
                    views,
                ))
            } else {
                let [of_real, of_fake] = views.each_ref().map(std::slice::from_ref);
                [judge(real.clone(), of_real), judge(fake.clone(), of_fake)]
            };
            let loss = loss_of(logits.clone());
            Turn {
                objective: loss.clone(),
                loss: loss.inner(),
                logits: logits.map(Tensor::inner),
            }
        };
        if s.gradient_penalty > 0.0 {
            let [rows, ..] = real.dims();
            let mut mix = vec![0.0_f32; rows];
            let mut stream = stream(self.config.training.seed, Purpose::PenaltyMix, index);
            mix.iter_mut().for_each(|m| *m = stream.uniform());
            let mix = Tensor::from_data(TensorData::new(mix, [rows]), &self.device);
            let (at, judge) = self.recorded(discriminator, between(real, fake, mix), &views[..1]);
            let none = Tensor::zeros([rows], &self.device.clone().inner());
            let weights = none.clone().add_scalar(s.gradient_penalty / rows as f64);
            let directions = at.directions(one_lipschitz, weights);
            turn.objective = turn.objective + at.objective(&judge, none, directions);
        }
        turn
    }

    /// A turn with a penalty on the gradients at real and at generated images, which is multiplied
    /// by `weights`.
    fn penalized_turn(
        &self,
        discriminator: &Discriminator,
        images: [&Tensor<4>; 2],
        views: &[View; 2],
        weights: [f64; 2],
        loss_of: &dyn Fn([Tensor<2>; 2]) -> Tensor<1>,
    ) -> Turn {
        let both = Tensor::cat(images.map(Tensor::clone).to_vec(), 0);
        let [all, ..] = both.dims();
        let (at, judge) = self.recorded(discriminator, both, views);
        let logits = halves(at.logits.clone());
        let leaves = logits
            .clone()
            .map(|logits| Tensor::from_inner(logits).require_grad());
        let loss = loss_of(leaves.clone());
        let gradients = loss.clone().backward();
        let slopes = leaves.map(|logits| {
            let slopes = logits.grad(&gradients);
            slopes.unwrap_or_else(|| logits.inner().zeros_like())
        });
        let slopes = Tensor::cat(slopes.to_vec(), 0).reshape([all]);
        let rows = all / 2;
        let weights = weights.map(|weight| {
            let each = weight * self.settings.r1_every as f64 / rows as f64;
            slopes
                .clone()
                .narrow(0, 0, rows)
                .ones_like()
                .mul_scalar(each)
        });
        let directions = at.directions(half_square, Tensor::cat(weights.to_vec(), 0));
        Turn {
            objective: at.objective(&judge, slopes, directions),
            loss: loss.inner(),
            logits,
        }
    }

    /// The discriminator's pass at images, and what goes through it with gradients.
    fn recorded<'a>(
        &'a self,
        discriminator: &'a Discriminator,
        x: Tensor<4>,
        views: &'a [View],
    ) -> (Recorded, impl Fn(Tensor<4>, &mut Pass) -> Tensor<2> + 'a) {
        let frozen = discriminator.clone().no_grad();
        let at = Recorded::new(x, &|x, pass| self.judge(&frozen, x, views, pass));
        let judge = move |x: Tensor<4>, pass: &mut Pass| self.judge(discriminator, x, views, pass);
        (at, judge)
    }

    /// Step number `step` (from 0). `reals` gives one batch for each discriminator turn.
    pub(super) fn step(
        &mut self,
        step: u64,
        context: StepContext,
        reals: &mut dyn FnMut() -> Batch,
    ) -> Tensor<1> {
        self.ready.take();
        self.context = context;
        let (o, seed) = (&self.config.optimizer, self.config.training.seed);
        let (loss_kind, model) = (self.settings.loss, &self.config.model);
        let turns = u64::try_from(self.settings.discriminator_steps.max(1)).unwrap_or(1);
        let mut last = None;
        for turn in 0..turns {
            let mut real = reals();
            real.classes = real.classes.filter(|_| model.classes > 0);
            let [rows, ..] = real.pixels.dims();
            let index = step.wrapping_mul(turns).wrapping_add(turn);
            let salted = |salt| index.wrapping_mul(4).wrapping_add(salt);
            let purpose = Purpose::Latents;
            let latent = normals(seed, purpose, index, rows, model.latent, &self.device);
            // Generated images are made in the classes of the real ones.
            let fake = self.generator.forward(latent, real.classes.clone());
            let discriminator = self.discriminator.normalized();
            let view = |salt| View {
                class: real.classes.clone(),
                index: salted(salt),
            };
            let images = [real.pixels.clone(), fake.clone().detach()];
            let turn = self.turn(&discriminator, images, &[view(0), view(1)], index);
            let gradients = turn.objective.backward();
            let gradients = GradientsParams::from_grads(gradients, &self.discriminator);
            let rate = o.discriminator_learning_rate.unwrap_or(o.learning_rate);
            let net = self.discriminator.clone();
            self.discriminator =
                self.discriminator_optimizer
                    .step(context.fraction, rate, net, gradients);
            if self.settings.weight_clip > 0.0 {
                let mut clip = Clip(self.settings.weight_clip);
                self.discriminator = self.discriminator.clone().map(&mut clip);
            }
            let [on_real, on_fake] = turn.logits;
            let stats = self.stats(turn.loss, on_real, on_fake);
            last = Some(([(real.pixels.clone(), view(3)), (fake, view(2))], stats));
        }
        let Some(([real, fake], mut stats)) = last else {
            return Tensor::zeros([self.stats_names().len()], &self.device);
        };
        // The generator's turn needs gradients through the discriminator, not of it.
        let frozen = self.discriminator.normalized().no_grad();
        let judge = |(x, view)| self.judge(&frozen, x, &[view], &mut Pass::Value);
        let weight = o.at(context.fraction, self.settings.teacher_pixels);
        let apart = (weight > 0.0).then(|| coarse_difference(real.0.clone(), fake.0.clone()));
        let mut loss = generator_loss(|| judge(real), judge(fake), loss_kind);
        if let Some(apart) = apart {
            loss = loss + apart.mul_scalar(weight);
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.generator);
        let net = self.generator.clone();
        self.generator =
            self.generator_optimizer
                .step(context.fraction, o.learning_rate, net, gradients);
        if let Some(ema) = self.ema.take() {
            // A young EMA forgets its beginning faster.
            let ramp = (1.0 + step as f64) / (10.0 + step as f64);
            let half = o.at(context.fraction, self.settings.average_half_life);
            let keep = match half > 0.0 {
                true => 0.5_f64.powf(o.batch as f64 / half),
                false => self.settings.average,
            };
            let keep = keep.min(ramp);
            self.ema = Some(ema_update(ema, &self.generator, keep));
        }
        stats.insert(1, loss.inner());
        Tensor::cat(stats, 0)
    }

    /// The stats of a discriminator's turn, from its logits: [`Gan::stats_names`] without the
    /// generator's loss.
    fn stats(&self, loss: Tensor<1>, real: Tensor<2>, fake: Tensor<2>) -> Vec<Tensor<1>> {
        let kind = self.settings.loss;
        let over = |logits: Tensor<2>| logits.greater_elem(threshold(kind)).float().mean();
        let [real_over, fake_over] = match kind {
            // Only which of a pair has more counts.
            AdversarialLoss::Relativistic => {
                [real.clone() - fake.clone(), fake.clone() - real.clone()].map(over)
            }
            _ => [real.clone(), fake.clone()].map(over),
        };
        let right = (real_over.clone() - fake_over)
            .add_scalar(1.0)
            .mul_scalar(0.5);
        let sign = real_over.mul_scalar(2.0).sub_scalar(1.0);
        let logits = [real.clone().mean(), fake.clone().mean()];
        let [on_real, on_fake] = if self.has_probabilities() {
            [sigmoid(real).mean(), sigmoid(fake).mean()]
        } else {
            logits.clone()
        };
        let mut stats = vec![loss, on_real, on_fake, right, sign];
        if self.has_probabilities() {
            stats.extend(logits);
        }
        stats
    }

    /// The generator as it is used after training: the EMA, with its batch normalization
    /// calibrated, or the generator itself where no EMA is kept. Samples, score, metrics and
    /// checkpoint of one step share the calibration.
    pub(super) fn ready(&self) -> Generator {
        self.ready.get_or_init(|| self.make_ready()).valid()
    }

    fn make_ready(&self) -> Generator {
        let Some(ema) = &self.ema else {
            return self.generator.valid();
        };
        let ema = ema.valid();
        let device = self.device.clone().inner();
        let (seed, model) = (self.config.training.seed, &self.config.model);
        let purpose = Purpose::Calibration;
        let latent = normals(seed, purpose, 0, CALIBRATION, model.latent, &device);
        let class = classes_in_turn(0, CALIBRATION, model.classes, &device);
        ema.calibrate(latent, class);
        ema
    }

    /// Maps the weights of both players.
    pub(super) fn map(&mut self, mapper: &mut impl ModuleMapper) {
        self.generator = self.generator.clone().map(mapper);
        self.discriminator = self.discriminator.clone().map(mapper);
    }

    pub(super) fn parts(&self) -> Result<Parts, String> {
        let [generator, discriminator] =
            [&self.generator_optimizer, &self.discriminator_optimizer].map(NetAdam::bytes);
        let mut parts = vec![
            ("generator", module_bytes(&self.generator)?),
            ("discriminator", module_bytes(&self.discriminator)?),
            ("generator-optimizer", generator?),
            ("discriminator-optimizer", discriminator?),
        ];
        if self.ema.is_some() {
            parts.push(("average", module_bytes(&self.ready())?));
        }
        Ok(parts)
    }

    pub(super) fn load(
        &mut self,
        read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<(), String> {
        self.ready.take();
        self.generator = load_module(self.generator.clone(), read("generator")?)?;
        self.discriminator = load_module(self.discriminator.clone(), read("discriminator")?)?;
        self.generator_optimizer
            .load(read("generator-optimizer")?)?;
        self.discriminator_optimizer
            .load(read("discriminator-optimizer")?)?;
        if let Some(ema) = self.ema.take() {
            self.ema = Some(load_module(ema, read("average")?)?);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "gan_tests.rs"]
mod tests;
