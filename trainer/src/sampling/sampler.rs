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
    /// What is added to every latent; nothing where it is empty.
    pub added: Vec<f32>,
    pub class: Class,
}

impl Request {
    /// Without truncation, each seed in its own class.
    pub const fn new(latents: Latents) -> Self {
        Self {
            latents,
            truncation: None,
            added: Vec::new(),
            class: Class::OfSeed,
        }
    }
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its seed, or its place.
    pub number: u64,
    /// Its class, of a conditional generator.
    pub class: Option<usize>,
    /// `height * width * channels` bytes in row, column, channel order; with alpha, a channel more.
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
        Latents::Given(latents) => {
            let given = latents.get(index).into_iter().flatten();
            out.iter_mut().zip(given).for_each(|(out, z)| *out = *z);
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
    for (out, added) in out.iter_mut().zip(&request.added) {
        *out += added;
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
    take: impl FnMut(Sample) -> Result<(), SamplingError>,
) -> Result<(), SamplingError> {
    each_of_first(generator, request, usize::MAX, take)
}

/// As [`each_sample`], of the first `most` images.
fn each_of_first(
    generator: &mut FileGenerator,
    request: &Request,
    most: usize,
    mut take: impl FnMut(Sample) -> Result<(), SamplingError>,
) -> Result<(), SamplingError> {
    let (shape, range) = (generator.shape(), generator.range());
    each([generator], request, most, |number, class, [values]| {
        let mut bytes = vec![0; values.len()];
        to_hwc_u8(values, shape, range, &mut bytes)?;
        take(Sample {
            number,
            class,
            bytes,
        })
    })
}

/// As [`each_sample`], with alpha: red, green, blue, alpha. `black` and `white` are one generator
/// whose images are over these colours.
pub(crate) fn each_with_alpha(
    [black, white]: [&mut FileGenerator; 2],
    request: &Request,
    mut take: impl FnMut(Sample) -> Result<(), SamplingError>,
) -> Result<(), SamplingError> {
    let (shape, range) = (black.shape(), black.range());
    let plane = (shape.height * shape.width).max(1);
    let both = [black, white];
    each(
        both,
        request,
        usize::MAX,
        |number, class, [black, white]| {
            let share = |value: f32| (value - range.low) / (range.high - range.low);
            let of = |values: &[f32], at: usize| {
                let value = |channel| values.get(channel * plane + at).copied();
                [0, 1, 2].map(|channel| share(value(channel).unwrap_or(range.low)))
            };
            let pixel = |at| straight(of(black, at), of(white, at));
            take(Sample {
                number,
                class,
                bytes: (0..plane).flat_map(pixel).collect(),
            })
        },
    )
}

/// Red, green, blue and alpha of what is seen as these over black and over white, from 0 to 1.
fn straight(black: [f32; 3], white: [f32; 3]) -> [u8; 4] {
    let hidden: f32 = white
        .iter()
        .zip(black)
        .map(|(white, black)| white - black)
        .sum();
    let alpha = (1.0 - hidden / 3.0).clamp(0.0, 1.0);
    let byte = |share: f32| (255.0 * share.clamp(0.0, 1.0)).round() as u8;
    let [r, g, b] = black.map(|value| if alpha > 0.0 { byte(value / alpha) } else { 0 });
    [r, g, b, byte(alpha)]
}

/// Makes the first `most` images of a request with each generator, which take the same latents and
/// classes, and hands number, class and values to `take`.
fn each<const N: usize>(
    mut generators: [&mut FileGenerator; N],
    request: &Request,
    most: usize,
    mut take: impl FnMut(u64, Option<usize>, [&[f32]; N]) -> Result<(), SamplingError>,
) -> Result<(), SamplingError> {
    let Some(generator) = generators.first() else {
        return Ok(());
    };
    let distribution = generator.distribution();
    let (latent_len, image_len) = (generator.latent_len(), generator.image_len());
    let count = request.latents.count();
    let names = generator.card().map(|card| card.classes.as_slice());
    let classes = request.class.of_images(
        &request.latents,
        generator.classes(),
        names.unwrap_or_default(),
    )?;
    let count = count.min(most);
    for first in (0..count).step_by(BATCH) {
        let batch = BATCH.min(count - first);
        let mut latents = vec![0.0; batch * latent_len];
        for (index, out) in (first..).zip(latents.chunks_exact_mut(latent_len.max(1))) {
            latent(request, distribution, index, out)?;
        }
        let classes = classes
            .as_ref()
            .and_then(|classes| classes.get(first..first + batch));
        let mut images = [(); N].map(|()| vec![0.0; batch * image_len]);
        for (generator, images) in generators.iter_mut().zip(&mut images) {
            generator
                .generate_batch(&latents, classes, images)
                .map_err(SamplingError::Generate)?;
        }
        for index in 0..batch {
            let values = images.each_ref().map(|images| {
                let values = images.get(index * image_len..(index + 1) * image_len);
                values.unwrap_or_default()
            });
            let class = classes.and_then(|classes| classes.get(index).copied());
            take(request.latents.number(first + index), class, values)?;
        }
    }
    Ok(())
}

pub fn samples(
    generator: &mut FileGenerator,
    request: &Request,
) -> Result<Vec<Sample>, SamplingError> {
    first_samples(generator, request, usize::MAX)
}

/// As [`samples`], the first `most` of them.
pub(crate) fn first_samples(
    generator: &mut FileGenerator,
    request: &Request,
    most: usize,
) -> Result<Vec<Sample>, SamplingError> {
    let mut all = Vec::new();
    each_of_first(generator, request, most, |sample| {
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
    fn given_latents_are_taken_and_everything_is_moved() {
        let mut request = Request::new(Latents::Given(vec![vec![0.5; 32], vec![1.5; 32]]));
        assert_eq!(of(&request, Distribution::Normal, 1), [1.5; 32]);
        request.added = vec![-1.0; 32];
        assert_eq!(of(&request, Distribution::Normal, 0), [-0.5; 32]);
        let seed = Request::new(Latents::Seeds("3".parse().unwrap()));
        let moved = Request {
            added: vec![0.25; 32],
            ..seed.clone()
        };
        let [before, after] = [seed, moved].map(|r| of(&r, Distribution::Normal, 0));
        for (before, after) in before.iter().zip(after) {
            assert_eq!(before + 0.25, after);
        }
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
