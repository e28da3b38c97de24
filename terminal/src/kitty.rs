//! The kitty graphics protocol: a PNG in base64, in chunks of escape sequences.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
/// Most bytes of base64 in one escape sequence.
const CHUNK: usize = 4096;

/// Adds a PNG file's bytes to `out` as an image to transmit and show (`a=T`, `f=100`), quietly
/// (`q=2`: no answers that would land in the shell), and a line break.
pub fn kitty(png: &[u8], out: &mut Vec<u8>) {
    let text = STANDARD.encode(png);
    out.reserve(text.len() + text.len() / CHUNK * 16 + 64);
    let mut chunks = text.as_bytes().chunks(CHUNK).peekable();
    let mut head = "a=T,f=100,q=2,";
    while let Some(chunk) = chunks.next() {
        let more = u8::from(chunks.peek().is_some());
        // Writing to a vector cannot fail.
        let _ = write!(out, "\x1b_G{head}m={more};");
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\x1b\\");
        head = "";
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_put_together_are_the_png() {
        // Any bytes will do: they are not looked at. Several chunks of them.
        let png: Vec<u8> = (0..10_000u32).map(|i| ((i * i) >> 3) as u8).collect();
        let mut out = Vec::new();
        kitty(&png, &mut out);
        let text = String::from_utf8(out).unwrap();
        let sequences: Vec<&str> = text.trim_end().split_terminator("\x1b\\").collect();
        assert!(sequences.len() > 2);
        let mut data = String::new();
        for (i, sequence) in sequences.iter().enumerate() {
            let sequence = sequence.strip_prefix("\x1b_G").unwrap();
            let (head, body) = sequence.split_once(';').unwrap();
            let last = i + 1 == sequences.len();
            assert_eq!(head.starts_with("a=T,f=100"), i == 0);
            assert!(head.ends_with(if last { "m=0" } else { "m=1" }));
            assert!(body.len() <= CHUNK && (last || body.len() % 4 == 0));
            data.push_str(body);
        }
        assert_eq!(data, STANDARD.encode(&png));
    }
}
