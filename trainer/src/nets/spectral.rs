//! Spectral normalization: a weight divided by its largest singular value, so that a layer
//! stretches nothing (Miyato et al. 2018).

use burn::module::{Module, RunningState};
use burn::tensor::Tensor;

use super::cpu;
use super::init::Init;

/// Keeps the guess of one weight's first left singular vector from step to step.
#[derive(Module, Debug)]
pub(super) struct Spectral {
    left: RunningState<Tensor<1>>,
}

fn unit(v: Tensor<2>) -> Tensor<2> {
    let length = v.clone().mul(v.clone()).sum().sqrt().add_scalar(1e-12);
    v / length.reshape([1, 1])
}

impl Spectral {
    /// For a weight whose first extent is `rows`.
    pub(super) fn new(init: &mut Init<'_>, rows: usize) -> Self {
        Self {
            left: init.direction(rows),
        }
    }

    /// `weight` `[rows, ...]` over its largest singular value σ = uᵀ·W·v, as a matrix of `rows`
    /// rows. u and v count as constants, as in the paper's section 2.1; while gradients are wanted,
    /// one round of power iteration (algorithm 1) brings them nearer to the singular vectors: one,
    /// because the weight moves little between steps.
    pub(super) fn normalize<const D: usize>(&self, weight: Tensor<D>) -> Tensor<D> {
        let device = weight.device();
        let left = self.left.value_sync().to_device(&device);
        if cpu::on_cpu_backend(&weight) {
            let (left, weight) = cpu::spectral_norm(weight, left);
            self.left.update(left.detach());
            // An update waits for the thread that made it, and the next step may be on another.
            let _ = self.left.value_sync();
            return weight;
        }
        let shape = weight.dims();
        let rows = shape.first().copied().unwrap_or(1);
        let columns = shape.iter().skip(1).product::<usize>();
        let matrix = weight.clone().reshape([rows, columns]);
        let fixed = matrix.clone().detach();
        let mut left = left.reshape([1, rows]);
        let right = unit(left.clone().matmul(fixed.clone()));
        if device.is_autodiff() {
            left = unit(right.clone().matmul(fixed.transpose()));
            self.left.update(left.clone().reshape([rows]).detach());
        }
        let sigma = left
            .detach()
            .matmul(matrix.clone())
            .mul(right.detach())
            .sum();
        // A factor a column: backwards the weight's products are added up column by column. One
        // factor for all would add all of them in one loop, and Mesa's software driver ends a loop
        // after 65,535 turns.
        let factors = sigma.recip().reshape([1, 1]).expand([1, columns]);
        (matrix * factors).reshape(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::init::Scheme;
    use crate::random::{Purpose, normals};
    use burn::tensor::Device;

    #[test]
    fn the_largest_singular_value_becomes_one() {
        let device = Device::flex().autodiff();
        let mut init = Init::new(1, Purpose::DiscriminatorInit, Scheme::Dcgan, &device);
        let spectral = Spectral::new(&mut init, 6);
        // Singular values 3, 2 and 1/2, turned by an orthogonal matrix made from a Householder
        // reflection.
        let v = unit(normals(1, Purpose::Score, 0, 1, 6, &device));
        let eye = Tensor::<2>::eye(6, &device);
        let turn = eye.clone() - v.clone().transpose().matmul(v).mul_scalar(2.0);
        let values = Tensor::<1>::from_floats([3.0, 2.0, 0.5, 0.5, 0.2, 0.1], &device);
        let weight = turn.matmul(eye.mul(values.reshape([6, 1])));
        let mut found = weight.clone();
        for _ in 0..60 {
            found = spectral.normalize(weight.clone());
        }
        let difference = (found.mul_scalar(3.0) - weight)
            .abs()
            .max()
            .into_scalar::<f32>();
        assert!(difference < 1e-3, "{difference}");
    }

    #[test]
    fn the_first_singular_vector_is_kept_while_gradients_are_wanted_and_only_then() {
        let device = Device::flex();
        let training = device.clone().autodiff();
        let mut init = Init::new(1, Purpose::DiscriminatorInit, Scheme::Dcgan, &training);
        let spectral = Spectral::new(&mut init, 6);
        let weight = normals(1, Purpose::Score, 1, 6, 8, &device);
        let left = || spectral.left.value_sync().into_data();
        let begin = left();
        let _ = spectral.normalize(weight.clone());
        assert_eq!(left(), begin);
        let _ = spectral.normalize(Tensor::from_inner(weight));
        assert_ne!(left(), begin);
    }
}
