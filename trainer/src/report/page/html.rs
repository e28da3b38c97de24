//! Images, notes and tables as HTML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::chart::escape;

/// A PNG file as an image; `alt` and `attributes` are text and markup.
pub(super) fn image(png: &[u8], alt: &str, attributes: &str) -> String {
    format!(
        "<img src=\"data:image/png;base64,{}\" alt=\"{}\" {attributes}>",
        STANDARD.encode(png),
        escape(alt)
    )
}

/// A sentence where something should have been.
pub(super) fn missing(sentence: &str) -> String {
    format!("<p class=\"missing\">{}</p>", escape(sentence))
}

/// What was drawn, or a sentence on why it could not be.
pub(super) fn or_missing(drawn: Result<String, String>, what: &str) -> String {
    drawn.unwrap_or_else(|reason| missing(&format!("The {what} could not be drawn: {reason}.")))
}

/// A note under a heading.
pub(super) fn note(sentence: &str) -> String {
    format!("<p class=\"note\">{}</p>", escape(sentence))
}

/// A table; `head` and the cells are text.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = head
        .iter()
        .map(|h| format!("<th>{}</th>", escape(h)))
        .collect();
    let mut body = String::new();
    for row in rows {
        let cells = row.iter().map(|cell| format!("<td>{}</td>", escape(cell)));
        body += &format!("<tr>{}</tr>", cells.collect::<String>());
    }
    format!(
        "<div class=\"wide\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
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
        assert!(table(&["<a>"], &[vec!["<b>".into()]]).contains("<th>&lt;a&gt;</th>"));
    }

    #[test]
    fn images_are_in_the_base64_of_rfc_4648_with_padding() {
        let source = |png: &[u8]| {
            let element = image(png, "", "");
            let (_, rest) = element.split_once(";base64,").unwrap();
            rest.split_once('"').unwrap().0.to_owned()
        };
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(source(plain.as_bytes()), coded);
        }
        assert_eq!(source(&[0xfb, 0xff, 0xfe]), "+//+");
    }
}
