//! Flags for generators without a card: what their file does not say.

use clap::{Args, ValueEnum};
use dreamlet_onnx::{InputKind, Interface, Layout, Limits};
use dreamlet_runtime::image::{PixelRange, Shape};
use dreamlet_runtime::latent::Distribution;
use dreamlet_runtime::onnx::Assumptions;

/// What to take as given of a generator that dreamlet did not export.
#[derive(Clone, Debug, Default, Args)]
pub struct ForeignModelArgs {
    /// Values of black and white, such as -1,1, for a generator without a card
    #[arg(long, value_name = "LOW,HIGH", value_parser = parse_range, allow_hyphen_values = true)]
    range: Option<PixelRange>,
    /// What the latents are drawn from, for a generator without a card
    #[arg(long, value_enum)]
    latent: Option<LatentChoice>,
    /// Channels, height and width, for a generator without a card whose output is flat
    #[arg(long, value_name = "C,H,W", value_parser = parse_shape)]
    shape: Option<Shape>,
    /// Number of classes, for a generator without a card that does not show it
    #[arg(long, value_name = "COUNT")]
    classes: Option<usize>,
    /// What inputs take: normal, uniform, class, onehot:COUNT or constant:VALUE
    #[arg(long, value_name = "NAME=KIND,...", value_delimiter = ',', value_parser = parse_input)]
    inputs: Vec<(String, InputKind)>,
    /// The output that is the image, of several
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
    /// Order of the output's dimensions: channels first (chw) or last (hwc, as Keras has them)
    #[arg(long, value_enum)]
    layout: Option<LayoutChoice>,
    /// What lies behind an output with alpha, such as 000000 for black; white without it
    #[arg(long, value_name = "RRGGBB", value_parser = parse_colour)]
    background: Option<[u8; 3]>,
    /// Largest ONNX file that is read, in MiB, with what it keeps in files beside it
    #[arg(long, value_name = "MIB")]
    max_file: Option<usize>,
}

impl ForeignModelArgs {
    /// `--range`.
    #[must_use]
    pub fn range(&self) -> Option<PixelRange> {
        self.range
    }

    /// The flags as the runtime takes them.
    #[must_use]
    pub fn assumptions(&self) -> Assumptions {
        Assumptions {
            range: self.range,
            distribution: self.latent.map(LatentChoice::distribution),
            shape: self.shape,
            classes: self.classes,
            interface: Interface {
                inputs: self.inputs.clone(),
                output: self.output.clone(),
                layout: self.layout.map(|layout| match layout {
                    LayoutChoice::Chw => Layout::Chw,
                    LayoutChoice::Hwc => Layout::Hwc,
                }),
                shape: self
                    .shape
                    .map(|shape| [shape.channels, shape.height, shape.width]),
                range: self.range.map(|range| (range.low, range.high)),
                background: self.background,
            },
            unchecked: false,
            limits: self.limits(),
        }
    }

    /// What the ONNX file may cost. A larger file may make larger images, so other limits grow with
    /// it.
    fn limits(&self) -> Limits {
        let limits = Limits::default();
        let Some(bytes) = self.max_file.map(|mib| mib.saturating_mul(1 << 20)) else {
            return limits;
        };
        let times = (bytes / limits.file_bytes).max(1) as u64;
        Limits {
            file_bytes: bytes,
            value_bytes: limits.value_bytes.saturating_mul(times),
            scratch_bytes: limits.scratch_bytes.saturating_mul(times),
            work: limits.work.saturating_mul(times),
            constant_work: limits.constant_work.saturating_mul(times),
            ..limits
        }
    }
}

/// Order of an image's dimensions, on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LayoutChoice {
    /// Channels, rows, columns
    Chw,
    /// Rows, columns, channels
    Hwc,
}

/// An input and what it takes, from text such as `noise=normal`.
fn parse_input(text: &str) -> Result<(String, InputKind), String> {
    let (name, kind) = text.split_once('=').ok_or_else(|| {
        format!(
            "\"{text}\" names no kind: write NAME=KIND, such as noise=normal or label=onehot:10"
        )
    })?;
    Ok((name.into(), kind.parse()?))
}

/// A colour from text such as `ff8000`.
fn parse_colour(text: &str) -> Result<[u8; 3], String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let number = match digits.len() {
        6 => u32::from_str_radix(digits, 16).ok(),
        _ => None,
    };
    let [_, red, green, blue] = number
        .ok_or_else(|| format!("\"{text}\" is not a colour: write red, green and blue in hexadecimal, such as ff8000"))?
        .to_be_bytes();
    Ok([red, green, blue])
}

/// What latents are drawn from, on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LatentChoice {
    /// Independent N(0, 1) numbers
    Normal,
    /// Independent numbers from -1 to 1
    Uniform,
}

impl LatentChoice {
    /// As the runtime has it.
    #[must_use]
    pub fn distribution(self) -> Distribution {
        match self {
            Self::Normal => Distribution::Normal,
            Self::Uniform => Distribution::Uniform,
        }
    }
}

/// A pixel range from text such as `-1,1`.
///
/// # Errors
/// What to write, unless it is two different finite numbers.
pub fn parse_range(text: &str) -> Result<PixelRange, String> {
    let parse = || {
        let (low, high) = text.split_once(',')?;
        let range = PixelRange {
            low: low.trim().parse().ok()?,
            high: high.trim().parse().ok()?,
        };
        range.check().ok().map(|()| range)
    };
    parse().ok_or_else(|| {
        format!(
            "\"{text}\" is not a pixel range: write the values of black and white, such as -1,1 or \
             0,1"
        )
    })
}

/// An image's shape from text such as `1,28,28`: channels, height, width.
///
/// # Errors
/// What to write, unless it is three numbers that an image can have.
pub fn parse_shape(text: &str) -> Result<Shape, String> {
    let parse = || {
        let numbers: Option<Vec<usize>> = text
            .split(',')
            .map(|part| part.trim().parse().ok())
            .collect();
        match numbers?.as_slice() {
            [channels, height, width] => Shape::new(*channels, *height, *width).ok(),
            _ => None,
        }
    };
    parse().ok_or_else(|| {
        format!(
            "\"{text}\" is not an image's shape: write channels (1 or 3), height and width, such as \
             1,28,28"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_two_numbers_that_make_sense() {
        assert_eq!(parse_range("-1,1").unwrap(), PixelRange::SIGNED);
        assert_eq!(
            parse_range(" 0 , 255 ").unwrap(),
            PixelRange {
                low: 0.0,
                high: 255.0
            }
        );
        for text in ["", "1", "1,1", "0,NaN", "0,inf", "0,1,2"] {
            assert!(parse_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shapes_are_three_numbers_that_an_image_can_have() {
        assert_eq!(
            parse_shape("3, 28,20").unwrap(),
            Shape {
                channels: 3,
                height: 28,
                width: 20
            }
        );
        for text in ["", "28,28", "2,28,28", "1,0,28", "1,28,28,1", "1,x,28"] {
            assert!(parse_shape(text).is_err(), "{text}");
        }
    }
}
