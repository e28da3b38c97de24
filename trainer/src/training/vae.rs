//! One step on the evidence lower bound.

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, activation::log_sigmoid};

use super::gan::adam;
use super::learner::{
    Moment, Parts, Reals, load_module, load_optimizer, module_bytes, optimizer_bytes,
};
use crate::config::{Config, Likelihood, VaeConfig};
use crate::nets::{Encoder, Generator};
use crate::objective::elbo::{
    beta_at, divergences, importance_weighted, log_likelihood, log_prior_ratio, reparameterize,
    repeated, with_free_bits,
};
use crate::random::{Purpose, normals};

/// Encoder and decoder, trained together.
#[derive(Module, Debug)]
pub(super) struct Autoencoder {
    pub(super) encoder: Encoder,
    pub(super) decoder: Generator,
}

/// What both bounds are made of.
struct Terms {
    likelihood: Tensor<1>,
    ratio: Tensor<1>,
    divergences: Tensor<1>,
}

/// The autoencoder and its optimizer.
pub struct Vae {
    pub(super) net: Autoencoder,
    optimizer: ModuleOptimizer,
    settings: VaeConfig,
    config: Config,
    device: Device,
}

impl Vae {
    /// What [`Vae::step`] returns, in nats a picture: the negative bound and its two terms.
    pub const STATS: &'static [&'static str] = &["loss", "reconstruction", "kl"];

    pub(super) fn new(config: &Config, settings: &VaeConfig, device: &Device) -> Self {
        let net = Autoencoder {
            encoder: Encoder::new(config, device),
            decoder: Generator::new(config, device),
        };
        Self {
            net,
            optimizer: adam(config),
            settings: settings.clone(),
            config: config.clone(),
            device: device.clone(),
        }
    }

    /// Draws latents of pictures; gives log p(x|z) and log p(z) − log q(z|x) of each, `[draws·N]`, and the divergence of each
    /// latent dimension, `[z]`.
    fn terms(
        &self,
        net: &Autoencoder,
        reals: Reals,
        draws: usize,
        purpose: Purpose,
        index: u64,
        device: &Device,
    ) -> Terms {
        let (x, class) = (reals.pixels, reals.classes.filter(|_| self.conditional()));
        let [rows, ..] = x.dims();
        let (mean, log_variance) = net.encoder.forward(x.clone(), class.clone());
        let divergences = divergences(mean.clone(), log_variance.clone());
        let noise = normals(
            self.config.training.seed,
            purpose,
            index,
            rows * draws,
            self.config.model.latent,
            device,
        );
        let (mean, log_variance, x) = match draws {
            1 => (mean, log_variance, x),
            _ => (
                mean.repeat_dim(0, draws),
                log_variance.repeat_dim(0, draws),
                x.repeat_dim(0, draws),
            ),
        };
        let z = reparameterize(mean, log_variance.clone(), noise.clone());
        let logits = net.decoder.logits(z.clone(), repeated(class, draws));
        Terms {
            likelihood: log_likelihood(logits, x, self.settings.likelihood, self.settings.sigma),
            ratio: log_prior_ratio(z, log_variance, noise),
            divergences,
        }
    }

    fn conditional(&self) -> bool {
        self.config.model.classes > 0
    }

    /// Step number `step` (from 0) on one batch of pixels from 0 to 1.
    pub(super) fn step(
        &mut self,
        step: u64,
        moment: Moment,
        reals: &mut dyn FnMut() -> Reals,
    ) -> Tensor<1> {
        let s = &self.settings;
        let terms = self.terms(
            &self.net,
            reals(),
            s.samples,
            Purpose::Reparameterization,
            step,
            &self.device,
        );
        let error = terms.likelihood.clone().mean().neg();
        let kl = terms.divergences.clone().sum();
        let loss = if s.samples > 1 {
            importance_weighted(terms.likelihood + terms.ratio, s.samples).neg()
        } else {
            let beta = beta_at(step, s.beta, s.warmup, s.cycle);
            let minimized = with_free_bits(terms.divergences, s.free_bits);
            error.clone() + minimized.mul_scalar(beta)
        };
        let gradients = GradientsParams::from_grads(loss.backward(), &self.net);
        let o = &self.config.optimizer;
        self.net = self.optimizer.step(
            o.learning_rate * o.schedule.factor(moment.fraction),
            self.net.clone(),
            gradients,
        );
        Tensor::cat(vec![loss.inner(), error.inner(), kl.inner()], 0)
    }

    /// The negative evidence lower bound of `x` in nats a picture, with one draw of noise (β does not count).
    pub(super) fn negative_bound(&self, x: Reals, index: u64) -> f64 {
        let device = self.device.clone().inner();
        let terms = self.terms(&self.net.valid(), x, 1, Purpose::Score, index, &device);
        let bound = terms.likelihood.mean() - terms.divergences.sum();
        -f64::from(bound.into_scalar::<f32>())
    }

    /// −log of the importance-weighted bound (Burda et al. 2016, equation 8) of each picture of `x` `[N, C, H, W]`, whose pixels are
    /// 0 or 1, with `draws` latents a picture, in nats. For the Bernoulli likelihood.
    pub(super) fn importance_bound(&self, x: Reals, draws: u64, index: u64) -> Vec<f64> {
        let (x, class) = (x.pixels, x.classes);
        let device = self.device.clone().inner();
        let net = self.net.valid();
        let [rows, ..] = x.dims();
        let (mean, log_variance) = net.encoder.forward(x.clone(), class.clone());
        let flat: Tensor<2> = x.flatten(1, 3);
        let mut weights: Vec<Vec<f64>> = vec![Vec::new(); rows];
        for draw in 0..draws {
            let noise = normals(
                self.config.training.seed,
                Purpose::Score,
                (1 << 41) + index * draws + draw,
                rows,
                self.config.model.latent,
                &device,
            );
            let z = reparameterize(mean.clone(), log_variance.clone(), noise.clone());
            let logits: Tensor<2> = net.decoder.logits(z.clone(), class.clone()).flatten(1, 3);
            // log p(x|z); log p(z) and log q(z|x) without −½ log 2π, which both have.
            let likelihood = (log_sigmoid(logits.clone().neg()) + flat.clone() * logits).sum_dim(1);
            let prior = z.powi_scalar(2).sum_dim(1).mul_scalar(-0.5);
            let posterior = (noise.powi_scalar(2) + log_variance.clone())
                .sum_dim(1)
                .mul_scalar(-0.5);
            let weight = (likelihood + prior - posterior).into_data();
            let weight = weight.try_into_vec::<f32>().unwrap_or_default();
            for (all, weight) in weights.iter_mut().zip(weight) {
                all.push(f64::from(weight));
            }
        }
        let bound = |all: Vec<f64>| {
            let largest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = all.iter().map(|weight| (weight - largest).exp()).sum();
            #[allow(clippy::cast_precision_loss)]
            let draws = all.len() as f64;
            -(largest + (sum / draws).ln())
        };
        weights.into_iter().map(bound).collect()
    }

    /// What pixels are under the model.
    pub(super) fn likelihood(&self) -> Likelihood {
        self.settings.likelihood
    }

    pub(super) fn parts(&self) -> Result<Parts, String> {
        Ok(vec![
            ("generator", module_bytes(&self.net.decoder)?),
            ("encoder", module_bytes(&self.net.encoder)?),
            ("optimizer", optimizer_bytes(&self.optimizer)?),
        ])
    }

    pub(super) fn load(
        &mut self,
        read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<(), String> {
        self.net.decoder = load_module(self.net.decoder.clone(), read("generator")?)?;
        self.net.encoder = load_module(self.net.encoder.clone(), read("encoder")?)?;
        self.optimizer = load_optimizer(adam(&self.config), read("optimizer")?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, Source, resolve};

    #[test]
    fn one_draw_of_the_importance_bound_is_the_evidence_bound_and_more_draws_are_tighter() {
        let config = resolve(&Source::Preset("vae-dense".into()), &Overrides::default()).unwrap();
        let device = Device::flex();
        let settings = config.vae.clone().unwrap();
        let vae = Vae::new(&config, &settings, &device.clone().autodiff());
        let side = config.data.size;
        let x = normals(1, Purpose::Score, 7, 40, side * side, &device)
            .greater_elem(0.0)
            .float()
            .reshape([40, 1, side, side]);
        let mean = |bounds: Vec<f64>| bounds.iter().sum::<f64>() / bounds.len() as f64;
        let x = Reals {
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
}
