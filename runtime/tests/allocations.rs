//! What a call of the tract engine allocates: prints the table of its documentation.
//!
//! `cargo test --release -p dreamlet-runtime --features tract --test allocations -- --nocapture`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../onnx/tests/common/mod.rs"]
mod common;

use std::alloc::System;

use common::{dcgan, mlp, resize_net};
use dreamlet_runtime::engine::tract::{Assumptions, OnnxGenerator};
use dreamlet_runtime::generator::Generator;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_call_allocates_the_same_every_time_and_keeps_nothing() {
    for (name, builder) in [
        ("dense 100-256-784", mlp(100, 256, 28)),
        ("dense 20-400-784", mlp(20, 400, 28)),
        ("DCGAN 28x28 (64, 7x7x128)", dcgan(64, 128, 7)),
        ("resize 28x28 (64, 7x7x128)", resize_net(64, 128, 7)),
    ] {
        let file = builder.bytes();
        let mut generator = OnnxGenerator::from_bytes(&file, &Assumptions::default()).unwrap();
        let mut latent = vec![0.0; generator.latent_len()];
        let mut image = vec![0.0; generator.image_len()];
        let mut call = |seed| {
            generator.distribution().fill(seed, None, &mut latent);
            let region = Region::new(ALLOCATOR);
            generator.generate(&latent, None, &mut image).unwrap();
            region.change()
        };
        call(0);
        let (first, second) = (call(1), call(2));
        println!(
            "{name}: {} allocations, {} bytes",
            first.allocations, first.bytes_allocated
        );
        assert_eq!(first.allocations, second.allocations, "{name}");
        assert_eq!(second.bytes_allocated, second.bytes_deallocated, "{name}");
    }
}
