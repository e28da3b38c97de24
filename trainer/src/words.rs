//! Slips of the pen: the word that was probably meant.

/// The word of `words` with the smallest edit distance to `word`, if it is near enough to be a slip.
pub(crate) fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    words
        .into_iter()
        .map(|w| (distance(word, w), w))
        .filter(|(d, w)| *d <= w.len().max(word.len()) / 2)
        .min_by_key(|(d, _)| *d)
        .map(|(_, w)| w)
}

/// Levenshtein's distance, in characters.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, pair), left) in b.iter().zip(row.windows(2)).zip(0..) {
            let substituted = pair.first().copied().unwrap_or(0) + usize::from(*y != x);
            let deleted = pair.last().copied().unwrap_or(0) + 1;
            let inserted = next.get(left).copied().unwrap_or(0) + 1;
            next.push(substituted.min(deleted).min(inserted));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
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
