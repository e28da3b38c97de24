//! What a training loop needs of a family of models.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::batch::{Batch, StepContext};
use super::gan::Gan;
use super::records::Parts;
use super::vae::Vae;
use crate::config::Config;
use crate::nets::Generator;
use crate::random::{Purpose, stream};

/// Changes weights by about as much as rounding does.
struct Nudge {
    by: f32,
    seed: u64,
    next: u64,
}

impl ModuleMapper for Nudge {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.next += 1;
        param.map(|weight| {
            if !weight.is_require_grad() {
                // Running statistics are no weights.
                return weight;
            }
            let mut factors = vec![0.0; weight.shape().num_elements()];
            stream(self.seed, Purpose::Score, self.next).fill_normal(&mut factors);
            factors.iter_mut().for_each(|f| *f = 1.0 + self.by * *f);
            let weight = weight.inner();
            let factors = TensorData::new(factors, weight.shape());
            let factors = Tensor::from_data(factors, &weight.device());
            Tensor::from_inner(weight * factors).require_grad()
        })
    }
}

/// A model in training.
pub enum Learner {
    /// Generator against discriminator.
    Gan(Box<Gan>),
    /// Encoder and decoder.
    Vae(Box<Vae>),
}

impl Learner {
    /// New nets on `device`, which must differentiate. `None` when the configuration has neither
    /// section.
    pub fn new(config: &Config, device: &Device) -> Option<Self> {
        match (&config.gan, &config.vae) {
            (Some(gan), _) => Some(Self::Gan(Box::new(Gan::new(config, gan, device)))),
            (None, Some(vae)) => Some(Self::Vae(Box::new(Vae::new(config, vae, device)))),
            (None, None) => None,
        }
    }

    /// Names of the numbers that [`Learner::step`] returns at `context`.
    pub fn stats(&self, context: StepContext) -> &'static [&'static str] {
        match self {
            Self::Gan(gan) => gan.stats_names(),
            Self::Vae(vae) => vae.stats(context),
        }
    }

    /// Takes the second stage of a two-stage VAE away; nothing else has one.
    pub(crate) fn first_stage(&mut self) {
        if let Self::Vae(vae) = self {
            vae.first_stage();
        }
    }

    /// Batches that one step takes from the data.
    pub fn batches_per_step(config: &Config) -> u64 {
        config
            .gan
            .as_ref()
            .map_or(1, |g| g.discriminator_steps as u64)
    }

    /// One training step; the result stays on the device, shape `[stats]`.
    pub fn step(
        &mut self,
        step: u64,
        context: StepContext,
        reals: &mut (dyn FnMut() -> Batch + Send),
    ) -> Tensor<1> {
        let device = match self {
            Self::Gan(gan) => &gan.device,
            Self::Vae(vae) => &vae.device,
        };
        let on_cpu = device.clone().inner() == Device::flex();
        let mut run = || match self {
            Self::Gan(gan) => gan.step(step, context, reals),
            Self::Vae(vae) => vae.step(step, context, reals),
        };
        // On a thread of the pool: from outside of it each of a step's hundreds of parallel loops
        // would be handed over and waited for. Elsewhere burn's running states want all steps on
        // one thread.
        if on_cpu {
            rayon::scope(|_| run())
        } else {
            run()
        }
    }

    /// The generator or decoder as it is used after training: the EMA where one is kept, no
    /// gradients, running statistics.
    pub fn generator(&self) -> Generator {
        match self {
            Self::Gan(gan) => gan.ready(),
            Self::Vae(vae) => vae.net.decoder.valid(),
        }
    }

    /// What has a bound: `None` for a GAN.
    pub fn vae(&self) -> Option<&Vae> {
        match self {
            Self::Gan(_) => None,
            Self::Vae(vae) => Some(vae),
        }
    }

    /// Multiplies every trained weight by 1 and about `by` more or less, by `seed`.
    pub(super) fn nudge(&mut self, by: f32, seed: u64) {
        let mut nudge = Nudge { by, seed, next: 0 };
        match self {
            Self::Gan(gan) => gan.map(&mut nudge),
            Self::Vae(vae) => vae.net = vae.net.clone().map(&mut nudge),
        }
    }

    /// Everything a checkpoint must hold.
    pub fn parts(&self) -> Result<Parts, String> {
        match self {
            Self::Gan(gan) => gan.parts(),
            Self::Vae(vae) => vae.parts(),
        }
    }

    /// Takes back what [`Learner::parts`] gave; `read` returns the bytes of a part by name.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn load(
        &mut self,
        read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<(), String> {
        match self {
            Self::Gan(gan) => gan.load(read),
            Self::Vae(vae) => vae.load(read),
        }
    }
}
