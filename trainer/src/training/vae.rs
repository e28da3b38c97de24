//! One step on the evidence lower bound.

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};

use super::gan::adam;
use super::learner::{
    Moment, Parts, Reals, load_module, load_optimizer, module_bytes, optimizer_bytes,
};
use crate::config::{Config, VaeConfig};
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
