//! Tables of text (RFC 4180): fields between commas, semicolons or tabs, in quotes where they have
//! such themselves.

/// What stands between fields.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// The fields of each line that has any. The separator is the one that the first line has most of.
pub(super) fn parse(text: &str) -> Vec<Vec<String>> {
    // A byte order mark, as Excel writes it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.lines().find(|line| !line.trim().is_empty());
    let first = first.unwrap_or_default();
    // The first of those that are there as often: a comma.
    let separators = SEPARATORS.into_iter().rev();
    let separator = separators.max_by_key(|s| first.matches(*s).count());
    let separator = separator.unwrap_or(',');
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => field.extend(rest.next()),
            '"' if quoted => quoted = false,
            '"' if field.trim().is_empty() => {
                field.clear();
                quoted = true;
            }
            _ if quoted => field.push(c),
            '\n' | '\r' => {
                line.push(std::mem::take(&mut field));
                lines.push(std::mem::take(&mut line));
            }
            _ if c == separator => line.push(std::mem::take(&mut field)),
            _ => field.push(c),
        }
    }
    line.push(field);
    lines.push(line);
    for field in lines.iter_mut().flatten() {
        *field = field.trim().to_owned();
    }
    lines.retain(|line| line.iter().any(|field| !field.is_empty()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_split_at_the_separator_of_the_first_line_and_not_within_quotes() {
        let expected = vec![vec!["a.png", "cat"], vec!["b, \"c\".png", "dog\nor"]];
        for separator in [",", ";", "\t"] {
            let text = format!(
                "\u{feff}a.png{separator} cat\r\n\r\n\"b, \"\"c\"\".png\"{separator}\"dog\nor\""
            );
            assert_eq!(parse(&text), expected, "{separator}");
        }
        assert_eq!(parse("a,b;c\n1;2,3"), [["a", "b;c"], ["1;2", "3"]]);
        assert_eq!(parse("\n \n"), Vec::<Vec<String>>::new());
        // A quote that is not closed takes the rest.
        assert_eq!(parse("a,\"b\nc,d"), [["a", "b\nc,d"]]);
    }
}
