//! What the latent space holds: each dimension on its own, the way from seed to seed, and what was
//! copied from the data.

use std::fmt::Write as _;

use dreamlet_runtime::latent::{fill_normal, slerp};

use super::html::{image, note};
use super::nearest::nearest;
use super::nets::Nets;
use super::slideshow::{Slide, display_width, slideshow};
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

/// Planar images that follow each other as one sheet in PNG, and its width.
fn sheet(nets: &Nets, planar: &[u8], columns: usize) -> Result<(Vec<u8>, u32), String> {
    let images = planar.chunks_exact(nets.image_len());
    let images: Vec<_> = images
        .map(|chw| chw_to_hwc(&nets.seen(chw), nets.shape()))
        .collect();
    let sheet = grid(&images, nets.shape(), Some(columns), 1).map_err(|e| e.to_string())?;
    Ok((png(&sheet).map_err(|e| e.to_string())?, sheet.width()))
}

/// A sheet as an image of the page about `wanted` wide, and its width in CSS pixels.
pub(super) fn picture(
    nets: &Nets,
    planar: &[u8],
    columns: usize,
    wanted: u32,
    alt: &str,
) -> Result<(String, u32), String> {
    let (png, width) = sheet(nets, planar, columns)?;
    let width = display_width(width, wanted);
    let style = format!("style=\"width:{width}px\"");
    Ok((image(&png, alt, &style), width))
}

/// Images of latents that follow each other, as bytes.
pub(super) fn bytes(
    nets: &Nets,
    latents: &[f32],
    class: impl Fn(usize) -> usize,
) -> Result<Vec<u8>, String> {
    Ok(nets.bytes_of(&nets.generate(latents, class)?))
}

fn latents(nets: &Nets, seeds: impl IntoIterator<Item = u64>) -> Vec<f32> {
    let mut all = Vec::new();
    for seed in seeds {
        let mut latent = vec![0.0; nets.latent_len()];
        fill_normal(seed, None, &mut latent);
        all.extend(latent);
    }
    all
}

/// The fixed latent with one of its numbers replaced, once for each stop.
fn line(nets: &Nets, dimension: usize, stops: &[f32]) -> Vec<f32> {
    let mut all = latents(nets, stops.iter().map(|_| TRAVERSAL_SEED));
    let numbers = all.iter_mut().skip(dimension).step_by(nets.latent_len());
    for (number, stop) in numbers.zip(stops) {
        *number = *stop;
    }
    all
}

/// Rows of images along single dimensions: those with the largest `divergences`, or else with the
/// largest effect on the image.
pub(super) fn traversals(nets: &Nets, divergences: Option<&[f64]>) -> Result<String, String> {
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
        let bytes = bytes(nets, &line(nets, *dimension, &STOPS), |_| 0)?;
        let alt = format!("latent dimension {dimension} from −3 to 3");
        let (picture, width) = picture(nets, &bytes, STOPS.len(), 560, &alt)?;
        wide = width;
        let _ = write!(
            rows,
            "<div class=\"row\"><span><b>z{dimension}</b> <small>{}</small></span>{picture}</div>",
            number(value(*dimension))
        );
    }
    let how = match divergences {
        Some(_) => "the most information (KL in nats)",
        None => "the largest effect on the image (mean change from −3 to 3, in levels of 0 to 255)",
    };
    let all = nets.latent_len();
    let which = match order.len() {
        shown if shown == all => format!("All {all} dimensions, those with {how} first"),
        shown => format!("The {shown} of {all} dimensions with {how}"),
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
        let bytes = bytes(nets, &line(nets, dimension, &[-3.0, 3.0]), |_| 0)?;
        let changes = bytes.iter().zip(bytes.iter().skip(length));
        let sum: u64 = changes.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        effects.push(sum as f64 / length as f64);
    }
    Ok(effects)
}

fn between(nets: &Nets, from: u64, to: u64, t: f32) -> Result<Vec<f32>, String> {
    let [a, b] = [from, to].map(|seed| latents(nets, [seed]));
    let mut out = vec![0.0; a.len()];
    slerp(&a, &b, t, &mut out).map_err(|e| e.to_string())?;
    Ok(out)
}

/// A walk through several seeds as a slideshow, and rows from one seed to the next.
pub(super) fn interpolations(nets: &Nets) -> Result<String, String> {
    let mut rows = String::new();
    for row in 0..ROWS {
        let (from, to) = (2 * row, 2 * row + 1);
        let mut along = Vec::new();
        for column in 0..COLUMNS {
            let t = column as f32 / (COLUMNS - 1) as f32;
            along.extend(between(nets, from, to, t)?);
        }
        // A conditional generator shows one class in a row.
        let bytes = bytes(nets, &along, |_| row as usize)?;
        let alt = format!("from seed {from} to seed {to}");
        let (picture, _) = picture(nets, &bytes, COLUMNS, 600, &alt)?;
        let _ = write!(
            rows,
            "<div class=\"row\"><span><b>{from} → {to}</b></span>{picture}</div>"
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
    let (side, steps) = match nets.image_len() {
        ..=4096 => (4, 10),
        _ => (2, 6),
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
            let (png, wide) = sheet(nets, &bytes(nets, &all, |cell| cell)?, side)?;
            width = display_width(wide, 380);
            files.push(png);
        }
    }
    let frames = (1..).zip(&files).map(|(i, png)| Slide {
        png,
        label: format!("{i} of {}", files.len()),
    });
    let frames: Vec<_> = frames.collect();
    Ok(slideshow("a walk through the latent space", &frames, width))
}

/// Generated images beside the training images nearest to them.
pub(super) fn neighbours(nets: &Nets, data: &Dataset) -> Result<String, String> {
    let generated = bytes(nets, &latents(nets, 0..NEIGHBOURS), |i| i)?;
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
        let alt = format!("seed {seed} and training image {}", found.index);
        let (picture, _) = picture(nets, &both, 2, 130, &alt)?;
        distances.push(found.distance);
        let _ = write!(
            pairs,
            "<figure>{picture}<figcaption>seed {seed}<br><small>{}</small></figcaption></figure>",
            escape(&number(found.distance))
        );
    }
    let real = (0..data.test.len().min(distances.len()))
        .filter_map(|i| Some(nearest(data.test.image(i)?, &data.train)?.distance));
    let real: Vec<f64> = real.collect();
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
