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
pub use output::{Layout, Output, make_folder, print_png, save_one, sheet};
pub use request::{Interpolation, Latents, MAX_IMAGES, Seeds, Way, parse_truncation};
pub use sampler::{Request, Sample, each_sample, samples};
pub use unknown_class::UnknownClass;
