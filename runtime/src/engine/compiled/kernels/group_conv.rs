//! Convolutions and transposed convolutions in groups, HWC.

use super::isa::SimdLevel;
use super::vector::F32Vector;
use crate::engine::compiled::conv_axis::ConvAxis;
use crate::engine::compiled::format::BLOCK;

/// Pixels whose sums are kept in registers.
const PIXELS: usize = 8;

/// A convolution in groups, with its data.
pub(in super::super) struct GroupConvCall<'a> {
    /// Rows and columns.
    pub axes: [ConvAxis; 2],
    pub groups: usize,
    /// Channels of the input and of the output.
    pub inputs: usize,
    pub outputs: usize,
    /// Input image, `[row][column][input channel]`.
    pub x: &'a [f32],
    /// `[kernel row][kernel column][input channel of the group][output channel]`.
    pub weights: &'a [f32],
    pub bias: Option<&'a [f32]>,
}

/// What the pixels of a tile have in common.
#[derive(Clone, Copy)]
struct Tile {
    /// The first one, counted in its phase.
    at: [usize; 2],
    /// How many there are, side by side.
    wide: usize,
    phase: [usize; 2],
    /// The first output channel.
    channel: usize,
    /// How many channels are made: those of a group that are left, at most a vector.
    channels: usize,
}

/// Goes through the taps that some pixels of a tile have: the input pixel of the first one, those
/// pixels from and to, and the number of the tap. No closure, for that is compiled without the
/// instructions of the kernel that it stands in.
macro_rules! each_tap {
    ($call:expr, $tile:expr, |$x:ident, $from:ident, $to:ident, $tap:ident| $body:block) => {
        let ([rows, columns], tile) = (&$call.axes, $tile);
        for row_tap in rows.taps(tile.phase[0]).iter() {
            if rows.inside(row_tap.offset, tile.at[0], 1) != (0, 1) {
                continue;
            }
            let y = (tile.at[0] * rows.step()).wrapping_add_signed(row_tap.offset);
            for column_tap in columns.taps(tile.phase[1]).iter() {
                let ($from, $to) = columns.inside(column_tap.offset, tile.at[1], tile.wide);
                if $from < $to {
                    let x = ((tile.at[1] + $from) * columns.step())
                        .wrapping_add_signed(column_tap.offset);
                    let $tap = row_tap.kernel * columns.kernel + column_tap.kernel;
                    let $x = $call.x.as_ptr().add((y * columns.input + x) * $call.inputs);
                    $body
                }
            }
        }
    };
}

impl GroupConvCall<'_> {
    /// Whether all slices have the lengths that the geometry asks for.
    pub(super) fn fits(&self, out: &[f32]) -> bool {
        let [rows, columns] = &self.axes;
        let groups = self.groups.max(1);
        self.inputs.is_multiple_of(groups)
            && self.outputs.is_multiple_of(groups)
            && self.x.len() == rows.input * columns.input * self.inputs
            && out.len() == rows.output * columns.output * self.outputs
            && self.weights.len()
                == rows.kernel * columns.kernel * (self.inputs / groups) * self.outputs
            && self.bias.is_none_or(|bias| bias.len() == self.outputs)
    }

    /// Channels of a group, of the input and of the output.
    fn of_group(&self) -> [usize; 2] {
        [self.inputs, self.outputs].map(|all| all / self.groups.max(1))
    }

    /// What has the same input channels: those of a group, or all where each has its own.
    fn together(&self) -> usize {
        match self.of_group() {
            [1, 1] => self.outputs,
            [_, outputs] => outputs,
        }
    }

    /// The level with the widest vectors that channels fill at least half.
    pub(super) fn level(&self, level: SimdLevel) -> SimdLevel {
        match (self.outputs, self.together() % 16) {
            (..8, _) => SimdLevel::SCALAR,
            (8..16, _) | (_, 1..=8) => level.narrow(),
            _ => level,
        }
    }

    /// Runs it.
    ///
    /// # Safety
    /// [`fits`](Self::fits) holds, and the processor has the vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn run<V: F32Vector>(&self, out: *mut f32) {
        let each_alone = self.of_group() == [1, 1];
        let together = self.together();
        let [rows, columns] = &self.axes;
        for row_phase in 0..rows.phases() {
            for column_phase in 0..columns.phases() {
                let phase = [row_phase, column_phase];
                let width = columns.outputs(column_phase);
                for row in 0..rows.outputs(row_phase) {
                    let mut column = 0;
                    while column < width {
                        let mut tile = Tile {
                            at: [row, column],
                            wide: PIXELS.min(width - column),
                            phase,
                            channel: 0,
                            channels: 0,
                        };
                        let mut group_end = together;
                        while tile.channel < self.outputs {
                            tile.channels = V::LANES.min(group_end - tile.channel);
                            unsafe {
                                match each_alone {
                                    _ if self.outputs < V::LANES => {
                                        // Whoever calls takes the narrowest vectors then.
                                        if V::LANES <= 4 {
                                            self.scalars(&tile, out);
                                        }
                                    }
                                    true => self.tile::<V, true>(&tile, out),
                                    false => self.tile::<V, false>(&tile, out),
                                }
                            }
                            tile.channel += tile.channels;
                            if tile.channel == group_end {
                                group_end += together;
                            }
                        }
                        column += tile.wide;
                    }
                }
            }
        }
    }

    /// Where the pixel `p` of a tile goes.
    #[inline(always)]
    fn place(&self, tile: &Tile, p: usize) -> usize {
        let [rows, columns] = &self.axes;
        let y = tile.at[0] * rows.phases() + tile.phase[0];
        let x = (tile.at[1] + p) * columns.phases() + tile.phase[1];
        (y * columns.output + x) * self.outputs + tile.channel
    }

    /// A vector of channels; with `ALONE` each is a group by itself. Near the last channel it holds
    /// others before, which are not written.
    #[inline(always)]
    unsafe fn tile<V: F32Vector, const ALONE: bool>(&self, tile: &Tile, out: *mut f32) {
        let [inputs, _] = self.of_group();
        let channel = tile.channel.min(self.outputs - V::LANES);
        let before = tile.channel - channel;
        let first = if ALONE {
            channel
        } else {
            self.first_input(tile)
        };
        let pixel = self.axes[1].step() * self.inputs;
        unsafe {
            let bias = match self.bias {
                Some(bias) => V::load(bias.as_ptr().add(channel)),
                None => V::splat(0.0),
            };
            let mut sums = [bias; PIXELS];
            each_tap!(self, tile, |x, from, to, tap| {
                let x = x.add(first);
                let mut weights = self
                    .weights
                    .as_ptr()
                    .add(tap * inputs * self.outputs + channel);
                for input in 0..inputs {
                    let weight = V::load(weights);
                    let x = x.add(input);
                    if to - from == PIXELS {
                        for p in 0..PIXELS {
                            sums[p] = sums[p].fma(element::<V, ALONE>(x.add(p * pixel)), weight);
                        }
                    } else {
                        for (p, sum) in sums.iter_mut().take(to).skip(from).enumerate() {
                            *sum = sum.fma(element::<V, ALONE>(x.add(p * pixel)), weight);
                        }
                    }
                    weights = weights.add(self.outputs);
                }
            });
            for (p, sum) in sums.iter().take(tile.wide).enumerate() {
                let to = out.add(self.place(tile, p));
                if tile.channels == V::LANES {
                    sum.store(to);
                    continue;
                }
                let mut elements = [0.0; BLOCK];
                sum.store(elements.as_mut_ptr());
                let made = elements.iter().skip(before).take(tile.channels);
                for (i, element) in made.enumerate() {
                    *to.add(i) = *element;
                }
            }
        }
    }

    /// The first input channel of a tile's group.
    #[inline(always)]
    fn first_input(&self, tile: &Tile) -> usize {
        let [inputs, outputs] = self.of_group();
        tile.channel.checked_div(outputs).unwrap_or(0) * inputs
    }

    /// Where there are fewer channels than a vector has elements.
    #[inline(always)]
    unsafe fn scalars(&self, tile: &Tile, out: *mut f32) {
        let [inputs, _] = self.of_group();
        let pixel = self.axes[1].step() * self.inputs;
        for channel in tile.channel..tile.channel + tile.channels {
            let tile = Tile { channel, ..*tile };
            let first = self.first_input(&tile);
            unsafe {
                let bias = self.bias.map_or(0.0, |bias| *bias.as_ptr().add(channel));
                let mut sums = [bias; PIXELS];
                each_tap!(self, tile, |x, from, to, tap| {
                    let x = x.add(first);
                    let weights = self
                        .weights
                        .as_ptr()
                        .add(tap * inputs * self.outputs + channel);
                    for (p, sum) in sums.iter_mut().take(to).skip(from).enumerate() {
                        for input in 0..inputs {
                            *sum += *x.add(p * pixel + input) * *weights.add(input * self.outputs);
                        }
                    }
                });
                for (p, sum) in sums.iter().take(tile.wide).enumerate() {
                    *out.add(self.place(&tile, p)) = *sum;
                }
            }
        }
    }
}

/// What a vector of weights is multiplied with: as many channels, or one for all.
///
/// # Safety
/// They are there.
#[inline(always)]
unsafe fn element<V: F32Vector, const ALONE: bool>(x: *const f32) -> V {
    unsafe {
        match ALONE {
            true => V::load(x),
            false => V::splat(*x),
        }
    }
}
