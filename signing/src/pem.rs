//! Blocks of PEM text (RFC 7468).

/// The first block with this label, without the text around it: tools write the key in words above it, and others the
/// parameters of the curve.
pub(crate) fn block<'t>(text: &'t str, label: &str) -> Option<&'t str> {
    blocks(text, label).next()
}

/// Every block with this label.
pub(crate) fn blocks<'t>(text: &'t str, label: &str) -> impl Iterator<Item = &'t str> + use<'t> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, from) = rest.split_at(rest.find(&begin)?);
        let (block, after) = from.split_at(from.find(&end)? + end.len());
        rest = after;
        Some(block)
    })
}
