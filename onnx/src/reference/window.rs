//! Convolution, transposed convolution and pooling, along any number of axes.
//!
//! Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016): output `o` and
//! input `i` meet by tap `k` where `o * stride + k * dilation = i + pad`, of a transposed
//! convolution where `i * stride + k * dilation = o + pad`.

use std::collections::BTreeMap;

use super::product::{Across, COLUMNS, Left, multiply};
use crate::constant::{Constant, Data};
use crate::graph::Window;

/// The position of an element that is not there.
const NOWHERE: usize = usize::MAX;

/// Taps of all the pixels that pooling looks at together, for every channel.
const POOLED: usize = 1 << 12;

/// One axis of a window.
#[derive(Clone, Copy)]
struct Side {
    input: usize,
    output: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: usize,
    transposed: bool,
}

/// Some output positions of an axis and the taps that all of them take.
struct Choice {
    side: Side,
    outputs: Vec<usize>,
    taps: Vec<usize>,
}

impl Side {
    /// The input position that an output position meets by a tap.
    fn meets(&self, output: usize, tap: usize) -> Option<usize> {
        let tap = tap.checked_mul(self.dilation)?;
        let input = if self.transposed {
            let reach = output.checked_add(self.pad)?.checked_sub(tap)?;
            let input = reach.checked_div(self.stride)?;
            (input * self.stride == reach).then_some(input)?
        } else {
            let reach = output.checked_mul(self.stride)?.checked_add(tap)?;
            reach.checked_sub(self.pad)?
        };
        Some(input).filter(|input| *input < self.input)
    }

    /// Output positions by the taps that they take: of a transposed convolution with a stride, not
    /// all take the same. Those that take none are left out.
    fn choices(&self) -> Vec<Choice> {
        let step = if self.transposed {
            self.stride.max(1)
        } else {
            1
        };
        let mut by_phase: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for tap in 0..self.kernel {
            let phase = (tap % step) * (self.dilation % step) % step;
            by_phase.entry(phase).or_default().push(tap);
        }
        let choice = |(phase, taps): (usize, Vec<usize>)| {
            let pad = self.pad % step;
            let first = match phase.checked_sub(pad) {
                Some(first) => first,
                None => step - pad + phase,
            };
            Choice {
                side: *self,
                outputs: (first..self.output).step_by(step).collect(),
                taps,
            }
        };
        by_phase.into_iter().map(choice).collect()
    }
}

fn sides(window: &Window, transposed: bool, from: &[usize], to: &[usize]) -> Option<Vec<Side>> {
    let sizes = from.get(2..)?.iter().zip(to.get(2..)?).enumerate();
    sizes
        .map(|(axis, (input, output))| {
            Some(Side {
                input: *input,
                output: *output,
                kernel: *window.kernel.get(axis)?,
                stride: *window.strides.get(axis)?,
                dilation: *window.dilations.get(axis)?,
                pad: window.pads.get(axis)?.0,
                transposed,
            })
        })
        .collect()
}

/// Every combination of one choice for each axis.
fn combinations(axes: &[Vec<Choice>]) -> impl Iterator<Item = Vec<&Choice>> {
    let count: usize = axes.iter().map(Vec::len).product();
    (0..count).map(move |mut rest| {
        let mut chosen = Vec::with_capacity(axes.len());
        for choices in axes {
            chosen.extend(choices.get(rest % choices.len().max(1)));
            rest /= choices.len().max(1);
        }
        chosen
    })
}

/// Row-major positions of every combination of what is chosen along each axis of these sizes;
/// [`NOWHERE`] stays.
fn cross<'a>(axes: impl Iterator<Item = (usize, &'a Vec<usize>)>) -> Vec<usize> {
    axes.fold(vec![0], |positions, (size, chosen)| {
        let mut all = Vec::with_capacity(positions.len() * chosen.len());
        for position in positions {
            let first = position.saturating_mul(size);
            all.extend(chosen.iter().map(|at| first.saturating_add(*at)));
        }
        all
    })
}

/// Where the input elements of an output position lie. What it meets along an axis, `meets` says.
fn sources(
    sides: &[Side],
    pixel: usize,
    meets: impl Fn(usize, &Side, usize) -> Vec<usize>,
) -> Vec<usize> {
    let mut rest = pixel;
    let sides = sides.iter().enumerate().rev();
    let mut met: Vec<(usize, Vec<usize>)> = sides
        .map(|(axis, side)| {
            let output = rest % side.output.max(1);
            rest /= side.output.max(1);
            (side.input, meets(axis, side, output))
        })
        .collect();
    met.reverse();
    cross(met.iter().map(|(size, met)| (*size, met)))
}

/// The sums are products of matrices: weights, one row an output channel, times input elements,
/// one column a pixel. Pixels of a transposed convolution that take the same taps go together.
pub(super) fn convolve(
    window: &Window,
    transposed: bool,
    [x, weights]: [&Constant; 2],
    bias: Option<&Constant>,
    shape: &[usize],
) -> Option<Data> {
    let sides = sides(window, transposed, &x.shape, shape)?;
    let ([images, inputs, from @ ..], [_, outputs, to @ ..]) = (x.shape.as_slice(), shape) else {
        return None;
    };
    let convolution = Convolution {
        x: x.as_f32s()?,
        weights: weights.as_f32s()?,
        transposed,
        groups: window.groups,
        inputs: inputs.checked_div(window.groups)?,
        outputs: outputs.checked_div(window.groups)?,
        volume: window.kernel.iter().product(),
        from: from.iter().product(),
        to: to.iter().product(),
    };
    let mut made = Vec::with_capacity(shape.iter().product());
    for channel in 0..images * outputs {
        let bias = match bias {
            Some(bias) => *bias.as_f32s()?.get(channel.checked_rem(*outputs)?)?,
            None => 0.0,
        };
        made.extend(std::iter::repeat_n(bias, convolution.to));
    }
    let choices: Vec<Vec<Choice>> = sides.iter().map(Side::choices).collect();
    for choices in combinations(&choices) {
        convolution.add(&sides, &choices, &mut made)?;
    }
    Some(Data::F32(made))
}

/// What a convolution is computed of. Channels are those of a group, the groups of all images
/// follow each other.
struct Convolution<'a> {
    x: &'a [f32],
    weights: &'a [f32],
    transposed: bool,
    groups: usize,
    inputs: usize,
    outputs: usize,
    /// Taps of the kernel.
    volume: usize,
    /// Pixels of an input channel.
    from: usize,
    /// Pixels of an output channel.
    to: usize,
}

impl<'a> Convolution<'a> {
    /// The kernel between two channels.
    fn kernel(&self, group: usize, output: usize, input: usize) -> Option<&'a [f32]> {
        let pair = if self.transposed {
            (group * self.inputs + input) * self.outputs + output
        } else {
            (group * self.outputs + output) * self.inputs + input
        };
        self.weights.get(pair * self.volume..)?.get(..self.volume)
    }

    /// Adds to the output pixels that are chosen what their taps bring.
    fn add(&self, sides: &[Side], choices: &[&Choice], made: &mut [f32]) -> Option<()> {
        let axes = choices.iter();
        let taps = axes.clone().map(|axis| (axis.side.kernel, &axis.taps));
        let taps = cross(taps);
        let pixels = cross(axes.map(|axis| (axis.side.output, &axis.outputs)));
        let group = |group| {
            let part = |output, input| self.kernel(group, output, input);
            Left::new(self.outputs, self.inputs, &taps, part)
        };
        let groups: Vec<Left> = (0..self.groups).map(group).collect();
        let at_once = groups.first()?.strips_at_once() * COLUMNS;
        let mut right = Vec::new();
        for pixels in pixels.chunks(at_once) {
            let strips = pixels.chunks(COLUMNS);
            let strips = strips.map(|strip| of_strip(sides, choices, strip));
            let strips: Vec<Vec<Sources>> = strips.collect();
            let planes = self.x.chunks((self.inputs * self.from).max(1));
            let made = made.chunks_mut((self.outputs * self.to).max(1));
            for ((planes, made), left) in planes.zip(made).zip(groups.iter().cycle()) {
                let mut store = |output: usize, strip: usize, sums: &Across| {
                    let plane = made.get_mut(output * self.to..)?.get_mut(..self.to)?;
                    let pixels = pixels.get(strip * COLUMNS..)?;
                    for (pixel, sum) in pixels.iter().zip(sums) {
                        let one = plane.get_mut(*pixel)?;
                        *one = (f64::from(*one) + sum) as f32;
                    }
                    Some(())
                };
                if self.inputs == 1 && self.outputs == 1 {
                    for (at, strip) in strips.iter().enumerate() {
                        store(
                            0,
                            at,
                            &left.first_row(strip.iter().map(|at| elements(planes, at))),
                        )?;
                    }
                    continue;
                }
                let inner = self.inputs * taps.len();
                right.resize(strips.len() * inner, [0.0; COLUMNS]);
                for (input, plane) in planes.chunks(self.from).enumerate() {
                    for (to, strip) in right.chunks_mut(inner.max(1)).zip(&strips) {
                        let to = to.get_mut(input * taps.len()..)?;
                        for (to, sources) in to.iter_mut().zip(strip) {
                            *to = elements(plane, sources);
                        }
                    }
                }
                multiply(left, &right, store)?;
            }
        }
        Some(())
    }
}

/// Where the input elements of the pixels of a strip lie, for a tap.
type Sources = [usize; COLUMNS];

fn elements(plane: &[f32], sources: &Sources) -> Across {
    sources.map(|at| plane.get(at).map_or(0.0, |x| f64::from(*x)))
}

/// For each tap, where the input elements of these pixels lie.
fn of_strip(sides: &[Side], choices: &[&Choice], pixels: &[usize]) -> Vec<Sources> {
    let meets = |axis: usize, side: &Side, output| {
        let taps = choices.get(axis).map_or(&[][..], |choice| &choice.taps);
        let meets = |tap: &usize| side.meets(output, *tap).unwrap_or(NOWHERE);
        taps.iter().map(meets).collect()
    };
    let columns = pixels.iter().map(|pixel| sources(sides, *pixel, meets));
    let columns: Vec<Vec<usize>> = columns.collect();
    let source = |tap: usize, column: usize| {
        let at = columns.get(column).and_then(|column| column.get(tap));
        at.copied().unwrap_or(NOWHERE)
    };
    let taps = columns.first().map_or(0, Vec::len);
    (0..taps)
        .map(|tap| std::array::from_fn(|column| source(tap, column)))
        .collect()
}

/// What lies in the pads is not taken; of nothing the greatest is the least number.
pub(super) fn max_pool(window: &Window, x: &Constant, shape: &[usize]) -> Option<Data> {
    let sides = sides(window, false, &x.shape, shape)?;
    let kernel = window.kernel.iter();
    let volume = kernel.fold(1usize, |volume, size| volume.saturating_mul(*size));
    let at_once = (POOLED / volume.max(1)).max(1);
    Some(match &x.data {
        Data::F32(data) => {
            let greater = |most: f32, x: f32| if most >= x || most.is_nan() { most } else { x };
            Data::F32(pooled(&sides, data, at_once, f32::NEG_INFINITY, greater)?)
        }
        Data::I64(data) => Data::I64(pooled(&sides, data, at_once, i64::MIN, i64::max)?),
    })
}

fn pooled<T: Copy>(
    sides: &[Side],
    data: &[T],
    at_once: usize,
    least: T,
    greater: impl Fn(T, T) -> T,
) -> Option<Vec<T>> {
    let from: usize = sides.iter().map(|side| side.input).product();
    let to: usize = sides.iter().map(|side| side.output).product();
    let planes = data.len().checked_div(from)?;
    let mut made = vec![least; planes * to];
    let meets = |_, side: &Side, output| {
        let taps = 0..side.kernel;
        taps.filter_map(|tap| side.meets(output, tap)).collect()
    };
    for first in (0..to).step_by(at_once) {
        let pixels = first..to.min(first + at_once);
        let windows = pixels.map(|pixel| sources(sides, pixel, meets));
        let windows: Vec<Vec<usize>> = windows.collect();
        for (plane, made) in data.chunks(from).zip(made.chunks_mut(to.max(1))) {
            for (one, window) in made.get_mut(first..)?.iter_mut().zip(&windows) {
                let elements = window.iter().filter_map(|at| plane.get(*at));
                *one = elements.fold(*one, |most, x| greater(most, *x));
            }
        }
    }
    Some(made)
}
