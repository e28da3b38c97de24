//! Nearest doubling and a 3x3 convolution as one layer, see [`Op::UpsampleConv`](super::format::Op::UpsampleConv).

use super::check::upsample_rows;
use super::conv_axis::ConvAxis;
use super::format::{Activation, Layer, padded};
use super::kernels::{self, ConvCall, Interleave, SimdLevel, WeightSlice, bytes_as, bytes_as_mut};
use super::run::{Buffers, Context, len_of, weights};

/// What all rows share.
struct Upsample<'a> {
    level: SimdLevel,
    /// Columns of the input.
    width: usize,
    inputs: usize,
    /// Output channels, to whole blocks.
    outputs: usize,
    weights: WeightSlice<'a>,
    bias: Option<&'a [f32]>,
}

/// Runs the layer by some rows of its input at a time, each of which makes two of the image.
pub(super) fn upsample(layer: &Layer, context: &Context<'_>, buffers: Buffers<'_>) -> Option<()> {
    let (from, to) = (layer.input_shape, layer.output_shape);
    let (width, inputs) = (from.width as usize, from.channels as usize);
    let outputs = padded(to.channels as usize);
    let numbers = inputs.checked_mul(outputs)?.checked_mul(9)?;
    let (weights, bias) = weights(context, layer.weights?, numbers, outputs)?;
    let call = Upsample {
        level: context.level,
        width,
        inputs,
        outputs,
        weights,
        bias,
    };
    let x: &[f32] = bytes_as(buffers.input, len_of(from)?)?;
    let out: &mut [f32] = bytes_as_mut(buffers.output, len_of(to)?)?;
    let row = width * inputs;
    let at_once = upsample_rows(from) as usize;
    let (differences, products) = (at_once * row, 3 * at_once * width * outputs);
    let columns = differences + (at_once + 1) * inputs;
    let scratch: &mut [f32] = bytes_as_mut(buffers.second, columns + differences + 2 * products)?;
    let (columns, rest) = scratch.split_at_mut_checked(columns)?;
    let (rows, rest) = rest.split_at_mut_checked(differences)?;
    let (own, other) = rest.split_at_mut_checked(products)?;
    let pair = 2 * to.width as usize * to.channels as usize;
    // Not by `zip`, whose length would be a division: a way into a panic that compilers do not always see to be closed.
    let mut blocks = x.chunks((at_once * row).max(1)).enumerate();
    let mut outs = out.chunks_mut((at_once * pair).max(1));
    while let (Some((block, x_block)), Some(out)) = (blocks.next(), outs.next()) {
        let count = x_block.len().checked_div(row)?;
        let products = 3 * count * width * outputs;
        let (own, other) = (own.get_mut(..products)?, other.get_mut(..products)?);
        call.products(0, x_block, columns, own)?;
        let first = block * at_once;
        for side in 0..2 {
            // Above: row `i` less row `i - 1`. Below: row `i + 1` less row `i`.
            let rows = rows.get_mut(..x_block.len())?;
            for (i, rows) in rows.chunks_exact_mut(row.max(1)).enumerate() {
                let later = first + i + side;
                let at = |i: usize| x.get(i.checked_mul(row)?..)?.get(..row);
                difference(
                    context.level,
                    at(later),
                    later.checked_sub(1).and_then(at),
                    rows,
                )?;
            }
            call.products(side + 1, rows, columns, other)?;
            let call = Interleave {
                rows: count,
                width,
                outputs: to.channels as usize,
                own,
                other,
                side,
            };
            kernels::interleave(context.level, call, out)?;
        }
        kernels::activate(context.level, out, layer.activation);
    }
    Some(())
}

/// `later - earlier`, where what is not there is zeros. Not inlined: there are five calls.
#[inline(never)]
fn difference(
    level: SimdLevel,
    later: Option<&[f32]>,
    earlier: Option<&[f32]>,
    out: &mut [f32],
) -> Option<()> {
    match (later, earlier) {
        (Some(later), Some(earlier)) => return kernels::difference(level, later, earlier, out),
        (Some(later), None) => out.iter_mut().zip(later).for_each(|(to, x)| *to = *x),
        (None, Some(earlier)) => out.iter_mut().zip(earlier).for_each(|(to, x)| *to = -*x),
        (None, None) => {}
    }
    Some(())
}

impl Upsample<'_> {
    /// The products of rows with the weights of row kind `kind`: `products` is `[column kind][row][column][output channel]`, `columns` has room for the
    /// differences between columns and one pixel more.
    fn products(
        &self,
        kind: usize,
        x: &[f32],
        columns: &mut [f32],
        products: &mut [f32],
    ) -> Option<()> {
        let &Self {
            level,
            width,
            inputs,
            outputs,
            ..
        } = self;
        let row = width * inputs;
        let count = x.len().checked_div(row)?;
        let last = row.checked_sub(inputs)?;
        // One more than there are columns: from nothing to the first, from each to the next, from the last to nothing.
        let mut rows = x.chunks_exact(row.max(1));
        let mut wider = columns.chunks_exact_mut((row + inputs).max(1));
        while let (Some(x), Some(to)) = (rows.next(), wider.next()) {
            let (first, rest) = to.split_at_mut_checked(inputs)?;
            difference(level, x.get(..inputs), None, first)?;
            let (between, end) = rest.split_at_mut_checked(last)?;
            difference(level, x.get(inputs..), x.get(..last), between)?;
            difference(level, None, x.get(last..), end)?;
        }
        let shifted = count * (row + inputs);
        let (before, behind) = (
            columns.get(..shifted)?,
            columns.get(inputs..)?.get(..shifted)?,
        );
        let each = inputs * outputs;
        let mut lines = products.chunks_exact_mut((count * width * outputs).max(1));
        for (column_kind, x) in [x, before, behind].into_iter().enumerate() {
            let line = lines.next()?;
            let number = 3 * kind + column_kind;
            let mut across = ConvAxis::pointwise(width);
            across.input += usize::from(column_kind > 0);
            let call = ConvCall {
                axes: [ConvAxis::pointwise(count), across],
                inputs,
                outputs,
                x,
                weights: self.weights.part(number * each, each)?,
                bias: self.bias.filter(|_| number == 0),
                activation: Activation::None,
            };
            kernels::conv(level, &call, line)?;
        }
        Some(())
    }
}
