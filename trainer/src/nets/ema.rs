//! The exponential moving average of a generator, which makes better images than the generator
//! itself (Yazıcı et al. 2019).

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

use super::cpu;
use super::generator::Generator;

/// The parameters of a module by their ids, flat and without gradients.
#[derive(Default)]
struct Collect(HashMap<ParamId, Tensor<1>>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let value = if value.device().is_autodiff() {
            value.inner()
        } else {
            value
        };
        let len = value.dims().iter().product::<usize>();
        self.0.insert(param.id, value.reshape([len]));
    }
}

struct TowardsCurrent {
    current: HashMap<ParamId, Tensor<1>>,
    keep: f64,
}

impl ModuleMapper for TowardsCurrent {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(current) = self.current.remove(&param.id) else {
            return param;
        };
        let keep = self.keep;
        param.map(|average| {
            let shape = average.dims();
            let current = current.reshape(shape);
            if cpu::on_cpu_without_gradients(&average) {
                return cpu::lerp(average, current, 1.0 - keep);
            }
            let step = (current - average.clone()).mul_scalar(1.0 - keep);
            average + step
        })
    }
}

/// Moves the weights of `average` towards those of `current`: keep · average + (1 − keep) ·
/// current. Running statistics of batch normalization are not touched, see
/// [`Generator::calibrate`].
pub(crate) fn ema_update(average: Generator, current: &Generator, keep: f64) -> Generator {
    let mut collect = Collect::default();
    current.visit(&mut collect);
    let mut towards = TowardsCurrent {
        current: collect.0,
        keep,
    };
    average.map(&mut towards)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::testing::preset;
    use crate::random::{Purpose, normals};
    use burn::tensor::Device;

    #[test]
    fn the_average_moves_by_its_share_and_ends_where_the_generator_is() {
        let device = Device::flex();
        let [a, b] = ["seed=1", "seed=2"].map(|seed| preset("seed-gan", &[seed]));
        let current = Generator::new(&b, &device.clone().autodiff());
        let begin = Generator::new(&a, &device);
        let z = normals(1, Purpose::Score, 0, 2, 100, &device);
        let logits = |g: &Generator| g.logits(z.clone(), None);
        // Half of a step from a net to itself is the net.
        let same = ema_update(begin.clone(), &begin, 0.5);
        let still = (logits(&same) - logits(&begin)).abs().max();
        assert!(still.into_scalar::<f32>() < 1e-7);
        let mut average = begin;
        for _ in 0..200 {
            average = ema_update(average, &current, 0.9);
        }
        let target = current.valid();
        let left = (logits(&average) - logits(&target)).abs().max();
        assert!(left.into_scalar::<f32>() < 1e-6);
    }
}
