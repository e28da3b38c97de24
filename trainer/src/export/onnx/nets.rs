//! Whole generators of the kinds this project trains, for tests of the export.

use std::path::Path;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::interpolate::{Interpolate2d, Interpolate2dConfig, InterpolateMode};
use burn::nn::{
    BatchNorm, BatchNormConfig, Embedding, EmbeddingConfig, Linear, LinearConfig, PaddingConfig2d,
};
use burn::tensor::activation::{relu, sigmoid, tanh};
use burn::tensor::{Device, Int, Tensor};
use dreamlet_onnx::proto::ModelProto;

use super::testing::{agrees, operators, weights};
use super::{to_bytes, trace};
use crate::atomic_file::TestFolder;

/// A batch normalization with statistics as after training, not 0 and 1.
fn trained(salt: u64, channels: usize, device: &Device) -> BatchNorm {
    let mut norm = BatchNormConfig::new(channels).init(device);
    let [gamma, beta, mean] = [0, 1, 2].map(|i| weights::<1>(10 * salt + i, [channels], device));
    norm.gamma = norm.gamma.map(|_| gamma * 0.2 + 1.0);
    norm.beta = norm.beta.map(|_| beta * 0.3);
    norm.running_mean.update(mean);
    norm.running_var
        .update(weights::<1>(10 * salt + 3, [channels], device).abs() + 0.2);
    norm
}

#[derive(Module, Debug)]
pub(crate) struct DenseNet {
    hidden: Linear,
    out: Linear,
}

impl DenseNet {
    pub(crate) fn new(device: &Device) -> Self {
        Self {
            hidden: LinearConfig::new(100, 256).init(device),
            out: LinearConfig::new(256, 784).init(device),
        }
    }

    pub(crate) fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let [batch, _] = z.dims();
        sigmoid(self.out.forward(relu(self.hidden.forward(z)))).reshape([batch, 1, 28, 28])
    }
}

#[derive(Module, Debug)]
pub(crate) struct Dcgan {
    project: Linear,
    norm0: BatchNorm,
    up1: ConvTranspose2d,
    norm1: BatchNorm,
    up2: ConvTranspose2d,
    flat: bool,
}

impl Dcgan {
    /// `flat`: the first normalization is of the dense layer's features, not of channels.
    pub(crate) fn new(flat: bool, device: &Device) -> Self {
        let up = |channels| {
            let config = ConvTranspose2dConfig::new(channels, [4, 4]).with_stride([2, 2]);
            config.with_padding([1, 1])
        };
        Self {
            project: LinearConfig::new(64, 6272).with_bias(false).init(device),
            norm0: trained(1, if flat { 6272 } else { 128 }, device),
            up1: up([128, 64]).with_bias(false).init(device),
            norm1: trained(2, 64, device),
            up2: up([64, 1]).init(device),
            flat,
        }
    }

    pub(crate) fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let [batch, _] = z.dims();
        let x = self.project.forward(z);
        let x = match self.flat {
            true => relu(self.norm0.forward(x)).reshape([batch, 128, 7, 7]),
            false => relu(self.norm0.forward(x.reshape([batch, 128, 7, 7]))),
        };
        let x = relu(self.norm1.forward(self.up1.forward(x)));
        tanh(self.up2.forward(x))
    }
}

/// Nearest upsampling and convolutions; the second normalization comes before its convolution.
#[derive(Module, Debug)]
pub(crate) struct Resize {
    project: Linear,
    norm0: BatchNorm,
    resize: Interpolate2d,
    conv1: Conv2d,
    norm1: BatchNorm,
    conv2: Conv2d,
}

impl Resize {
    pub(crate) fn new(device: &Device) -> Self {
        let conv = |channels| {
            Conv2dConfig::new(channels, [3, 3]).with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        };
        let twice = Interpolate2dConfig::new().with_scale_factor(Some([2.0, 2.0]));
        Self {
            project: LinearConfig::new(64, 1568).init(device),
            norm0: trained(3, 32, device),
            resize: twice.with_mode(InterpolateMode::Nearest).init(),
            conv1: conv([32, 16]).init(device),
            norm1: trained(4, 16, device),
            conv2: conv([16, 3]).init(device),
        }
    }

    pub(crate) fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let [batch, _] = z.dims();
        let x = self.project.forward(z).reshape([batch, 32, 7, 7]);
        let x = self.resize.forward(relu(self.norm0.forward(x)));
        let x = self.norm1.forward(self.conv1.forward(x));
        tanh(self.conv2.forward(self.resize.forward(relu(x))))
    }
}

/// The class is looked up in a table and joined to the latent.
#[derive(Module, Debug)]
pub(crate) struct Conditional {
    table: Embedding,
    hidden: Linear,
    norm: BatchNorm,
    out: Linear,
}

impl Conditional {
    pub(crate) fn new(device: &Device) -> Self {
        Self {
            table: EmbeddingConfig::new(10, 8).init(device),
            hidden: LinearConfig::new(28, 64).init(device),
            norm: trained(5, 64, device),
            out: LinearConfig::new(64, 784).init(device),
        }
    }

    pub(crate) fn forward(&self, z: Tensor<2>, class: Tensor<1, Int>) -> Tensor<4> {
        let [batch, _] = z.dims();
        let row = self.table.forward(class.reshape([batch, 1]));
        let z = Tensor::cat(vec![z, row.reshape([batch, 8])], 1);
        let x = relu(self.hidden.forward(z));
        sigmoid(self.out.forward(self.norm.forward(x))).reshape([batch, 1, 28, 28])
    }
}

type Function = dyn Fn(&Device, Tensor<2>, Option<Tensor<1, Int>>) -> Tensor<4>;

/// A generator and how to run it in burn.
pub(crate) struct TestNet {
    pub(crate) name: &'static str,
    pub(crate) latent_len: usize,
    pub(crate) classes: Option<usize>,
    pub(crate) forward: Box<Function>,
}

impl TestNet {
    /// The exported model, after burn and tract agreed on it.
    pub(crate) fn export(&self) -> ModelProto {
        agrees(self.latent_len, self.classes, &self.forward)
    }
}

/// One of every family.
pub(crate) fn all() -> Vec<TestNet> {
    let device = Device::flex();
    let [flat, dcgan] = [true, false].map(|flat| Dcgan::new(flat, &device));
    let conditional = Conditional::new(&device);
    vec![
        net("dense", 100, DenseNet::new(&device), DenseNet::forward),
        net("dcgan-flat", 64, flat, Dcgan::forward),
        net("dcgan", 64, dcgan, Dcgan::forward),
        net("resize", 64, Resize::new(&device), Resize::forward),
        TestNet {
            name: "conditional",
            latent_len: 20,
            classes: Some(10),
            forward: Box::new(move |d, z, class| {
                let net = conditional.valid().to_device(d);
                net.forward(z, class.unwrap())
            }),
        },
    ]
}

/// A generator without classes.
fn net<M: Module + 'static>(
    name: &'static str,
    latent_len: usize,
    module: M,
    forward: fn(&M, Tensor<2>) -> Tensor<4>,
) -> TestNet {
    TestNet {
        name,
        latent_len,
        classes: None,
        forward: Box::new(move |d, z, _| forward(&module.valid().to_device(d), z)),
    }
}

#[test]
fn every_kind_of_generator_agrees_and_keeps_no_batch_normalization() {
    let expected = [
        "Gemm Relu Gemm Sigmoid Reshape",
        "Gemm Relu Reshape ConvTranspose Relu ConvTranspose Tanh",
        "Gemm Reshape Relu ConvTranspose Relu ConvTranspose Tanh",
        "Gemm Reshape Relu Resize Conv Relu Resize Conv Tanh",
        "Reshape Gather Reshape Concat Gemm Relu Gemm Sigmoid Reshape",
    ];
    for (net, expected) in all().iter().zip(expected) {
        let found = operators(&net.export()).join(" ");
        assert_eq!(found, expected, "{}", net.name);
    }
}

#[test]
fn one_net_gives_one_file() {
    let device = Device::flex();
    let net = Dcgan::new(false, &device);
    let export =
        || to_bytes(&trace(64, None, |d, z, _| net.valid().to_device(d).forward(z)).unwrap());
    assert_eq!(export(), export());
}

#[test]
fn a_normalization_goes_into_the_convolution_after_it_only_without_padding() {
    let device = Device::flex();
    let norm = trained(6, 3, &device);
    for (padding, expected) in [
        (0, ["Reshape", "Tanh", "Conv"].as_slice()),
        (1, &["Reshape", "Tanh", "Mul", "Add", "Conv"]),
    ] {
        let padding = PaddingConfig2d::Explicit(padding, padding, padding, padding);
        let conv = Conv2dConfig::new([3, 1], [3, 3]).with_padding(padding);
        let conv = conv.init(&device);
        let model = agrees(75, None, &|d, z, _| {
            let [batch, _] = z.dims();
            let x = tanh(z.reshape([batch, 3, 5, 5]));
            let x = norm.valid().to_device(d).forward(x);
            conv.valid().to_device(d).forward(x)
        });
        assert_eq!(operators(&model), expected);
    }
}

/// Running statistics are shared between clones; `valid` parts with them, so the net can be used
/// on.
#[test]
fn a_net_is_the_same_after_its_export() {
    let device = Device::flex();
    let net = Resize::new(&device);
    let run = || {
        let latent = weights::<2>(1, [2, 64], &device);
        net.valid().forward(latent).into_data()
    };
    let before = run();
    trace(64, None, |d, z, _| net.valid().to_device(d).forward(z)).unwrap();
    assert_eq!(run(), before);
}

#[test]
fn the_signature_is_as_promised() {
    use dreamlet_onnx::proto::tensor_shape_proto::dimension::Value;
    let model = all().pop().unwrap().export();
    let graph = model.graph.unwrap();
    assert_eq!(model.opset_import[0].version, 17);
    assert!(graph.value_info.is_empty());
    let mut tensors = graph.initializer.iter();
    assert!(tensors.all(|t| !t.raw_data.is_empty() && t.external_data.is_empty()));
    let shape = |info: &dreamlet_onnx::proto::ValueInfoProto| {
        let dreamlet_onnx::proto::type_proto::Value::TensorType(tensor) =
            info.r#type.clone().unwrap().value.unwrap();
        let dims = tensor.shape.unwrap().dim.into_iter();
        let dims = dims.map(|dim| match dim.value.unwrap() {
            Value::DimValue(value) => value.to_string(),
            Value::DimParam(name) => name,
        });
        format!("{} {}", info.name, dims.collect::<Vec<_>>().join("x"))
    };
    assert_eq!(shape(&graph.input[0]), "latent Nx20");
    assert_eq!(shape(&graph.input[1]), "class N");
    assert_eq!(shape(&graph.output[0]), "image Nx1x28x28");
}

/// A normalization whose layer feeds something else too must stay beside it.
#[test]
fn shared_results_are_not_folded_into() {
    let device = Device::flex();
    let net = Dcgan::new(false, &device);
    let model = agrees(64, None, &|d, z, _| {
        let net = net.valid().to_device(d);
        let [batch, _] = z.dims();
        let x = relu(net.project.forward(z)).reshape([batch, 128, 7, 7]);
        let x = net.up1.forward(x);
        net.up2.forward(relu(net.norm1.forward(x.clone())) + x)
    });
    assert!(operators(&model).contains(&"Mul"));
}

/// Needs a Python with the package `onnx`, named by the variable.
#[test]
fn the_onnx_checker_accepts_every_kind() {
    let Some(python) = std::env::var_os("DREAMLET_PYTHON") else {
        eprintln!("skipped: set DREAMLET_PYTHON to a Python with the package onnx");
        return;
    };
    let folder = TestFolder::new();
    let mut command = std::process::Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/check_onnx.py"));
    for net in all() {
        let name = format!("{}.onnx", net.name);
        command.arg(folder.write(&name, &to_bytes(&net.export())));
    }
    let output = command.output().unwrap();
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(output.status.success(), "{words}");
}
