//! One step on the evidence lower bound, of the first stage or of the second.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, activation::log_sigmoid};

use super::adam::NetAdam;
use super::batch::{Batch, StepContext};
use super::latent_use;
use super::records::{Parts, load_module, module_bytes};
use super::second_stage::{self, Stage};
use crate::config::{Config, VaeConfig};
use crate::data::Dataset;
use crate::loss::elbo::{
    beta_at, divergences, importance_weighted, log_likelihood, log_normal, log_prior_ratio,
    reparameterize, with_free_bits,
};
use crate::nets::{Encoder, Generator, cpu};
use crate::random::{Purpose, normals};

/// Encoder and decoder, trained together.
#[derive(Module, Debug)]
pub(super) struct Autoencoder {
    pub(super) encoder: Encoder,
    pub(super) decoder: Generator,
}

/// From where on random numbers of the second stage are for evaluation; before it, an index is a
/// step.
const EVALUATION: u64 = 1 << 42;

/// What [`Vae::step`] returns, in nats an image: the negative bound and its two terms.
const STATS: &[&str] = &["loss", "reconstruction", "kl"];

/// What both bounds are made of.
struct BoundTerms {
    likelihood: Tensor<1>,
    ratio: Tensor<1>,
    divergences: Tensor<1>,
    z: Tensor<2>,
}

/// The autoencoder and its optimizer.
pub struct Vae {
    pub(super) net: Autoencoder,
    optimizer: NetAdam,
    settings: VaeConfig,
    config: Config,
    pub(super) device: Device,
}

impl Vae {
    pub(super) fn new(config: &Config, settings: &VaeConfig, device: &Device) -> Self {
        let net = Autoencoder {
            encoder: Encoder::new(config, device),
            decoder: Generator::new(config, device),
        };
        Self {
            net,
            optimizer: NetAdam::new(&config.optimizer),
            settings: settings.clone(),
            config: config.clone(),
            device: device.clone(),
        }
    }

    /// Draws latents of images; gives log p(x|z) and log p(z) − log q(z|x) of each, `[draws·N]`,
    /// and the divergence of each latent dimension, `[z]`.
    fn terms(
        &self,
        net: &Autoencoder,
        reals: Batch,
        draws: usize,
        purpose: Purpose,
        index: u64,
    ) -> BoundTerms {
        let (model, seed) = (&self.config.model, self.config.training.seed);
        let (x, class) = (reals.pixels, reals.classes.filter(|_| model.classes > 0));
        let (rows, device) = (x.dims()[0] * draws, x.device());
        let draw = || normals(seed, purpose, index, rows, model.latent, &device);
        let encode = || net.encoder.forward(x.clone(), class.clone());
        // Numbers are drawn one after the other: meanwhile another thread has the encoder's
        // products.
        let (noise, (mean, log_variance)) = if cpu::on_cpu_backend(&x) {
            rayon::join(draw, encode)
        } else {
            (draw(), encode())
        };
        let divergences = divergences(mean.clone(), log_variance.clone());
        let (mean, log_variance, x) = match draws {
            1 => (mean, log_variance, x),
            _ => (
                mean.repeat_dim(0, draws),
                log_variance.repeat_dim(0, draws),
                x.repeat_dim(0, draws),
            ),
        };
        let class = class.map(|class| class.repeat_dim(0, draws));
        let z = reparameterize(mean, log_variance.clone(), noise.clone());
        let logits = net.decoder.logits(z.clone(), class);
        BoundTerms {
            likelihood: log_likelihood(logits, x, self.settings.likelihood, self.settings.sigma),
            ratio: log_prior_ratio(z.clone(), log_variance, noise),
            divergences,
            z,
        }
    }

    /// Names of what a step at `context` returns.
    pub(super) fn stats(&self, context: StepContext) -> &'static [&'static str] {
        match Stage::at(context.fraction, self.settings.second_stage) {
            Stage::First(_) => STATS,
            Stage::Second(_) => second_stage::STATS,
        }
    }

    /// Step number `step` (from 0) on one batch of pixels from 0 to 1.
    pub(super) fn step(
        &mut self,
        step: u64,
        context: StepContext,
        reals: &mut dyn FnMut() -> Batch,
    ) -> Tensor<1> {
        match Stage::at(context.fraction, self.settings.second_stage) {
            Stage::First(fraction) => self.first_step(step, fraction, reals()),
            Stage::Second(fraction) => self.second_step(step, fraction, reals()),
        }
    }

    /// Encoder and decoder of images learn; `fraction` of the first stage is done.
    fn first_step(&mut self, step: u64, fraction: f64, reals: Batch) -> Tensor<1> {
        let s = &self.settings;
        let purpose = Purpose::Reparameterization;
        let terms = self.terms(&self.net, reals, s.samples, purpose, step);
        let error = terms.likelihood.clone().mean().neg();
        let kl = terms.divergences.clone().sum();
        let loss = if s.samples > 1 {
            importance_weighted(terms.likelihood + terms.ratio, s.samples).neg()
        } else {
            let beta = beta_at(step, s.beta, s.warmup, s.cycle);
            let minimized = with_free_bits(terms.divergences, s.free_bits);
            error.clone() + minimized.mul_scalar(beta)
        };
        self.descend(&loss, fraction);
        Tensor::cat(vec![loss.inner(), error.inner(), kl.inner()], 0)
    }

    /// Both nets of the second stage learn latents of the first, which stays as it is; `fraction`
    /// of the second stage is done.
    fn second_step(&mut self, step: u64, fraction: f64, reals: Batch) -> Tensor<1> {
        let encoder = self.net.encoder.valid();
        let (mean, log_variance) = encoder.forward(reals.pixels.inner(), None);
        let noise = self.noise(Purpose::Reparameterization, step, mean.dims());
        let z = reparameterize(mean, log_variance, noise);
        self.learn_latents(step, fraction, z)
    }

    /// The second stage's nets learn `z` `[N, z]`, without gradients.
    fn learn_latents(&mut self, step: u64, fraction: f64, z: Tensor<2>) -> Tensor<1> {
        let noise = self.noise(Purpose::SecondStage, step, z.dims());
        let [z, noise] = [z, noise].map(Tensor::from_inner);
        let terms = second_stage::terms(&self.net.encoder, &self.net.decoder, z, noise);
        let Some(terms) = terms else {
            // A stage that is configured is there.
            return Tensor::zeros([second_stage::STATS.len()], &self.device.clone().inner());
        };
        let error = terms.likelihood.mean().neg();
        let kl = terms.divergences.sum();
        let loss = error.clone() + kl.clone();
        self.descend(&loss, fraction);
        Tensor::cat(vec![loss.inner(), error.inner(), kl.inner()], 0)
    }

    /// Nets without a gradient stay as they are, and so does what the optimizer knows of them.
    fn descend(&mut self, loss: &Tensor<1>, fraction: f64) {
        let gradients = GradientsParams::from_grads(loss.backward(), &self.net);
        let rate = self.config.optimizer.learning_rate;
        let net = self.net.clone();
        self.net = self.optimizer.step(fraction, rate, net, gradients);
    }

    /// Standard normals `[N, z]` without gradients.
    fn noise(&self, purpose: Purpose, index: u64, [rows, columns]: [usize; 2]) -> Tensor<2> {
        let device = self.device.clone().inner();
        let seed = self.config.training.seed;
        normals(seed, purpose, index, rows, columns, &device)
    }

    /// How much more likely the second stage makes each z `[N, z]` than N(0, 1) does, at least: log
    /// p(z|u) + log p(u) − log q(u|z) − log N(z; 0, 1), `[N]`. `None` where there is no second
    /// stage.
    fn gain(&self, net: &Autoencoder, z: Tensor<2>, index: u64) -> Option<Tensor<1>> {
        let noise = self.noise(Purpose::SecondStage, EVALUATION + index, z.dims());
        let terms = second_stage::terms(&net.encoder, &net.decoder, z.clone(), noise)?;
        let zero = z.zeros_like();
        let standard = log_normal(z, zero.clone(), zero);
        Some(terms.likelihood + terms.ratio - standard)
    }

    /// The negative evidence lower bound of `x` in nats an image, with one draw of noise (β does
    /// not count); of both stages where there are two.
    pub(super) fn negative_bound(&self, x: Batch, index: u64) -> f64 {
        let net = self.net.valid();
        let terms = self.terms(&net, x, 1, Purpose::Score, index);
        let mut bound = terms.likelihood.mean() - terms.divergences.sum();
        if let Some(gain) = self.gain(&net, terms.z, index) {
            bound = bound + gain.mean();
        }
        -f64::from(bound.into_scalar::<f32>())
    }

    /// −log of the importance-weighted bound (Burda et al. 2016, equation 8) of each image of `x`
    /// `[N, C, H, W]`, whose pixels are 0 or 1, with `draws` latents an image, in nats. For the
    /// Bernoulli likelihood.
    pub(super) fn importance_bound(&self, x: Batch, draws: u64, index: u64) -> Vec<f64> {
        let (x, class) = (x.pixels, x.classes);
        let net = self.net.valid();
        let [rows, ..] = x.dims();
        let (mean, log_variance) = net.encoder.forward(x.clone(), class.clone());
        let flat: Tensor<2> = x.flatten(1, 3);
        let mut weights: Vec<Vec<f64>> = vec![Vec::new(); rows];
        for draw in 0..draws {
            let number = (1 << 41) + index * draws + draw;
            let noise = self.noise(Purpose::Score, number, mean.dims());
            let z = reparameterize(mean.clone(), log_variance.clone(), noise.clone());
            let logits: Tensor<2> = net.decoder.logits(z.clone(), class.clone()).flatten(1, 3);
            // log p(x|z); log p(z) and log q(z|x) without −½ log 2π, which both have.
            let likelihood = (log_sigmoid(logits.clone().neg()) + flat.clone() * logits).sum_dim(1);
            let prior = z.clone().powi_scalar(2).sum_dim(1).mul_scalar(-0.5);
            let posterior = (noise.powi_scalar(2) + log_variance.clone())
                .sum_dim(1)
                .mul_scalar(-0.5);
            let mut weight = (likelihood + prior - posterior).reshape([rows]);
            if let Some(gain) = self.gain(&net, z, number) {
                weight = weight + gain;
            }
            let weight = weight.into_data();
            let weight = weight.try_into_vec::<f32>().unwrap_or_default();
            for (all, weight) in weights.iter_mut().zip(weight) {
                all.push(f64::from(weight));
            }
        }
        let bound = |all: Vec<f64>| {
            let largest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = all.iter().map(|weight| (weight - largest).exp()).sum();
            let draws = all.len() as f64;
            -(largest + (sum / draws).ln())
        };
        weights.into_iter().map(bound).collect()
    }

    /// KL of each latent dimension in nats.
    pub(crate) fn latent_use(&self, data: &Dataset) -> Result<Vec<f64>, String> {
        let (encoder, device) = (self.net.encoder.valid(), self.device.clone().inner());
        latent_use::divergences(&encoder, &self.config, data, &device)
    }

    /// Takes the second stage away.
    pub(super) fn first_stage(&mut self) {
        self.net.decoder = self.net.decoder.clone().first_stage();
    }

    pub(super) fn parts(&self) -> Result<Parts, String> {
        Ok(vec![
            ("generator", module_bytes(&self.net.decoder)?),
            ("encoder", module_bytes(&self.net.encoder)?),
            ("optimizer", self.optimizer.bytes()?),
        ])
    }

    pub(super) fn load(
        &mut self,
        read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<(), String> {
        self.net.decoder = load_module(self.net.decoder.clone(), read("generator")?)?;
        self.net.encoder = load_module(self.net.encoder.clone(), read("encoder")?)?;
        self.optimizer.load(read("optimizer")?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::testing::preset;

    #[test]
    fn one_draw_of_the_importance_bound_is_the_evidence_bound_and_more_draws_are_tighter() {
        let config = preset("vae-dense", &[]);
        let device = Device::flex();
        let settings = config.vae.clone().unwrap();
        let vae = Vae::new(&config, &settings, &device.clone().autodiff());
        let side = config.data.size;
        let x = normals(1, Purpose::Score, 7, 40, side * side, &device)
            .greater_elem(0.0)
            .float()
            .reshape([40, 1, side, side]);
        let mean = |bounds: Vec<f64>| bounds.iter().sum::<f64>() / bounds.len() as f64;
        let x = Batch {
            pixels: x,
            classes: None,
        };
        let evidence = vae.negative_bound(x.clone(), 3);
        let single = mean(vae.importance_bound(x.clone(), 1, 3));
        let many = mean(vae.importance_bound(x, 30, 3));
        // Both take the divergence differently, as a formula and by its draws.
        assert!((single - evidence).abs() < 2.0, "{single} {evidence}");
        assert!(many < single, "{many} {single}");
    }

    /// A small two-stage VAE with latents of `latent` numbers.
    fn two_stages(latent: usize) -> Vae {
        let sets = [
            "data.size=16",
            "model.hidden=[16]",
            &format!("model.latent={latent}"),
            "vae.second_stage=0.5",
            "vae.second_hidden=[64, 64]",
            "optimizer.learning_rate=0.003",
        ];
        let config = preset("vae-dense", &sets);
        let settings = config.vae.clone().unwrap();
        Vae::new(&config, &settings, &Device::flex().autodiff())
    }

    fn noise(index: u64, shape: [usize; 2]) -> Tensor<2> {
        let [rows, columns] = shape;
        normals(9, Purpose::Score, index, rows, columns, &Device::flex())
    }

    /// Points on a circle of radius √2, so that each coordinate has variance 1 as the prior has,
    /// blurred by 0.05.
    fn ring(index: u64, rows: usize) -> Tensor<2> {
        let direction = noise(2 * index, [rows, 2]);
        let length = direction.clone().powi_scalar(2).sum_dim(1).sqrt();
        let circle = direction / length * std::f64::consts::SQRT_2;
        circle + noise(2 * index + 1, [rows, 2]) * 0.05
    }

    /// 2·E|x − y| − E|x − x′| − E|y − y′| (Székely and Rizzo 2013): 0 for equal distributions.
    fn energy_distance(x: &Tensor<2>, y: &Tensor<2>) -> f64 {
        let mean = |a: &Tensor<2>, b: &Tensor<2>| {
            let difference = a.clone().unsqueeze_dim::<3>(0) - b.clone().unsqueeze_dim::<3>(1);
            let distance = difference.powi_scalar(2).sum_dim(2).sqrt().mean();
            f64::from(distance.into_scalar::<f32>())
        };
        2.0 * mean(x, y) - mean(x, x) - mean(y, y)
    }

    #[test]
    fn the_second_stage_learns_latents_that_are_not_normal() {
        let mut vae = two_stages(2);
        for step in 0..1500 {
            let z = ring(step, 128);
            let _ = vae.learn_latents(step, 0.0, z);
        }
        let real = ring(10_000, 500);
        let u = noise(30_000, [500, 2]);
        let made = vae.net.decoder.valid().second().unwrap().forward(u.clone());
        let (before, after) = (energy_distance(&real, &u), energy_distance(&real, &made));
        assert!(after < 0.4 * before, "{before} {after}");
    }

    #[test]
    fn until_its_turn_the_second_stage_changes_nothing_and_then_it_alone_is_changed() {
        let mut vae = two_stages(3);
        let mut reals = || Batch {
            pixels: Tensor::from_inner(noise(1, [8, 256]).abs().clamp(0.0, 1.0))
                .reshape([8, 1, 16, 16]),
            classes: None,
        };
        let at = |fraction| StepContext {
            fraction,
            augment: 0.0,
        };
        let z = noise(2, [4, 3]);
        let images = |net: Generator| net.valid().forward(z.clone(), None).into_data();
        let both = |vae: &Vae| images(vae.net.decoder.clone());
        let first = |vae: &Vae| images(vae.net.decoder.clone().first_stage());

        let begin = first(&vae);
        let _ = vae.step(0, at(0.25), &mut reals);
        let trained = first(&vae);
        assert_ne!(begin, trained);
        assert_eq!(both(&vae), trained);

        let means = |vae: &Vae, reals: Batch| {
            let (mean, _) = vae.net.encoder.valid().forward(reals.pixels.inner(), None);
            mean.into_data()
        };
        let encoded = means(&vae, reals());
        for step in 1..4 {
            let _ = vae.step(step, at(0.5), &mut reals);
        }
        assert_eq!(first(&vae), trained);
        assert_ne!(both(&vae), trained);
        assert_eq!(means(&vae, reals()), encoded);
    }

    /// With u = z + ε, log N(z; u, 1) + log N(u; 0, 1) − log N(u; z, 1) − log N(z; 0, 1) is ½(z² −
    /// u²), in the mean −½ a dimension.
    #[test]
    fn a_second_stage_at_its_beginning_loses_half_a_nat_a_dimension() {
        let vae = two_stages(4);
        let z = noise(1, [20_000, 4]);
        let gain = vae.gain(&vae.net.valid(), z, 0).unwrap();
        let mean = f64::from(gain.mean().into_scalar::<f32>());
        assert!((mean + 2.0).abs() < 0.1, "{mean}");
    }
}
