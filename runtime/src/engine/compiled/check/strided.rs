//! Whether a strided layer's words say something that can be run: every place that it touches is
//! computed here, once, in 64 bits.

use super::Check;
use crate::engine::compiled::format::{
    Activation, BufferRef, FormatError, MapOp, OperandRef, Parts, REGISTERS, SourceCode, Strided,
    StridedKind, Walk,
};
use crate::engine::compiled::kernels::bytes_as;

/// Most work of a layer: indices, times instructions or taps.
const MAX_WORK: u64 = 1 << 36;

impl Check<'_> {
    pub(super) fn strided(&self, kind: StridedKind, count: u32) -> Result<(), FormatError> {
        let layer = self.layer;
        let none = layer.input == BufferRef::None && layer.activation == Activation::None;
        self.ensure(none, "input or activation", 0)?;
        let offset = layer.weights.map_or(0, |weights| weights.offset);
        let words = self.weights.get(offset as usize..);
        let words = words.and_then(|bytes| bytes_as(bytes, count as usize));
        let words = words.ok_or_else(|| self.error("words of the layer", count.into()))?;
        let strided = Strided::parse(kind, words)
            .map_err(|(field, found)| self.error(field, found.into()))?;
        self.space(&strided)?;
        self.parts(&strided)?;
        self.places(&strided)
    }

    /// The index space, and which dimensions the output has.
    fn space(&self, strided: &Strided<'_>) -> Result<(), FormatError> {
        let mut made = 1u64;
        for (dim, &size) in strided.sizes.iter().enumerate() {
            self.ensure(size > 0, "size of a dimension", 0)?;
            let stride = strided.output.strides.get(dim).copied().unwrap_or(0);
            if strided.is_reduced(dim) {
                let stays = size == 1 || stride == 0;
                self.ensure(stays, "stride along a reduced dimension", 1)?;
            } else {
                made = made.saturating_mul(size.into());
                self.ensure(size == 1 || stride != 0, "stride of the output", 0)?;
            }
        }
        let work = strided.work();
        self.ensure(work <= MAX_WORK, "work", work)?;
        let output = self.layer.output_shape.len();
        self.ensure(made <= output, "elements that are made", made)?;
        let fills = matches!(strided.parts, Parts::Move { fill: Some(_) });
        let whole = fills || made == output;
        let image = self.layer.output == BufferRef::Image;
        self.ensure(whole || !image, "elements of the image", made)
    }

    /// What the kind adds.
    fn parts(&self, strided: &Strided<'_>) -> Result<(), FormatError> {
        match strided.parts {
            Parts::Map { constants, program } => {
                self.program(program, strided.count, constants.len())
            }
            Parts::Reduce { reduced, .. } => {
                let known = reduced >> strided.rank == 0;
                self.ensure(known, "reduced dimensions", reduced.into())
            }
            Parts::Move { .. } => Ok(()),
            // The left matrix has no columns of the product, the right one no rows.
            Parts::MatMul => self.matrices(strided, 3, &[&[2], &[3]]),
            // Queries have no columns and no keys, and so on.
            Parts::Attention { .. } => self.matrices(strided, 4, &[&[3, 2], &[4, 3], &[4, 1]]),
            Parts::Resample {
                positions,
                begins,
                taps,
                ..
            } => {
                let mut before = 0;
                for &begin in begins {
                    self.ensure(begin >= before, "begin of taps", begin.into())?;
                    before = begin;
                }
                for &[position, _] in taps {
                    self.ensure(position < positions, "position of a tap", position.into())?;
                }
                Ok(())
            }
        }
    }

    /// Whether matrices have the dimensions of their product, of which there are at least so many,
    /// and are repeated along those that each of them has not, counted from behind.
    fn matrices(
        &self,
        strided: &Strided<'_>,
        least: usize,
        missing: &[&[usize]],
    ) -> Result<(), FormatError> {
        let rank = strided.rank;
        self.ensure(rank >= least, "dimensions of a matrix product", rank as u64)?;
        for ((_, walk), missing) in strided.operands().zip(missing) {
            for behind in *missing {
                let dim = rank.saturating_sub(*behind);
                let size = strided.sizes.get(dim).copied().unwrap_or(1);
                let stride = walk.strides.get(dim).copied().unwrap_or(0);
                self.ensure(size == 1 || stride == 0, "stride of a matrix", dim as u64)?;
            }
        }
        Ok(())
    }

    /// Whether each instruction is one and reads what there is.
    fn program(
        &self,
        program: &[[u32; 2]],
        operands: usize,
        constants: usize,
    ) -> Result<(), FormatError> {
        let mut written = 0u32;
        for &[first, second] in program {
            let op = MapOp::from_code(first & 255);
            let op = op.ok_or_else(|| self.error("instruction", first.into()))?;
            let register = first >> 8;
            self.ensure(register < REGISTERS as u32, "register", register.into())?;
            let sources = second.to_le_bytes();
            for (i, &code) in sources.iter().enumerate() {
                let known = match SourceCode::from_code(code) {
                    _ if i >= op.arity() => code == 0,
                    SourceCode::Register(at) => written >> at & 1 == 1 && at != register as usize,
                    SourceCode::Operand(at) => at < operands,
                    SourceCode::Constant(at) => at < constants,
                };
                self.ensure(known, "source of an instruction", code.into())?;
            }
            written |= 1 << register;
        }
        Ok(())
    }

    /// Every place that is touched is in its buffer, and nothing is written that is read as
    /// something else.
    fn places(&self, strided: &Strided<'_>) -> Result<(), FormatError> {
        let range = |what, offset, len, section| FormatError::Range {
            layer: self.index,
            what,
            offset,
            len,
            section,
        };
        // Elements from the first of the buffer to the last that is touched.
        let reach = |what, walk: &Walk, sizes| match walk.reach(sizes) {
            Some((_, last)) => Ok(last.saturating_add(1)),
            None => Err(range(what, walk.first.into(), 0, 0)),
        };
        let written = self.layer.output_shape.len();
        let output = reach("elements of the output", &strided.output, &strided.sizes)?;
        if output > written {
            return Err(range("elements of the output", 0, output, written));
        }
        let sizes = strided.read_sizes();
        for (buffer, walk) in strided.operands() {
            let elements = reach("elements of an operand", walk, &sizes)?;
            let len = elements.saturating_mul(4);
            let (offset, section) = match *buffer {
                OperandRef::Scratch(offset) => (offset, u64::from(self.header.scratch_len)),
                OperandRef::Weights(offset) => (offset, self.weights.len() as u64),
                OperandRef::Latent => (0, 4 * u64::from(self.header.latent_len)),
            };
            let begin = u64::from(offset);
            let end = begin.saturating_add(len);
            if begin % 4 != 0 || end > section {
                return Err(range("operand", begin, len, section));
            }
            let (BufferRef::Scratch(to), OperandRef::Scratch(_)) = (self.layer.output, buffer)
            else {
                continue;
            };
            let to = u64::from(to);
            let meets = begin < to.saturating_add(4 * written) && to < end;
            let map = matches!(strided.parts, Parts::Map { .. });
            let in_place = map && begin == to && *walk == strided.output;
            // `==`: the kernel takes a buffer that begins where the output does to be in place.
            if (meets || begin == to) && !in_place {
                return Err(FormatError::Overlap { layer: self.index });
            }
        }
        Ok(())
    }
}
