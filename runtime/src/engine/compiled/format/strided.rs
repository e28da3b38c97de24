//! Strided layers: general work over an index space, described by words in the section of weights.
//!
//! A layer's record has room for one input, one second input and one output of a fixed order. A
//! strided layer has up to eight operands, and reads and writes each with strides of its own, so
//! that transposed, repeated, reversed, cut and joined tensors need no copies. Its record holds
//! the operation, the output's buffer and shape, and [`Weights`](super::Weights) of f32 that point
//! to its words.
//!
//! The words, 32 bits each:
//!
//! | words | what |
//! | --- | --- |
//! | 1 | dimensions `r`, 1 to 6 |
//! | 1 | operands `n`, 1 to 8 |
//! | `r` | sizes, the innermost dimension last |
//! | `1 + r` | output: first element, strides (i32) in elements |
//! | `n * (3 + r)` | for each operand: buffer (0 scratch, 1 weights, 2 latent), its first byte, first element, strides |
//! | rest | what the kind adds, see below |
//!
//! At index `i` an operand's element is `first element + sum(i[d] * stride[d])`. A stride of 0
//! repeats, a negative one runs backwards.
//!
//! | kind | index space | operands | adds |
//! | --- | --- | --- | --- |
//! | [`Map`](StridedKind::Map) | that of the output | 1 to 8 | number of constants, number of instructions, the constants (f32), each instruction in two words |
//! | [`Reduce`](StridedKind::Reduce) | that of the input; the output's stride is 0 along reduced dimensions | 1 | [`Reduction`], a bit for each reduced dimension (1 is the first) |
//! | [`Move`](StridedKind::Move) | what is copied | 1 | 1 to fill the whole output first, else 0; with what (f32) |
//! | [`MatMul`](StridedKind::MatMul) | batch dimensions, then rows, columns, inner | 2 | nothing |
//! | [`Attention`](StridedKind::Attention) | batch dimensions, then queries, columns, keys, inner | 3: queries, keys, values | what products are multiplied by (f32) |
//! | [`Resample`](StridedKind::Resample) | that of the output; the operand's stride along the axis is that of an input position | 1 | the axis, input positions `p`, for each output position `i` where its taps begin and after the last where they end (in taps), then the taps: position and weight (f32) |
//!
//! An instruction's first word is its [`MapOp`] and, times 256, the register that it writes; the
//! second has a byte for each of its sources: 0 to 7 registers, 8 to 15 operands, 16 to 31
//! constants. No instruction writes a register that it reads. The last one's result is the output.

/// Most dimensions of an index space.
pub const MAX_RANK: usize = 6;
/// Most operands of a strided layer.
pub const MAX_OPERANDS: usize = 8;
/// Registers of a [`StridedKind::Map`].
pub const REGISTERS: usize = 8;
/// Most different constants of a [`StridedKind::Map`].
pub const MAX_CONSTANTS: usize = 16;
/// Most instructions of a [`StridedKind::Map`].
pub const MAX_INSTRUCTIONS: usize = 64;

/// What a strided layer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StridedKind {
    /// A short program for each element.
    Map,
    /// Elements along some dimensions to one. Windows may overlap: a pooling is a reduction.
    Reduce,
    /// A copy; of all or of a part of the output, which can be filled before.
    Move,
    /// Products of matrices, both of them computed.
    MatMul,
    /// Another size along one dimension: each output position a sum of input positions with
    /// weights.
    Resample,
    /// Attention: for each query a sum of values, by the softmax of its products with all keys.
    Attention,
}

impl StridedKind {
    /// All of them, in the order of their codes, of which the first is [`STRIDED`].
    pub(crate) const ALL: [Self; 6] = [
        Self::Map,
        Self::Reduce,
        Self::Move,
        Self::MatMul,
        Self::Resample,
        Self::Attention,
    ];
}

/// Code of the first kind of strided layer.
pub(super) const STRIDED: u32 = 20;

macro_rules! codes {
    ($(#[$outer:meta])* $name:ident: $($(#[$inner:meta])* $variant:ident = $code:literal,)*) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$inner])* $variant = $code,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// By its code in the file.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// What an instruction does with `a`, `b` and `c`. Truth values are 1 and 0.
    MapOp:
    /// `a`.
    Copy = 0,
    /// `max(a, 0)`.
    Relu = 1,
    /// Hyperbolic tangent.
    Tanh = 2,
    /// `1 / (1 + exp(-a))`.
    Sigmoid = 3,
    /// `ln(1 + exp(a))`.
    Softplus = 4,
    /// `exp(a)`.
    Exp = 5,
    /// Natural logarithm.
    Log = 6,
    /// Square root.
    Sqrt = 7,
    /// `1 / a`.
    Reciprocal = 8,
    /// Error function.
    Erf = 9,
    /// Sine.
    Sin = 10,
    /// Cosine.
    Cos = 11,
    /// Arc tangent.
    Atan = 12,
    /// `-a`.
    Neg = 13,
    /// `|a|`.
    Abs = 14,
    /// Rounded down.
    Floor = 15,
    /// Rounded up.
    Ceil = 16,
    /// Rounded to nearest, halves to even.
    Round = 17,
    /// Rounded towards 0.
    Trunc = 18,
    /// -1, 0 or 1.
    Sign = 19,
    /// Whether `a` is 0.
    Not = 20,
    /// `a + b`.
    Add = 32,
    /// `a - b`.
    Sub = 33,
    /// `a * b`.
    Mul = 34,
    /// `a / b`.
    Div = 35,
    /// `a` to the power `b`.
    Pow = 36,
    /// The greater one.
    Max = 37,
    /// The smaller one.
    Min = 38,
    /// The remainder of `a / b`, with the sign of `a` (`fmod`).
    Mod = 39,
    /// Whether `a = b`.
    Equal = 40,
    /// Whether `a < b`.
    Less = 41,
    /// `a` above 0, else `b * a`.
    LeakyRelu = 42,
    /// `a` above 0, else `b * (exp(a) - 1)`.
    Elu = 43,
    /// `a * b + c`; rounded once or twice.
    MulAdd = 64,
    /// `b` where `a` is not 0, else `c`.
    Select = 65,
    /// `min(max(a, b), c)`.
    Clip = 66,
}

impl MapOp {
    /// How many sources it has.
    #[must_use]
    pub const fn arity(self) -> usize {
        match self as u32 {
            ..32 => 1,
            32..64 => 2,
            _ => 3,
        }
    }
}

codes! {
    /// What elements become together. Sums are f32, by chunks that are added afterwards, so that
    /// the error of many elements stays that of few.
    Reduction:
    /// Their sum.
    Sum = 0,
    /// Their mean.
    Mean = 1,
    /// The greatest.
    Max = 2,
    /// The smallest.
    Min = 3,
    /// Their product.
    Prod = 4,
}

/// Where an operand of a strided layer lies; first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperandRef {
    /// In scratch memory, a multiple of 4.
    Scratch(u32),
    /// In the section of weights, a multiple of 4; f32.
    Weights(u32),
    /// The caller's latent vector.
    Latent,
}

/// Source of an instruction as the file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceCode {
    Register(usize),
    Operand(usize),
    Constant(usize),
}

impl SourceCode {
    pub(crate) const fn from_code(code: u8) -> Self {
        let code = code as usize;
        match code {
            ..REGISTERS => Self::Register(code),
            _ if code < REGISTERS + MAX_OPERANDS => Self::Operand(code - REGISTERS),
            _ => Self::Constant(code - REGISTERS - MAX_OPERANDS),
        }
    }

    #[cfg(feature = "alloc")]
    pub(crate) const fn code(self) -> usize {
        match self {
            Self::Register(at) => at,
            Self::Operand(at) => REGISTERS + at,
            Self::Constant(at) => REGISTERS + MAX_OPERANDS + at,
        }
    }
}

/// First element and strides of an output or operand; strides that it has not are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) first: u32,
    pub(crate) strides: [i32; MAX_RANK],
}

/// What a kind adds, as it lies in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Parts<'a> {
    Map {
        constants: &'a [u32],
        /// Two words each.
        program: &'a [[u32; 2]],
    },
    Reduce {
        reduction: Reduction,
        /// A bit for each dimension.
        reduced: u32,
    },
    Move {
        fill: Option<f32>,
    },
    MatMul,
    Resample {
        axis: usize,
        positions: u32,
        /// One more than there are output positions.
        begins: &'a [u32],
        /// Position, weight.
        taps: &'a [[u32; 2]],
    },
    Attention {
        scale: f32,
    },
}

/// A strided layer's words, cut into their parts. Whether they make sense is for the loader to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strided<'a> {
    /// Missing dimensions have size 1.
    pub(crate) sizes: [u32; MAX_RANK],
    pub(crate) rank: usize,
    pub(crate) output: Walk,
    pub(crate) operands: [(OperandRef, Walk); MAX_OPERANDS],
    /// Operands that there are.
    pub(crate) count: usize,
    pub(crate) parts: Parts<'a>,
}

/// A word that cannot be: what it is, and its value.
pub(crate) type WordError = (&'static str, u32);

/// Words that are taken from the front.
struct WordReader<'a>(&'a [u32]);

impl<'a> WordReader<'a> {
    fn word(&mut self) -> Result<u32, WordError> {
        let (&word, rest) = self.0.split_first().ok_or(TOO_FEW)?;
        self.0 = rest;
        Ok(word)
    }

    fn words(&mut self, count: usize) -> Result<&'a [u32], WordError> {
        let (words, rest) = self.0.split_at_checked(count).ok_or(TOO_FEW)?;
        self.0 = rest;
        Ok(words)
    }

    fn pairs(&mut self, count: usize) -> Result<&'a [[u32; 2]], WordError> {
        let words = self.words(count.checked_mul(2).ok_or(TOO_FEW)?)?;
        Ok(words.as_chunks().0)
    }

    /// A number from `least` to `most`.
    fn number(
        &mut self,
        field: &'static str,
        least: usize,
        most: usize,
    ) -> Result<usize, WordError> {
        let word = self.word()?;
        match word as usize {
            number if (least..=most).contains(&number) => Ok(number),
            _ => Err((field, word)),
        }
    }

    fn walk(&mut self, rank: usize) -> Result<Walk, WordError> {
        let first = self.word()?;
        let mut strides = [0; MAX_RANK];
        for (to, from) in strides.iter_mut().zip(self.words(rank)?) {
            *to = from.cast_signed();
        }
        Ok(Walk { first, strides })
    }
}

const TOO_FEW: WordError = ("words of the layer", 0);

impl<'a> Strided<'a> {
    /// Cuts `words`; all of them are taken.
    pub(crate) fn parse(kind: StridedKind, words: &'a [u32]) -> Result<Self, WordError> {
        let mut reader = WordReader(words);
        let rank = reader.number("dimensions", 1, MAX_RANK)?;
        let count = reader.number("operands", 1, MAX_OPERANDS)?;
        let mut sizes = [1; MAX_RANK];
        for (to, from) in sizes.iter_mut().zip(reader.words(rank)?) {
            *to = *from;
        }
        let output = reader.walk(rank)?;
        let nothing = Walk {
            first: 0,
            strides: [0; MAX_RANK],
        };
        let mut operands = [(OperandRef::Latent, nothing); MAX_OPERANDS];
        for operand in operands.iter_mut().take(count) {
            let (code, byte) = (reader.word()?, reader.word()?);
            let buffer = match code {
                0 => OperandRef::Scratch(byte),
                1 => OperandRef::Weights(byte),
                2 => OperandRef::Latent,
                found => return Err(("buffer of an operand", found)),
            };
            *operand = (buffer, reader.walk(rank)?);
        }
        let parts = match kind {
            StridedKind::Map => {
                let constants = reader.number("constants", 0, MAX_CONSTANTS)?;
                let instructions = reader.number("instructions", 1, MAX_INSTRUCTIONS)?;
                Parts::Map {
                    constants: reader.words(constants)?,
                    program: reader.pairs(instructions)?,
                }
            }
            StridedKind::Reduce => {
                let code = reader.word()?;
                Parts::Reduce {
                    reduction: Reduction::from_code(code).ok_or(("reduction", code))?,
                    reduced: reader.word()?,
                }
            }
            StridedKind::Move => {
                let fills = reader.number("fill", 0, 1)?;
                let value = f32::from_bits(reader.word()?);
                Parts::Move {
                    fill: (fills == 1).then_some(value),
                }
            }
            StridedKind::MatMul => Parts::MatMul,
            StridedKind::Attention => Parts::Attention {
                scale: f32::from_bits(reader.word()?),
            },
            StridedKind::Resample => {
                let axis = reader.number("axis", 0, rank - 1)?;
                let positions = reader.word()?;
                let outputs = sizes.get(axis).map_or(0, |size| *size as usize);
                let begins = reader.words(outputs.checked_add(1).ok_or(TOO_FEW)?)?;
                let all = begins.last().map_or(0, |end| *end as usize);
                Parts::Resample {
                    axis,
                    positions,
                    begins,
                    taps: reader.pairs(all)?,
                }
            }
        };
        let expected = match kind {
            StridedKind::Map => count,
            StridedKind::MatMul => 2,
            StridedKind::Attention => 3,
            _ => 1,
        };
        if count != expected {
            return Err(("operands", count as u32));
        }
        if !reader.0.is_empty() {
            return Err(("words of the layer", words.len() as u32));
        }
        Ok(Self {
            sizes,
            rank,
            output,
            operands,
            count,
            parts,
        })
    }

    /// Sizes of the space that operands are read in: along the axis of a resampling, input
    /// positions.
    pub(crate) fn read_sizes(&self) -> [u32; MAX_RANK] {
        let mut sizes = self.sizes;
        if let Parts::Resample {
            axis, positions, ..
        } = self.parts
            && let Some(size) = sizes.get_mut(axis)
        {
            *size = positions;
        }
        sizes
    }

    /// What it costs, in multiplications or steps like them: elements that are touched, times
    /// instructions of a map or taps of a resampling; saturates.
    pub(crate) fn work(&self) -> u64 {
        let volume = |without: Option<usize>| {
            let sizes = self.sizes.iter().enumerate();
            let taken = sizes.filter(|(dim, _)| Some(*dim) != without);
            taken.fold(1u64, |all, (_, size)| all.saturating_mul((*size).into()))
        };
        match self.parts {
            Parts::Map { program, .. } => volume(None).saturating_mul(program.len() as u64),
            Parts::Resample { axis, taps, .. } => {
                volume(Some(axis)).saturating_mul(taps.len() as u64)
            }
            // All but the columns, and all but what is inner.
            Parts::Attention { .. } => {
                let without = |behind: usize| volume(self.rank.checked_sub(behind));
                without(3).saturating_add(without(1))
            }
            Parts::Reduce { .. } | Parts::Move { .. } | Parts::MatMul => volume(None),
        }
    }

    /// Whether the output has no elements along a dimension: they become one.
    pub(crate) fn is_reduced(&self, dim: usize) -> bool {
        match self.parts {
            Parts::Reduce { reduced, .. } => reduced.checked_shr(dim as u32).unwrap_or(0) & 1 == 1,
            Parts::MatMul => dim + 1 == self.rank,
            Parts::Attention { .. } => (self.rank.saturating_sub(2)..self.rank).contains(&dim),
            _ => false,
        }
    }

    /// The operands that there are.
    pub(crate) fn operands(&self) -> impl Iterator<Item = &(OperandRef, Walk)> {
        self.operands.iter().take(self.count)
    }
}

impl Walk {
    /// The first and the last element that is touched in a space of such sizes; `None` if one lies
    /// before the first element of the buffer, or far out.
    pub(crate) fn reach(&self, sizes: &[u32; MAX_RANK]) -> Option<(u64, u64)> {
        let (mut least, mut most) = (i64::from(self.first), i64::from(self.first));
        for (size, stride) in sizes.iter().zip(self.strides) {
            let last = i64::from(size.checked_sub(1)?).checked_mul(stride.into())?;
            least = least.checked_add(last.min(0))?;
            most = most.checked_add(last.max(0))?;
        }
        Some((u64::try_from(least).ok()?, u64::try_from(most).ok()?))
    }
}
