//! Convolutions and transposed convolutions in groups, HWC.

use super::isa::SimdLevel;
use super::vector::F32Vector;
use crate::engine::compiled::conv_axis::{ConvAxis, MAX_KERNEL};
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

/// The taps along one axis that some positions of a tile have.
#[derive(Clone, Copy)]
struct TapList {
    taps: [PlacedTap; MAX_KERNEL],
    len: usize,
}

#[derive(Clone, Copy, Default)]
struct PlacedTap {
    /// The input element of the first position that has the tap.
    x: usize,
    /// The first weight.
    weight: usize,
    /// The positions that have the tap.
    from: usize,
    to: usize,
}

impl TapList {
    /// Of `wide` positions of a phase from `first` on; `x` and `weight` are the elements from one
    /// position of the input and of the kernel to the next.
    #[inline(always)]
    fn new(
        axis: &ConvAxis,
        phase: usize,
        [first, wide]: [usize; 2],
        [x, weight]: [usize; 2],
    ) -> Self {
        let mut list = Self {
            taps: [PlacedTap::default(); MAX_KERNEL],
            len: 0,
        };
        for tap in axis.taps(phase).iter() {
            let (from, to) = axis.inside(tap.offset, first, wide);
            let Some(slot) = list.taps.get_mut(list.len).filter(|_| from < to) else {
                continue;
            };
            let position = ((first + from) * axis.step()).wrapping_add_signed(tap.offset);
            *slot = PlacedTap {
                x: position * x,
                weight: tap.kernel * weight,
                from,
                to,
            };
            list.len += 1;
        }
        list
    }

    #[inline(always)]
    fn iter(&self) -> impl Iterator<Item = &PlacedTap> {
        self.taps.iter().take(self.len)
    }
}

/// Pixels side by side, and channels of them.
#[derive(Clone, Copy)]
struct Tile<'a> {
    rows: &'a TapList,
    columns: &'a TapList,
    /// The first output element of channel 0.
    out: usize,
    /// Output elements from one pixel to the next.
    pixel: usize,
    /// How many pixels.
    wide: usize,
    /// The first output channel.
    channel: usize,
    /// How many channels are made: those of a group that are left, at most a vector.
    channels: usize,
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
        let weight = self.of_group()[0] * self.outputs;
        for row_phase in 0..rows.phases() {
            for row in 0..rows.outputs(row_phase) {
                let steps = [columns.input * self.inputs, columns.kernel * weight];
                let row_taps = TapList::new(rows, row_phase, [row, 1], steps);
                let row = (row * rows.phases() + row_phase) * columns.output * self.outputs;
                for phase in 0..columns.phases() {
                    let pixels = columns.outputs(phase);
                    let mut column = 0;
                    while column < pixels {
                        let wide = PIXELS.min(pixels - column);
                        let steps = [self.inputs, weight];
                        let taps = TapList::new(columns, phase, [column, wide], steps);
                        let first = column * columns.phases() + phase;
                        let mut tile = Tile {
                            rows: &row_taps,
                            columns: &taps,
                            out: row + first * self.outputs,
                            pixel: columns.phases() * self.outputs,
                            wide,
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
                        column += wide;
                    }
                }
            }
        }
    }

    /// A vector of channels; with `ALONE` each is a group by itself. Near the last channel it holds
    /// others before, which are not written.
    #[inline(always)]
    unsafe fn tile<V: F32Vector, const ALONE: bool>(&self, tile: &Tile, out: *mut f32) {
        let [inputs, _] = match ALONE {
            true => [1; 2],
            false => self.of_group(),
        };
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
            let (x, weights) = (
                self.x.as_ptr().add(first),
                self.weights.as_ptr().add(channel),
            );
            for row in tile.rows.iter() {
                for tap in tile.columns.iter() {
                    let x = x.add(row.x + tap.x);
                    let weights = weights.add(row.weight + tap.weight);
                    let all = tap.to - tap.from == PIXELS;
                    for input in 0..inputs {
                        let weight = V::load(weights.add(input * self.outputs));
                        let mut x = x.add(input);
                        if all {
                            for sum in &mut sums {
                                *sum = sum.fma(element::<V, ALONE>(x), weight);
                                x = x.wrapping_add(pixel);
                            }
                            continue;
                        }
                        // By numbers that are known here, or the sums would not stay in registers.
                        for p in 0..PIXELS {
                            if tap.from <= p && p < tap.to {
                                let x = x.add((p - tap.from) * pixel);
                                sums[p] = sums[p].fma(element::<V, ALONE>(x), weight);
                            }
                        }
                    }
                }
            }
            for (p, sum) in sums.iter().take(tile.wide).enumerate() {
                let to = out.add(tile.out + p * tile.pixel + tile.channel);
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
                let (x, weights) = (
                    self.x.as_ptr().add(first),
                    self.weights.as_ptr().add(channel),
                );
                for row in tile.rows.iter() {
                    for tap in tile.columns.iter() {
                        let x = x.add(row.x + tap.x);
                        let weights = weights.add(row.weight + tap.weight);
                        let sums = sums.iter_mut().take(tap.to).skip(tap.from);
                        for (p, sum) in sums.enumerate() {
                            for input in 0..inputs {
                                *sum +=
                                    *x.add(p * pixel + input) * *weights.add(input * self.outputs);
                            }
                        }
                    }
                }
                for (p, sum) in sums.iter().take(tile.wide).enumerate() {
                    *out.add(tile.out + p * tile.pixel + channel) = *sum;
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
