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
use crate::objective::elbo::{divergence, reconstruction, reparameterize};
use crate::random::{Purpose, normals};

/// Encoder and decoder, trained together.
#[derive(Module, Debug)]
pub(super) struct Autoencoder {
    pub(super) encoder: Encoder,
    pub(super) decoder: Generator,
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

    fn terms(
        &self,
        net: &Autoencoder,
        reals: Reals,
        purpose: Purpose,
        index: u64,
        device: &Device,
    ) -> (Tensor<1>, Tensor<1>) {
        let (x, class) = (reals.pixels, reals.classes);
        let [rows, ..] = x.dims();
        let (mean, log_variance) = net.encoder.forward(x.clone(), class.clone());
        let noise = normals(
            self.config.training.seed,
            purpose,
            index,
            rows,
            self.config.model.latent,
            device,
        );
        let z = reparameterize(mean.clone(), log_variance.clone(), noise);
        (
            reconstruction(net.decoder.logits(z, class), x, self.settings.likelihood),
            divergence(mean, log_variance),
        )
    }

    /// Step number `step` (from 0) on one batch `[N, C, H, W]` of pixels from 0 to 1.
    pub(super) fn step(
        &mut self,
        step: u64,
        moment: Moment,
        reals: &mut dyn FnMut() -> Reals,
    ) -> Tensor<1> {
        let (error, kl) = self.terms(
            &self.net,
            reals(),
            Purpose::Reparameterization,
            step,
            &self.device,
        );
        let loss = error.clone() + kl.clone().mul_scalar(self.settings.beta);
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
        let (error, kl) = self.terms(&self.net.valid(), x, Purpose::Score, index, &device);
        f64::from((error + kl).into_scalar::<f32>())
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
