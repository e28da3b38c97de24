//! Batches of dense layers of bytes: the bytes of the images one by one.

use dreamlet_runtime::engine::compiled::format::{
    Activation, BinaryKind, Broadcast, DType, HwcShape, Op,
};
use dreamlet_runtime::engine::compiled::{Engine, Model, SimdLevel};

use crate::builder::{AlignedFile, Builder, numbers, packed_dense};
use crate::bytes::{ByteConv, push};
use crate::integer::one_pixel;
use crate::layers::grey;

/// 9 latent numbers to an image of 37 pixels, by a hidden layer of `hidden` bytes, signed or not; the last layer has a table or none.
fn dense(hidden: DType, table: bool) -> Vec<u8> {
    let mut builder = Builder {
        latent: 9,
        ..Builder::default()
    };
    let latent = [HwcShape::vector(9); 2];
    let words = [DType::F32, DType::I16];
    push(&mut builder, Op::Quantize(8000.0), latent, words, None);
    let mut from = HwcShape::vector(9);
    for (input, output, outputs) in [
        (DType::I16, hidden, 70),
        (hidden, DType::I8, 22),
        (DType::I8, DType::U8, 37),
    ] {
        let mut layer = ByteConv::new(one_pixel(), from, outputs, input, output);
        if table && output == DType::U8 {
            layer.integers = layer.integers.with_table(10);
        }
        let weights = layer.integers.emit(&mut builder, &layer.packed());
        let shapes = [from, layer.to];
        push(
            &mut builder,
            Op::Dense,
            shapes,
            [input, output],
            Some(weights),
        );
        from = layer.to;
    }
    builder.file(grey(37))
}

/// Three dense layers, the first and the second added: what a joined run of dense layers would leave behind is read again.
fn residual() -> Vec<u8> {
    let mut builder = Builder {
        latent: 6,
        ..Builder::default()
    };
    let wide = HwcShape::vector(40);
    let dense = |builder: &mut Builder, seed, from: HwcShape, to: HwcShape| {
        let (inputs, outputs) = (from.channels as usize, to.channels as usize);
        let packed = packed_dense(&numbers(seed, inputs * outputs), inputs, outputs);
        let weights = builder.weights(&packed, DType::F32, None);
        builder.layer(Op::Dense, from, to, Activation::Relu, weights);
        builder.layers.last().unwrap().output
    };
    let first = dense(&mut builder, 1, HwcShape::vector(6), wide);
    dense(&mut builder, 2, wide, wide);
    let add = Op::Binary(BinaryKind::Add, Broadcast::Same);
    builder.layer(add, wide, wide, Activation::None, None);
    builder.layers.last_mut().unwrap().second = first;
    dense(&mut builder, 3, wide, HwcShape::vector(37));
    builder.file(grey(37))
}

#[test]
fn a_batch_of_a_residual_net_is_the_images_one_by_one() {
    let file = AlignedFile::new(&residual());
    let model = Model::new(file.get()).unwrap();
    for level in SimdLevel::available() {
        let engine = Engine::with_simd_level(model, level);
        let (count, latents) = (9, numbers(5, 9 * 6));
        let mut scratch = vec![0x5A; engine.batch_scratch_len(count)];
        let mut single = vec![f32::NAN; count * 37];
        for (latent, image) in latents.chunks(6).zip(single.chunks_mut(37)) {
            engine.generate(latent, None, &mut scratch, image).unwrap();
        }
        let mut images = vec![f32::NAN; count * 37];
        engine
            .generate_batch(&latents, None, &mut scratch, &mut images)
            .unwrap();
        let pairs = images.iter().zip(&single);
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{level}: {worst}");
    }
}

#[test]
fn batches_of_bytes_are_the_images_one_by_one() {
    for (hidden, table) in [(DType::I8, false), (DType::U8, true)] {
        let file = AlignedFile::new(&dense(hidden, table));
        let model = Model::new(file.get()).unwrap();
        let mut all_levels: Option<Vec<f32>> = None;
        for level in SimdLevel::available() {
            let engine = Engine::with_simd_level(model, level);
            for count in [1, 2, 7, 33] {
                let latents = numbers(71, count * 9);
                let mut scratch = vec![0x5A; engine.batch_scratch_len(count)];
                let mut single = vec![f32::NAN; count * 37];
                for (latent, image) in latents.chunks(9).zip(single.chunks_mut(37)) {
                    engine.generate(latent, None, &mut scratch, image).unwrap();
                }
                assert!(single.iter().any(|x| *x != single[0]));
                // With room for all, for three, and for none at once.
                for room in [
                    engine.batch_scratch_len(count),
                    engine.batch_scratch_len(count.min(3)),
                    model.scratch_len(),
                ] {
                    let mut images = vec![f32::NAN; count * 37];
                    engine
                        .generate_batch(&latents, None, &mut scratch[..room], &mut images)
                        .unwrap();
                    assert_eq!(images, single, "{count} with {room} bytes, {level}");
                }
                if count == 33 {
                    assert!(
                        all_levels.get_or_insert(single.clone()) == &single,
                        "{level}"
                    );
                }
            }
        }
    }
}
