//! Operations on burn-flex tensors as steps of burn's autodiff.
//!
//! A way back has no gradient of its own, because burn differentiates once: its results count as
//! constants.

use std::fmt;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Device, Tensor};

/// Whether a tensor is one that operations with gradients are for: burn-flex, with gradients.
pub(crate) fn on_cpu_backend<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device();
    device.is_autodiff() && device.inner() == Device::flex()
}

/// Whether a tensor is one that steps on weights are for: burn-flex, without gradients.
pub(crate) fn on_cpu_without_gradients<const D: usize>(x: &Tensor<D>) -> bool {
    x.device() == Device::flex()
}

/// The elements of a tensor that is [`on_cpu_without_gradients`].
pub(super) fn plain<const D: usize>(x: Tensor<D>) -> FlexTensor {
    match x.try_into_primitive::<Flex>() {
        Ok(elements) => elements,
        Err(error) => unreachable!("not on the CPU without gradients: {error:?}"),
    }
}

/// The elements of an operation's input that is [`on_cpu_backend`], and what stands for it in
/// [`output`]. An input without gradients counts as a constant.
pub(super) fn input<const D: usize>(x: Tensor<D>) -> (FlexTensor, NodeGuard) {
    let x = match x.device().is_autodiff() {
        true => x,
        false => Tensor::from_inner(x),
    };
    match x.try_into_primitive::<Autodiff<Flex>>() {
        Ok(x) => x.into_parts(),
        Err(error) => unreachable!("not on the CPU: {error:?}"),
    }
}

/// The elements of an input that counts as a constant.
pub(super) fn constant<const D: usize>(x: Tensor<D>) -> FlexTensor {
    input(x).0
}

/// An output that counts as a constant.
pub(super) fn constant_output<const D: usize>(elements: FlexTensor) -> Tensor<D> {
    Tensor::from_inner(Tensor::from_primitive::<Flex>(elements))
}

/// An operation's output. `backward` gets its gradient and which inputs want one, and gives those
/// with respect to the inputs.
pub(super) fn output<const N: usize, const D: usize>(
    inputs: [NodeGuard; N],
    elements: FlexTensor,
    backward: impl FnOnce(FlexTensor, [bool; N]) -> [Option<FlexTensor>; N] + Send + 'static,
) -> Tensor<D> {
    let step = Step(backward).prepare::<NoCheckpointing>(inputs);
    Tensor::from_primitive::<Autodiff<Flex>>(step.compute_bound().stateless(elements))
}

struct Step<F>(F);

impl<F> fmt::Debug for Step<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step")
    }
}

impl<F, const N: usize> Backward<Flex, N> for Step<F>
where
    F: FnOnce(FlexTensor, [bool; N]) -> [Option<FlexTensor>; N] + Send + 'static,
{
    type State = ();

    fn backward(self, ops: Ops<(), N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        for (node, gradient) in ops.parents.iter().zip((self.0)(gradient, wanted)) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                grads.register::<Flex>(node.id, gradient);
            }
        }
    }
}
