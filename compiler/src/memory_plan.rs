//! Where each buffer lies in scratch memory.

use dreamlet_runtime::engine::compiled::format::{ALIGNMENT, Op as Layer};

use super::CompileError;
use super::steps::{Lowered, Operand, bytes};

/// Most bytes of scratch memory.
const MAX_SCRATCH: u64 = 1 << 30;

/// Addresses of buffers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// First byte of each buffer.
    pub(crate) offsets: Vec<u32>,
    /// Bytes in all.
    pub(crate) len: u32,
}

/// From when to when a buffer is needed, in steps, both included.
#[derive(Clone, Copy, Debug)]
struct Life {
    first: usize,
    last: usize,
    bytes: u64,
}

/// Places buffers, the largest first, each in the smallest gap between those that are needed at the
/// same time (best fit). What is done in place is given one buffer.
///
/// # Errors
/// [`CompileError::TooLarge`] above a gibibyte.
pub(crate) fn plan(lowered: &Lowered) -> Result<Plan, CompileError> {
    let count = lowered.buffers.len();
    let mut lives: Vec<Option<Life>> = vec![None; count];
    for (at, step) in lowered.steps.iter().enumerate() {
        for operand in step.reads().chain([step.output]) {
            if let Operand::Buffer { index, .. } = operand {
                let life = lives[index].get_or_insert(Life {
                    first: at,
                    last: at,
                    bytes: lowered.buffers[index].next_multiple_of(ALIGNMENT as u64),
                });
                life.last = at;
            }
        }
    }
    let owners = share(lowered, &mut lives);
    let mut order: Vec<usize> = (0..count).filter(|&index| owners[index] == index).collect();
    order.sort_by_key(|&index| {
        let life = lives[index];
        (
            std::cmp::Reverse(life.map_or(0, |life| life.bytes)),
            life.map_or(0, |life| life.first),
            index,
        )
    });
    let mut placed: Vec<(Life, u64)> = Vec::new();
    let mut offsets = vec![0; count];
    let mut end = 0;
    for index in order {
        let Some(life) = lives[index] else {
            continue;
        };
        let offset = best_fit(&placed, life);
        placed.push((life, offset));
        end = end.max(offset.saturating_add(life.bytes));
        if end > MAX_SCRATCH {
            return Err(CompileError::TooLarge {
                what: "scratch memory",
                limit: MAX_SCRATCH,
                found: end,
            });
        }
        offsets[index] = offset as u32;
    }
    let offsets = owners.iter().map(|&owner| offsets[owner]).collect();
    Ok(Plan {
        offsets,
        len: end as u32,
    })
}

/// Gives the output of a step that may work in place its input's buffer, if nothing needs that any
/// more. For each buffer: the one whose place it has. That one's life becomes as long as both.
fn share(lowered: &Lowered, lives: &mut [Option<Life>]) -> Vec<usize> {
    let mut owners: Vec<usize> = (0..lives.len()).collect();
    for (at, step) in lowered.steps.iter().enumerate() {
        let in_place = matches!(
            step.op,
            Layer::Activate
                | Layer::Affine
                | Layer::Prelu
                | Layer::Binary(..)
                | Layer::QuantizedAdd(_)
        );
        let (Operand::Buffer { index: output, .. }, true) = (step.output, in_place) else {
            continue;
        };
        let size = bytes(step.output_shape, step.output_dtype);
        let found = match step.input {
            Operand::Buffer { index, offset: 0 } => {
                let owner = owners[index];
                let ends = lives[owner].is_some_and(|life| life.last == at);
                let whole = lowered.buffers[index] == size
                    && lowered.buffers[owner] == size
                    && lowered.buffers[output] == size;
                (ends && whole && index != output).then_some(owner)
            }
            _ => None,
        };
        let begins = lives[output].is_some_and(|life| life.first == at);
        if let (Some(owner), true) = (found, begins) {
            owners[output] = owner;
            let last = lives[output].map_or(at, |life| life.last);
            if let Some(life) = &mut lives[owner] {
                life.last = last;
            }
        }
    }
    owners
}

/// The first byte of the smallest gap that has room, or of what lies behind everything.
fn best_fit(placed: &[(Life, u64)], life: Life) -> u64 {
    let meets = |other: &Life| life.first <= other.last && other.first <= life.last;
    let mut taken: Vec<(u64, u64)> = placed
        .iter()
        .filter(|(other, _)| meets(other))
        .map(|(other, offset)| (*offset, offset.saturating_add(other.bytes)))
        .collect();
    taken.sort_unstable();
    let mut best: Option<(u64, u64)> = None;
    let mut end = 0;
    for (from, to) in taken {
        if from > end {
            let gap = from - end;
            if gap >= life.bytes && best.is_none_or(|(size, _)| gap < size) {
                best = Some((gap, end));
            }
        }
        end = end.max(to);
    }
    best.map_or(end, |(_, offset)| offset)
}
