//! Whether a run goes on with the data that it was trained on.

use super::state::{DataMark, State};
use crate::data::Dataset;

/// What is different between the data of a checkpoint and `now`, the mark of `data`; `None` when
/// nothing is. A checkpoint of an earlier version has no mark: its class names alone are compared.
pub(super) fn difference(state: &State, now: &DataMark, data: &Dataset) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(then) = state.data.as_ref().filter(|then| *then != now)
        && (then.train, then.test) != (now.train, now.test)
    {
        parts.push(format!(
            "it had {} training and {} test images, and has {} and {} now",
            then.train, then.test, now.train, now.test
        ));
    }
    let marked = state.data.is_some();
    if state.classes != data.classes && (marked || !state.classes.is_empty()) {
        let names = |classes: &[String]| match classes {
            [] => "none".to_owned(),
            classes => classes.join(", "),
        };
        parts.push(format!(
            "its classes were {}, and are {} now",
            names(&state.classes),
            names(&data.classes)
        ));
    }
    if let Some(then) = state.data.as_ref().filter(|then| *then != now)
        && parts.is_empty()
    {
        let short = |mark: &DataMark| mark.fingerprint.chars().take(12).collect::<String>();
        parts.push(format!(
            "it has as many images as it had, but other pixels, labels or another order (fingerprint {} then, {} now)",
            short(then),
            short(now)
        ));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;

    fn data(pixels: &[u8], classes: &[&str]) -> Dataset {
        let split = |pixels: &[u8]| {
            let labels = (!classes.is_empty()).then(|| vec![0; pixels.len()]);
            Split::new(pixels.to_vec(), labels, 1).unwrap()
        };
        Dataset {
            channels: 1,
            height: 1,
            width: 1,
            classes: classes.iter().map(|name| (*name).to_owned()).collect(),
            train: split(pixels),
            test: split(&[7]),
            ..Dataset::default()
        }
    }

    fn found(then: &Dataset, marked: bool, now: &Dataset) -> Option<String> {
        let state = State {
            classes: then.classes.clone(),
            data: marked.then(|| DataMark::of(then)),
            ..State::default()
        };
        difference(&state, &DataMark::of(now), now)
    }

    #[test]
    fn other_images_and_classes_are_told_with_their_numbers_and_names() {
        let then = data(&[1, 2, 3], &["cat", "dog"]);
        assert_eq!(found(&then, true, &then), None);
        let fewer = found(&then, true, &data(&[1, 2], &["cat", "dog"])).unwrap();
        assert!(fewer.contains("had 3 training and 1 test") && fewer.contains("has 2 and 1"));
        let renamed = found(&then, true, &data(&[1, 2, 3], &["cat", "cow"])).unwrap();
        assert!(renamed.contains("were cat, dog, and are cat, cow"));
        let changed = found(&then, true, &data(&[1, 2, 4], &["cat", "dog"])).unwrap();
        assert!(changed.contains("other pixels"), "{changed}");
    }

    #[test]
    fn without_a_mark_class_names_alone_are_compared() {
        let then = data(&[1, 2, 3], &["cat", "dog"]);
        assert_eq!(found(&then, false, &data(&[9], &["cat", "dog"])), None);
        assert!(found(&then, false, &data(&[1, 2, 3], &["cat"])).is_some());
        assert_eq!(found(&data(&[1], &[]), false, &then), None);
    }
}
