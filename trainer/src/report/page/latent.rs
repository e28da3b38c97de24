//! What the latent space holds: each dimension on its own, the way from seed to seed, and what was
//! copied from the data.

use std::fmt::Write as _;

use dreamlet_runtime::latent::{fill_normal, slerp};

use super::html::{image, note, or_missing};
use super::nearest::nearest;
use super::nets::Nets;
use super::slideshow::{Frame, display_width, slideshow};
use crate::chart::{escape, number, whole};
use crate::data::{Dataset, Split};
use crate::sheet::{chw_to_hwc, grid, png};

/// Values that one dimension takes in a traversal.
const STOPS: [f32; 9] = [-3.0, -2.25, -1.5, -0.75, 0.0, 0.75, 1.5, 2.25, 3.0];
/// Dimensions that are shown.
const DIMENSIONS: usize = 32;
/// Dimensions whose effect is measured to choose from; each costs two images.
const MEASURED: usize = 128;
/// The latent that traversals start from.
const TRAVERSAL_SEED: u64 = 0;
/// Rows and images a row of the interpolations.
const ROWS: u64 = 6;
const COLUMNS: usize = 10;
/// Images beside their neighbours.
const NEIGHBOURS: u64 = 16;

/// Bytes `height * width * channels` of planar images that follow each other.
fn images(nets: &Nets, planar: &[u8]) -> Vec<Vec<u8>> {
    planar
        .chunks_exact(nets.image_len())
        .map(|chw| chw_to_hwc(chw, nets.shape()))
        .collect()
}

/// Some images as one sheet in PNG, and its width.
fn sheet(nets: &Nets, planar: &[u8], columns: usize) -> Result<(Vec<u8>, u32), String> {
    let sheet =
        grid(&images(nets, planar), nets.shape(), Some(columns), 1).map_err(|e| e.to_string())?;
    Ok((png(&sheet).map_err(|e| e.to_string())?, sheet.width()))
}

fn latents(nets: &Nets, seeds: impl Iterator<Item = u64>) -> Vec<f32> {
    seeds
        .flat_map(|seed| {
            let mut latent = vec![0.0; nets.latent_len()];
            fill_normal(seed, None, &mut latent);
            latent
        })
        .collect()
}

/// The fixed latent with one of its numbers replaced, once for each stop.
fn line(nets: &Nets, dimension: usize, stops: &[f32]) -> Vec<f32> {
    stops
        .iter()
        .flat_map(|stop| {
            let mut latent = latents(nets, [TRAVERSAL_SEED].into_iter());
            if let Some(number) = latent.get_mut(dimension) {
                *number = *stop;
            }
            latent
        })
        .collect()
}

/// Rows of images along single dimensions: those with the largest `divergences`, or else with the
/// largest effect on the image.
pub(super) fn traversals(nets: &Nets, divergences: Option<&[f64]>) -> String {
    or_missing(try_traversals(nets, divergences), "traversals")
}

fn try_traversals(nets: &Nets, divergences: Option<&[f64]>) -> Result<String, String> {
    let measure = match divergences {
        Some(values) => values.to_vec(),
        None => effects(nets)?,
    };
    let mut order: Vec<usize> = (0..measure.len()).collect();
    let value = |i: usize| measure.get(i).copied().unwrap_or(0.0);
    order.sort_by(|a, b| value(*b).total_cmp(&value(*a)).then(a.cmp(b)));
    order.truncate(DIMENSIONS);
    let (mut rows, mut wide) = (String::new(), 0);
    for dimension in &order {
        let values = nets.generate(&line(nets, *dimension, &STOPS), |_| 0)?;
        let (png, width) = sheet(nets, &nets.bytes_of(&values), STOPS.len())?;
        wide = display_width(width, 560);
        let _ = write!(
            rows,
            "<div class=\"row\"><span><b>z{dimension}</b> <small>{}</small></span>{}</div>",
            number(value(*dimension)),
            image(
                &png,
                &format!("latent dimension {dimension} from −3 to 3"),
                &format!("style=\"width:{wide}px\"")
            )
        );
    }
    let how = if divergences.is_some() {
        "the most information (KL in nats)"
    } else {
        "the largest effect on the image (mean change from −3 to 3, in levels of 0 to 255)"
    };
    let all = nets.latent_len();
    let which = if order.len() == all {
        format!("All {all} dimensions, those with {how} first")
    } else {
        format!("The {} of {all} dimensions with {how}", order.len())
    };
    Ok(format!(
        "{}<div class=\"rows\"><div class=\"row head\"><span></span><div style=\"width:{wide}px\"><i>−3</i><i>0</i><i>3</i></div></div>{rows}</div>",
        note(&format!(
            "{which}. One dimension goes from −3 to 3, the others stay at the latent of seed {TRAVERSAL_SEED}."
        ))
    ))
}

/// Mean change of a pixel between the ends of each dimension, in levels of 0 to 255.
fn effects(nets: &Nets) -> Result<Vec<f64>, String> {
    let length = nets.image_len();
    let mut effects = Vec::new();
    for dimension in 0..nets.latent_len().min(MEASURED) {
        let bytes = nets.bytes_of(&nets.generate(&line(nets, dimension, &[-3.0, 3.0]), |_| 0)?);
        let (low, high) = bytes.split_at(length.min(bytes.len()));
        let sum: u64 = low
            .iter()
            .zip(high)
            .map(|(a, b)| u64::from(a.abs_diff(*b)))
            .sum();
        effects.push(sum as f64 / length as f64);
    }
    Ok(effects)
}

/// A walk through several seeds as a slideshow, and rows from one seed to the next.
pub(super) fn interpolations(nets: &Nets) -> String {
    or_missing(try_interpolations(nets), "interpolations")
}

fn between(nets: &Nets, from: u64, to: u64, t: f32) -> Result<Vec<f32>, String> {
    let (a, b) = (
        latents(nets, [from].into_iter()),
        latents(nets, [to].into_iter()),
    );
    let mut out = vec![0.0; a.len()];
    slerp(&a, &b, t, &mut out).map_err(|e| e.to_string())?;
    Ok(out)
}

fn try_interpolations(nets: &Nets) -> Result<String, String> {
    let mut rows = String::new();
    for row in 0..ROWS {
        let (from, to) = (2 * row, 2 * row + 1);
        let mut along = Vec::new();
        for column in 0..COLUMNS {
            let t = column as f32 / (COLUMNS - 1) as f32;
            along.extend(between(nets, from, to, t)?);
        }
        // A conditional generator shows one class in a row.
        let class = usize::try_from(row).unwrap_or(0);
        let bytes = nets.bytes_of(&nets.generate(&along, |_| class)?);
        let (png, width) = sheet(nets, &bytes, COLUMNS)?;
        let _ = write!(
            rows,
            "<div class=\"row\"><span><b>{from} → {to}</b></span>{}</div>",
            image(
                &png,
                &format!("from seed {from} to seed {to}"),
                &format!("style=\"width:{}px\"", display_width(width, 600))
            )
        );
    }
    Ok(format!(
        "{}<div class=\"side\">{}<div class=\"rows\">{rows}</div></div>",
        note(
            "Spherical interpolation between the latents of two seeds. A generator that learned more than single images passes through \
             believable ones."
        ),
        walk(nets)?
    ))
}

/// Several images that each go round four seeds.
fn walk(nets: &Nets) -> Result<String, String> {
    const LEGS: u64 = 4;
    // Large images make large slideshows.
    let (side, steps) = if nets.image_len() <= 4096 {
        (4, 10)
    } else {
        (2, 6)
    };
    let cells = (side * side) as u64;
    let mut files = Vec::new();
    let mut width = 0;
    for leg in 0..LEGS {
        for step in 0..steps {
            let t = step as f32 / steps as f32;
            let mut all = Vec::new();
            for cell in 0..cells {
                let seed = |leg: u64| 100 + cell + cells * (leg % LEGS);
                all.extend(between(nets, seed(leg), seed(leg + 1), t)?);
            }
            let (png, wide) = sheet(
                nets,
                &nets.bytes_of(&nets.generate(&all, |cell| cell)?),
                side,
            )?;
            width = wide;
            files.push(png);
        }
    }
    let frames: Vec<Frame<'_>> = (1..)
        .zip(&files)
        .map(|(i, png)| Frame {
            png,
            label: format!("{i} of {}", files.len()),
        })
        .collect();
    Ok(slideshow(
        "a walk through the latent space",
        &frames,
        display_width(width, 380),
    ))
}

/// Generated images beside the training images nearest to them.
pub(super) fn neighbours(nets: &Nets, data: &Dataset) -> String {
    or_missing(try_neighbours(nets, data), "neighbours")
}

fn try_neighbours(nets: &Nets, data: &Dataset) -> Result<String, String> {
    let generated = nets.bytes_of(&nets.generate(&latents(nets, 0..NEIGHBOURS), |i| i)?);
    let length = nets.image_len();
    let mut pairs = String::new();
    let mut distances = Vec::new();
    for (seed, pixels) in generated.chunks_exact(length).enumerate() {
        let found = nearest(pixels, &data.train).ok_or_else(|| {
            format!(
                "the training images have {} values each, the generator's {length}",
                data.train.image_len()
            )
        })?;
        let mut both = pixels.to_vec();
        both.extend(data.train.image(found.index).unwrap_or_default());
        let (png, width) = sheet(nets, &both, 2)?;
        distances.push(found.distance);
        let _ = write!(
            pairs,
            "<figure>{}<figcaption>seed {seed}<br><small>{}</small></figcaption></figure>",
            image(
                &png,
                &format!("seed {seed} and training image {}", found.index),
                &format!("style=\"width:{}px\"", display_width(width, 130))
            ),
            escape(&number(found.distance))
        );
    }
    let real: Vec<f64> = (0..data.test.len().min(distances.len()))
        .filter_map(|i| nearest(data.test.image(i)?, &data.train))
        .map(|n| n.distance)
        .collect();
    let scale = match mean(&real) {
        Some(real) => format!(
            " Mean distance {} levels; for real test images it is {}. Much smaller would mean that training images were copied.",
            number(mean(&distances).unwrap_or(0.0)),
            number(real)
        ),
        None => String::new(),
    };
    Ok(format!(
        "{}<div class=\"pairs\">{pairs}</div>",
        note(&format!(
            "Left what the generator made of a seed, right the nearest of {} training images: smallest root mean square difference of \
             pixels, in levels of 0 to 255.{scale}",
            whole(data.train.len() as u64)
        ))
    ))
}

fn mean(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)
}

/// The first `count` images of a split in the generator's range, `[N, C, H, W]`.
pub(super) fn first(nets: &Nets, split: &Split, count: usize) -> Result<Vec<f32>, String> {
    let length = nets.image_len();
    if split.image_len() != length {
        return Err(format!(
            "the data set's images have {} values each, the generator's {length}",
            split.image_len()
        ));
    }
    let end = split.len().min(count) * length;
    Ok(nets.pixels_of(split.pixels().get(..end).unwrap_or_default()))
}

/// Images of `count` seeds that nothing else of the report shows, `[N, C, H, W]`.
pub(super) fn generated(nets: &Nets, count: u64) -> Result<Vec<f32>, String> {
    nets.generate(&latents(nets, 1000..1000 + count), |i| i)
}
