//! Strided layers: from a layer's words to its operands and its kernel.

use super::context::{Context, len_of};
use super::format::{BufferRef, Layer, MAX_OPERANDS, OperandRef, Strided, StridedKind};
use super::kernels::{self, Elements, StridedCall, bytes_as, bytes_as_mut};

/// The words of a strided layer, cut into their parts.
pub(super) fn parts<'a>(
    layer: &Layer,
    kind: StridedKind,
    count: u32,
    weights: &'a [u8],
) -> Option<Strided<'a>> {
    let words = weights.get(layer.weights?.offset as usize..)?;
    Strided::parse(kind, bytes_as(words, count as usize)?).ok()
}

/// Runs a strided layer that has `count` words.
pub(super) fn strided(
    layer: &Layer,
    kind: StridedKind,
    count: u32,
    context: &Context<'_>,
    scratch: &mut [u8],
    image: &mut [u8],
) -> Option<()> {
    let strided = parts(layer, kind, count, context.weights)?;
    let len = len_of(layer.output_shape)?;
    let size = len.checked_mul(4)?;
    // Operands lie before or behind the output, or all over scratch memory.
    let (before, output, behind, end): (&[u8], _, &[u8], _) = match layer.output {
        BufferRef::Image => (scratch, image, &[], 0),
        BufferRef::Scratch(offset) => {
            let offset = offset as usize;
            let (before, rest) = scratch.split_at_mut_checked(offset)?;
            let (output, behind) = rest.split_at_mut_checked(size)?;
            (before, output, behind, offset.checked_add(size)?)
        }
        _ => return None,
    };
    let out: &mut [f32] = bytes_as_mut(output, len)?;
    let sizes = strided.read_sizes();
    let mut operands = [Elements::Apart(&[]); MAX_OPERANDS];
    for ((buffer, walk), to) in strided.operands().zip(&mut operands) {
        let (_, last) = walk.reach(&sizes)?;
        let count = usize::try_from(last).ok()?.checked_add(1)?;
        let from = |bytes, offset| slice(bytes, offset, count).map(Elements::Apart);
        *to = match *buffer {
            OperandRef::Latent => Elements::Apart(context.latent),
            OperandRef::Weights(offset) => from(context.weights, offset as usize)?,
            OperandRef::Scratch(offset) if BufferRef::Scratch(offset) == layer.output => {
                Elements::InPlace
            }
            OperandRef::Scratch(offset) => match (offset as usize).checked_sub(end) {
                Some(offset) if end > 0 => from(behind, offset)?,
                _ => from(before, offset as usize)?,
            },
        };
    }
    let call = StridedCall { strided, operands };
    kernels::strided(context.level, &call, out)
}

fn slice(bytes: &[u8], offset: usize, count: usize) -> Option<&[f32]> {
    bytes_as(bytes.get(offset..)?, count)
}
