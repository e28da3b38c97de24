//! What an operation with a gradient is made of.

pub(super) use burn::backend::autodiff::checkpoint::base::Checkpointer;
pub(super) use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
pub(super) use burn::backend::autodiff::grads::Gradients;
pub(super) use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
pub(super) use burn::backend::flex::FlexTensor;
pub(super) use burn::backend::tensor::FloatTensor;
pub(super) use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, backend_extension,
};
pub(super) use burn::tensor::Tensor;
pub(super) use rayon::prelude::*;

use burn::backend::autodiff::NodeId;

/// Short enough for a function's head to fit into a line.
pub(super) type Float<B> = FloatTensor<B>;

/// Which parents want a gradient.
pub(super) fn parents<S, const N: usize>(ops: &Ops<S, N>) -> [Option<NodeId>; N] {
    ops.parents
        .each_ref()
        .map(|node| node.as_ref().map(|node| node.id))
}

/// Hands gradients to the parents that want one.
pub(super) fn register<B: Backend, const N: usize>(
    grads: &mut Gradients,
    parents: [Option<NodeId>; N],
    gradients: [Float<B>; N],
) {
    for (node, gradient) in parents.into_iter().zip(gradients) {
        if let Some(node) = node {
            grads.register::<B>(node, gradient);
        }
    }
}
