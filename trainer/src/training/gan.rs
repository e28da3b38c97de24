//! One adversarial step: the discriminator's turns, then the generator's.

use std::cell::OnceCell;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::adam::Adam;
use super::batch::{Batch, StepContext, classes_in_turn};
use super::records::{Parts, load_module, load_optimizer, module_bytes, optimizer_bytes};
use crate::config::{AdversarialLoss, Config, GanConfig};
use crate::loss::adversarial::{discriminator_loss, generator_loss, threshold};
use crate::loss::augment::Changes;
use crate::loss::penalty::{gradient_penalty, r1};
use crate::nets::{Discriminator, Generator, ema_update};
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
    generator_optimizer: ModuleOptimizer,
    discriminator_optimizer: ModuleOptimizer,
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

/// Images to judge, their classes in a conditional net, and the index of how they are seen: what is
/// drawn at random differs between real and generated images.
type Shown = (Tensor<4>, Option<Tensor<1, Int>>, u64);

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
        let ema = (settings.average > 0.0).then(|| generator.valid());
        Self {
            generator,
            ema,
            ready: OnceCell::new(),
            discriminator: Discriminator::new(config, device),
            generator_optimizer: Adam::optimizer(&config.optimizer),
            discriminator_optimizer: Adam::optimizer(&config.optimizer),
            settings: settings.clone(),
            config: config.clone(),
            context: StepContext::default(),
            device: device.clone(),
        }
    }

    /// The logits of images by a [`Discriminator::normalized`] one, seen through augmentation,
    /// noise and dropout.
    fn judge(&self, discriminator: &Discriminator, (x, class, index): Shown) -> Tensor<2> {
        let x = self.seen(x, index);
        discriminator.judge(self.kept(discriminator.features(x), &[index]), class)
    }

    /// The logits of real and generated images: of both at once where the discriminator looks at
    /// each image alone, else batch after batch, because batch normalization is to have the
    /// statistics of either kind.
    fn judge_both(&self, discriminator: &Discriminator, shown: [Shown; 2]) -> [Tensor<2>; 2] {
        if !discriminator.sees_each_alone() {
            return shown.map(|shown| self.judge(discriminator, shown));
        }
        let [
            (real, real_class, real_index),
            (fake, fake_class, fake_index),
        ] = shown;
        let rows = [real.dims()[0], fake.dims()[0]];
        let both = vec![self.seen(real, real_index), self.seen(fake, fake_index)];
        let features = discriminator.features(Tensor::cat(both, 0));
        let class = real_class
            .zip(fake_class)
            .map(|(real, fake)| Tensor::cat(vec![real, fake], 0));
        let logits = discriminator.judge(self.kept(features, &[real_index, fake_index]), class);
        [
            logits.clone().narrow(0, 0, rows[0]),
            logits.narrow(0, rows[0], rows[1]),
        ]
    }

    /// Images through augmentation and noise.
    fn seen(&self, mut x: Tensor<4>, index: u64) -> Tensor<4> {
        let (seed, augment) = (self.config.training.seed, self.context.augment);
        let shape @ [rows, channels, height, width] = x.dims();
        let (low, high) = self.config.model.output.range();
        if augment > 0.0 {
            let mut stream = stream(seed, Purpose::Augmentation, index);
            let side = [height, width];
            x = Changes::draw(&mut stream, rows, side, high - low, augment).apply(x);
        }
        let noise = self.settings.instance_noise * (1.0 - self.context.fraction);
        if noise > 0.0 {
            let pixels = channels * height * width;
            let purpose = Purpose::InstanceNoise;
            let grain = normals(seed, purpose, index, rows, pixels, &self.device);
            x = x + grain.reshape(shape).mul_scalar(noise);
        }
        x
    }

    /// Features after dropout; as many rows belong to each of `indices`.
    fn kept(&self, features: Tensor<2>, indices: &[u64]) -> Tensor<2> {
        if self.settings.dropout <= 0.0 {
            return features;
        }
        let [rows, columns] = features.dims();
        let shape = [rows / indices.len().max(1), columns];
        let masks = indices.iter().map(|index| self.mask(shape, *index));
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

    /// What the penalties add to the discriminator's loss in its turn number `index`.
    fn penalties(&self, real: &Batch, fake: &Tensor<4>, index: u64) -> Option<Tensor<1>> {
        let s = &self.settings;
        // A penalty goes backwards on its own first, and what was used on that way cannot be used
        // again: not the weights that others see.
        let judge = |x: Tensor<4>| {
            let discriminator = self.discriminator.normalized();
            self.judge(&discriminator, (x, real.classes.clone(), index))
        };
        let mut total = None;
        if s.gradient_penalty > 0.0 {
            let [rows, ..] = real.pixels.dims();
            let mut mix = vec![0.0_f32; rows];
            let mut stream = stream(self.config.training.seed, Purpose::PenaltyMix, index);
            mix.iter_mut().for_each(|m| *m = stream.uniform());
            let mix = Tensor::from_data(TensorData::new(mix, [rows]), &self.device);
            let penalty = gradient_penalty(real.pixels.clone(), fake.clone(), mix, &judge);
            total = Some(penalty.mul_scalar(s.gradient_penalty));
        }
        if s.r1 > 0.0 && index.is_multiple_of(s.r1_every) {
            let weight = s.r1 * s.r1_every as f64;
            let penalty = r1(real.pixels.clone(), &judge).mul_scalar(weight);
            total = Some(match total {
                Some(other) => other + penalty,
                None => penalty,
            });
        }
        total
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
        let factor = o.schedule.factor(context.fraction);
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
            let seen = fake.clone().detach();
            let discriminator = self.discriminator.normalized();
            let shown = [(&real.pixels, salted(0)), (&seen, salted(1))];
            let shown = shown.map(|(x, index)| (x.clone(), real.classes.clone(), index));
            let [on_real, on_fake] = self.judge_both(&discriminator, shown);
            let smoothing = self.settings.label_smoothing;
            let mut loss =
                discriminator_loss(on_real.clone(), on_fake.clone(), loss_kind, smoothing);
            let shown = loss.clone().inner();
            if let Some(penalty) = self.penalties(&real, &seen, index) {
                loss = loss + penalty;
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &self.discriminator);
            let rate = o.discriminator_learning_rate.unwrap_or(o.learning_rate) * factor;
            self.discriminator =
                self.discriminator_optimizer
                    .step(rate, self.discriminator.clone(), gradients);
            if self.settings.weight_clip > 0.0 {
                let mut clip = Clip(self.settings.weight_clip);
                self.discriminator = self.discriminator.clone().map(&mut clip);
            }
            let stats = self.stats(shown, on_real.inner(), on_fake.inner());
            last = Some(((fake, real.classes, salted(2)), stats));
        }
        let Some((shown, mut stats)) = last else {
            return Tensor::zeros([self.stats_names().len()], &self.device);
        };
        // The generator's turn needs gradients through the discriminator, not of it.
        let frozen = self.discriminator.normalized().no_grad();
        let loss = generator_loss(self.judge(&frozen, shown), loss_kind);
        let gradients = GradientsParams::from_grads(loss.backward(), &self.generator);
        let rate = o.learning_rate * factor;
        let generator = self.generator.clone();
        self.generator = self.generator_optimizer.step(rate, generator, gradients);
        if let Some(ema) = self.ema.take() {
            // A young EMA forgets its beginning faster.
            let ramp = (1.0 + step as f64) / (10.0 + step as f64);
            let keep = self.settings.average.min(ramp);
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
        let (real_over, fake_over) = (over(real.clone()), over(fake.clone()));
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

    pub(super) fn parts(&self) -> Result<Parts, String> {
        let [generator, discriminator] =
            [&self.generator_optimizer, &self.discriminator_optimizer].map(optimizer_bytes);
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
        let o = &self.config.optimizer;
        self.generator_optimizer = load_optimizer(o, read("generator-optimizer")?)?;
        self.discriminator_optimizer = load_optimizer(o, read("discriminator-optimizer")?)?;
        if let Some(ema) = self.ema.take() {
            self.ema = Some(load_module(ema, read("average")?)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use burn::module::ModuleVisitor;

    use super::*;
    use crate::atomic_file::TestFolder;
    use crate::data::{DataSpec, LoadOptions, load};
    use crate::device::DeviceChoice;
    use crate::nets::testing::preset;
    use crate::training::saved::{Saved, Which};
    use crate::training::{Learner, TrainOptions, train};

    /// Dense nets of 16 units on images of 16x16.
    fn config(sets: &[&str]) -> Config {
        let common = ["data.size=16", "hidden=[16]", "latent=4"];
        preset("seed-gan", &[&common, sets].concat())
    }

    #[test]
    fn mean_logits_are_among_the_stats_of_every_loss() {
        let device = Device::flex();
        let of = |values: [f32; 2]| Tensor::<1>::from_floats(values, &device).reshape([2, 1]);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        for (loss, real, fake) in [
            ("non-saturating", "d_logit_real", "d_logit_fake"),
            ("minimax", "d_logit_real", "d_logit_fake"),
            ("hinge", "d_real", "d_fake"),
            ("least-squares", "d_real", "d_fake"),
        ] {
            let config = config(&[&format!("loss={loss}")]);
            let settings = config.gan.clone().unwrap();
            let gan = Gan::new(&config, &settings, &Device::flex().autodiff());
            let mut stats = gan.stats(
                Tensor::zeros([1], &device),
                of([3.0, -1.0]),
                of([-3.0, -5.0]),
            );
            stats.insert(1, Tensor::zeros([1], &device));
            let found: Vec<f32> = Tensor::cat(stats, 0).into_data().try_to_vec().unwrap();
            let names = gan.stats_names();
            assert_eq!(found.len(), names.len());
            let get = |wanted| {
                let place = names.iter().position(|name| *name == wanted).unwrap();
                f64::from(found[place])
            };
            assert_eq!((get(real), get(fake)), (1.0, -4.0), "{loss}");
            assert_eq!((get("d_right"), get("d_sign")), (0.75, 0.0), "{loss}");
            if real == "d_logit_real" {
                let mean = 0.5 * (sigmoid(3.0) + sigmoid(-1.0));
                assert!((get("d_real") - mean).abs() < 1e-6);
            }
        }
    }

    /// The largest size of a weight of each parameter.
    #[derive(Default)]
    struct Largest(Vec<f32>);

    impl ModuleVisitor for Largest {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let values: Vec<f32> = param.val().inner().into_data().try_to_vec().unwrap();
            let sizes = values.into_iter().map(f32::abs);
            self.0.push(sizes.fold(0.0, f32::max));
        }
    }

    /// The largest weights of the discriminator after 40 steps of a Wasserstein GAN with this
    /// limit, and all its losses.
    fn wasserstein(clip: &str) -> (Vec<f32>, Vec<f64>) {
        let folder = TestFolder::new();
        let options = LoadOptions {
            limit: Some(64),
            size: Some(16),
            ..LoadOptions::default()
        };
        let data = load(&DataSpec::Glyphs, &options).unwrap();
        let sets = [
            &format!("weight_clip={clip}"),
            "loss=wasserstein",
            "batch=8",
            "learning_rate=0.001",
            "discriminator_learning_rate=0.001",
            "log_every=1",
            "training.steps=40",
        ];
        let config = config(&sets);
        let options = TrainOptions {
            out: folder.0.clone(),
            device: DeviceChoice::Cpu,
            quiet: true,
            ..TrainOptions::default()
        };
        let run = train(&config, &data, &options).unwrap().run;
        let learner = Saved::open(&run, Which::default()).unwrap().learner();
        let Some(Learner::Gan(gan)) = learner.unwrap() else {
            panic!("no GAN")
        };
        let mut largest = Largest::default();
        gan.discriminator.visit(&mut largest);
        let stats = std::fs::read_to_string(run.join("stats.jsonl")).unwrap();
        let losses = stats.lines().flat_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            ["d_loss", "g_loss"].map(|name| line[name].as_f64().unwrap())
        });
        (largest.0, losses.collect())
    }

    #[test]
    fn a_wasserstein_discriminators_weights_stay_within_their_limit_and_losses_are_finite() {
        let (largest, losses) = wasserstein("0.02");
        assert_eq!(losses.len(), 80);
        assert!(losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
        assert!(losses.iter().any(|loss| *loss != 0.0));
        assert!(largest.iter().all(|size| *size <= 0.02), "{largest:?}");
        assert!(largest.contains(&0.02), "{largest:?}");
        let (free, _) = wasserstein("10");
        assert!(free.iter().any(|size| *size > 0.02), "{free:?}");
    }
}
