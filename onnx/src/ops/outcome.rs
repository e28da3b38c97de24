//! What an operator makes.

use crate::graph::{Op, Value};

/// What a node makes and costs.
pub(crate) struct Outcome {
    pub(crate) value: Value,
    /// The operator in its one form.
    pub(crate) op: Op,
    /// Multiplications and additions, or elements touched, whichever is more telling.
    pub(crate) work: u64,
    /// Elements of scratch that a straightforward engine needs besides the output.
    pub(crate) scratch: u64,
}

impl Outcome {
    /// Work in proportion to the output, and no scratch.
    pub(super) fn cheap(op: Op, value: Value) -> Self {
        let work = value.len();
        Self::of_work(op, value, work)
    }

    pub(super) fn of_work(op: Op, value: Value, work: u64) -> Self {
        Self {
            value,
            op,
            work,
            scratch: 0,
        }
    }
}
