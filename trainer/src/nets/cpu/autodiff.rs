//! The operations on burn-flex tensors, and with gradients.

use super::prelude::*;
use super::{Geometry, TrainingOps, batch_norm, conv};

impl TrainingOps for Flex {
    fn conv2d(big: FlexTensor, weight: FlexTensor, geometry: Geometry) -> FlexTensor {
        conv::conv2d(&big, &weight, &geometry)
    }

    fn conv_transpose2d(small: FlexTensor, weight: FlexTensor, geometry: Geometry) -> FlexTensor {
        conv::conv_transpose2d(&small, &weight, &geometry)
    }

    fn conv2d_weight_grad(big: FlexTensor, small: FlexTensor, geometry: Geometry) -> FlexTensor {
        conv::conv2d_weight_grad(&big, &small, &geometry)
    }

    fn batch_norm(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
        slope: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        batch_norm::forward(&x, &gamma, &beta, epsilon, slope)
    }

    fn batch_norm_backward(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        output_gradient: FlexTensor,
        epsilon: f64,
        slope: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        batch_norm::backward(
            &x,
            &gamma,
            &beta,
            &mean,
            &variance,
            output_gradient,
            epsilon,
            slope,
        )
    }

    fn leaky_relu(x: FlexTensor, slope: f64) -> FlexTensor {
        batch_norm::leaky_relu(x, slope)
    }

    fn leaky_relu_backward(
        output: FlexTensor,
        output_gradient: FlexTensor,
        slope: f64,
    ) -> FlexTensor {
        batch_norm::leaky_relu_backward(&output, output_gradient, slope)
    }
}

/// Of the backward pass of a convolution: whether its input was the big map or the small one.
#[derive(Clone, Copy, Debug)]
enum InputMap {
    Big,
    Small,
}

#[derive(Debug)]
struct Convolution;

impl<B: TrainingOps> Backward<B, 2> for Convolution {
    type State = (Float<B>, Float<B>, Geometry, InputMap);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [input_node, weight_node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (input, weight, geometry, input_map) = ops.state;
        if let Some(node) = input_node {
            let gradient = match input_map {
                InputMap::Big => {
                    <B as TrainingOps>::conv_transpose2d(gradient.clone(), weight, geometry)
                }
                InputMap::Small => <B as TrainingOps>::conv2d(gradient.clone(), weight, geometry),
            };
            grads.register::<B>(node.id, gradient);
        }
        if let Some(node) = weight_node {
            let gradient = match input_map {
                InputMap::Big => <B as TrainingOps>::conv2d_weight_grad(input, gradient, geometry),
                InputMap::Small => {
                    <B as TrainingOps>::conv2d_weight_grad(gradient, input, geometry)
                }
            };
            grads.register::<B>(node.id, gradient);
        }
    }
}

fn convolution<B: TrainingOps, C: CheckpointStrategy>(
    input: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    geometry: Geometry,
    input_map: InputMap,
) -> FloatTensor<Autodiff<B, C>> {
    let run = |input, weight| match input_map {
        InputMap::Big => <B as TrainingOps>::conv2d(input, weight, geometry),
        InputMap::Small => <B as TrainingOps>::conv_transpose2d(input, weight, geometry),
    };
    match Convolution
        .prepare::<C>([input.node(), weight.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => {
            let (input, weight) = (input.into_primitive(), weight.into_primitive());
            let output = run(input.clone(), weight.clone());
            prep.finish((input, weight, geometry, input_map), output)
        }
        OpsKind::UnTracked(prep) => {
            prep.finish(run(input.into_primitive(), weight.into_primitive()))
        }
    }
}

#[derive(Debug)]
struct Normalization;

#[derive(Clone, Debug)]
struct Normalized<T> {
    x: T,
    gamma: T,
    beta: T,
    mean: T,
    variance: T,
    epsilon: f64,
    slope: f64,
}

impl<B: TrainingOps> Backward<B, 3> for Normalization {
    type State = Normalized<Float<B>>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let parents = parents(&ops);
        let gradient = grads.consume::<B>(&ops.node);
        let s = ops.state;
        let (x, gamma, beta) = <B as TrainingOps>::batch_norm_backward(
            s.x, s.gamma, s.beta, s.mean, s.variance, gradient, s.epsilon, s.slope,
        );
        register::<B, _>(grads, parents, [x, gamma, beta]);
    }
}

#[derive(Debug)]
struct LeakyRelu;

impl<B: TrainingOps> Backward<B, 1> for LeakyRelu {
    type State = (Float<B>, f64);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (output, slope) = ops.state;
        if let Some(node) = node {
            grads.register::<B>(
                node.id,
                <B as TrainingOps>::leaky_relu_backward(output, gradient, slope),
            );
        }
    }
}

/// The backward operations have no gradients of their own: burn differentiates once. Their results
/// count as constants.
impl<B: TrainingOps, C: CheckpointStrategy> TrainingOps for Autodiff<B, C> {
    fn conv2d(big: Float<Self>, weight: Float<Self>, geometry: Geometry) -> Float<Self> {
        convolution::<B, C>(big, weight, geometry, InputMap::Big)
    }

    fn conv_transpose2d(
        small: Float<Self>,
        weight: Float<Self>,
        geometry: Geometry,
    ) -> Float<Self> {
        convolution::<B, C>(small, weight, geometry, InputMap::Small)
    }

    fn conv2d_weight_grad(big: Float<Self>, small: Float<Self>, geometry: Geometry) -> Float<Self> {
        let [big, small] = [big, small].map(|tensor| tensor.into_primitive());
        Self::from_inner(<B as TrainingOps>::conv2d_weight_grad(big, small, geometry))
    }

    fn batch_norm(
        x: Float<Self>,
        gamma: Float<Self>,
        beta: Float<Self>,
        epsilon: f64,
        slope: f64,
    ) -> (Float<Self>, Float<Self>, Float<Self>) {
        let prepared = Normalization
            .prepare::<C>([x.node(), gamma.node(), beta.node()])
            .compute_bound()
            .stateful();
        let [x, gamma, beta] = [x, gamma, beta].map(|tensor| tensor.into_primitive());
        let (output, mean, variance) =
            <B as TrainingOps>::batch_norm(x.clone(), gamma.clone(), beta.clone(), epsilon, slope);
        let output = match prepared {
            OpsKind::Tracked(prep) => prep.finish(
                Normalized {
                    x,
                    gamma,
                    beta,
                    mean: mean.clone(),
                    variance: variance.clone(),
                    epsilon,
                    slope,
                },
                output,
            ),
            OpsKind::UnTracked(prep) => prep.finish(output),
        };
        (output, Self::from_inner(mean), Self::from_inner(variance))
    }

    fn batch_norm_backward(
        x: Float<Self>,
        gamma: Float<Self>,
        beta: Float<Self>,
        mean: Float<Self>,
        variance: Float<Self>,
        output_gradient: Float<Self>,
        epsilon: f64,
        slope: f64,
    ) -> (Float<Self>, Float<Self>, Float<Self>) {
        let [x, gamma, beta] = [x, gamma, beta].map(|tensor| tensor.into_primitive());
        let [mean, variance, gradient] =
            [mean, variance, output_gradient].map(|tensor| tensor.into_primitive());
        let (x, gamma, beta) = <B as TrainingOps>::batch_norm_backward(
            x, gamma, beta, mean, variance, gradient, epsilon, slope,
        );
        (
            Self::from_inner(x),
            Self::from_inner(gamma),
            Self::from_inner(beta),
        )
    }

    fn leaky_relu(x: Float<Self>, slope: f64) -> Float<Self> {
        match LeakyRelu
            .prepare::<C>([x.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let output = <B as TrainingOps>::leaky_relu(x.into_primitive(), slope);
                prep.finish((output.clone(), slope), output)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(<B as TrainingOps>::leaky_relu(x.into_primitive(), slope))
            }
        }
    }

    fn leaky_relu_backward(
        output: Float<Self>,
        output_gradient: Float<Self>,
        slope: f64,
    ) -> Float<Self> {
        let (output, gradient) = (output.into_primitive(), output_gradient.into_primitive());
        Self::from_inner(<B as TrainingOps>::leaky_relu_backward(
            output, gradient, slope,
        ))
    }
}
