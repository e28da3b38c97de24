//! Strided layers, see [`StridedKind`](crate::engine::compiled::format::StridedKind).

mod call;
mod copy;
mod map;
mod math;
mod matmul;
mod reduce;
mod resample;
mod space;

pub(in super::super) use call::StridedCall;
pub(in super::super) use space::Elements;
