//! Layers that move elements or touch each once: plain loops, the same on every target.

use core::slice::ChunksExactMut;

use super::format::{BinaryKind, Broadcast, Coordinates, HwcShape, PadKind};
use super::rows::Rows;

/// `x * scale[c] + shift[c]`, in place.
pub(super) fn affine(x: &mut [f32], scale: &[f32], shift: Option<&[f32]>) {
    for pixel in x.chunks_exact_mut(scale.len().max(1)) {
        match shift {
            Some(shift) => {
                for ((x, scale), shift) in pixel.iter_mut().zip(scale).zip(shift) {
                    *x = *x * scale + shift;
                }
            }
            None => {
                for (x, scale) in pixel.iter_mut().zip(scale) {
                    *x *= scale;
                }
            }
        }
    }
}

/// Negative elements times their channel's slope, in place.
pub(super) fn prelu(x: &mut [f32], slopes: &[f32]) {
    for pixel in x.chunks_exact_mut(slopes.len().max(1)) {
        for (x, slope) in pixel.iter_mut().zip(slopes) {
            *x = x.max(0.0) + slope * x.min(0.0);
        }
    }
}

/// `x` and `other`, element by element, in place.
pub(super) fn binary(x: &mut [f32], other: &[f32], kind: BinaryKind, broadcast: Broadcast) {
    let len = match broadcast {
        Broadcast::Same => x.len(),
        Broadcast::Channel => other.len(),
    };
    let pixels = x.chunks_exact_mut(len.max(1));
    match kind {
        BinaryKind::Add => each(pixels, other, |a, b| a + b),
        BinaryKind::Sub => each(pixels, other, |a, b| a - b),
        BinaryKind::ReverseSub => each(pixels, other, |a, b| b - a),
        BinaryKind::Mul => each(pixels, other, |a, b| a * b),
    }
}

/// `f` of the elements of each pixel and those of `other`, in place.
fn each(pixels: ChunksExactMut<'_, f32>, other: &[f32], f: impl Fn(f32, f32) -> f32) {
    for pixel in pixels {
        for (x, other) in pixel.iter_mut().zip(other) {
            *x = f(*x, *other);
        }
    }
}

/// The pixel at `row`, `column` of an HWC image.
fn pixel<T>(x: &[T], shape: HwcShape, row: usize, column: usize) -> &[T] {
    let channels = shape.channels as usize;
    let at = (row * shape.width as usize + column) * channels;
    x.get(at..at + channels).unwrap_or_default()
}

/// Calls `f` for every output pixel: row, column, the pixel.
fn each_pixel<T>(out: &mut [T], shape: HwcShape, mut f: impl FnMut(usize, usize, &mut [T])) {
    let channels = (shape.channels as usize).max(1);
    let width = (shape.width as usize).max(1);
    for (i, pixel) in out.chunks_exact_mut(channels).enumerate() {
        f(i / width, i % width, pixel);
    }
}

/// Repeats pixels.
pub(super) fn nearest<T: Copy>(x: &[T], from: HwcShape, out: &mut [T], to: HwcShape) {
    let rows = (to.height / from.height.max(1)).max(1) as usize;
    let columns = (to.width / from.width.max(1)).max(1) as usize;
    each_pixel(out, to, |row, column, out| {
        for (out, x) in out
            .iter_mut()
            .zip(pixel(x, from, row / rows, column / columns))
        {
            *out = *x;
        }
    });
}

/// The two input positions and the weight of the second for output position `at`.
fn resize_source(at: usize, from: u32, to: u32, coordinates: Coordinates) -> (usize, usize, f32) {
    let scale = to as f32 / from as f32;
    let position = match coordinates {
        Coordinates::HalfPixel => (at as f32 + 0.5) / scale - 0.5,
        Coordinates::AlignCorners if to > 1 => at as f32 * (from - 1) as f32 / (to - 1) as f32,
        Coordinates::AlignCorners => 0.0,
        Coordinates::Asymmetric => at as f32 / scale,
    };
    let last = from.saturating_sub(1);
    let position = position.max(0.0).min(last as f32);
    // Not negative: `as` rounds down.
    let low = position as u32;
    (
        low as usize,
        (low + 1).min(last) as usize,
        position - low as f32,
    )
}

/// What bilinear doubling makes of four elements: of the nearest, two beside it, and one across.
pub(super) trait Blend: Copy {
    /// `signed` says whether bytes are.
    fn blend(corners: [Self; 4], signed: bool) -> Self;
}

impl Blend for f32 {
    #[inline(always)]
    fn blend([a, b, c, d]: [Self; 4], _: bool) -> Self {
        (9.0 * a + 3.0 * (b + c) + d) * 0.0625
    }
}

impl Blend for u8 {
    #[inline(always)]
    fn blend(corners: [Self; 4], signed: bool) -> Self {
        // Signed bytes are taken as 128 more, which is what is made of them, too.
        let flip = Self::from(signed) << 7;
        let [a, b, c, d] = corners.map(|x| u16::from(x ^ flip));
        (((9 * a + 3 * (b + c) + d + 8) >> 4) as Self) ^ flip
    }
}

/// Part number `at` of parts of so many elements.
fn part<T>(x: &[T], at: usize, len: usize) -> &[T] {
    x.get(at * len..(at + 1) * len).unwrap_or_default()
}

/// The positions of `len` from which doubled position `at` comes: the nearest, and the one beside
/// it.
fn doubled_from(at: usize, len: usize) -> [usize; 2] {
    let near = at / 2;
    let far = if at.is_multiple_of(2) {
        near.saturating_sub(1)
    } else {
        (near + 1).min(len.saturating_sub(1))
    };
    [near, far]
}

/// Bilinear doubling with half pixels: as many rows as `out` has, of those that are there.
/// `signed` says whether bytes are.
pub(super) fn double<T: Blend>(x: &[T], from: HwcShape, rows: Rows, out: &mut [T], signed: bool) {
    let channels = (from.channels as usize).max(1);
    let row_len = (from.width as usize).saturating_mul(channels);
    let outs = out.chunks_exact_mut((2 * row_len).max(1));
    for (row, out) in outs.enumerate() {
        let [near, far] = doubled_from(rows.output + row, rows.inputs)
            .map(|row| part(x, row.saturating_sub(rows.input), row_len));
        for (column, out) in out.chunks_exact_mut(channels).enumerate() {
            let [own, beside] = doubled_from(column, from.width as usize);
            let near = part(near, own, channels)
                .iter()
                .zip(part(near, beside, channels));
            let far = part(far, own, channels)
                .iter()
                .zip(part(far, beside, channels));
            for (out, ((a, b), (c, d))) in out.iter_mut().zip(near.zip(far)) {
                *out = T::blend([*a, *b, *c, *d], signed);
            }
        }
    }
}

/// Bilinear interpolation.
pub(super) fn bilinear(
    x: &[f32],
    from: HwcShape,
    out: &mut [f32],
    to: HwcShape,
    coordinates: Coordinates,
) {
    each_pixel(out, to, |row, column, out| {
        let (top, bottom, down) = resize_source(row, from.height, to.height, coordinates);
        let (left, right, along) = resize_source(column, from.width, to.width, coordinates);
        let corners = [
            (pixel(x, from, top, left), (1.0 - down) * (1.0 - along)),
            (pixel(x, from, top, right), (1.0 - down) * along),
            (pixel(x, from, bottom, left), down * (1.0 - along)),
            (pixel(x, from, bottom, right), down * along),
        ];
        out.fill(0.0);
        for (corner, weight) in corners {
            for (out, x) in out.iter_mut().zip(corner) {
                *out += weight * x;
            }
        }
    });
}

/// Blocks of channels to blocks of pixels.
pub(super) fn depth_to_space<T: Copy>(
    x: &[T],
    from: HwcShape,
    out: &mut [T],
    to: HwcShape,
    crd: bool,
) {
    let block = (to.height / from.height.max(1)).max(1) as usize;
    let channels = to.channels as usize;
    each_pixel(out, to, |row, column, out| {
        let source = pixel(x, from, row / block, column / block);
        let cell = row % block * block + column % block;
        for (channel, out) in out.iter_mut().enumerate() {
            let at = if crd {
                channel * block * block + cell
            } else {
                cell * channels + channel
            };
            if let Some(x) = source.get(at) {
                *out = *x;
            }
        }
    });
}

/// The input position of padded position `at`, `before` from the border; `None` where the constant
/// stands.
fn padded_position(at: usize, before: u32, len: u32, kind: PadKind) -> Option<usize> {
    let (at, before, last) = (at as i64, i64::from(before), i64::from(len) - 1);
    let inner = at - before;
    let inner = match kind {
        PadKind::Constant(_) if inner < 0 || inner > last => return None,
        PadKind::Constant(_) => inner,
        // `clamp` would panic if `last` were negative.
        PadKind::Edge => inner.min(last).max(0),
        PadKind::Reflect if inner < 0 => -inner,
        PadKind::Reflect if inner > last => 2 * last - inner,
        PadKind::Reflect => inner,
    };
    usize::try_from(inner).ok()
}

/// A border.
pub(super) fn pad(
    x: &[f32],
    from: HwcShape,
    out: &mut [f32],
    to: HwcShape,
    [top, left]: [u32; 2],
    kind: PadKind,
) {
    let value = if let PadKind::Constant(value) = kind {
        value
    } else {
        0.0
    };
    each_pixel(out, to, |row, column, out| {
        let row = padded_position(row, top, from.height, kind);
        let column = padded_position(column, left, from.width, kind);
        match (row, column) {
            (Some(row), Some(column)) => {
                for (out, x) in out.iter_mut().zip(pixel(x, from, row, column)) {
                    *out = *x;
                }
            }
            _ => out.fill(value),
        }
    });
}

/// All channels of `x` into the channels of `out` from `at` on.
pub(super) fn concat_channels<T: Copy>(
    x: &[T],
    channels: usize,
    out: &mut [T],
    out_channels: usize,
    at: usize,
) {
    for (x, out) in x
        .chunks_exact(channels.max(1))
        .zip(out.chunks_exact_mut(out_channels.max(1)))
    {
        for (out, x) in out.iter_mut().skip(at).zip(x) {
            *out = *x;
        }
    }
}

/// HWC to CHW.
pub(super) fn hwc_to_chw<T: Copy>(x: &[T], shape: HwcShape, out: &mut [T]) {
    let channels = (shape.channels as usize).max(1);
    let pixels = (x.len() / channels).max(1);
    for (channel, plane) in out.chunks_exact_mut(pixels).enumerate() {
        for (out, x) in plane
            .iter_mut()
            .zip(x.iter().skip(channel).step_by(channels))
        {
            *out = *x;
        }
    }
}

/// CHW to HWC.
pub(super) fn chw_to_hwc<T: Copy>(x: &[T], shape: HwcShape, out: &mut [T]) {
    let channels = (shape.channels as usize).max(1);
    let pixels = (x.len() / channels).max(1);
    for (i, pixel) in out.chunks_exact_mut(channels).enumerate() {
        for (out, x) in pixel.iter_mut().zip(x.iter().skip(i).step_by(pixels)) {
            *out = *x;
        }
    }
}
