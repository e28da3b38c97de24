//! Adam: burn's own, and on the CPU the same step in one pass over memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use burn::module::Module;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{
    Adam as Burns, AdamConfig, AdamState, AdaptiveMomentumState, GradientsParams, ModuleOptimizer,
    Optimizer,
};
use burn::tensor::{Bytes, Device, Tensor};

use super::records::optimizer_bytes;
use crate::config::{OptimizerConfig, Scheduled};
use crate::nets::cpu::{self, AdamStep};

/// What keeps a step finite where a gradient has always been zero.
const EPSILON: f32 = 1e-8;

/// Adam for all parameters of a net, as the configuration has it at each moment of the run, ε =
/// 1e-8.
pub(super) struct NetAdam {
    optimizer: ModuleOptimizer,
    /// Of the optimizer, which keeps it to itself.
    adam: Adam,
    settings: OptimizerConfig,
}

impl NetAdam {
    pub(super) fn new(settings: &OptimizerConfig) -> Self {
        let adam = Adam::new(settings);
        Self {
            optimizer: adam.clone().into(),
            adam,
            settings: settings.clone(),
        }
    }

    /// A step at `fraction` of the run, 0 to 1, of the size `rate`, which the schedule multiplies.
    pub(super) fn step<M: Module>(
        &mut self,
        fraction: f64,
        rate: Scheduled,
        net: M,
        gradients: GradientsParams,
    ) -> M {
        let s = &self.settings;
        self.adam.set_beta2(s.at(fraction, s.beta2));
        let rate = s.at(fraction, rate) * s.schedule.factor(fraction);
        self.optimizer.step(rate, net, gradients)
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>, String> {
        optimizer_bytes(&self.optimizer)
    }

    /// With what [`NetAdam::bytes`] gave.
    pub(super) fn load(&mut self, bytes: Vec<u8>) -> Result<(), String> {
        let fresh: ModuleOptimizer = self.adam.clone().into();
        let bytes = Bytes::from_bytes_vec(bytes);
        self.optimizer = fresh.from_bytes(bytes).map_err(|e| e.to_string())?;
        Ok(())
    }
}

/// Adam (Kingma and Ba 2015), with the state and the records of burn's.
#[derive(Clone)]
struct Adam {
    beta1: f32,
    /// The bits of β2, which may change between steps: all clones have the same.
    beta2: Arc<AtomicU32>,
    decay: f32,
}

impl Adam {
    fn new(o: &OptimizerConfig) -> Self {
        let adam = Self {
            beta1: o.beta1 as f32,
            beta2: Arc::default(),
            decay: o.weight_decay as f32,
        };
        adam.set_beta2(o.beta2.at(0.0));
        adam
    }

    fn set_beta2(&self, beta2: f64) {
        self.beta2
            .store((beta2 as f32).to_bits(), Ordering::Relaxed);
    }

    fn betas(&self) -> [f32; 2] {
        let beta2 = f32::from_bits(self.beta2.load(Ordering::Relaxed));
        [self.beta1, beta2]
    }

    /// burn's own.
    fn burns(&self) -> Burns {
        let betas = self.betas();
        AdamConfig::new()
            .with_beta_1(betas[0])
            .with_beta_2(betas[1])
            .with_epsilon(EPSILON)
            .with_weight_decay((self.decay > 0.0).then(|| WeightDecayConfig::new(self.decay)))
            .build()
    }

    /// Step number `time`, from 1, as burn's Adam rounds its factors.
    fn at(&self, rate: f64, time: usize) -> AdamStep {
        let time = i32::try_from(time).unwrap_or(i32::MAX);
        let betas = self.betas();
        let [first, second] = betas.map(|beta| 1.0 - beta.powi(time));
        AdamStep {
            betas,
            rate: rate as f32 * second.sqrt() / first,
            epsilon: EPSILON * second.sqrt(),
            decay: self.decay,
        }
    }
}

impl Optimizer for Adam {
    type State<const D: usize> = AdamState<D>;

    fn step<const D: usize>(
        &self,
        rate: f64,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamState<D>>,
    ) -> (Tensor<D>, Option<AdamState<D>>) {
        if !cpu::on_cpu_without_gradients(&weight) {
            return self.burns().step(rate, weight, gradient, state);
        }
        let mut momentum = match state {
            Some(state) => state.momentum,
            None => AdaptiveMomentumState::new(0, weight.zeros_like(), weight.zeros_like()),
        };
        momentum.time += 1;
        let step = self.at(rate, momentum.time);
        let moments = [momentum.moment_1, momentum.moment_2];
        let (weight, [first, second]) = cpu::adam(weight, gradient, moments, step);
        let momentum = AdaptiveMomentumState::new(momentum.time, first, second);
        (weight, Some(AdamState::new(momentum)))
    }

    fn to_device<const D: usize>(state: AdamState<D>, device: &Device) -> AdamState<D> {
        <Burns as Optimizer>::to_device(state, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, normals};
    use burn::module::{Param, ParamId};
    use burn::nn::Linear;

    fn of(index: u64) -> Tensor<2> {
        normals(3, Purpose::Score, index, 37, 1000, &Device::flex())
    }

    fn config(decay: f64) -> OptimizerConfig {
        OptimizerConfig {
            weight_decay: decay,
            ..crate::nets::testing::preset("seed-gan", &[]).optimizer
        }
    }

    #[test]
    fn steps_are_those_of_burns_adam() {
        for decay in [0.0, 0.01] {
            let adam = Adam::new(&config(decay));
            let (mut own, mut burns) = ((of(0), None), (of(0), None));
            for step in 1..20 {
                own = adam.step(1e-3, own.0, of(step), own.1);
                burns = adam.burns().step(1e-3, burns.0, of(step), burns.1);
            }
            let largest = |t: Tensor<2>| t.abs().max().into_scalar::<f32>();
            assert!(largest(own.0 - burns.0) < 1e-6);
            let [own, burns] = [own.1, burns.1].map(|state| state.unwrap().momentum);
            assert_eq!(own.time, burns.time);
            assert!(largest(own.moment_1 - burns.moment_1) < 1e-6);
            assert!(largest(own.moment_2 - burns.moment_2) < 1e-6);
        }
    }

    #[test]
    fn the_second_decay_follows_its_schedule() {
        let mut settings = config(0.0);
        settings.beta2 = Scheduled::Cosine([0.5, 0.9]);
        settings.burn_in = 0.5;
        let (module, mut changing) = (Adam::new(&settings), NetAdam::new(&settings));
        let net = || Linear {
            weight: Param::initialized(ParamId::from(1), Tensor::ones([2, 2], &Device::flex())),
            bias: None,
        };
        for (fraction, beta2) in [(0.0, 0.5), (0.25, 0.7), (0.5, 0.9), (1.0, 0.9)] {
            let rate = Scheduled::Constant(1e-3);
            let _ = changing.step(fraction, rate, net(), GradientsParams::new());
            assert!((changing.adam.betas()[1] - beta2).abs() < 1e-6);
        }
        assert_eq!(module.betas()[1], 0.5);
    }

    #[test]
    fn weights_that_somebody_holds_stay_as_they_are() {
        let (adam, weight) = (Adam::new(&config(0.0)), of(0));
        let (after, _) = adam.step(1e-3, weight.clone(), of(1), None);
        assert_eq!(weight.clone().into_data(), of(0).into_data());
        assert!((after - weight).abs().max().into_scalar::<f32>() > 5e-4);
    }
}
