//! The compiled engine against the definitions of its layers, at every SIMD level of vector
//! instructions that this processor has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod batches;
mod builder;
mod exhaustive;
mod int8;
mod int8_layer;
mod layers;
mod limits;
mod residual;
mod rows;
mod small;
mod strided;
mod whole;

/// How many random cases run: on other processors than x86-64 an emulator runs them, a hundred
/// times slower.
const fn cases(all: u64) -> u64 {
    if cfg!(target_arch = "x86_64") {
        all
    } else {
        all / 10
    }
}
