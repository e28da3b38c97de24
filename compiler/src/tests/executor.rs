//! For tests: runs a compiled model record by record, in simple loops over packed weights by the
//! documented orders. It shares nothing with the compiler but the format.

use dreamlet_runtime::engine::compiled::format::{
    Activation, Broadcast, BufferRef, Convolution, Coordinates, DType, HwcShape, Layer, Op,
    PadKind, Weights,
};
use dreamlet_runtime::engine::compiled::{CompiledGenerator, ConvAxis, Model};
use half::f16;

use crate::interpreter;
use crate::ir::{Net, NetNode, Op as NetOp};

/// Whether a model has layers by strides, which tests of the runtime hold to their definition.
pub(crate) fn has_strided(file: &[u8]) -> bool {
    let generator = CompiledGenerator::from_bytes(file).unwrap();
    let mut layers = generator.model().layers().map(Result::unwrap);
    layers.any(|layer| matches!(layer.op, Op::Strided(..)))
}

/// Makes an image, CHW.
pub(crate) fn run(file: &[u8], latent: &[f32], class: usize) -> Vec<f32> {
    image(
        &CompiledGenerator::from_bytes(file).unwrap().model(),
        latent,
        class,
    )
}

fn image(model: &Model<'_>, latent: &[f32], class: usize) -> Vec<f32> {
    // Scratch memory begins as anything.
    let mut scratch = vec![f32::NAN; model.header().scratch_len as usize / 4];
    let mut image = vec![f32::NAN; model.image_len()];
    for layer in model.layers() {
        let layer = layer.unwrap();
        let machine = Machine {
            layer,
            weights: model.weights(),
            class,
        };
        let shape = layer.input_shape;
        let read = |place, len: usize, scratch: &[f32]| match place {
            BufferRef::Latent => latent.to_vec(),
            BufferRef::Scratch(offset) => scratch[offset as usize / 4..][..len].to_vec(),
            _ => Vec::new(),
        };
        let len = shape.len() as usize;
        let x = read(layer.input, len, &scratch);
        let second = match layer.op {
            Op::Binary(_, Broadcast::Same) => read(layer.second, len, &scratch),
            Op::Binary(..) => read(layer.second, shape.channels as usize, &scratch),
            _ => Vec::new(),
        };
        let to = match layer.output {
            BufferRef::Image => &mut image[..],
            BufferRef::Scratch(offset) => {
                &mut scratch[offset as usize / 4..][..layer.output_shape.len() as usize]
            }
            _ => panic!("no output"),
        };
        machine.run(&x, &second, to);
    }
    image
}

struct Machine<'a> {
    layer: Layer,
    weights: &'a [u8],
    class: usize,
}

impl Machine<'_> {
    fn weights(&self) -> Weights {
        self.layer.weights.unwrap()
    }

    fn weight(&self, i: usize) -> f32 {
        let Weights { dtype, offset, .. } = self.weights();
        let at = offset as usize + i * dtype.size();
        match dtype {
            DType::F16 => f16::from_le_bytes([self.weights[at], self.weights[at + 1]]).to_f32(),
            _ => f32::from_le_bytes(self.weights[at..at + 4].try_into().unwrap()),
        }
    }

    fn bias(&self, i: usize) -> f32 {
        self.weights().bias.map_or(0.0, |offset| {
            let at = offset as usize + 4 * i;
            f32::from_le_bytes(self.weights[at..at + 4].try_into().unwrap())
        })
    }

    fn run(&self, x: &[f32], second: &[f32], to: &mut [f32]) {
        let (from, shape) = (self.layer.input_shape, self.layer.output_shape);
        match self.layer.op {
            Op::Dense => {
                for (n, y) in to.iter_mut().enumerate() {
                    let at = |k| (n / 16 * x.len() + k) * 16 + n % 16;
                    let products = x.iter().enumerate().map(|(k, x)| self.weight(at(k)) * x);
                    *y = self.bias(n) + products.sum::<f32>();
                }
            }
            Op::Conv(geometry) => self.conv(&geometry, x, to),
            Op::Col2ImConv(geometry) => self.col2im(&geometry, x, to),
            Op::GroupConv(geometry) => self.grouped(&geometry, x, to),
            Op::UpsampleConv => self.upsample(x, to),
            Op::Affine => {
                for (i, y) in to.iter_mut().enumerate() {
                    let c = i % shape.channels as usize;
                    *y = x[i] * self.weight(c) + self.bias(c);
                }
            }
            Op::Prelu => {
                for (i, y) in to.iter_mut().enumerate() {
                    let slope = self.weight(i % shape.channels as usize);
                    *y = if x[i] > 0.0 { x[i] } else { slope * x[i] };
                }
            }
            Op::DepthToSpace(crd) => {
                let (block, channels) = (shape.height / from.height, shape.channels);
                for (i, y) in (0u32..).zip(to.iter_mut()) {
                    let (pixel, channel) = (i / channels, i % channels);
                    let (row, column) = (pixel / shape.width, pixel % shape.width);
                    let within = row % block * block + column % block;
                    let source = if crd {
                        channel * block * block + within
                    } else {
                        within * channels + channel
                    };
                    let pixel = row / block * from.width + column / block;
                    *y = x[(pixel * from.channels + source) as usize];
                }
            }
            Op::Lookup => {
                let row = self.class * to.len();
                for (i, y) in to.iter_mut().enumerate() {
                    *y = self.weight(row + i);
                }
            }
            Op::ConcatChannels(first) => {
                let (own, all) = (from.channels as usize, shape.channels as usize);
                for (pixel, x) in x.chunks(own).enumerate() {
                    to[pixel * all + first as usize..][..own].copy_from_slice(x);
                }
                return;
            }
            Op::HwcToChw => {
                let pixels = (from.height * from.width) as usize;
                for (i, x) in x.iter().enumerate() {
                    let channels = from.channels as usize;
                    to[i % channels * pixels + i / channels] = *x;
                }
            }
            Op::ChwToHwc => {
                let pixels = (shape.height * shape.width) as usize;
                for (i, x) in x.iter().enumerate() {
                    to[i % pixels * shape.channels as usize + i / pixels] = *x;
                }
            }
            _ => self.by_interpreter(x, second, to),
        }
        for y in to {
            *y = interpreter::activate(self.layer.activation, f64::from(*y)) as f32;
        }
    }

    /// Operations without weights have one form only.
    fn by_interpreter(&self, x: &[f32], second: &[f32], to: &mut [f32]) {
        let op = match self.layer.op {
            Op::Activate => NetOp::Activate,
            Op::Binary(kind, broadcast) => NetOp::Binary(kind, broadcast),
            Op::Nearest => NetOp::Nearest,
            Op::Bilinear(Coordinates::HalfPixel) => NetOp::Bilinear,
            Op::Pad(before, PadKind::Constant(fill)) => NetOp::Pad(before, fill),
            other => panic!("no f32 layer: {other:?}"),
        };
        assert!(!matches!(op, NetOp::Pad(_, fill) if fill.is_nan()));
        let mut net = Net::new(1, 0);
        let ids: Vec<usize> = [
            (x, self.layer.input_shape),
            (second, HwcShape::vector(second.len() as u32)),
        ]
        .into_iter()
        .filter(|(x, _)| !x.is_empty())
        .map(|(x, shape)| {
            let bias = x.to_vec();
            let weights = vec![0.0; x.len()];
            net.push(NetOp::Dense { weights, bias }, vec![0], shape, "input")
        })
        .collect();
        let output = net.value(self.layer.output_shape);
        net.nodes.push(NetNode {
            op,
            activation: Activation::None,
            inputs: ids,
            output,
            origin: String::new(),
        });
        let values = interpreter::run(&net, &[0.0], 0);
        for (y, made) in to.iter_mut().zip(&values[output]) {
            *y = *made as f32;
        }
    }

    /// All pairs of output and tap whose input exists: `f(output pixel, tap number in the packed
    /// order, tap number in the kernel, input pixel)`.
    fn taps(&self, geometry: &Convolution, mut f: impl FnMut(usize, usize, usize, usize)) {
        let (from, to) = (self.layer.input_shape, self.layer.output_shape);
        let [rows, columns] = ConvAxis::pair(geometry, from, to);
        let mut first = 0;
        for row_phase in 0..rows.phases() {
            for column_phase in 0..columns.phases() {
                let (ys, xs) = (rows.taps(row_phase), columns.taps(column_phase));
                for y in ys.iter() {
                    for x in xs.iter() {
                        for row in 0..rows.outputs(row_phase) {
                            for column in 0..columns.outputs(column_phase) {
                                let source = [
                                    (row * rows.step()) as isize + y.offset,
                                    (column * columns.step()) as isize + x.offset,
                                ];
                                let inside = (0..from.height as isize).contains(&source[0])
                                    && (0..from.width as isize).contains(&source[1]);
                                if inside {
                                    let output = (row * rows.phases() + row_phase)
                                        * to.width as usize
                                        + column * columns.phases()
                                        + column_phase;
                                    let input = source[0] as usize * from.width as usize
                                        + source[1] as usize;
                                    let kernel = y.kernel * columns.kernel + x.kernel;
                                    f(output, first, kernel, input);
                                }
                            }
                        }
                        first += 1;
                    }
                }
            }
        }
    }

    fn conv(&self, geometry: &Convolution, x: &[f32], to: &mut [f32]) {
        let inputs = self.layer.input_shape.channels as usize;
        let outputs = self.layer.output_shape.channels as usize;
        let taps = (geometry.kernel[0] * geometry.kernel[1]) as usize;
        for (i, y) in to.iter_mut().enumerate() {
            *y = self.bias(i % outputs);
        }
        self.taps(geometry, |output, tap, _, input| {
            for n in 0..outputs {
                for c in 0..inputs {
                    let at = ((n / 16 * taps + tap) * inputs + c) * 16 + n % 16;
                    to[output * outputs + n] += self.weight(at) * x[input * inputs + c];
                }
            }
        });
    }

    fn col2im(&self, geometry: &Convolution, x: &[f32], to: &mut [f32]) {
        let inputs = self.layer.input_shape.channels as usize;
        let outputs = self.layer.output_shape.channels as usize;
        let taps = (geometry.kernel[0] * geometry.kernel[1]) as usize;
        let pixels = to.len() / outputs;
        let place = |pixel: usize, n: usize| {
            if geometry.planar {
                n * pixels + pixel
            } else {
                pixel * outputs + n
            }
        };
        for pixel in 0..pixels {
            for n in 0..outputs {
                to[place(pixel, n)] = self.bias(n);
            }
        }
        self.taps(geometry, |output, _, kernel, input| {
            for n in 0..outputs {
                let m = n * taps + kernel;
                for c in 0..inputs {
                    let at = (m / 16 * inputs + c) * 16 + m % 16;
                    to[place(output, n)] += self.weight(at) * x[input * inputs + c];
                }
            }
        });
    }

    /// Every output by the 3x3 kernel that the weights stand for.
    fn upsample(&self, x: &[f32], to: &mut [f32]) {
        let (from, shape) = (self.layer.input_shape, self.layer.output_shape);
        let (inputs, outputs) = (from.channels as usize, shape.channels as usize);
        let blocks = outputs.div_ceil(16);
        let (height, width) = (shape.height as usize, shape.width as usize);
        // By each of the three kinds, the taps of one axis.
        let taps = |kinds: [f32; 3]| [-kinds[1], kinds[0] + kinds[1] - kinds[2], kinds[2]];
        for (i, y) in to.iter_mut().enumerate() {
            let (n, pixel) = (i % outputs, i / outputs);
            let (row, column) = (pixel / width, pixel % width);
            *y = self.bias(n);
            for c in 0..inputs {
                let weight = |row: usize, column: usize| {
                    let kind = 3 * row + column;
                    self.weight(((kind * blocks + n / 16) * inputs + c) * 16 + n % 16)
                };
                let rows: [[f32; 3]; 3] = core::array::from_fn(|row| {
                    taps(core::array::from_fn(|column| weight(row, column)))
                });
                let columns: [[f32; 3]; 3] =
                    core::array::from_fn(|column| taps(rows.map(|row| row[column])));
                for (a, b) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
                    let (big_row, big_column) =
                        ((row + a).wrapping_sub(1), (column + b).wrapping_sub(1));
                    if big_row < height && big_column < width {
                        let at = big_row / 2 * (width / 2) + big_column / 2;
                        *y += columns[b][a] * x[at * inputs + c];
                    }
                }
            }
        }
    }

    fn grouped(&self, geometry: &Convolution, x: &[f32], to: &mut [f32]) {
        let inputs = self.layer.input_shape.channels as usize;
        let outputs = self.layer.output_shape.channels as usize;
        let groups = geometry.groups as usize;
        let own = inputs / groups;
        for (i, y) in to.iter_mut().enumerate() {
            *y = self.bias(i % outputs);
        }
        self.taps(geometry, |output, _, kernel, input| {
            for n in 0..outputs {
                let first = n / (outputs / groups) * own;
                for c in 0..own {
                    let weight = self.weight((kernel * own + c) * outputs + n);
                    to[output * outputs + n] += weight * x[input * inputs + first + c];
                }
            }
        });
    }
}
