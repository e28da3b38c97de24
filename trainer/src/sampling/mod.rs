//! Images from an exported or compiled generator, by the engines that devices use: what
//! `dreamlet sample` does.

mod class;
mod error;
mod output;
mod request;
mod sampler;
mod unknown_class;

pub use class::Class;
pub use error::SamplingError;
pub(crate) use output::{Layout, Output, make_folder, print_png, save_one, sheet};
pub use request::Latents;
pub(crate) use request::{Interpolation, Seeds, Way, parse_truncation};
pub(crate) use sampler::each_sample;
pub use sampler::{Request, samples};
