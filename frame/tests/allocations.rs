//! Thousands of images without an allocation after the first.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::System;
use std::path::Path;
use std::time::Duration;

use dreamlet_frame::display::Facts;
use dreamlet_frame::model::Model;
use dreamlet_frame::options::Mode;
use dreamlet_frame::picture::{Canvas, PaletteChoice};
use dreamlet_frame::run::{Look, Studio};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const IMAGES: usize = 3_000;

/// One test, for the allocator counts for the whole process.
#[test]
fn thousands_of_images_allocate_nothing_after_the_first() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/pico/pico.dream");
    let facts = Facts {
        width: 32,
        height: 28,
        palette: None,
        border: [0; 3],
        least_period: Duration::ZERO,
    };
    for (mode, palette, images) in [
        (Mode::Walk, PaletteChoice::Full, IMAGES),
        (Mode::Gallery, PaletteChoice::Spectra6, 1000),
        (Mode::Daily, PaletteChoice::Mono, 1000),
    ] {
        let look = Look {
            mode,
            steps: 30,
            palette,
            ..Look::default()
        };
        let mut studio = Studio::new(Model::open(&path, None).unwrap(), &facts, &look).unwrap();
        let mut keys = studio.walk_buffer();
        let mut walk = (mode == Mode::Walk).then(|| studio.walk(1, 30, &mut keys).unwrap());
        let mut canvas = Canvas::new(32, 28);
        studio.make(walk.as_mut(), &mut canvas).unwrap();
        let region = Region::new(ALLOCATOR);
        for _ in 1..images {
            studio.make(walk.as_mut(), &mut canvas).unwrap();
        }
        let change = region.change();
        assert_eq!(
            (change.allocations, change.reallocations),
            (0, 0),
            "{mode:?}"
        );
    }
}
