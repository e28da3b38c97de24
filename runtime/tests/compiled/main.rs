//! The compiled engine against the definitions of its layers, at every SIMD level of vector
//! instructions that this processor has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod batches;
mod builder;
mod int8;
mod int8_layer;
mod layers;
mod small;
mod strided;
mod whole;
