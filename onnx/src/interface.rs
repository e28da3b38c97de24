//! What a person says of a file's inputs and output, where the file does not.

use core::fmt;

/// What is said of a file beyond what it declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interface {
    /// What inputs take, by their names. Others are latents if they are floats, classes if they are
    /// integers.
    pub inputs: Vec<(String, InputKind)>,
    /// Name of the output that is the image; without it the first.
    pub output: Option<String>,
    /// Order of the output's dimensions. Without it channels come last where the last dimension can
    /// be channels and the first cannot.
    pub layout: Option<Layout>,
    /// Channels, rows and columns of an output that is flat.
    pub shape: Option<[usize; 3]>,
    /// Values of black and white, needed for an output with alpha whose last operator does not bound
    /// it.
    pub range: Option<(f32, f32)>,
    /// Red, green and blue of what lies behind an output with alpha; without it white.
    pub background: Option<[u8; 3]>,
}

/// The fourth channel of a file's output, laid over a colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alpha {
    /// Where it is nothing, and where it is all.
    pub range: (f32, f32),
    /// The colour behind, as values of the image.
    pub background: [f32; 3],
}

/// What an input takes.
#[derive(Clone, Debug, PartialEq)]
pub enum InputKind {
    /// Normal numbers: a part of the latent vector.
    Normal,
    /// Numbers from -1 to 1: a part of the latent vector.
    Uniform,
    /// The number of the class.
    Class,
    /// The class as so many numbers, of which one is 1 and the others 0.
    OneHot(usize),
    /// This number everywhere.
    Constant(f32),
}

impl InputKind {
    /// Whether it is a part of the latent vector.
    #[must_use]
    pub const fn is_latent(&self) -> bool {
        matches!(self, Self::Normal | Self::Uniform)
    }
}

/// As `--inputs` takes it.
impl fmt::Display for InputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Uniform => f.write_str("uniform"),
            Self::Class => f.write_str("class"),
            Self::OneHot(count) => write!(f, "onehot:{count}"),
            Self::Constant(value) => write!(f, "constant:{value}"),
        }
    }
}

impl core::str::FromStr for InputKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, number) = text.split_once(':').unwrap_or((text, ""));
        let found = match (word, number) {
            ("normal", "") => Some(Self::Normal),
            ("uniform", "") => Some(Self::Uniform),
            ("class", "") => Some(Self::Class),
            ("onehot", count) => count.parse().ok().filter(|n| *n > 0).map(Self::OneHot),
            ("constant", value) => {
                let value = value.parse().ok();
                value.filter(|x: &f32| x.is_finite()).map(Self::Constant)
            }
            _ => None,
        };
        found.ok_or_else(|| {
            format!("\"{text}\" is not normal, uniform, class, onehot:COUNT or constant:VALUE")
        })
    }
}

/// Order of an image's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Channels, rows, columns.
    Chw,
    /// Rows, columns, channels, as Keras has them.
    Hwc,
}
