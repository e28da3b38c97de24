//! Strided layers, see [`StridedKind`](crate::engine::compiled::format::StridedKind).

mod attention;
mod call;
mod copy;
mod map;
mod math;
mod matmul;
mod reduce;
mod resample;
mod space;

pub(super) use attention::{Softmax, Work};
pub(in super::super) use call::StridedCall;
pub(super) use math::exp_m1;
pub(super) use matmul::Multiply;
pub(in super::super) use space::Elements;
