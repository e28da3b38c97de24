//! The images of a request, made in the order of the request.

use dreamlet_runtime::generator::Generator;
use dreamlet_runtime::image::to_hwc_u8;
use dreamlet_runtime::latent::{Distribution, lerp, slerp};

use super::class::Class;
use super::error::SamplingError;
use super::request::{Interpolation, Latents, Way};
use crate::generator_file::FileGenerator;

/// What to sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub latents: Latents,
    /// Largest size of a component, `None` for no limit.
    pub truncation: Option<f32>,
    pub class: Class,
}

impl Request {
    /// Without truncation, each seed in its own class.
    pub const fn new(latents: Latents) -> Self {
        Self {
            latents,
            truncation: None,
            class: Class::OfSeed,
        }
    }
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its seed, or its place in an interpolation.
    pub number: u64,
    /// Its class, of a conditional generator.
    pub class: Option<usize>,
    /// `height * width * channels` bytes in row, column, channel order.
    pub bytes: Vec<u8>,
}

/// Writes the latent vector of image `index` of a request into `out`.
fn latent(
    request: &Request,
    distribution: Distribution,
    index: usize,
    out: &mut [f32],
) -> Result<(), SamplingError> {
    match &request.latents {
        Latents::Seeds(_) => {
            distribution.fill(request.latents.number(index), request.truncation, out)
        }
        Latents::Between(Interpolation { from, to, count }, way) => {
            let (mut a, mut b) = (vec![0.0; out.len()], vec![0.0; out.len()]);
            distribution.fill(*from, request.truncation, &mut a);
            distribution.fill(*to, request.truncation, &mut b);
            // At most 100,000 images: exact in f32.
            let t = index as f32 / count.saturating_sub(1).max(1) as f32;
            match way {
                Way::Spherical => slerp(&a, &b, t, out)?,
                Way::Linear => lerp(&a, &b, t, out)?,
            }
        }
    }
    Ok(())
}

/// Images that go to the engine together.
const BATCH: usize = 32;

/// Makes the images of a request in order and hands each to `take`, which can stop with an error of
/// its own.
///
/// # Errors
/// [`SamplingError`] of the class, of the engine, or of `take`.
pub(crate) fn each_sample(
    generator: &mut FileGenerator,
    request: &Request,
    mut take: impl FnMut(Sample) -> Result<(), SamplingError>,
) -> Result<(), SamplingError> {
    let (shape, range, distribution) = (
        generator.shape(),
        generator.range(),
        generator.distribution(),
    );
    let (latent_len, image_len) = (generator.latent_len(), generator.image_len());
    let count = request.latents.count();
    let names = generator.card().map(|card| card.classes.as_slice());
    let classes = request.class.of_images(
        &request.latents,
        generator.classes(),
        names.unwrap_or_default(),
    )?;
    for first in (0..count).step_by(BATCH) {
        let batch = BATCH.min(count - first);
        let mut latents = vec![0.0; batch * latent_len];
        for (index, out) in (first..).zip(latents.chunks_exact_mut(latent_len.max(1))) {
            latent(request, distribution, index, out)?;
        }
        let classes = classes
            .as_ref()
            .and_then(|classes| classes.get(first..first + batch));
        let mut images = vec![0.0; batch * image_len];
        generator
            .generate_batch(&latents, classes, &mut images)
            .map_err(SamplingError::Generate)?;
        for (index, values) in (first..).zip(images.chunks_exact(image_len.max(1))) {
            let mut bytes = vec![0; image_len];
            to_hwc_u8(values, shape, range, &mut bytes)?;
            take(Sample {
                number: request.latents.number(index),
                class: classes.and_then(|classes| classes.get(index - first).copied()),
                bytes,
            })?;
        }
    }
    Ok(())
}

pub fn samples(
    generator: &mut FileGenerator,
    request: &Request,
) -> Result<Vec<Sample>, SamplingError> {
    let mut all = Vec::new();
    each_sample(generator, request, |sample| {
        all.push(sample);
        Ok(())
    })?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(request: &Request, distribution: Distribution, index: usize) -> [f32; 32] {
        let mut out = [0.0; 32];
        latent(request, distribution, index, &mut out).unwrap();
        out
    }

    #[test]
    fn a_seed_gives_the_latent_of_the_contract() {
        let mut request = Request::new(Latents::Seeds("42,7".parse().unwrap()));
        assert_eq!(
            of(&request, Distribution::Normal, 0)[0].to_bits(),
            0x3c36_3c1b
        );
        assert_eq!(
            of(&request, Distribution::Uniform, 0)[0].to_bits(),
            0x3f0c_fa90
        );
        request.truncation = Some(0.7);
        assert_eq!(
            of(&request, Distribution::Normal, 0)[1].to_bits(),
            0xbe64_0d03
        );
        assert!(
            of(&request, Distribution::Normal, 1)
                .iter()
                .all(|x| x.abs() <= 0.7)
        );
    }

    #[test]
    fn an_interpolation_begins_and_ends_at_the_seeds_and_keeps_its_length_between() {
        let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
        let ends = Request::new(Latents::Seeds("3,8".parse().unwrap()));
        let (a, b) = (
            of(&ends, Distribution::Normal, 0),
            of(&ends, Distribution::Normal, 1),
        );
        let between = |way| Request::new(Latents::Between("3,8,5".parse().unwrap(), way));
        for way in [Way::Spherical, Way::Linear] {
            for (index, end) in [(0, a), (4, b)] {
                let point = of(&between(way), Distribution::Normal, index);
                assert!(point.iter().zip(end).all(|(x, y)| (x - y).abs() < 1e-5));
            }
        }
        let middle = of(&between(Way::Spherical), Distribution::Normal, 2);
        assert!((norm(&middle) - (norm(&a) + norm(&b)) / 2.0).abs() < 1e-3);
        assert!(norm(&of(&between(Way::Linear), Distribution::Normal, 2)) < norm(&middle));
    }
}
