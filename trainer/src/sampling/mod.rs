//! Images from an exported or compiled generator, by the engines that devices use: what
//! `dreamlet sample` does.

mod class;
mod error;
mod latents_file;
mod moves;
mod output;
mod request;
mod sampler;
mod unknown;

pub use class::Class;
pub(crate) use class::class_number;
pub use error::SamplingError;
pub(crate) use latents_file::{read_latents, write_latents};
pub(crate) use moves::{Move, added, deviation};
pub(crate) use output::{Layout, Output, make_folder, print_png, save_array, save_one, sheet};
pub use request::Latents;
pub(crate) use request::{Interpolation, Seeds, Way, parse_truncation};
pub use sampler::{Request, samples};
pub(crate) use sampler::{each_sample, each_with_alpha, first_samples};
