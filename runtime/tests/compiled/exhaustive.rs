//! Every value of every byte of a small model's header and records, and every pair of odd words there: what is accepted is run, what is refused says so, nothing panics. Under Miri there
//! is less of it.

use dreamlet_runtime::engine::compiled::format::{
    Activation, CHECKED_FROM, DType, HEADER_LEN, HwcShape, LAYER_LEN, Op, checksum,
};
use dreamlet_runtime::engine::compiled::{Engine, Model, rows_scratch_len, scratch_len};
use dreamlet_runtime::image::Shape;

use crate::builder::{AlignedFile, Builder, numbers, packed_dense};

/// Words that have broken readers.
const ODD: [u32; 5] = [0, 1, 64, i32::MAX as u32, u32::MAX];

/// Two latent elements, a dense layer, a doubled image: a header, two records, 256 bytes of weights.
fn small() -> Vec<u8> {
    let mut builder = Builder {
        latent: 2,
        ..Builder::default()
    };
    let shape = |side, channels| HwcShape {
        height: side,
        width: side,
        channels,
    };
    let weights = packed_dense(&numbers(1, 2 * 4), 2, 4);
    let weights = builder.weights(&weights, DType::F32, None);
    let first = shape(2, 1);
    let latent = HwcShape::vector(2);
    builder.layer(Op::Dense, latent, first, Activation::Relu, weights);
    builder.layer(Op::Nearest, first, shape(4, 1), Activation::None, None);
    builder.file(Shape {
        channels: 1,
        height: 4,
        width: 4,
    })
}

/// Opens a file whose length and checksum are made right, and makes an image where that is cheap.
fn open(file: &[u8]) -> bool {
    let mut file = file.to_vec();
    if file.len() >= HEADER_LEN {
        let len = file.len() as u32;
        file[12..16].copy_from_slice(&len.to_le_bytes());
        let sum = checksum(&file[CHECKED_FROM..]);
        file[16..20].copy_from_slice(&sum.to_le_bytes());
    }
    let file = AlignedFile::new(&file);
    let file = file.get();
    let sizes = (scratch_len(file), rows_scratch_len(file));
    let Ok(model) = Model::new(file) else {
        return false;
    };
    let engine = Engine::new(model);
    assert_eq!(sizes, (model.scratch_len(), engine.rows_scratch_len()));
    if sizes.0.max(sizes.1).max(model.image_len()) < 1 << 16 {
        let latent = vec![0.5; model.latent_len()];
        let class = model.classes().checked_sub(1);
        let mut scratch = vec![0; sizes.0.max(sizes.1)];
        let mut image = vec![0.0; model.image_len()];
        engine
            .generate(&latent, class, &mut scratch, &mut image)
            .unwrap();
        let mut bytes = vec![0; model.image_len()];
        engine
            .generate_u8(&latent, class, &mut scratch, &mut bytes)
            .unwrap();
    }
    true
}

/// The bytes of header and records.
fn head() -> usize {
    HEADER_LEN + 2 * LAYER_LEN
}

/// One in how many of the cases runs: under Miri, which is a thousand times slower, and elsewhere in
/// an emulator.
const STEP: usize = if cfg!(miri) {
    997
} else if cfg!(target_arch = "x86_64") {
    1
} else {
    29
};

#[test]
fn every_value_of_every_byte_of_header_and_records_is_read_or_refused() {
    let good = small();
    assert!(open(&good));
    let mut accepted = 0;
    for case in (0..head() * 256).step_by(STEP) {
        let mut file = good.clone();
        file[case / 256] = (case % 256) as u8;
        accepted += usize::from(open(&file));
    }
    // What is left over belongs to words that the operations do not have.
    assert!(accepted < head() * 192 / STEP, "{accepted}");
}

#[test]
fn every_pair_of_odd_words_of_header_and_records_is_read_or_refused() {
    let good = small();
    let words = head() / 4;
    let pairs = (0..words).flat_map(|first| (first + 1..words).map(move |second| [first, second]));
    let cases = pairs.flat_map(|places| {
        let values = ODD.iter().flat_map(|a| ODD.iter().map(move |b| [*a, *b]));
        values.map(move |values| (places, values))
    });
    for (places, values) in cases.step_by(STEP) {
        let mut file = good.clone();
        for (word, value) in places.into_iter().zip(values) {
            file[4 * word..4 * word + 4].copy_from_slice(&value.to_le_bytes());
        }
        // Magic and version stay, or nothing else would be read.
        file[..12].copy_from_slice(&good[..12]);
        open(&file);
    }
}

#[test]
fn every_length_is_read_or_refused() {
    let good = small();
    for len in (0..good.len()).step_by(if cfg!(miri) { 61 } else { 1 }) {
        assert!(!open(&good[..len]) || len >= head(), "{len}");
    }
    // All files of up to two bytes.
    for bytes in (0..1_u32 << 16).step_by(STEP) {
        let file = bytes.to_le_bytes();
        assert!(!open(&file[..1]) && !open(&file[..2]));
    }
}
