//! Names of classes, read from the card without a heap.

/// Name number `class` of the list `classes` in a card; `None` where there is none, or where it has
/// an escaped character, which no heapless program can give back as it is.
pub(super) fn class_name(card: &[u8], class: usize) -> Option<&str> {
    let mut scan = Scan { rest: card };
    let mut depth = 0;
    // The key of the card itself, not of an object in it.
    loop {
        match scan.rest.first()? {
            b'"' => {
                let name = scan.string()?;
                scan.spaces();
                if depth == 1 && name == b"classes" && scan.rest.first() == Some(&b':') {
                    scan.skip();
                    break;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        scan.skip();
    }
    scan.spaces();
    if scan.rest.first() != Some(&b'[') {
        return None;
    }
    scan.skip();
    let mut number = 0;
    loop {
        scan.spaces();
        match scan.rest.first()? {
            b'"' => {
                let name = scan.string()?;
                if number == class {
                    let name = core::str::from_utf8(name).ok()?;
                    return Some(name).filter(|name| !name.contains('\\'));
                }
                number += 1;
            }
            b',' => scan.skip(),
            _ => return None,
        }
    }
}

struct Scan<'c> {
    rest: &'c [u8],
}

impl<'c> Scan<'c> {
    fn skip(&mut self) {
        self.rest = self.rest.split_first().map_or(&[], |(_, rest)| rest);
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// The string that begins here, without its quotes.
    fn string(&mut self) -> Option<&'c [u8]> {
        self.skip();
        let begin = self.rest;
        let mut len = 0;
        loop {
            match begin.get(len)? {
                b'"' => break,
                b'\\' => len += 2,
                _ => len += 1,
            }
        }
        self.rest = begin.get(len + 1..)?;
        begin.get(..len)
    }
}

#[cfg(test)]
mod tests {
    use super::class_name;

    #[test]
    fn names_are_those_of_the_card_and_not_of_what_is_in_it() {
        let card = br#"{"note":"\"classes\":[\"x\"]","inner":{"classes":["y"]},"list":["classes"],
            "classes" : [ "a", "two words", "\u00e9", "d" ],"z":1}"#;
        let names = [0, 1, 2, 3, 4].map(|class| class_name(card, class));
        assert_eq!(names, [Some("a"), Some("two words"), None, Some("d"), None]);
    }

    #[test]
    fn whatever_is_no_card_has_no_names() {
        for card in [
            "",
            "{",
            "[]",
            "{\"classes\"",
            "{\"classes\":3}",
            "{\"classes\":[\"a",
            "}}}]\"",
        ] {
            assert_eq!(class_name(card.as_bytes(), 0), None, "{card}");
        }
    }
}
