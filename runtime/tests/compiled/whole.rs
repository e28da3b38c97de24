//! Whole models: batches, rows, wrong calls, damaged files.

use dreamlet_runtime::engine::compiled::format::{
    Activation, CHECKED_FROM, Convolution, DType, FormatError, HEADER_LEN, Header, HwcShape,
    LAYER_LEN, Op, checksum,
};
use dreamlet_runtime::engine::compiled::{Engine, Model, SimdLevel, scratch_len};
use dreamlet_runtime::generator::GenerateError;
use dreamlet_runtime::image::{PixelRange, Shape, to_hwc_u8};

use crate::builder::{AlignedFile, Builder, Conv, numbers, packed_dense, padded_vector};
use crate::cases;
use crate::residual::residual;

const SHAPE: Shape = Shape {
    channels: 3,
    height: 8,
    width: 10,
};

/// A small DCGAN: dense to 4x5x20, transposed convolutions to 8x10x3.
pub(crate) fn dcgan() -> Vec<u8> {
    let mut builder = Builder {
        latent: 6,
        ..Builder::default()
    };
    let small = HwcShape {
        height: 4,
        width: 5,
        channels: 20,
    };
    let packed = packed_dense(&numbers(1, 6 * 400), 6, 400);
    let weights = builder.weights(&packed, DType::F32, Some(&padded_vector(&numbers(2, 400))));
    builder.layer(
        Op::Dense,
        HwcShape::vector(6),
        small,
        Activation::Relu,
        weights,
    );
    let c = Convolution {
        kernel: [3; 2],
        stride: [1; 2],
        pad: [1; 2],
        dilation: [1; 2],
        groups: 1,
        transposed: false,
        planar: false,
    };
    let conv = Conv::new(3, c, small, 18);
    let weights = builder.weights(&conv.packed(), DType::F32, Some(&padded_vector(&conv.bias)));
    builder.layer(
        Op::Conv(c),
        small,
        conv.to,
        Activation::LeakyRelu(0.2),
        weights,
    );
    let c = Convolution {
        kernel: [4; 2],
        stride: [2; 2],
        transposed: true,
        planar: true,
        ..c
    };
    let conv = Conv::new(5, c, conv.to, 3);
    let weights = builder.weights(
        &conv.packed_few(),
        DType::F32,
        Some(&padded_vector(&conv.bias)),
    );
    builder.layer(
        Op::Col2ImConv(c),
        conv.from,
        conv.to,
        Activation::Tanh,
        weights,
    );
    builder.file(SHAPE)
}

#[test]
fn batches_are_the_images_one_by_one() {
    let file = AlignedFile::new(&dcgan());
    let model = Model::new(file.get()).unwrap();
    let (count, len) = (7, model.image_len());
    let latents = numbers(9, count * model.latent_len());
    for level in SimdLevel::available() {
        let engine = Engine::with_simd_level(model, level);
        let mut scratch = vec![0; engine.batch_scratch_len(count)];
        let mut single = vec![0.0; count * len];
        for (latent, image) in latents
            .chunks(model.latent_len())
            .zip(single.chunks_mut(len))
        {
            engine.generate(latent, None, &mut scratch, image).unwrap();
        }
        // With room for all, for a part, and for none at once.
        for scratch_len in [
            scratch.len(),
            model.scratch_len() + 2 * 400 * 8,
            model.scratch_len(),
        ] {
            let mut images = vec![f32::NAN; count * len];
            engine
                .generate_batch(&latents, None, &mut scratch[..scratch_len], &mut images)
                .unwrap();
            let worst = images
                .iter()
                .zip(&single)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(worst < 1e-5, "{level}: {worst}");
        }
    }
}

#[test]
fn rows_are_the_bytes_of_the_image() {
    let file = AlignedFile::new(&dcgan());
    let model = Model::new(file.get()).unwrap();
    let engine = Engine::new(model);
    let latent = numbers(4, model.latent_len());
    let mut scratch = vec![0; engine.rows_scratch_len().max(model.scratch_len())];
    let mut image = vec![0.0; model.image_len()];
    engine
        .generate(&latent, None, &mut scratch, &mut image)
        .unwrap();
    let mut expected = vec![0; model.image_len()];
    to_hwc_u8(&image, SHAPE, PixelRange::SIGNED, &mut expected).unwrap();
    let mut rows = Vec::new();
    engine
        .generate_rows(&latent, None, &mut scratch, |row, bytes| {
            assert_eq!(row * bytes.len(), rows.len());
            rows.extend_from_slice(bytes);
        })
        .unwrap();
    assert_eq!(rows, expected);
    let mut bytes = vec![0; model.image_len()];
    engine
        .generate_u8(&latent, None, &mut scratch, &mut bytes)
        .unwrap();
    assert_eq!(bytes, expected);
}

#[test]
fn every_wrong_call_is_told_apart() {
    let file = AlignedFile::new(&dcgan());
    let model = Model::new(file.get()).unwrap();
    let engine = Engine::new(model);
    let call = |latent: &[f32], class, scratch: usize, image: usize| {
        engine.generate(latent, class, &mut vec![0; scratch], &mut vec![0.0; image])
    };
    let needed = model.scratch_len();
    assert_eq!(needed, scratch_len(file.get()));
    let z = [0.5; 6];
    assert_eq!(call(&z, None, needed, 240), Ok(()));
    assert_eq!(
        call(&z[1..], None, needed, 240),
        Err(GenerateError::LatentLength {
            expected: 6,
            found: 5
        })
    );
    assert_eq!(
        call(&z, None, needed, 9),
        Err(GenerateError::ImageLength {
            expected: 240,
            found: 9
        })
    );
    assert_eq!(
        call(&z, Some(1), needed, 240),
        Err(GenerateError::ClassOutOfRange {
            classes: 0,
            found: 1
        })
    );
    let short = call(&z, None, needed - 64, 240);
    assert_eq!(
        short,
        Err(GenerateError::ScratchLength {
            expected: needed,
            found: needed - 64
        })
    );
    let batch = engine.generate_batch(
        &[0.0; 12],
        Some(&[0]),
        &mut vec![0; needed],
        &mut [0.0; 480],
    );
    assert_eq!(
        batch,
        Err(GenerateError::ClassCount {
            expected: 2,
            found: 1
        })
    );
}

#[test]
fn scratch_memory_at_any_address_will_do() {
    let file = AlignedFile::new(&dcgan());
    let model = Model::new(file.get()).unwrap();
    let engine = Engine::new(model);
    let mut scratch = vec![0; model.scratch_len() + 64];
    let mut first = vec![0.0; 240];
    for at in 0..64 {
        let mut image = vec![0.0; 240];
        let scratch = &mut scratch[at..at + model.scratch_len()];
        engine
            .generate(&[0.1; 6], None, scratch, &mut image)
            .unwrap();
        if at == 0 {
            first = image;
        } else {
            assert_eq!(image, first);
        }
    }
}

#[test]
fn every_damaged_byte_is_noticed() {
    let whole = dcgan();
    for at in (0..whole.len()).step_by(13).chain(0..HEADER_LEN) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        let file = AlignedFile::new(&damaged);
        let refused = Model::new(file.get());
        // Two bytes of the header are not used.
        assert!(refused.is_err() || at == 10 || at == 11, "byte {at}");
    }
    for len in [0, 7, 63, 64, 100, whole.len() - 1] {
        let file = AlignedFile::new(&whole[..len]);
        assert!(Model::new(file.get()).is_err(), "{len} bytes");
    }
    let mut moved = vec![0; 1];
    moved.extend(&whole);
    let file = AlignedFile::new(&moved);
    assert_eq!(
        Model::new(&file.get()[1..]).unwrap_err(),
        FormatError::Unaligned
    );
}

/// A stream of elements that look random.
struct Mix(u64);

impl Mix {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % below
    }
}

/// Whatever a table of layers says, the model is refused or runs: no panic, and nothing is written
/// outside the buffers (debug builds check arithmetic, too).
#[test]
fn hostile_tables_are_refused_or_run() {
    hostile(&dcgan(), 30_000);
}

#[test]
fn hostile_tables_of_residual_blocks_are_refused_or_run() {
    for bytes in [false, true] {
        let (builder, shape) = residual(bytes);
        hostile(&builder.file(shape), 5_000);
    }
}

fn hostile(whole: &[u8], tries: u64) {
    let mut mix = Mix(7);
    let (mut ran, mut refused) = (0, 0);
    let tries = if cfg!(miri) {
        40
    } else {
        cases(tries) as usize
    };
    let layers = Header::parse(whole).unwrap().layers as usize;
    for _ in 0..tries {
        let mut damaged = whole.to_vec();
        for _ in 0..=mix.next(2) {
            let word = if mix.next(4) == 0 {
                5 + mix.next(11)
            } else {
                16 + mix.next(layers * LAYER_LEN / 4)
            };
            let old = u32::from_le_bytes(damaged[4 * word..4 * word + 4].try_into().unwrap());
            let new = match mix.next(6) {
                0 => mix.next(20) as u32,
                1 => old.wrapping_add(1 + mix.next(4) as u32),
                2 => old.wrapping_sub(1 + mix.next(4) as u32),
                3 => u32::MAX - mix.next(4) as u32,
                4 => 1 << mix.next(32),
                _ => old.wrapping_mul(2),
            };
            damaged[4 * word..4 * word + 4].copy_from_slice(&new.to_le_bytes());
        }
        if let Ok(mut header) = Header::parse(&damaged) {
            header.checksum = checksum(&damaged[CHECKED_FROM..]);
            damaged[16..20].copy_from_slice(&header.checksum.to_le_bytes());
        }
        let file = AlignedFile::new(&damaged);
        let Ok(model) = Model::new(file.get()) else {
            refused += 1;
            continue;
        };
        if model.scratch_len() > 1 << 22 || model.image_len() > 1 << 20 {
            continue;
        }
        let latent = vec![0.3; model.latent_len()];
        let class = (model.classes() > 0).then_some(0);
        let mut image = vec![0.0; model.image_len()];
        let scratch_len = model.scratch_len();
        let mut scratch = vec![0x5A; scratch_len + 64];
        for level in [SimdLevel::SCALAR, SimdLevel::detect()] {
            let engine = Engine::with_simd_level(model, level);
            // Some layers read what none has written.
            scratch[..scratch_len].fill(0x5A);
            let made = engine.generate(&latent, class, &mut scratch[..scratch_len], &mut image);
            let layers: Vec<_> = model.layers().collect();
            assert_eq!(made, Ok(()), "an accepted model runs: {layers:#?}");
            ran += 1;
            let rows_len = engine.rows_scratch_len();
            let mut rows = vec![0x5A; rows_len + 64];
            let mut bytes = vec![0; model.image_len()];
            let made = engine.generate_u8(&latent, class, &mut rows[..rows_len], &mut bytes);
            assert_eq!(made, Ok(()), "row by row, too: {layers:#?}");
            let mut expected = vec![0; model.image_len()];
            to_hwc_u8(&image, model.shape(), model.range(), &mut expected).unwrap();
            assert!(
                bytes == expected,
                "row by row it is another image: {layers:#?}"
            );
            assert!(rows[rows_len..].iter().all(|byte| *byte == 0x5A));
        }
        assert!(scratch[scratch_len..].iter().all(|byte| *byte == 0x5A));
    }
    assert!(
        refused > tries / 4 && ran > tries / 100,
        "{refused} refused, {ran} images"
    );
}
