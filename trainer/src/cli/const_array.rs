//! Vectors as constants for a device's program.

use std::fmt::Write as _;

use clap::ValueEnum;

/// The language of a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    Rust,
    C,
}

/// Words before a row of a constant, and its elements.
pub(super) type Row<'a> = (&'a str, &'a [f32]);

/// Elements in a line.
const IN_A_LINE: usize = 8;

/// A constant `name` with a row for each vector; all have one length.
pub(super) fn table(language: Language, name: &str, rows: &[Row<'_>]) -> String {
    let columns = rows.first().map_or(0, |(_, row)| row.len());
    let [upper, lower] = [name.to_uppercase(), name.to_lowercase()];
    let (begin, [open, close], end) = match language {
        Language::Rust => (
            format!(
                "pub const {upper}: [[f32; {columns}]; {}] = [\n",
                rows.len()
            ),
            ["[", "]"],
            "];",
        ),
        Language::C => (
            format!(
                "static const float {lower}[{}][{columns}] = {{\n",
                rows.len()
            ),
            ["{", "}"],
            "};",
        ),
    };
    let mut out = begin;
    for (label, row) in rows {
        // A name in a comment must not end it, nor the line.
        let label: String = label.chars().filter(|c| !c.is_control()).collect();
        let _ = writeln!(out, "    // {}", label.trim_end_matches('\\'));
        let _ = writeln!(out, "    {open}");
        for line in row.chunks(IN_A_LINE) {
            let words: Vec<String> = line.iter().map(|x| element(language, *x)).collect();
            let _ = writeln!(out, "        {},", words.join(", "));
        }
        let _ = writeln!(out, "    {close},");
    }
    out + end
}

/// An element that reads back as the same bits.
fn element(language: Language, x: f32) -> String {
    match language {
        Language::Rust => format!("{x:?}"),
        Language::C => format!("{x:?}f"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_written_in_both_languages() {
        let rows: [Row<'_>; 2] = [("1 size\n\\", &[0.5, -1e-20]), ("2", &[1.0, 2.0])];
        let rust = "pub const DIRECTIONS: [[f32; 2]; 2] = [\n    // 1 size\n    [\n        0.5, -1e-20,\n    ],\n    // 2\n    [\n        1.0, 2.0,\n    ],\n];";
        assert_eq!(table(Language::Rust, "directions", &rows), rust);
        let c = "static const float directions[2][2] = {\n    // 1 size\n    {\n        0.5f, -1e-20f,\n    },\n    // 2\n    {\n        1.0f, 2.0f,\n    },\n};";
        assert_eq!(table(Language::C, "directions", &rows), c);
    }
}
