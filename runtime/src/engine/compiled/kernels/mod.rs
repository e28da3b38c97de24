//! The arithmetic of the layers: one generic kernel for each operation over a small
//! [`F32Vector`](vector::F32Vector), instantiated for each instruction set.
//!
//! This is the only folder of the crate with `unsafe` code. The functions that leave it are safe:
//! they compare the lengths of all slices with the geometry before a kernel runs, and kernels stay
//! within what the geometry says. Vector instructions run only behind a [`SimdLevel`] that can
//! be had where the processor has them.
#![allow(unsafe_code)]
// Loops over constant numbers of registers are written with indices: they are unrolled whole.
#![allow(clippy::needless_range_loop)]

mod activate;
mod cast;
mod col2im;
mod conv;
mod dense;
mod dispatch;
mod group_conv;
mod int8;
mod isa;
mod microkernel;
mod strided;
mod upsample;
mod vector;
mod weights;

pub(super) use cast::{Pod, as_bytes, as_bytes_mut, bytes_as, bytes_as_mut};
pub(super) use col2im::Col2ImCall;
pub(super) use conv::ConvCall;
pub(super) use dense::DenseCall;
pub(super) use dispatch::{
    activate, col2im_gather, col2im_sums, conv, dense, difference, group_conv, interleave, strided,
};
pub(super) use group_conv::GroupConvCall;
pub(super) use int8::{
    Int8Add, Int8Col2Im, Int8Conv, QuantizedSlice, Requantizer, int8_add, int8_col2im_gather,
    int8_col2im_sums, int8_conv,
};
pub use isa::SimdLevel;
pub(super) use strided::{Elements, StridedCall};
pub(super) use upsample::Interleave;
pub(super) use weights::WeightSlice;
