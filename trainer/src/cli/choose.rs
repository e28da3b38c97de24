//! What to train on a folder of images where nobody says it.

use crate::data::Survey;

/// A preset, what is changed of it, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) preset: &'static str,
    pub(super) sets: Vec<String>,
    /// A sentence each.
    pub(super) reasons: Vec<String>,
}

/// Fewer images than these are augmented.
const FEW: usize = 5_000;

/// Images of each class from which on a model learns classes.
const FEWEST_OF_A_CLASS: usize = 50;

/// Classes that a model for a small device has room for.
const MOST_CLASSES: usize = 100;

/// Told from their mirror images as often, images have a left and a right.
const HAVE_A_SIDE: f64 = 0.65;

/// Chooses for a folder. `size` and `channels` are those that were asked for.
pub(super) fn choose(found: &Survey, size: Option<usize>, channels: Option<usize>) -> Choice {
    let mut sets = Vec::new();
    let colour = if found.grey { "grey" } else { "coloured" };
    let mut reasons = vec![format!(
        "{} {colour} images of about {} pixels",
        found.images, found.side
    )];
    let side = size.unwrap_or(match found.side {
        0..24 => 16,
        24..48 => 32,
        _ => 64,
    });
    let preset = match side {
        0..96 => "small-data",
        _ => "r3-128",
    };
    reasons.push(match size {
        Some(_) => format!("preset {preset}, for images of {side} pixels"),
        None => format!("preset {preset} at {side} pixels; --size takes another one"),
    });
    sets.push(format!("data.size={side}"));
    let channels = channels.unwrap_or(if found.grey { 1 } else { 3 });
    sets.push(format!("data.channels={channels}"));
    if found.transparent && channels < 4 {
        reasons.push(
            "most images have transparent pixels, which lie over data.background: --channels 4 trains the transparency too"
                .to_owned(),
        );
    }
    let augment = if found.images < FEW { 0.4 } else { 0.0 };
    sets.push(format!("gan.augment={augment}"));
    if found.images < FEW {
        reasons.push(format!(
            "fewer than {FEW} images: gan.augment={augment} changes what the discriminator sees, so that it does not learn them by heart"
        ));
    }
    match found.told_from_mirrored {
        Some(told) if told < HAVE_A_SIDE => {
            sets.push("data.flip=true".to_owned());
            reasons.push(format!(
                "mirror images look like the others ({:.0} % are told apart, 50 % is chance): data.flip=true",
                100.0 * told
            ));
        }
        Some(told) => reasons.push(format!(
            "left and right differ ({:.0} % are told from their mirror images): no flips",
            100.0 * told
        )),
        None => reasons.push(
            "too few images to see whether left and right differ: no flips; data.flip=true if they do not".to_owned(),
        ),
    }
    if found.classes > 1 {
        let (classes, fewest) = (found.classes, found.fewest_of_a_class);
        if fewest >= FEWEST_OF_A_CLASS && classes <= MOST_CLASSES {
            sets.push(format!("model.classes={classes}"));
            reasons.push(format!("{classes} classes of {fewest} images or more"));
        } else {
            reasons.push(format!(
                "{classes} classes, the smallest of {fewest} images: it does not learn them; --set model.classes={classes} does"
            ));
        }
    }
    Choice {
        preset,
        sets,
        reasons,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey() -> Survey {
        Survey {
            images: 1300,
            side: 72,
            grey: false,
            transparent: false,
            classes: 0,
            fewest_of_a_class: 0,
            told_from_mirrored: Some(0.51),
        }
    }

    #[test]
    fn what_is_chosen_follows_from_the_images_and_is_explained() {
        let few = choose(&survey(), None, None);
        assert_eq!(few.preset, "small-data");
        let sets = "data.size=64 data.channels=3 gan.augment=0.4 data.flip=true";
        assert_eq!(few.sets.join(" "), sets);
        assert_eq!(few.reasons.len(), 4);
        let letters = Survey {
            images: 60_000,
            side: 28,
            grey: true,
            transparent: true,
            classes: 26,
            fewest_of_a_class: 900,
            told_from_mirrored: Some(0.93),
        };
        let letters = choose(&letters, None, None);
        assert_eq!(letters.preset, "small-data");
        let sets = "data.size=32 data.channels=1 gan.augment=0 model.classes=26";
        assert_eq!(letters.sets.join(" "), sets);
        assert!(letters.reasons.join(" ").contains("--channels 4"));
        let rare = Survey {
            classes: 300,
            fewest_of_a_class: 2,
            ..survey()
        };
        let rare = choose(&rare, Some(32), Some(1));
        assert!(!rare.sets.join(" ").contains("classes"));
        assert!(rare.reasons.join(" ").contains("300 classes"));
        assert!(rare.sets.join(" ").contains("data.size=32 data.channels=1"));
    }
}
