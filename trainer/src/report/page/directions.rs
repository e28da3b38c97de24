//! Images along the main directions of the latent space.

use std::fmt::Write as _;

use dreamlet_onnx::{CheckedGraph, Limits};
use dreamlet_runtime::latent::fill_normal;

use super::html::note;
use super::latent::{bytes, picture};
use super::nets::Nets;
use crate::latent_space::{FirstLayer, LatentDirection, of_weights};

/// Directions that are shown.
const SHOWN: usize = 8;
/// Standard deviations along a direction.
const STEPS: [f32; 7] = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0];
/// The latents that rows start from.
const SEEDS: [u64; 2] = [0, 1];

/// Rows of images along the directions that the first layer's weights give; `Ok(None)` where there
/// is no layer with nothing nonlinear before it.
pub(super) fn directions(nets: &Nets) -> Result<Option<String>, String> {
    let checked = CheckedGraph::from_bytes(&nets.onnx()?, &Limits::default());
    let graph = checked.map_err(|error| error.to_string())?.graph;
    let Some(layer) = FirstLayer::find(&graph) else {
        return Ok(None);
    };
    let found = of_weights(&layer, nets.classes(), SHOWN);
    let found = found.ok_or("the first layer cannot be computed")?;
    let mut rows = String::new();
    for (number, direction) in (1..).zip(&found) {
        let images = bytes(nets, &along(nets, direction), |i| {
            // A conditional generator shows one class for each seed.
            i / STEPS.len()
        })?;
        let alt = format!("direction {number} from −3 to 3");
        let (picture, _) = picture(nets, &images, SEEDS.len() * STEPS.len(), 760, &alt)?;
        let _ = write!(
            rows,
            "<div class=\"row\"><span><b>{number}</b> <small>{:.1} %</small></span>{picture}</div>",
            100.0 * direction.share
        );
    }
    Ok(Some(format!(
        "{}<div class=\"rows\">{rows}</div>",
        note(&format!(
            "The {} directions that the first layer stretches most (SeFa: Shen and Zhou 2021), with their share of its squared weights; \
             from −3 to 3 standard deviations for seeds {} and {}. dreamlet directions names them, dreamlet sample --move goes along them.",
            found.len(),
            SEEDS[0],
            SEEDS[1]
        ))
    )))
}

/// Latents along a direction, from each seed.
fn along(nets: &Nets, direction: &LatentDirection) -> Vec<f32> {
    let mut all = Vec::new();
    for seed in SEEDS {
        let mut latent = vec![0.0; nets.latent_len()];
        fill_normal(seed, None, &mut latent);
        for step in STEPS {
            let moved = latent.iter().zip(&direction.vector);
            all.extend(moved.map(|(z, v)| z + step * *v as f32));
        }
    }
    all
}
