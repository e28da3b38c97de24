//! What a layer is.

use super::strided::StridedKind;

/// Bytes of a record.
pub const LAYER_LEN: usize = 128;

/// The type of an element, in a buffer or in weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DType {
    /// f32.
    F32,
    /// f16 (IEEE 754 binary16); weights only.
    F16,
    /// Signed byte, -127 to 127, times a scale.
    I8,
    /// Unsigned byte, times a scale; in an image, the pixel itself.
    U8,
    /// Signed 16-bit integer, times a scale; a quantized latent vector.
    I16,
}

impl DType {
    /// Bytes of one.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::I16 => 2,
            Self::I8 | Self::U8 => 1,
        }
    }
}

/// Where a tensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferRef {
    /// Nowhere: the layer has no such tensor.
    None,
    /// The caller's latent vector, [`DType::F32`].
    Latent,
    /// The caller's image, [`DType::F32`] or [`DType::U8`], CHW.
    Image,
    /// Scratch memory, from this byte on, a multiple of 4.
    Scratch(u32),
}

/// Shape of a tensor in a buffer: rows, columns, channels (HWC). A vector is
/// `1 x 1 x n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HwcShape {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Channels.
    pub channels: u32,
}

impl HwcShape {
    /// A vector of `n` elements.
    #[must_use]
    pub const fn vector(n: u32) -> Self {
        Self {
            height: 1,
            width: 1,
            channels: n,
        }
    }

    /// Elements in it, at most [`u32::MAX`]: more than any tensor may have.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.height
            .saturating_mul(self.width)
            .saturating_mul(self.channels) as u64
    }

    /// Bytes of as many elements.
    #[must_use]
    pub const fn bytes(self, dtype: DType) -> u64 {
        self.len() * dtype.size() as u64
    }

    /// Whether it has no elements.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.height == 0 || self.width == 0 || self.channels == 0
    }
}

/// What is done to each element of a layer's result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x` above 0, else `slope * x`.
    LeakyRelu(f32),
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `min(max(x, low), high)`.
    Clip(f32, f32),
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x` above 0, else `alpha * (exp(x) - 1)`.
    Elu(f32),
}

/// The weights of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// What they are: [`DType::F32`], [`DType::F16`] or [`DType::I8`].
    pub dtype: DType,
    /// First byte, counted from the beginning of the section of weights.
    pub offset: u32,
    /// First byte of the biases, if there are any: f32, or i32 beside i8 weights.
    pub bias: Option<u32>,
}

/// How 32-bit sums become bytes. With `sum` the products of a channel `c` and its bias, in 32 bits,
/// and `m = multipliers[c]`: `q = (sum * m + 2^(shift - 1)) >> shift` in 64-bit arithmetic, where
/// `>>` rounds down: `sum * m / 2^shift` rounded to nearest, halves up.
///
/// Without a table the result is `q`, clamped to -127 and 127 for [`DType::I8`] and to 0 and 255
/// for [`DType::U8`], so that ReLU is what unsigned bytes do by themselves. With one it is the byte
/// `table[clamp(q + 2^(bits - 1), 0, 2^bits - 1)]`, to be read as the output's dtype: entry `i` is
/// the byte of `q = i - 2^(bits - 1)`. A table holds any activation.
///
/// What a writer of such layers has to know:
/// - There are no zero points: 0 is the byte 0, and what lies outside an image is skipped. A tensor
///   that is never negative is best unsigned, all others are signed.
/// - With scales `x = scale_x * byte` and, for each output channel, `w = scale_w * byte`, biases
///   are `round(bias / (scale_x * scale_w))`, and `m / 2^shift` is nearly
///   `scale_x * scale_w / scale_y`. `shift` is one for all channels: the channel with the greatest
///   multiplier uses 31 bits.
/// - Weights are -127 to 127. Sums of products then fit 32 bits, as the loader sees to: it takes up
///   to 66311 products for each sum of a layer that reads [`DType::U8`], 133144 for [`DType::I8`]
///   and 516 for [`DType::I16`], taps times input channels. The writer sees to it that they do with
///   biases added. A sum that does not fit goes around, the same way on every target.
/// - Input channels of weights are padded with zeros to whole fours, tap by tap; inputs are not
///   padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requantization {
    /// First byte of the multipliers in the section of weights, i32, one for each output channel,
    /// padded as biases are. May be negative.
    pub multipliers: u32,
    /// 1 to 62.
    pub shift: u32,
    /// First byte of the table of `2^bits` bytes, and `bits`, 1 to 16.
    pub table: Option<(u32, u32)>,
}

/// Geometry of a convolution. See [`ConvAxis`](crate::engine::compiled::ConvAxis) for what an
/// output position reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Rows and columns of the kernel.
    pub kernel: [u32; 2],
    /// Strides, from 1. Of a transposed convolution, by how much the image grows.
    pub stride: [u32; 2],
    /// Rows above and columns left of the image that are taken as 0 (of a transposed convolution:
    /// that are cut off).
    pub pad: [u32; 2],
    /// Distances between taps, from 1.
    pub dilation: [u32; 2],
    /// Groups of channels that do not see each other.
    pub groups: u32,
    /// Whether it is a transposed convolution.
    pub transposed: bool,
    /// Whether the result is CHW; [`Op::Col2ImConv`] only, which
    /// needs it for more than one output channel.
    pub planar: bool,
}

/// What an operation on two tensors does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryKind {
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `b - a`.
    ReverseSub,
    /// `a * b`.
    Mul,
}

/// How the second tensor of an operation meets the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broadcast {
    /// Both have the same shape.
    Same,
    /// The second has one element for each channel.
    Channel,
}

/// How bilinear resizing finds the position in the input, as the attribute of ONNX's Resize is
/// called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinates {
    /// `(x + 0.5) / scale - 0.5`.
    HalfPixel,
    /// `x * (input - 1) / (output - 1)`.
    AlignCorners,
    /// `x / scale`.
    Asymmetric,
}

/// What stands around a padded image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadKind {
    /// This value.
    Constant(f32),
    /// The image mirrored at its outermost pixels, which are not repeated.
    Reflect,
    /// The outermost pixels.
    Edge,
}

/// What a layer does. `[a][b]` is the order in memory, the last index is the fastest. Packed
/// weights are padded with zeros to whole blocks of 16 output channels ([`BLOCK`](super::BLOCK)),
/// biases and multipliers likewise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// Matrix times vector: input and output are taken as vectors, of `k` and `n` elements. Weights
    /// `[n/16][k][16]`; as i8, `[n/16][k/4][16][4]` with `k` padded to whole fours: input `4a + b`
    /// and output `16c + d` meet at `((c * k/4 + a) * 16 + d) * 4 + b`.
    Dense,
    /// Convolution or transposed convolution of one group. Weights
    /// `[n/16][row phase][column phase][row tap][column tap][c][16]`, phases and taps in the order
    /// of [`ConvAxis`](crate::engine::compiled::ConvAxis); as i8, `[c/4][16][4]` in the place of
    /// `[c][16]`, with `c` padded to whole fours.
    Conv(Convolution),
    /// The same for few output channels: every input pixel is multiplied with all taps at once,
    /// then each output pixel gathers its sums. Weights `[m/16][c][16]` where `m` counts
    /// `[output channel][kernel row][kernel column]`; as i8, `[m/16][c/4][16][4]`. Biases and
    /// multipliers are one for each output channel, padded. Needs
    /// [`col2im_scratch`](crate::engine::compiled::col2im_scratch) bytes of scratch memory of its
    /// own, from [`Layer::second`] on.
    Col2ImConv(Convolution),
    /// Convolution or transposed convolution in groups. Weights
    /// `[kernel row][kernel column][input channel of the group][output channel]`, not padded;
    /// biases not padded either.
    GroupConv(Convolution),
    /// Each pixel doubled in both directions, then a 3x3 convolution of stride 1 with a border of
    /// one pixel of zeros: an image of twice the rows and columns. With `a b c` the taps along one
    /// axis, outputs `2i` and `2i + 1` are
    /// `a x[i-1] + (b + c) x[i] = (a + b + c) x[i] - a (x[i] - x[i-1])` and
    /// `(a + b) x[i] + c x[i+1] = (a + b + c) x[i] + c (x[i+1] - x[i])`: three products for two
    /// outputs, nine for four in two dimensions, where a transposed convolution of 4x4 takes
    /// sixteen. Weights `[row kind][column kind][n/16][c][16]` of the three kinds `a + b + c`, `-a`
    /// and `c`: the first multiplies the pixel, the others what it differs by from the pixel
    /// before, and the pixel behind from it. Needs
    /// [`upsample_scratch`](crate::engine::compiled::upsample_scratch) bytes of scratch memory of
    /// its own.
    UpsampleConv,
    /// Only the activation.
    Activate,
    /// `x * scale[c] + shift[c]`: weights hold the scales, biases the shifts, not padded.
    Affine,
    /// `x` above 0, else `slope[c] * x`: weights hold the slopes, not padded.
    Prelu,
    /// Two tensors, element by element.
    Binary(BinaryKind, Broadcast),
    /// Each pixel repeated by whole factors; they are the ratio of the shapes.
    Nearest,
    /// Bilinear interpolation by whole factors; they are the ratio of the shapes. Of bytes only by 2
    /// in both directions with half pixels: of the pixels `a` (nearest), `b` and `c` (beside it) and
    /// `d`, `(9 a + 3 b + 3 c + d + 8) >> 4`, where `>>` rounds down. The format stays the same.
    Bilinear(Coordinates),
    /// Blocks of channels to blocks of pixels. The block is the ratio of the shapes; `true` for
    /// ONNX's mode CRD (pixel shuffle), `false` for DCR.
    DepthToSpace(bool),
    /// A border; above and left of the image so many rows and columns.
    Pad([u32; 2], PadKind),
    /// Copies all channels of the input into the output's channels from this one on. The output's
    /// other channels stay.
    ConcatChannels(u32),
    /// HWC (the input's shape) to CHW; the
    /// output's shape is a vector.
    HwcToChw,
    /// CHW (a vector) to HWC (the output's
    /// shape).
    ChwToHwc,
    /// The row of a table that belongs to the class. Weights `[classes][n]`, not padded.
    Lookup,
    /// f32 to bytes or 16-bit integers: `x` times this in f32, rounded to nearest with halves away
    /// from 0, clamped to -127 and 127 ([`DType::I8`]), 0 and 255 ([`DType::U8`]) or -32767 and
    /// 32767 ([`DType::I16`]). NaN becomes 0.
    Quantize(f32),
    /// i8, u8 or i16 to f32: the element times this.
    Dequantize(f32),
    /// The sum of two tensors of bytes of one shape, as bytes; the second's dtype. With
    /// [`Requantization::multipliers`] two numbers `m` and `n`, one for each tensor:
    /// `q = (a * m + b * n + 2^(shift - 1)) >> shift` in 32-bit arithmetic, which becomes a byte as
    /// the sum of an int8 layer does, by a clamp or a table. `m` and `n` may be negative, for
    /// differences; `255 * (|m| + |n|) + 2^(shift - 1)` fits 31 bits.
    QuantizedAdd(DType),
    /// General work over an index space, f32, told by so many words that the weights point to; see
    /// [`StridedKind`]. The words name what is read: [`Layer::input`] and [`Layer::second`] are
    /// none, the input's shape is that of the output, and there is no activation.
    Strided(StridedKind, u32),
}

impl Op {
    /// The first version of the format that has it, for some dtype; see [`Layer::version`].
    #[must_use]
    pub const fn version(self) -> u16 {
        match self {
            Self::QuantizedAdd(_) => 3,
            Self::Strided(..) => 2,
            _ => 1,
        }
    }
}

/// One layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// What it does.
    pub op: Op,
    /// What it reads.
    pub input: BufferRef,
    /// What the input's elements are.
    pub input_dtype: DType,
    /// The input's shape.
    pub input_shape: HwcShape,
    /// The second input of [`Op::Binary`] and [`Op::QuantizedAdd`], or memory of its own for [`Op::Col2ImConv`] and
    /// [`Op::UpsampleConv`].
    pub second: BufferRef,
    /// What it writes.
    pub output: BufferRef,
    /// What the output's elements are.
    pub output_dtype: DType,
    /// The output's shape.
    pub output_shape: HwcShape,
    /// What happens to the result at last.
    pub activation: Activation,
    /// Weights, where the operation has some.
    pub weights: Option<Weights>,
    /// How the sums of an int8 layer become bytes.
    pub requantization: Option<Requantization>,
}

impl Layer {
    /// The first version of the format that has it.
    #[must_use]
    pub const fn version(&self) -> u16 {
        match (self.op, self.input_dtype) {
            (Op::Bilinear(_), DType::I8 | DType::U8) => 3,
            (op, _) => op.version(),
        }
    }
}
