//! Rows that are asked for, on a model of the repository.

use std::vec::Vec;

use super::{Engine, Model, ModelFile};
use crate::generator::GenerateError;
use crate::image::{FloydSteinberg, Levels};
use crate::include_model;

const FILE: ModelFile = include_model!("../../../../models/pico/pico.dream");
const SIDE: usize = 28;

fn latent(model: &Model<'_>) -> [f32; 24] {
    let mut latent = [0.0; 24];
    model.distribution().fill(5, None, &mut latent);
    latent
}

#[test]
fn pulled_rows_are_those_of_the_whole_image_and_end() {
    let engine = Engine::new(FILE.model().unwrap());
    let latent = latent(engine.model());
    let mut scratch = [0; FILE.rows_scratch_len()];
    let mut image = [0; SIDE * SIDE];
    engine
        .generate_u8(&latent, Some(3), &mut scratch, &mut image)
        .unwrap();
    let mut rows = engine.rows(&latent, Some(3), &mut scratch).unwrap();
    let mut pulled = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        assert_eq!(row.len(), SIDE);
        pulled.extend_from_slice(row);
    }
    assert_eq!(pulled, image);
    assert_eq!(rows.next(), Ok(None));
}

#[test]
fn an_error_of_the_display_ends_it_and_the_next_image_is_whole() {
    let engine = Engine::new(FILE.model().unwrap());
    let latent = latent(engine.model());
    let mut scratch = [0; FILE.rows_scratch_len()];
    let mut shown = 0;
    let mut show = |scratch: &mut [u8], room: usize| -> Result<usize, &'static str> {
        let mut rows = engine.rows(&latent, Some(3), scratch).map_err(|_| "call")?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(|_| "engine")? {
            if count == room {
                return Err("the display is gone");
            }
            shown += row.len();
            count += 1;
        }
        Ok(count)
    };
    assert_eq!(show(&mut scratch, 9), Err("the display is gone"));
    assert_eq!(show(&mut scratch, 99), Ok(SIDE));
    assert_eq!(shown, SIDE * (SIDE + 9));
}

#[test]
fn dithering_of_pulled_rows_keeps_its_phase() {
    let engine = Engine::new(FILE.model().unwrap());
    let latent = latent(engine.model());
    let mut scratch = [0; FILE.rows_scratch_len()];
    let mut image = [0; SIDE * SIDE];
    engine
        .generate_u8(&latent, Some(8), &mut scratch, &mut image)
        .unwrap();
    let mut errors = [0; FloydSteinberg::scratch_len(SIDE)];
    let mut whole = [[0; SIDE]; SIDE];
    let mut dither = FloydSteinberg::new(SIDE, Levels::BINARY, &mut errors).unwrap();
    for (row, levels) in image.chunks(SIDE).zip(&mut whole) {
        dither.row(row, levels).unwrap();
    }
    let mut dither = FloydSteinberg::new(SIDE, Levels::BINARY, &mut errors).unwrap();
    let mut rows = engine.rows(&latent, Some(8), &mut scratch).unwrap();
    for expected in whole {
        let mut levels = [0; SIDE];
        dither
            .row(rows.next().unwrap().unwrap(), &mut levels)
            .unwrap();
        assert_eq!(levels, expected);
    }
}

#[test]
fn a_call_that_is_wrong_begins_nothing() {
    let engine = Engine::new(FILE.model().unwrap());
    let latent = latent(engine.model());
    let missing = engine.rows(&latent, None, &mut []).map(|_| ());
    assert_eq!(missing, Err(GenerateError::ClassMissing { classes: 10 }));
    let short = engine.rows(&latent, Some(1), &mut [0; 9]).map(|_| ());
    assert!(matches!(
        short,
        Err(GenerateError::ScratchLength { found: 9, .. })
    ));
}

#[cfg(feature = "std")]
#[test]
fn a_model_with_its_own_memory_gives_rows_and_bytes_too() {
    let mut generator = super::CompiledGenerator::from_bytes(FILE.bytes()).unwrap();
    let latent = latent(&generator.model());
    let (mut image, mut rows) = ([0; SIDE * SIDE], [0; SIDE * SIDE]);
    generator.generate_u8(&latent, Some(2), &mut image).unwrap();
    generator
        .generate_rows(&latent, Some(2), |y, row| {
            rows[y * SIDE..(y + 1) * SIDE].copy_from_slice(row);
        })
        .unwrap();
    assert_eq!(image, rows);
    assert!(image.iter().any(|pixel| *pixel > 200));
}
