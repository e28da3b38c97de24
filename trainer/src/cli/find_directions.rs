//! Finding the directions of a generator, by whichever method there is.

use std::error::Error;
use std::path::Path;

use clap::ValueEnum;
use dreamlet_runtime::card::Direction;
use dreamlet_runtime::engine::tract::Assumptions;
use dreamlet_runtime::generator::Generator;
use dreamlet_runtime::onnx::OnnxFile;
use rayon::prelude::*;

use crate::generator_file::FileGenerator;
use crate::latent_space::{
    FirstLayer, LatentDirection, MOST_COMPONENTS, Observations, components, of_divergences,
    of_weights,
};
use crate::report::page::load_data;
use crate::report::run_files::RunFiles;
use crate::training::saved::{Saved, Which};

/// Seeds whose features are looked at, if that does not take too long.
const SEEDS: u64 = 1000;
/// Multiplications that activations may take.
const WORK: u64 = 20_000_000_000;
/// Elements of all images that are kept at once.
const ELEMENTS: usize = 1 << 25;
/// Images that are made together.
const BATCH: usize = 32;

/// How directions are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Method {
    /// Those of the card; without any the KL of a VAE's run, else the weights, else components
    Auto,
    /// Latent dimensions of a VAE by their KL; needs the run and its data set
    Kl,
    /// Singular vectors of the first layer's weights (SeFa)
    Weights,
    /// Principal components of the first layer's activations, or of the images (GANSpace)
    Components,
}

/// Directions, and how they were found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) directions: Vec<Direction>,
    /// The same with what was measured; empty for those of a card.
    pub(super) measured: Vec<LatentDirection>,
    /// Others for comparison, and what they are of.
    pub(super) components: Vec<LatentDirection>,
    pub(super) check: &'static str,
    /// The alignment that directions drawn at random would have.
    pub(super) chance: f64,
    /// In words.
    pub(super) method: String,
    /// Of the strength.
    pub(super) unit: &'static str,
    pub(super) notes: Vec<String>,
}

/// Finds `count` directions of the generator in `file`; `model` is what the user gave, a run folder
/// perhaps.
pub(super) fn find(
    method: Method,
    count: usize,
    model: &Path,
    file: &[u8],
    generator: &mut FileGenerator,
    assumptions: &Assumptions,
) -> Result<Found, Box<dyn Error>> {
    let written = generator.card().map_or(&[][..], |card| &card.directions);
    if method == Method::Auto && !written.is_empty() {
        return Ok(Found {
            directions: written.to_vec(),
            method: "directions of the model's card; --method finds them again".into(),
            ..Found::default()
        });
    }
    let len = generator.latent_len();
    if len > MOST_COMPONENTS {
        return Err(format!(
            "the latent has {len} components: directions are found for at most {MOST_COMPONENTS}"
        )
        .into());
    }
    let mut notes = Vec::new();
    let layer = if generator.is_compiled() {
        None
    } else {
        FirstLayer::find(&OnnxFile::from_bytes(file, assumptions)?.graph.graph)
    };
    let kl =
        match method {
            Method::Kl => Some(divergences(model)?.ok_or(
                "KL is for a VAE of one stage: give its run folder, or leave --method out",
            )?),
            Method::Auto if model.is_dir() => divergences(model).unwrap_or_else(|reason| {
                notes.push(format!("the KL of the dimensions is not known: {reason}"));
                None
            }),
            _ => None,
        };
    let weights = match (&layer, method) {
        (Some(layer), Method::Auto | Method::Weights) if kl.is_none() => {
            let found = of_weights(layer, generator.classes(), count);
            Some(found.ok_or("the first layer cannot be computed")?)
        }
        (None, Method::Weights) => {
            return Err(no_layer(generator, "leave --method out for components").into());
        }
        _ => None,
    };
    let observed = observe(layer.as_ref(), generator)?;
    let check = match layer {
        Some(_) => "principal components of the first layer's activations",
        None => "principal components of images",
    };
    let mut components = components(&observed, count);
    let chance = by_chance(len, components.len());
    let (method, unit, measured) = if let Some(kl) = kl {
        let words = "latent dimensions by KL in nats, mean over test images".to_owned();
        (words, "KL", of_divergences(&kl, count))
    } else if let Some(weights) = weights {
        let words = "eigenvectors of the first layer's weights (SeFa)".to_owned();
        (words, "strength", weights)
    } else {
        if layer.is_none() && method == Method::Auto {
            notes.push(no_layer(generator, "so these are components of images"));
        }
        let words = format!("{check} of {} seeds", observed.latents.len());
        (words, "strength", std::mem::take(&mut components))
    };
    if measured.is_empty() {
        return Err(
            "the generator makes the same image of every latent: there is no direction".into(),
        );
    }
    let directions = (1..).zip(&measured).map(|(number, found)| Direction {
        name: u32::to_string(&number),
        vector: found.vector.iter().map(|x| rounded(*x)).collect(),
    });
    Ok(Found {
        directions: directions.collect(),
        chance,
        components,
        check,
        measured,
        method,
        unit,
        notes,
    })
}

fn no_layer(generator: &FileGenerator, then: &str) -> String {
    match generator.is_compiled() {
        true => format!("a compiled model does not show its first layer: {then}"),
        false => {
            format!("no layer of weights comes before the first nonlinear operation: {then}")
        }
    }
}

/// Five decimals, so that a card stays small.
fn rounded(x: f64) -> f32 {
    ((x * 1e5).round() / 1e5) as f32
}

/// The KL of each latent dimension of a VAE's run; `None` for any other run, and for a VAE of two
/// stages, whose generator takes other latents.
fn divergences(run: &Path) -> Result<Option<Vec<f64>>, Box<dyn Error>> {
    let saved = Saved::open(run, Which::default())?;
    if saved.config.vae.is_none() || saved.generator.second().is_some() {
        return Ok(None);
    }
    let data = load_data(&RunFiles::read(run)?)?;
    let learner = saved.learner()?;
    let vae = learner.as_ref().and_then(|learner| learner.vae());
    Ok(vae.map(|vae| vae.latent_use(&data)).transpose()?)
}

/// Features of seeds: the first layer's activations where there is one, else images in levels.
fn observe(
    layer: Option<&FirstLayer>,
    generator: &mut FileGenerator,
) -> Result<Observations, Box<dyn Error>> {
    let least = 2 * generator.latent_len() as u64;
    let affordable = match layer {
        Some(layer) => WORK / layer.work().max(1),
        None => (ELEMENTS / generator.image_len().max(1)) as u64,
    };
    let seeds = SEEDS.min(affordable.max(least)).max(least);
    let (distribution, classes) = (generator.distribution(), generator.classes().max(1));
    let latents = (0..seeds).map(|seed| {
        let mut latent = vec![0.0; generator.latent_len()];
        distribution.fill(seed, None, &mut latent);
        latent
    });
    let mut observed = Observations {
        latents: latents.collect(),
        features: Vec::new(),
        classes: (0..seeds)
            .map(|seed| (seed % classes as u64) as usize)
            .collect(),
    };
    let rows = observed.latents.par_iter().zip(&observed.classes);
    observed.features = match layer {
        Some(layer) => {
            let made = rows.map(|(latent, class)| layer.activations(latent, *class));
            let made: Option<Vec<_>> = made.collect();
            made.ok_or("the first layer cannot be computed")?
        }
        None => images(generator, &observed)?,
    };
    if observed.features.iter().flatten().any(|x| !x.is_finite()) {
        return Err("the generator makes values that are NaN or infinite".into());
    }
    Ok(observed)
}

fn images(
    generator: &mut FileGenerator,
    observed: &Observations,
) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let mut features = Vec::new();
    let range = generator.range();
    let levels = 255.0 / (range.high - range.low);
    let (len, conditional) = (generator.image_len(), generator.classes() > 0);
    let batches = observed.latents.chunks(BATCH);
    for (latents, classes) in batches.zip(observed.classes.chunks(BATCH)) {
        let mut made = vec![0.0; latents.len() * len];
        generator.generate_batch(&latents.concat(), conditional.then_some(classes), &mut made)?;
        let images = made.chunks_exact(len.max(1));
        features.extend(images.map(|image| image.iter().map(|x| x * levels).collect::<Vec<f32>>()));
    }
    Ok(features)
}

/// The largest absolute cosine of a random direction with `others` orthogonal ones in `len`
/// dimensions, mean: about that of so many normal variables of variance 1/`len`.
fn by_chance(len: usize, others: usize) -> f64 {
    let mut latent = vec![0.0_f32; others];
    let sums = (0..1000).map(|seed| {
        dreamlet_runtime::latent::fill_normal(seed, None, &mut latent);
        latent
            .iter()
            .fold(0.0_f64, |most, x| most.max(f64::from(x.abs())))
    });
    (sums.sum::<f64>() / 1000.0 / (len as f64).sqrt()).min(1.0)
}
