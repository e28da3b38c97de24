//! The targets, one function each. None of them may panic, whatever the input is.

use std::sync::{Once, OnceLock};

use dreamlet_compiler::{Options, Precision};
use dreamlet_onnx::{CheckedGraph, Limits, Model as OnnxModel, reference};
use dreamlet_runtime::card::Card;
use dreamlet_runtime::engine::compiled::{
    CompiledGenerator, SimdLevel, rows_scratch_len, scratch_len,
};
use dreamlet_runtime::onnx::Assumptions;
use dreamlet_runtime::{Engine, Model};

#[cfg(feature = "trainer")]
pub use crate::trainer::{idx, images, labels, settings, state};

/// Most bytes of scratch memory and of an image for which a model is run: larger ones take time
/// and show nothing else.
const MOST_BYTES: usize = 4 << 20;

/// A card's JSON. One that is read is written, and means the same then.
pub fn card(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(card) = Card::from_json(text) else {
        return;
    };
    let written = card.to_json().expect("a card that was read is written");
    let again = Card::from_json(&written).expect("a card that was written is read");
    assert_eq!(card, again, "a card keeps its meaning");
}

/// The first look at an ONNX file's bytes, and its decoding.
pub fn scan(data: &[u8]) {
    if let Ok(model) = OnnxModel::decode(data, &Limits::default()) {
        let _ = model.metadata("dreamlet");
    }
}

/// Limits of the ONNX targets: what a small file costs, so that many are tried in a second.
fn small_limits() -> Limits {
    Limits {
        value_bytes: 4 << 20,
        scratch_bytes: 4 << 20,
        work: 2_000_000,
        constant_work: 500_000,
        ..Limits::default()
    }
}

/// The ONNX front end: scan, decoding, shapes, canonical form. The canonical graph, written as a
/// file, is accepted again and means the same; its reference runs.
pub fn onnx(data: &[u8]) {
    let limits = small_limits();
    let Ok(checked) = CheckedGraph::from_bytes(data, &limits) else {
        return;
    };
    use dreamlet_onnx::proto::Message as _;
    let written = checked.graph.to_onnx().encode_to_vec();
    assert!(!written.is_empty(), "a graph is written");
    let latent = vec![0.5; checked.inspection.latent_len];
    let _ = reference::run(&checked.graph, &latent, 0);
}

/// Compiling a file, in each precision by the last byte. What is compiled is opened and makes an
/// image.
pub fn compile(data: &[u8]) {
    let precision = match data.last().map_or(0, |byte| byte % 3) {
        0 => Precision::F32,
        1 => Precision::F16,
        _ => Precision::Int8,
    };
    let mut options = Options {
        precision,
        assumptions: Assumptions {
            limits: small_limits(),
            ..Assumptions::default()
        },
        ..Options::default()
    };
    options.quantize.calibrate = 4;
    static POOL: Once = Once::new();
    // No other thread: waking one takes longer than what it does.
    POOL.call_once(|| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
        let _ = pool.use_current_thread().build_global();
    });
    let Ok(compiled) = dreamlet_compiler::compile(data, &options) else {
        return;
    };
    let mut generator =
        CompiledGenerator::from_bytes(&compiled.file).expect("a file that was compiled is opened");
    generator
        .check_golden()
        .expect("a file that was compiled makes its golden images");
}

/// A compiled model, whose length and checksum are made right: header, layers, int8, rows.
pub fn dream(data: &[u8]) {
    let mut file = Aligned::of(data);
    let bytes = file.get_mut();
    if data.len() >= 64 {
        seal(bytes);
    }
    run(bytes);
}

/// A compiled model that is made of the input layer by layer, so that most of them pass the check
/// and are run.
pub fn layers(data: &[u8]) {
    let mut unstructured = arbitrary::Unstructured::new(data);
    let Ok(made) = crate::layers::model(&mut unstructured) else {
        return;
    };
    let mut file = Aligned::of(&made);
    seal(file.get_mut());
    run(file.get_mut());
}

/// The C interface, with a compiled model whose length and checksum are made right.
#[cfg(fuzzing)]
pub fn c(data: &[u8]) {
    let mut file = Aligned::of(data);
    if data.len() >= 64 {
        seal(file.get_mut());
    }
    crate::c::run(file.get_mut(), MOST_BYTES);
}

/// Only built with the flags of `scripts/fuzz.sh`: without them the C library brings its own panic
/// handler.
#[cfg(not(fuzzing))]
pub fn c(data: &[u8]) {
    dream(data);
}

/// Gives a file the length and the checksum that its bytes have.
fn seal(file: &mut [u8]) {
    use dreamlet_runtime::engine::compiled::format::{CHECKED_FROM, checksum};
    let len = u32::try_from(file.len()).unwrap_or(u32::MAX);
    if let Some(at) = file.get_mut(12..16) {
        at.copy_from_slice(&len.to_le_bytes());
    }
    let sum = checksum(file.get(CHECKED_FROM..).unwrap_or_default());
    if let Some(at) = file.get_mut(16..20) {
        at.copy_from_slice(&sum.to_le_bytes());
    }
}

/// The best instructions of this processor, looked up once.
fn level() -> SimdLevel {
    static LEVEL: OnceLock<SimdLevel> = OnceLock::new();
    *LEVEL.get_or_init(SimdLevel::detect)
}

/// Opens a file, and if it is accepted and small, makes images in each way there is.
fn run(file: &[u8]) {
    // What sizes a static is asked of files that nobody has checked.
    let _ = (scratch_len(file), rows_scratch_len(file));
    let Ok(model) = Model::new(file) else {
        return;
    };
    let _ = (model.class_name(0), model.class_name(usize::MAX));
    let _ = std::str::from_utf8(model.card()).map(Card::from_json);
    let engine = Engine::with_simd_level(model, level());
    let rows = engine.rows_scratch_len();
    assert_eq!(rows, rows_scratch_len(file), "the size in constants");
    if model.scratch_len().max(rows) > MOST_BYTES || model.image_len() > MOST_BYTES / 4 {
        return;
    }
    let latent = vec![0.5; model.latent_len()];
    let class = model.classes().checked_sub(1);
    let mut scratch = vec![0; model.scratch_len()];
    let mut image = vec![0.0; model.image_len()];
    engine
        .generate(&latent, class, &mut scratch, &mut image)
        .expect("a model that is accepted makes an image");
    let mut bytes = vec![0; model.image_len()];
    let mut scratch = vec![0; rows];
    engine
        .generate_u8(&latent, class, &mut scratch, &mut bytes)
        .expect("a model that is accepted makes an image row by row");
    let mut scratch = vec![0; engine.batch_scratch_len(2)];
    let latents = [latent.as_slice(), latent.as_slice()].concat();
    let classes = class.map(|class| [class; 2]);
    let mut images = vec![0.0; 2 * model.image_len()];
    engine
        .generate_batch(
            &latents,
            classes.as_ref().map(<[usize; 2]>::as_slice),
            &mut scratch,
            &mut images,
        )
        .expect("a model that is accepted makes several images");
}

/// Bytes at a multiple of 64.
struct Aligned {
    bytes: Vec<u8>,
    begin: usize,
    len: usize,
}

impl Aligned {
    fn of(data: &[u8]) -> Self {
        let mut bytes = vec![0; data.len() + 63];
        let begin = bytes.as_ptr().addr().next_multiple_of(64) - bytes.as_ptr().addr();
        bytes[begin..begin + data.len()].copy_from_slice(data);
        Self {
            bytes,
            begin,
            len: data.len(),
        }
    }

    fn get_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.begin..self.begin + self.len]
    }
}
