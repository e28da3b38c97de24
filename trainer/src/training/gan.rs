//! One adversarial step: the discriminator's turns, then the generator's.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, activation::sigmoid};

use super::learner::{Parts, load_module, load_optimizer, module_bytes, optimizer_bytes};
use crate::config::{Config, GanConfig};
use crate::nets::{Discriminator, Generator};
use crate::objective::adversarial::{discriminator_loss, generator_loss};
use crate::random::{Purpose, normals};

/// The two players and their optimizers.
pub struct Gan {
    pub(super) generator: Generator,
    discriminator: Discriminator,
    generator_optimizer: ModuleOptimizer,
    discriminator_optimizer: ModuleOptimizer,
    settings: GanConfig,
    config: Config,
    device: Device,
}

/// Adam as the configuration has it, ε = 1e-8.
pub(super) fn adam(config: &Config) -> ModuleOptimizer {
    #[allow(clippy::cast_possible_truncation)]
    let (beta1, beta2) = (config.optimizer.beta1 as f32, config.optimizer.beta2 as f32);
    AdamConfig::new()
        .with_beta_1(beta1)
        .with_beta_2(beta2)
        .with_epsilon(1e-8)
        .init()
}

impl Gan {
    /// What [`Gan::step`] returns: both losses, and the mean of D(x) and D(G(z)).
    pub const STATS: &'static [&'static str] = &["d_loss", "g_loss", "d_real", "d_fake"];

    pub(super) fn new(config: &Config, settings: &GanConfig, device: &Device) -> Self {
        Self {
            generator: Generator::new(config, device),
            discriminator: Discriminator::new(config, device),
            generator_optimizer: adam(config),
            discriminator_optimizer: adam(config),
            settings: settings.clone(),
            config: config.clone(),
            device: device.clone(),
        }
    }

    /// Step number `step` (from 0). `reals` gives one batch `[N, C, H, W]` for each discriminator turn.
    pub(super) fn step(&mut self, step: u64, reals: &mut dyn FnMut() -> Tensor<4>) -> Tensor<1> {
        let o = &self.config.optimizer;
        let turns = u64::try_from(self.settings.discriminator_steps.max(1)).unwrap_or(1);
        let mut last = None;
        for turn in 0..turns {
            let real = reals();
            let [rows, ..] = real.dims();
            let index = step.wrapping_mul(turns).wrapping_add(turn);
            let latent = normals(
                self.config.training.seed,
                Purpose::Latents,
                index,
                rows,
                self.config.model.latent,
                &self.device,
            );
            let fake = self.generator.forward(latent);
            let on_real = self.discriminator.forward(real);
            let on_fake = self.discriminator.forward(fake.clone().detach());
            let loss = discriminator_loss(
                on_real.clone(),
                on_fake.clone(),
                self.settings.label_smoothing,
            );
            let gradients = GradientsParams::from_grads(loss.backward(), &self.discriminator);
            let rate = o.discriminator_learning_rate.unwrap_or(o.learning_rate);
            self.discriminator =
                self.discriminator_optimizer
                    .step(rate, self.discriminator.clone(), gradients);
            last = Some((
                fake,
                [
                    loss.inner(),
                    sigmoid(on_real.inner()).mean(),
                    sigmoid(on_fake.inner()).mean(),
                ],
            ));
        }
        let Some((fake, [d_loss, d_real, d_fake])) = last else {
            return Tensor::zeros([Self::STATS.len()], &self.device);
        };
        // The generator's turn needs gradients through the discriminator, not of it.
        let loss = generator_loss(
            self.discriminator.clone().no_grad().forward(fake),
            self.settings.generator_loss,
        );
        let gradients = GradientsParams::from_grads(loss.backward(), &self.generator);
        self.generator =
            self.generator_optimizer
                .step(o.learning_rate, self.generator.clone(), gradients);
        Tensor::cat(vec![d_loss, loss.inner(), d_real, d_fake], 0)
    }

    pub(super) fn parts(&self) -> Result<Parts, String> {
        Ok(vec![
            ("generator", module_bytes(&self.generator)?),
            ("discriminator", module_bytes(&self.discriminator)?),
            (
                "generator-optimizer",
                optimizer_bytes(&self.generator_optimizer)?,
            ),
            (
                "discriminator-optimizer",
                optimizer_bytes(&self.discriminator_optimizer)?,
            ),
        ])
    }

    pub(super) fn load(
        &mut self,
        read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<(), String> {
        self.generator = load_module(self.generator.clone(), read("generator")?)?;
        self.discriminator = load_module(self.discriminator.clone(), read("discriminator")?)?;
        self.generator_optimizer =
            load_optimizer(adam(&self.config), read("generator-optimizer")?)?;
        self.discriminator_optimizer =
            load_optimizer(adam(&self.config), read("discriminator-optimizer")?)?;
        Ok(())
    }
}
