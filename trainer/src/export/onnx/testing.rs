//! For tests: the same function through burn and, exported, through tract.

use burn::tensor::{Device, Int, Tensor, TensorData};
use dreamlet_onnx::proto::ModelProto;
use tract_onnx::prelude::{Tensor as TractTensor, *};

use super::{to_bytes, trace};

/// A generator as a function, on whichever device.
pub(crate) type Forward<'a> = &'a dyn Fn(&Device, Tensor<2>, Option<Tensor<1, Int>>) -> Tensor<4>;

/// Random weights, the same at each call with the same shape and salt.
pub(crate) fn weights<const D: usize>(salt: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let len: usize = shape.iter().product();
    let mut numbers = vec![0.0; len];
    dreamlet_runtime::latent::fill_normal(1000 + salt, None, &mut numbers);
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// Runs a model in tract at a batch.
pub(crate) fn in_tract(
    model: &ModelProto,
    latent: &[f32],
    class: Option<&[i64]>,
    batch: usize,
) -> Vec<f32> {
    let bytes = to_bytes(model);
    let mut inference = onnx().model_for_read(&mut bytes.as_slice()).unwrap();
    let width = latent.len() / batch;
    let mut facts = vec![f32::fact([batch, width])];
    let latent = TractTensor::from_shape(&[batch, width], latent).unwrap();
    let mut inputs = tvec![latent.into_tvalue()];
    if let Some(class) = class {
        facts.push(i64::fact([batch]));
        let class = TractTensor::from_shape(&[batch], class).unwrap();
        inputs.push(class.into_tvalue());
    }
    for (input, fact) in facts.into_iter().enumerate() {
        inference.set_input_fact(input, fact.into()).unwrap();
    }
    let plan = inference.into_optimized().unwrap().into_runnable().unwrap();
    let out = plan.run(inputs).unwrap();
    let image = out[0].to_plain_array_view::<f32>().unwrap();
    image.iter().copied().collect()
}

/// Exports `forward` and checks that tract computes the same at batch 1 and 3.
pub(crate) fn agrees(
    latent_len: usize,
    classes: Option<usize>,
    forward: Forward<'_>,
) -> ModelProto {
    let model = trace(latent_len, classes, forward).unwrap();
    let device = Device::flex();
    for batch in [1, 3] {
        let mut latent = vec![0.0; batch * latent_len];
        dreamlet_runtime::latent::fill_normal(batch as u64, None, &mut latent);
        let class: Option<Vec<i64>> =
            classes.map(|classes| (0..batch).map(|i| ((i * 7 + 1) % classes) as i64).collect());
        let data = TensorData::new(latent.clone(), [batch, latent_len]);
        let z = Tensor::from_data(data, &device);
        let labels = class.clone().map(|class| TensorData::new(class, [batch]));
        let labels = labels.map(|class| Tensor::from_data(class, &device));
        let expected = forward(&device, z, labels).into_data();
        let expected: Vec<f32> = expected.try_to_vec().unwrap();
        let found = in_tract(&model, &latent, class.as_deref(), batch);
        assert_eq!(found.len(), expected.len());
        for (at, (x, y)) in expected.iter().zip(&found).enumerate() {
            let near = (x - y).abs() <= 1e-5 * x.abs().max(1.0);
            assert!(near, "batch {batch}, position {at}: burn {x}, tract {y}");
        }
    }
    model
}

/// The operators of a model, in order.
pub(crate) fn operators(model: &ModelProto) -> Vec<&str> {
    let nodes = &model.graph.as_ref().unwrap().node;
    nodes.iter().map(|node| node.op_type.as_str()).collect()
}
