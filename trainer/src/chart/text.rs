//! Text and numbers in HTML.

use serde_json::Value;

/// Text that a browser shows as it is, also inside a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// Data for the page's script: no text in it can end the element.
pub(crate) fn json_script(value: &Value) -> String {
    let text = value.to_string().replace('<', "\\u003c");
    format!("<script type=\"application/json\">{text}</script>")
}

/// A whole number in groups of three: `38,400`.
pub(crate) fn whole(number: u64) -> String {
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
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    let minus = if value < 0.0 { "−" } else { "" };
    if value == 0.0 {
        "0".to_owned()
    } else if !value.is_finite() {
        value.to_string()
    } else if !(1e-4..1e15).contains(&size) {
        format!("{value:.2e}")
    } else if size >= 1000.0 {
        format!("{minus}{}", whole(size.round() as u64))
    } else {
        let decimals = (3.0 - size.log10().floor()).clamp(0.0, 7.0) as usize;
        let mut text = format!("{size:.decimals$}");
        if text.contains('.') {
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
        }
        format!("{minus}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_end_the_script() {
        let script = json_script(&serde_json::json!({ "name": "</script><b>" }));
        assert_eq!(script.matches('<').count(), 2, "{script}");
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
