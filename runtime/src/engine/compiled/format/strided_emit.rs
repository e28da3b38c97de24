//! From a strided layer to its words, for a compiler.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::layer::Op;
use super::strided::{
    MAX_CONSTANTS, MAX_INSTRUCTIONS, MAX_OPERANDS, MAX_RANK, MapOp, OperandRef, REGISTERS,
    Reduction, SourceCode, StridedKind,
};

/// A strided layer as a compiler makes it. See [`StridedKind`] and, for what each one's index space
/// and operands are, `docs/reference/dream-format.md`.
#[derive(Clone, Debug, PartialEq)]
pub struct StridedLayer {
    /// Sizes of the index space, the innermost dimension last; 1 to 6 of them.
    pub sizes: Vec<u32>,
    /// How the output's buffer is written.
    pub output: Strides,
    /// What is read: 1 to 8 operands of a map, 2 of a matrix product, 3 of
    /// attention, else 1.
    pub operands: Vec<StridedOperand>,
    /// What is done.
    pub work: StridedWork,
}

/// How a buffer is walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strides {
    /// Element of index 0.
    pub first: u32,
    /// One for each dimension, in elements: 0 repeats, negative ones run backwards.
    pub strides: Vec<i32>,
}

impl Strides {
    /// Those of a tensor of such sizes that lies in order, without gaps.
    #[must_use]
    pub fn contiguous(sizes: &[u32]) -> Self {
        let mut next: i32 = 1;
        let mut strides: Vec<i32> = sizes
            .iter()
            .rev()
            .map(|size| {
                let stride = next;
                next = next.saturating_mul(i32::try_from(*size).unwrap_or(i32::MAX));
                stride
            })
            .collect();
        strides.reverse();
        Self { first: 0, strides }
    }
}

/// What a strided layer reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StridedOperand {
    /// Where its buffer begins.
    pub buffer: OperandRef,
    /// How it is walked.
    pub strides: Strides,
}

/// What a strided layer does, with what its kind adds.
#[derive(Clone, Debug, PartialEq)]
pub enum StridedWork {
    /// [`StridedKind::Map`]: instructions, the last of which makes the output.
    Map(Vec<Instruction>),
    /// [`StridedKind::Reduce`] along these dimensions, where the output's stride is 0.
    Reduce(Reduction, Vec<usize>),
    /// [`StridedKind::Move`]; with an element that fills the whole output before.
    Move(Option<f32>),
    /// [`StridedKind::MatMul`]: the last three sizes are rows, columns and inner; the output's
    /// stride is 0 along inner, that of the left operand along columns, that of the right one along
    /// rows.
    MatMul,
    /// [`StridedKind::Attention`] with what products are multiplied by: the last four sizes are
    /// queries, columns, keys and inner. The strides of the output are 0 along keys and inner; of
    /// queries along columns and keys; of keys along queries and columns; of values along queries
    /// and inner.
    Attention(f32),
    /// [`StridedKind::Resample`].
    Resample {
        /// The dimension.
        axis: usize,
        /// Input positions along it.
        positions: u32,
        /// For each output position its input positions and their weights.
        taps: Vec<Vec<(u32, f32)>>,
    },
}

impl StridedWork {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> StridedKind {
        match self {
            Self::Map(_) => StridedKind::Map,
            Self::Reduce(..) => StridedKind::Reduce,
            Self::Move(_) => StridedKind::Move,
            Self::MatMul => StridedKind::MatMul,
            Self::Attention(_) => StridedKind::Attention,
            Self::Resample { .. } => StridedKind::Resample,
        }
    }
}

/// An instruction of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction {
    /// What it does.
    pub op: MapOp,
    /// With what: [`MapOp::arity`] sources.
    pub sources: Vec<Source>,
}

impl Instruction {
    /// An instruction.
    #[must_use]
    pub fn new(op: MapOp, sources: impl Into<Vec<Source>>) -> Self {
        Self {
            op,
            sources: sources.into(),
        }
    }
}

/// What an instruction takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// The element of operand number so and so.
    Operand(usize),
    /// What the instruction of this number has made.
    Result(usize),
    /// A number.
    Constant(f32),
}

/// Why a strided layer cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StridedError {
    /// What there is too much of, or what is wrong.
    pub what: &'static str,
    /// How many there are, or its value.
    pub found: usize,
    /// How many there may be, or what it should be.
    pub limit: usize,
}

impl fmt::Display for StridedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, found, limit } = self;
        write!(f, "a strided layer with {found} {what} (limit {limit})")
    }
}

impl core::error::Error for StridedError {}

fn ensure(holds: bool, what: &'static str, found: usize, limit: usize) -> Result<(), StridedError> {
    if holds {
        Ok(())
    } else {
        Err(StridedError { what, found, limit })
    }
}

fn word(what: &'static str, n: usize) -> Result<u32, StridedError> {
    u32::try_from(n).map_err(|_| StridedError {
        what,
        found: n,
        limit: u32::MAX as usize,
    })
}

impl StridedLayer {
    /// The words, for the section of weights. They are part of the layer's record as
    /// `Op::Strided(kind, words.len())` ([`Self::op`]), with weights of f32 that begin at the first
    /// one.
    ///
    /// # Errors
    /// [`StridedError`]: more dimensions, operands, constants, instructions or intermediate results
    /// than there is room for, or a part that does not fit the others.
    pub fn emit(&self) -> Result<Vec<u32>, StridedError> {
        let rank = self.sizes.len();
        let count = self.operands.len();
        ensure((1..=MAX_RANK).contains(&rank), "dimensions", rank, MAX_RANK)?;
        let most = match self.work {
            StridedWork::Map(_) => MAX_OPERANDS,
            StridedWork::MatMul => 2,
            StridedWork::Attention(_) => 3,
            _ => 1,
        };
        ensure((1..=most).contains(&count), "operands", count, most)?;
        let mut words = vec![rank as u32, count as u32];
        words.extend(&self.sizes);
        walk(&self.output, rank, &mut words)?;
        for operand in &self.operands {
            words.extend(match operand.buffer {
                OperandRef::Scratch(byte) => [0, byte],
                OperandRef::Weights(byte) => [1, byte],
                OperandRef::Latent => [2, 0],
            });
            walk(&operand.strides, rank, &mut words)?;
        }
        match &self.work {
            StridedWork::Map(program) => emit_program(program, count, &mut words)?,
            StridedWork::Reduce(reduction, dimensions) => {
                let mut mask = 0;
                for &dimension in dimensions {
                    ensure(dimension < rank, "as a dimension", dimension, rank)?;
                    mask |= 1 << dimension;
                }
                words.extend([*reduction as u32, mask]);
            }
            StridedWork::Move(fill) => {
                words.extend([u32::from(fill.is_some()), fill.unwrap_or(0.0).to_bits()]);
            }
            StridedWork::MatMul => {}
            StridedWork::Attention(scale) => words.push(scale.to_bits()),
            StridedWork::Resample {
                axis,
                positions,
                taps,
            } => {
                ensure(*axis < rank, "as the axis", *axis, rank)?;
                let size = self.sizes.get(*axis).map_or(0, |size| *size as usize);
                ensure(taps.len() == size, "lists of taps", taps.len(), size)?;
                words.extend([*axis as u32, *positions]);
                let mut begin = 0;
                words.push(0);
                for taps in taps {
                    begin += taps.len();
                    words.push(word("taps", begin)?);
                }
                for (position, weight) in taps.iter().flatten() {
                    words.extend([*position, weight.to_bits()]);
                }
            }
        }
        Ok(words)
    }

    /// The operation of its record, when it has so many words.
    #[must_use]
    pub const fn op(&self, words: u32) -> Op {
        Op::Strided(self.work.kind(), words)
    }
}

fn walk(strides: &Strides, rank: usize, words: &mut Vec<u32>) -> Result<(), StridedError> {
    let found = strides.strides.len();
    ensure(found == rank, "strides", found, rank)?;
    words.push(strides.first);
    words.extend(strides.strides.iter().map(|stride| stride.cast_unsigned()));
    Ok(())
}

/// Gives each result a register until it has been read for the last time.
fn emit_program(
    program: &[Instruction],
    operands: usize,
    words: &mut Vec<u32>,
) -> Result<(), StridedError> {
    let len = program.len();
    ensure(
        (1..=MAX_INSTRUCTIONS).contains(&len),
        "instructions",
        len,
        MAX_INSTRUCTIONS,
    )?;
    let mut last_read = vec![0; len];
    for (at, instruction) in program.iter().enumerate() {
        let (found, arity) = (instruction.sources.len(), instruction.op.arity());
        ensure(found == arity, "sources of an instruction", found, arity)?;
        for source in &instruction.sources {
            match *source {
                Source::Result(result) => {
                    ensure(result < at, "as an earlier instruction", result, at)?;
                    if let Some(last) = last_read.get_mut(result) {
                        *last = at;
                    }
                }
                Source::Operand(operand) => {
                    ensure(operand < operands, "as an operand", operand, operands)?;
                }
                Source::Constant(_) => {}
            }
        }
    }
    let mut constants: Vec<u32> = Vec::new();
    let mut register_of: Vec<usize> = Vec::new();
    // The instruction that reads a register for the last time.
    let mut taken: [Option<usize>; REGISTERS] = [None; REGISTERS];
    let mut code = Vec::new();
    for (at, instruction) in program.iter().enumerate() {
        let mut sources = 0;
        for (i, source) in instruction.sources.iter().enumerate() {
            let source = match *source {
                Source::Operand(operand) => SourceCode::Operand(operand),
                Source::Result(result) => {
                    SourceCode::Register(register_of.get(result).copied().unwrap_or(0))
                }
                Source::Constant(value) => {
                    let bits = value.to_bits();
                    let known = constants.iter().position(|constant| *constant == bits);
                    SourceCode::Constant(known.unwrap_or_else(|| {
                        constants.push(bits);
                        constants.len() - 1
                    }))
                }
            };
            sources |= (source.code() as u32 & 255) << (8 * i);
        }
        // One that is read here is not written here, so it is free only for the next.
        let free = taken
            .iter()
            .position(|last| last.is_none_or(|last| last < at));
        let register = free.ok_or(StridedError {
            what: "intermediate results at once",
            found: REGISTERS + 1,
            limit: REGISTERS,
        })?;
        if let (Some(taken), Some(last)) = (taken.get_mut(register), last_read.get(at)) {
            *taken = Some(*last);
        }
        register_of.push(register);
        code.extend([instruction.op as u32 | (register as u32) << 8, sources]);
    }
    let count = constants.len();
    ensure(
        count <= MAX_CONSTANTS,
        "different constants",
        count,
        MAX_CONSTANTS,
    )?;
    words.extend([count as u32, len as u32]);
    words.extend(constants);
    words.extend(code);
    Ok(())
}
