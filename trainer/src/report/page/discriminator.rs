//! What the other half of the model knows: the encoder's use of each dimension, or the
//! discriminator's opinion.

use super::html::note;
use super::latent::{first, generated};
use super::nets::Nets;
use crate::chart::{bars, histogram, number};
use crate::data::Dataset;
use crate::training::latent_use::{UNUSED, how_many};

/// Images of each kind that the discriminator sees.
const JUDGED: usize = 512;

pub(super) fn encoder(divergences: &[f64]) -> String {
    let named = divergences.iter().enumerate();
    let mut sorted: Vec<(String, f64)> = named.map(|(i, v)| (format!("z{i}"), *v)).collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let sum: f64 = divergences.iter().sum();
    let count = how_many(divergences);
    format!(
        "{}<div class=\"charts one\">{}</div>",
        note(&format!(
            "How much each latent dimension tells about an image: KL(q(z|x) ‖ N(0, 1)), mean over test images, largest first. {count} \
             (below {UNUSED} nats); the sum is {} nats.",
            number(sum)
        )),
        bars("KL of each dimension, nats", "nats", &sorted)
    )
}

/// The section on the discriminator, or why there is none.
pub(super) fn discriminator(nets: &Nets, data: Option<&Dataset>) -> Result<String, String> {
    let mut sets = Vec::new();
    let splits = data.map(|d| [("training", &d.train), ("test", &d.test)]);
    for (name, split) in splits.into_iter().flatten() {
        if !split.is_empty() {
            let images = first(nets, split, JUDGED)?;
            let class = |index| split.label(index).map_or(0, usize::from);
            sets.push((name, nets.logits(&images, class)?));
        }
    }
    let images = generated(nets, JUDGED as u64)?;
    sets.push(("generated", nets.logits(&images, |i| i)?));
    let chart = histogram("Logits of the discriminator", "logit", &sets)
        .ok_or("The discriminator's logits are NaN or infinite.")?;
    let statistics = match nets.has_batch_norm() {
        true => ", with the running statistics of batch normalization",
        false => "",
    };
    Ok(format!(
        "{}<div class=\"charts one\">{chart}</div>",
        note(&format!(
            "Right of 0 it says \"real\". {JUDGED} images of each kind{statistics}. Hills that lie \
             over each other mean that it cannot tell them apart; a training hill right of the test hill, that it learned the data by heart."
        ))
    ))
}
