//! Int8 layers: 32-bit sums of products, brought back to bytes. Nothing here is f32, and every
//! SIMD level gives the same bytes.

mod add;
mod call;
mod col2im;
mod dispatch;
mod element;
mod finish;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod microkernel;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod out;
mod requantize;
mod scalar;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod simd;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod tiles;

pub(in super::super) use add::{Int8Add, int8_add};
pub(in super::super) use call::{Int8Conv, QuantizedSlice};
pub(in super::super) use col2im::Int8Col2Im;
pub(in super::super) use dispatch::{int8_col2im_gather, int8_col2im_sums, int8_conv};
pub(in super::super) use requantize::Requantizer;
