//! Thousands of damaged and hostile files: each is refused or makes an image, with no panic, in
//! less than a second of processor time and 256 MiB. Prints the worst figures.
//!
//! `cargo test --release -p dreamlet-runtime --features tract --test hostile -- --nocapture`
//!
//! `DREAMLET_FUZZ_ROUNDS` multiplies the number of mutations (1 by default);
//! `DREAMLET_FUZZ_VERBOSE` prints each file's fate.
//!
//! On other processors than x86-64 the tests run in an emulator and without optimization, some
//! hundred times slower: there a twentieth of the mutations runs, the files that are expensive by
//! their arithmetic do not, and time is not limited. What is refused, what panics and what memory
//! is taken are checked all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../onnx/tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::{A, Builder, attribute, conditional, dcgan, mlp, resize_net};
use dreamlet_onnx::proto::Message as _;
use dreamlet_onnx::proto::ModelProto;
use dreamlet_runtime::engine::tract::{Assumptions, OnnxError, OnnxGenerator};
use dreamlet_runtime::generator::Generator;
use dreamlet_runtime::image::PixelRange;
use dreamlet_runtime::latent::Stream;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Whether this most likely runs under an emulator, see above.
const EMULATED: bool = cfg!(not(target_arch = "x86_64"));

/// Processor time of this thread where the system tells, else the wall's: the machine may be busy.
fn clock() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let on_cpu = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = on_cpu.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(
        || START.get_or_init(Instant::now).elapsed(),
        Duration::from_nanos,
    )
}

#[derive(Default, Debug)]
struct Tally {
    files: usize,
    refused: usize,
    refused_by_tract: usize,
    panicked: Vec<String>,
    ran: usize,
    slowest: Duration,
    peak: usize,
}

impl Tally {
    /// Loads a file and makes an image; the file itself is not counted.
    fn try_file(&mut self, file: &[u8]) {
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let start = clock();
        let assumptions = Assumptions {
            range: Some(PixelRange::UNIT),
            ..Assumptions::default()
        };
        let result = OnnxGenerator::from_bytes(file, &assumptions).and_then(|mut generator| {
            let latent = vec![0.5; generator.latent_len()];
            let mut image = vec![0.0; generator.image_len()];
            let class = (generator.classes() > 0).then_some(&[0usize][..]);
            generator.generate_batch(&latent, class, &mut image)
        });
        let took = clock() - start;
        if std::env::var_os("DREAMLET_FUZZ_VERBOSE").is_some() {
            let words = format!("{result:?}").chars().take(150).collect::<String>();
            let peak = ALLOCATOR.peak_usage().saturating_sub(before) >> 20;
            println!(
                "{} bytes: {} ms, {peak} MiB: {words}",
                file.len(),
                took.as_millis()
            );
        }
        self.slowest = self.slowest.max(took);
        self.peak = self.peak.max(ALLOCATOR.peak_usage().saturating_sub(before));
        self.files += 1;
        match result {
            Ok(()) => self.ran += 1,
            Err(OnnxError::Panicked(message)) => self.panicked.push(message),
            Err(OnnxError::Load(_) | OnnxError::Run(_)) => self.refused_by_tract += 1,
            Err(_) => self.refused += 1,
        }
    }

    fn check(&self, name: &str) {
        println!(
            "{name}: {} files, {} refused by the check, {} by tract, {} panics caught, {} ran; slowest {:.0} ms, peak {:.1} MiB",
            self.files,
            self.refused,
            self.refused_by_tract,
            self.panicked.len(),
            self.ran,
            self.slowest.as_secs_f64() * 1e3,
            self.peak as f64 / f64::from(1 << 20),
        );
        assert!(self.panicked.is_empty(), "{name}: {:?}", self.panicked);
        assert!(
            EMULATED || self.slowest < Duration::from_secs(1),
            "{name}: slowest {:?}",
            self.slowest
        );
        assert!(self.peak < 256 << 20, "{name}");
    }
}

fn models() -> Vec<Builder> {
    vec![
        mlp(4, 6, 4),
        dcgan(4, 4, 2),
        resize_net(4, 4, 2),
        conditional(3, 4),
    ]
}

/// How many mutations to try where `full` are tried by default on the machines the promise is for.
fn mutations(full: usize) -> usize {
    let rounds = std::env::var("DREAMLET_FUZZ_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    full * rounds / if EMULATED { 20 } else { 1 }
}

/// Bytes flipped, overwritten, removed, repeated, cut off.
fn damaged_bytes(tally: &mut Tally) {
    let mut random = Stream::new(1, "fuzz.bytes", 0);
    for file in models().iter().map(Builder::bytes) {
        for _ in 0..mutations(1000) {
            let mut bytes = file.clone();
            for _ in 0..1 + random.below(4) {
                let at = random.below(bytes.len());
                match random.below(6) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = random.next_u32() as u8,
                    2 => bytes[at] = [0, 0x7f, 0x80, 0xff][random.below(4)],
                    3 => bytes.truncate(at.max(1)),
                    4 => _ = bytes.drain(at..(at + random.below(20)).min(bytes.len().max(at))),
                    _ => {
                        let piece =
                            bytes[at..(at + 1 + random.below(60)).min(bytes.len())].to_vec();
                        let to = random.below(bytes.len());
                        bytes.splice(to..to, piece);
                    }
                }
                if bytes.is_empty() {
                    bytes.push(0);
                }
            }
            tally.try_file(&bytes);
        }
    }
}

/// Well-formed files with one or two wrong parts, which get further into the check and into tract.
fn damaged_structure(tally: &mut Tally) {
    let mut random = Stream::new(1, "fuzz.structure", 0);
    let ops = [
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Pow",
        "Max",
        "Relu",
        "Tanh",
        "Exp",
        "Sqrt",
        "Gelu",
        "Clip",
        "PRelu",
        "Selu",
        "Softmax",
        "ReduceMean",
        "ReduceSum",
        "Dropout",
        "Identity",
        "Cast",
        "Transpose",
        "Concat",
        "Gather",
        "Slice",
        "DepthToSpace",
        "Pad",
        "Resize",
        "Tile",
        "Reshape",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Expand",
        "Shape",
        "ConstantOfShape",
        "Gemm",
        "MatMul",
        "Conv",
        "ConvTranspose",
        "BatchNormalization",
        "InstanceNormalization",
        "Elu",
        "HardSigmoid",
        "Mish",
        "Erf",
        "Log",
    ];
    let ints = [
        0,
        1,
        2,
        3,
        4,
        7,
        8,
        16,
        64,
        -1,
        -2,
        -8,
        255,
        65_536,
        1 << 31,
        1 << 40,
        i64::MAX,
        i64::MIN,
    ];
    for model in models() {
        for _ in 0..mutations(1500) {
            let mut model: ModelProto = model.model.clone();
            for _ in 0..1 + random.below(2) {
                let mut int = || ints[random.below(ints.len())];
                let (a, b) = (int(), int());
                if random.below(16) == 0 {
                    model.opset_import[0].version = 9 + random.below(14) as i64;
                }
                let graph = model.graph.as_mut().unwrap();
                let names: Vec<String> = graph
                    .node
                    .iter()
                    .flat_map(|node| node.output.iter().chain(&node.input))
                    .cloned()
                    .collect();
                let at = random.below(graph.node.len());
                let node = &mut graph.node[at];
                match random.below(8) {
                    0 => node.op_type = ops[random.below(ops.len())].into(),
                    1 => {
                        let place = random.below(node.input.len().max(1));
                        if let Some(input) = node.input.get_mut(place) {
                            *input = names[random.below(names.len())].clone();
                        }
                    }
                    2 => node.input.push(names[random.below(names.len())].clone()),
                    3 => _ = node.input.pop(),
                    4 => {
                        let name = [
                            "axis",
                            "group",
                            "to",
                            "blocksize",
                            "transA",
                            "keepdims",
                            "allowzero",
                        ][random.below(7)];
                        node.attribute.push(attribute(name, A::Int(a)));
                    }
                    5 => {
                        let name = [
                            "pads",
                            "strides",
                            "dilations",
                            "output_padding",
                            "perm",
                            "axes",
                        ][random.below(6)];
                        let len = [1, 2, 4, 8][random.below(4)];
                        node.attribute.retain(|attribute| attribute.name != name);
                        let list = (0..len)
                            .map(|i| if i == 1 { b } else { a.clamp(-4, 8) })
                            .collect();
                        node.attribute.push(attribute(name, A::Ints(list)));
                    }
                    6 => {
                        let count = graph.initializer.len();
                        let tensor = &mut graph.initializer[random.below(count)];
                        let place = random.below(tensor.int64_data.len().max(1));
                        match tensor.int64_data.get_mut(place) {
                            Some(value) => *value = a,
                            None => tensor.dims.rotate_left(1),
                        }
                    }
                    _ => {
                        let mut extra = node.clone();
                        extra.name.push_str("_again");
                        extra.op_type = ops[random.below(ops.len())].into();
                        extra.input = vec![
                            extra.output[0].clone(),
                            names[random.below(names.len())].clone(),
                        ];
                        if random.below(2) == 0 {
                            extra.input.truncate(1);
                        }
                        extra.attribute.clear();
                        extra.output = vec!["extra".into()];
                        for later in graph.node.iter_mut().skip(at + 1) {
                            for input in later
                                .input
                                .iter_mut()
                                .filter(|input| **input == extra.input[0])
                            {
                                *input = "extra".into();
                            }
                        }
                        graph.node.insert(at + 1, extra);
                    }
                }
            }
            tally.try_file(&model.encode_to_vec());
        }
    }
}

/// Files with as many parts as the limits let them have, or more.
fn many_parts(tally: &mut Tally) {
    // As many nodes as there may be.
    let mut chain = mlp(4, 6, 4);
    let last = chain.graph().node.pop().unwrap();
    let mut from = "pixels".to_string();
    for i in 0..1000 {
        let to = format!("r{i}");
        chain = chain.node(
            ["Relu", "Tanh", "Neg", "Sqrt"][i % 4],
            &[&from],
            &to,
            vec![],
        );
        from = to;
    }
    chain.graph().node.push(last);
    chain.graph().node.last_mut().unwrap().input[0] = from;
    tally.try_file(&chain.bytes());
    // Every node reads two others.
    let mut web = mlp(4, 6, 4);
    let last = web.graph().node.pop().unwrap();
    let mut pair = ["pixels".to_string(), "flat".to_string()];
    for i in 0..1000 {
        let to = format!("w{i}");
        web = web.node("Add", &[&pair[0], &pair[1]], &to, vec![]);
        pair = [to, pair[0].clone()];
    }
    web.graph().node.push(last);
    web.graph().node.last_mut().unwrap().input[0] = pair[0].clone();
    tally.try_file(&web.bytes());
    // Nested graphs, deeper than any stack, and floods of empty parts.
    let mut nest = Vec::new();
    for _ in 0..20_000 {
        let mut outer = vec![0x32];
        prost::encoding::encode_varint(nest.len() as u64, &mut outer);
        if nest.len() > 1 << 20 {
            break;
        }
        outer.extend(&nest);
        nest = outer;
    }
    for field in [0x3a, 0x0a, 0x2a] {
        let mut file = vec![field];
        prost::encoding::encode_varint(nest.len() as u64, &mut file);
        file.extend(&nest);
        tally.try_file(&file);
    }
    for unit in [[0x0a, 0], [0x2a, 0], [0x5a, 0], [0x42, 0], [0x72, 0]] {
        let flood = unit.repeat(12 << 20);
        tally.try_file(&flood);
        let mut file = vec![0x3a];
        prost::encoding::encode_varint(flood.len() as u64, &mut file);
        file.extend(&flood);
        tally.try_file(&file);
    }
    tally.try_file(&vec![0; 33 << 20]);
    tally.try_file(&vec![0xff; 31 << 20]);
}

/// Files made to cost as much arithmetic and memory as the limits let them.
fn much_work(tally: &mut Tally) {
    // 30 MiB of weights.
    tally.try_file(&mlp(1000, 4400, 28).bytes());
    tally.try_file(&dcgan(64, 900, 2).bytes());
    // Values as large as they may be, from a small file.
    for side in [200, 320] {
        tally.try_file(&dcgan(1, 4, side).bytes());
        tally.try_file(&resize_net(1, 2, side).bytes());
    }
    // As much arithmetic as may be, in the shapes that engines are worst at: one channel with a
    // large kernel, groups, dilation, many small matrices, large strides.
    let conv = |op: &str,
                channels: i64,
                side: i64,
                kernel: i64,
                group: i64,
                dilation: i64,
                stride: i64,
                crop: i64| {
        let outputs = channels;
        let per_group = if op == "Conv" {
            channels / group
        } else {
            outputs / group
        };
        let attributes = vec![
            ("group", A::Int(group)),
            ("dilations", A::Ints(vec![dilation; 2])),
            ("strides", A::Ints(vec![stride; 2])),
            ("pads", A::Ints(vec![crop; 4])),
        ];
        let builder = Builder::new(&[-1, 1], &[-1, -1, -1, -1])
            .ints("to", &[1, channels, side, side])
            .ints("one", &[1, 1, 1, 1])
            .node("Reshape", &["latent", "one"], "dot", vec![])
            .node("Expand", &["dot", "to"], "x", vec![])
            .weights(
                "w",
                &[channels, per_group, kernel, kernel],
                kernel * kernel * per_group,
            )
            .node(op, &["x", "w"], "y", attributes)
            .ints("axis", &[1]);
        let mean = vec![("axes", A::Ints(vec![1])), ("keepdims", A::Int(1))];
        builder
            .node("ReduceMean", &["y"], "m", mean)
            .node("Sigmoid", &["m"], "image", vec![])
    };
    for (channels, side, kernel, group, dilation, stride, crop) in [
        (1, 220, 60, 1, 1, 1, 20),
        (1, 600, 7, 1, 3, 1, 3),
        (3, 300, 21, 3, 1, 1, 10),
        (64, 120, 5, 64, 1, 1, 2),
        (256, 60, 3, 32, 1, 1, 1),
        (512, 40, 3, 1, 1, 1, 1),
        (64, 128, 3, 1, 1, 1, 1),
        (1400, 3, 3, 1, 1, 1, 1),
    ] {
        tally.try_file(
            &conv(
                "Conv", channels, side, kernel, group, dilation, stride, crop,
            )
            .bytes(),
        );
        tally.try_file(
            &conv(
                "ConvTranspose",
                channels,
                side,
                kernel,
                group,
                dilation,
                stride,
                crop,
            )
            .bytes(),
        );
        tally.try_file(
            &conv(
                "ConvTranspose",
                channels,
                side / 2,
                kernel,
                group,
                dilation,
                2,
                crop,
            )
            .bytes(),
        );
    }
    for (batch, side) in [(20_000, 8), (2_000, 40), (3, 700)] {
        let matrices = Builder::new(&[-1, 1], &[-1, 1, -1, -1])
            .ints("one", &[1, 1, 1, 1])
            .ints("to", &[1, batch, side, side])
            .node("Reshape", &["latent", "one"], "dot", vec![])
            .node("Expand", &["dot", "to"], "x", vec![])
            .node("MatMul", &["x", "x"], "y", vec![])
            .node("MatMul", &["y", "x"], "z", vec![])
            .node(
                "ReduceMean",
                &["z"],
                "m",
                vec![("axes", A::Ints(vec![1])), ("keepdims", A::Int(1))],
            )
            .node("Sigmoid", &["m"], "image", vec![]);
        tally.try_file(&matrices.bytes());
    }
    // Slow functions over as many elements as may be.
    for (op, side) in [
        ("Erf", 2700),
        ("Exp", 2700),
        ("Log", 2700),
        ("Softplus", 2700),
        ("Mish", 2700),
        ("Tanh", 2700),
        ("Softmax", 2700),
        ("Gelu", 2700),
        ("Pow", 2700),
        ("Pow", 1400),
    ] {
        let inputs: &[&str] = if op == "Pow" { &["x", "x"] } else { &["x"] };
        let functions = Builder::new(&[-1, 1], &[-1, 1, -1, -1])
            .ints("one", &[1, 1, 1, 1])
            .ints("to", &[1, 1, side, side])
            .node("Reshape", &["latent", "one"], "dot", vec![])
            .node("Expand", &["dot", "to"], "x", vec![])
            .node(op, inputs, "y", vec![])
            .node("Sigmoid", &["y"], "image", vec![]);
        tally.try_file(&functions.bytes());
    }
    // As much arithmetic on constants as may be.
    let constants =
        mlp(4, 6, 4)
            .weights("c", &[390, 390], 390)
            .node("MatMul", &["c", "c"], "cc", vec![]);
    let mut used = constants.node(
        "ReduceMean",
        &["cc"],
        "m",
        vec![("axes", A::Ints(vec![0, 1])), ("keepdims", A::Int(0))],
    );
    let last = used.graph().node.len() - 3;
    used.graph().node[last].op_type = "Reshape".into();
    tally.try_file(&used.bytes());
}

// One test, for the allocator counts the whole process.
#[test]
fn no_file_panics_or_takes_a_second_or_256_mib() {
    for (name, run) in [
        ("damaged bytes", damaged_bytes as fn(&mut Tally)),
        ("damaged structure", damaged_structure),
        ("many parts", many_parts),
        ("much work", much_work),
    ] {
        if EMULATED && name == "much work" {
            continue;
        }
        let mut tally = Tally::default();
        run(&mut tally);
        tally.check(name);
    }
}
