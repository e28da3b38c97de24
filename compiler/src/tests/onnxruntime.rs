//! The reference against onnxruntime, on shipped models and those of other tools.

use dreamlet_onnx::{Limits, inspect};
use dreamlet_runtime::latent::fill_normal;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use super::{largest, networks, readable};
use crate::interpreter;

/// tract may be wrong as well: onnxruntime is what everybody else runs.
#[test]
fn onnxruntime_makes_the_images_of_the_reference() {
    let Some(library) = std::env::var_os("ORT_DYLIB_PATH") else {
        return;
    };
    let environment = ort::init_from(library).unwrap().build().unwrap();
    for (name, file) in readable() {
        let (net, _) = networks(&file);
        let mut session = Session::builder(&environment)
            .unwrap()
            .commit_from_memory(&file)
            .unwrap();
        let mut latent = vec![0.0; net.shape(net.latent).channels as usize];
        fill_normal(9, None, &mut latent);
        let mut inputs: Vec<(String, SessionInputValue<'_>)> = Vec::new();
        for input in session.inputs() {
            let dims = input.dtype().tensor_shape().unwrap().len();
            let value = if dims == 1 {
                Tensor::from_array(([1], vec![3i64])).unwrap().into()
            } else {
                let mut shape = vec![1, latent.len()];
                shape.resize(dims, 1);
                Tensor::from_array((shape, latent.clone())).unwrap().into()
            };
            inputs.push((input.name().to_owned(), value));
        }
        let outputs = session.run(inputs).unwrap();
        let (_, found) = outputs[0].try_extract_tensor::<f32>().unwrap();
        let expected = &interpreter::run(&net, &latent, 3)[net.image];
        // Of images with channels last, the pixels one after another.
        let last = inspect(&file, &Limits::default()).unwrap();
        let found = match (last.channels_last, last.output_dims.as_slice()) {
            (true, [channels, ..]) => {
                let of = |channel| found.iter().skip(channel).step_by(*channels).copied();
                (0..*channels).flat_map(of).collect()
            }
            _ => found.to_vec(),
        };
        let difference = largest(&found, expected);
        assert!(difference < 2e-5, "{name}: {difference}");
    }
}
