//! Slips of the pen: the word that was probably meant.

pub(crate) use strsim::levenshtein as distance;

/// The word of `words` with the smallest edit distance to `word`, if it is near enough to be a
/// slip.
pub(crate) fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    words
        .into_iter()
        .map(|w| (distance(word, w), w))
        .filter(|(distance, w)| *distance <= w.len().max(word.len()) / 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, w)| w)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distances_are_those_of_the_definition() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn a_word_too_far_from_all_is_no_slip() {
        assert_eq!(nearest("bacth", ["batch", "seed"]), Some("batch"));
        assert_eq!(nearest("qqqqqq", ["batch", "seed"]), None);
    }
}
