use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::*;
use crate::atomic_file::TestFolder;
use crate::data::folder::source::Source;

/// An archive under construction.
#[derive(Default)]
struct Packer {
    bytes: Vec<u8>,
    list: Vec<u8>,
    count: u16,
}

/// What is written of a file.
struct Told<'a> {
    name: &'a str,
    flags: u16,
    method: u16,
    packed: &'a [u8],
    len: u32,
    crc: u32,
    /// Whether lengths and place stand in the extra field of ZIP64.
    large: bool,
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

impl Packer {
    fn add(&mut self, told: &Told<'_>) {
        let offset = self.bytes.len() as u64;
        let name = told.name.as_bytes();
        let packed = told.packed.len() as u64;
        let mut extra = Vec::new();
        if told.large {
            extra.extend([1, 0, 24, 0]);
            for value in [u64::from(told.len), packed, offset] {
                extra.extend(value.to_le_bytes());
            }
        }
        let short = |value: u64| if told.large { u32::MAX } else { value as u32 };
        let sizes = [told.crc, short(packed), short(told.len.into())];
        let sizes: Vec<u8> = sizes.iter().flat_map(|n| n.to_le_bytes()).collect();
        let head = [20, told.flags, told.method, 0, 0];
        let head: Vec<u8> = head.iter().flat_map(|n| n.to_le_bytes()).collect();
        let lengths = [name.len() as u16, extra.len() as u16];
        let lengths: Vec<u8> = lengths.iter().flat_map(|n| n.to_le_bytes()).collect();
        for part in [
            b"PK\x03\x04",
            &head[..],
            &sizes,
            &lengths,
            name,
            &extra,
            told.packed,
        ] {
            self.bytes.extend(part);
        }
        let offset = short(offset).to_le_bytes();
        for part in [
            b"PK\x01\x02\x14\0",
            &head[..],
            &sizes,
            &lengths,
            &[0; 10],
            &offset,
            name,
            &extra,
        ] {
            self.list.extend(part);
        }
        self.count += 1;
    }

    fn stored(&mut self, name: &str, bytes: &[u8]) {
        let (len, crc) = (bytes.len() as u32, crc(bytes));
        self.add(&Told {
            name,
            flags: 0,
            method: STORED,
            packed: bytes,
            len,
            crc,
            large: false,
        });
    }

    fn finish(self, comment: &[u8]) -> Vec<u8> {
        let (start, len) = (self.bytes.len() as u32, self.list.len() as u32);
        let count = self.count.to_le_bytes();
        let comment_len = (comment.len() as u16).to_le_bytes();
        let (start, len) = (start.to_le_bytes(), len.to_le_bytes());
        let end: [&[u8]; 8] = [
            b"PK\x05\x06\0\0\0\0",
            &count,
            &count,
            &len,
            &start,
            &comment_len,
            comment,
            b"",
        ];
        [self.bytes, self.list, end.concat()].concat()
    }
}

type Found = (String, Result<Vec<u8>, String>);

fn all(folder: &TestFolder, bytes: &[u8]) -> Result<Vec<Found>, DataError> {
    let source = Source::open(&folder.write("a.zip", bytes))?;
    let entries = source.entries()?.into_iter();
    Ok(entries
        .map(|e| (e.path.clone(), source.read(&e, 1 << 20)))
        .collect())
}

#[test]
fn stored_and_deflated_files_and_those_of_zip64_are_read() {
    let folder = TestFolder::new();
    let long = b"abc".repeat(1000);
    let packed = deflated(&long);
    let mut packer = Packer::default();
    packer.stored("b/1.png", b"one");
    packer.stored("b/", b"");
    packer.stored("b/notes.txt", b"not an image");
    packer.stored("without", b"GIF89a");
    for (name, large) in [("a.jpg", false), ("../c.webp", true)] {
        let (len, crc) = (3000, crc(&long));
        packer.add(&Told {
            name,
            flags: 0,
            method: DEFLATED,
            packed: &packed,
            len,
            crc,
            large,
        });
    }
    // A later file of the same name replaces an earlier one.
    packer.stored("b/1.png", b"two");
    let found = all(&folder, &packer.finish(b"PK\x05\x06 in a comment")).unwrap();
    let expected = [
        ("a.jpg", &long[..]),
        ("b/1.png", b"two"),
        ("c.webp", &long),
        ("without", b"GIF89a"),
    ];
    let expected = expected.map(|(name, bytes)| (name.to_owned(), Ok(bytes.to_vec())));
    assert_eq!(found, expected);
}

#[test]
fn a_file_that_is_not_what_the_archive_says_is_told_and_no_more_is_unpacked() {
    let folder = TestFolder::new();
    let zeros = deflated(&vec![0; 50 << 20]);
    let good = deflated(b"good");
    let mut packer = Packer::default();
    for (name, flags, method, packed, len, sum) in [
        ("bomb.png", 0, DEFLATED, &zeros[..], 100, 0),
        ("claim.png", 0, DEFLATED, &good, 2 << 20, 0),
        ("crc.png", 0, DEFLATED, &good, 4, 7),
        ("locked.png", 1, DEFLATED, &good, 4, 0),
        ("lzma.png", 0, 14, b"xxxx", 4, 0),
        ("noise.png", 0, DEFLATED, b"\xff\xff", 4, 0),
        ("short.png", 0, STORED, b"abc", 4, 0),
    ] {
        packer.add(&Told {
            name,
            flags,
            method,
            packed,
            len,
            crc: sum,
            large: false,
        });
    }
    let found = all(&folder, &packer.finish(b"")).unwrap();
    let reasons = [
        "longer than the 100 bytes",
        "more than 1048576",
        "checksum",
        "encrypted",
        "LZMA (method 14)",
        "cannot be unpacked",
        "shorter than the 4 bytes",
    ];
    assert_eq!(found.len(), reasons.len());
    for ((name, read), reason) in found.into_iter().zip(reasons) {
        let said = read.unwrap_err();
        assert!(said.contains(reason), "{name}: {said}");
    }
}

#[test]
fn a_damaged_archive_is_an_error_or_has_other_files_and_never_panics() {
    let folder = TestFolder::new();
    let mut packer = Packer::default();
    packer.stored("a.png", b"one");
    let (packed, sum) = (deflated(b"two"), crc(b"two"));
    packer.add(&Told {
        name: "b",
        flags: 0,
        method: DEFLATED,
        packed: &packed,
        len: 3,
        crc: sum,
        large: true,
    });
    let whole = packer.finish(b"");
    for cut in 0..whole.len() {
        let found = all(&folder, &whole[..cut]);
        let error = found.unwrap_err();
        assert!(matches!(error, DataError::Archive { .. }), "{cut}: {error}");
    }
    for at in 0..whole.len() {
        for bit in [1, 0x80] {
            let mut bad = whole.clone();
            bad[at] ^= bit;
            for (name, read) in all(&folder, &bad).unwrap_or_default() {
                // By the checksum, other bytes are no file.
                let other = read.is_ok_and(|bytes| bytes != b"one" && bytes != b"two");
                assert!(!other, "{at}: {name}");
            }
        }
    }
}
