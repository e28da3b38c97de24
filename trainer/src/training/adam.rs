//! Adam: burn's own, and on the CPU the same step in one pass over memory.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::{
    Adam as Burns, AdamConfig, AdamState, AdaptiveMomentumState, ModuleOptimizer, Optimizer,
};
use burn::tensor::{Device, Tensor};

use crate::config::OptimizerConfig;
use crate::nets::cpu::{self, AdamStep};

/// What keeps a step finite where a gradient has always been zero.
const EPSILON: f32 = 1e-8;

/// Adam (Kingma and Ba 2015), with the state and the records of burn's.
#[derive(Clone)]
pub(super) struct Adam {
    burns: Burns,
    betas: [f32; 2],
    decay: f32,
}

impl Adam {
    /// As the configuration has it, ε = 1e-8.
    pub(super) fn new(o: &OptimizerConfig) -> Self {
        let betas = [o.beta1 as f32, o.beta2 as f32];
        let decay = o.weight_decay as f32;
        let burns = AdamConfig::new()
            .with_beta_1(betas[0])
            .with_beta_2(betas[1])
            .with_epsilon(EPSILON)
            .with_weight_decay((decay > 0.0).then(|| WeightDecayConfig::new(decay)))
            .build();
        Self {
            burns,
            betas,
            decay,
        }
    }

    /// For all parameters of a module.
    pub(super) fn optimizer(o: &OptimizerConfig) -> ModuleOptimizer {
        Self::new(o).into()
    }

    /// Step number `time`, from 1, as burn's Adam rounds its factors.
    fn at(&self, rate: f64, time: usize) -> AdamStep {
        let time = i32::try_from(time).unwrap_or(i32::MAX);
        let [first, second] = self.betas.map(|beta| 1.0 - beta.powi(time));
        AdamStep {
            betas: self.betas,
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
            return self.burns.step(rate, weight, gradient, state);
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
                burns = adam.burns.step(1e-3, burns.0, of(step), burns.1);
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
    fn weights_that_somebody_holds_stay_as_they_are() {
        let (adam, weight) = (Adam::new(&config(0.0)), of(0));
        let (after, _) = adam.step(1e-3, weight.clone(), of(1), None);
        assert_eq!(weight.clone().into_data(), of(0).into_data());
        assert!((after - weight).abs().max().into_scalar::<f32>() > 5e-4);
    }
}
