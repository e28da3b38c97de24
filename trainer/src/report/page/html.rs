//! Text, numbers and images as HTML.

use serde_json::Value;

use crate::report::base64::base64;

/// Text that a browser shows as it is, also inside a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Data for the page's script: no text in it can end the element.
pub(super) fn data(value: &Value) -> String {
    let text = value.to_string().replace('<', "\\u003c");
    format!("<script type=\"application/json\">{text}</script>")
}

/// A PNG file as an image; `alt` and `attributes` are text and markup.
pub(super) fn image(png: &[u8], alt: &str, attributes: &str) -> String {
    format!(
        "<img src=\"data:image/png;base64,{}\" alt=\"{}\" {attributes}>",
        String::from_utf8_lossy(&base64(png)),
        escape(alt)
    )
}

/// A sentence where something should have been.
pub(super) fn missing(sentence: &str) -> String {
    format!("<p class=\"missing\">{}</p>", escape(sentence))
}

/// A folded-in note under a heading.
pub(super) fn note(sentence: &str) -> String {
    format!("<p class=\"note\">{}</p>", escape(sentence))
}

/// A whole number in groups of three: `38,400`.
pub(super) fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with about four significant digits: `0.0123`, `12.35`, `38,400`, `1.2e-7`.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !value.is_finite() {
        value.to_string()
    } else if !(1e-4..1e15).contains(&size) {
        format!("{value:.2e}")
    } else if size >= 1000.0 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rounded = whole(size.round() as u64);
        format!("{}{rounded}", if value < 0.0 { "−" } else { "" })
    } else {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let decimals = (3.0 - size.log10().floor()).clamp(0.0, 7.0) as usize;
        let text = format!("{size:.decimals$}");
        let text = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        format!("{}{text}", if value < 0.0 { "−" } else { "" })
    }
}

/// A table; `head` and the cells are text.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |row: &[String], tag: &str| -> String {
        row.iter()
            .map(|cell| format!("<{tag}>{}</{tag}>", escape(cell)))
            .collect()
    };
    let head: Vec<String> = head.iter().map(|h| (*h).to_owned()).collect();
    let body: String = rows
        .iter()
        .map(|row| format!("<tr>{}</tr>", cells(row, "td")))
        .collect();
    format!(
        "<div class=\"wide\"><table><thead><tr>{}</tr></thead><tbody>{body}</tbody></table></div>",
        cells(&head, "th")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            escape("<img src=x onerror='a(\"&\")'>"),
            "&lt;img src=x onerror=&#39;a(&quot;&amp;&quot;)&#39;&gt;"
        );
        let script = data(&serde_json::json!({ "name": "</script><b>" }));
        assert_eq!(script.matches('<').count(), 2, "{script}");
        assert!(table(&["<a>"], &[vec!["<b>".into()]]).contains("<th>&lt;a&gt;</th>"));
    }

    #[test]
    fn numbers_are_short_and_keep_what_matters() {
        for (value, text) in [
            (0.0, "0"),
            (38_400.0, "38,400"),
            (-1234.5, "−1,235"),
            (12.345_6, "12.35"),
            (0.012_345, "0.01235"),
            (-0.5, "−0.5"),
            (999.96, "1000"),
            (1e-7, "1.00e-7"),
            (100.0, "100"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(whole(1_234_567), "1,234,567");
    }
}
