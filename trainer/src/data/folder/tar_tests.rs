use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use super::*;
use crate::atomic_file::TestFolder;
use crate::data::folder::source::Source;

fn header(kind: EntryType, len: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(len);
    header.set_cksum();
    header
}

/// Three images, two of them with names that are too long for a header, and what is none.
fn packed() -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let mut add = |name: &str, kind, bytes: &[u8]| {
        let mut header = header(kind, bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).unwrap();
    };
    add("a/1.png", EntryType::Regular, b"one");
    add("a/more.txt", EntryType::Regular, b"not an image");
    add("a/link.png", EntryType::Symlink, b"");
    add(&long_name("gnu"), EntryType::Regular, b"BM two");
    let pax = long_name("pax");
    let path = [("path", pax.as_bytes())];
    builder.append_pax_extensions(path).unwrap();
    let mut header = header(EntryType::Regular, 5);
    builder
        .append_data(&mut header, "short", &b"three"[..])
        .unwrap();
    builder.into_inner().unwrap()
}

fn long_name(end: &str) -> String {
    format!("{}/{end}.png", "long".repeat(40))
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

type Found = (String, Result<Vec<u8>, String>);

fn all(folder: &TestFolder, bytes: &[u8]) -> Result<Vec<Found>, DataError> {
    let source = Source::open(&folder.write("a.tar", bytes))?;
    let entries = source.entries()?.into_iter();
    Ok(entries
        .map(|e| (e.path.clone(), source.read(&e, 100)))
        .collect())
}

#[test]
fn files_with_short_and_long_names_are_read_and_links_are_none() {
    let folder = TestFolder::new();
    let expected = [
        ("a/1.png".to_owned(), Ok(b"one".to_vec())),
        (long_name("gnu"), Ok(b"BM two".to_vec())),
        (long_name("pax"), Ok(b"three".to_vec())),
    ];
    assert_eq!(all(&folder, &packed()).unwrap(), expected);
    assert_eq!(all(&folder, &gzipped(&packed())).unwrap(), expected);
}

#[test]
fn a_cut_archive_is_an_error_or_its_last_file_is() {
    let folder = TestFolder::new();
    let whole = gzipped(&packed());
    for cut in 2..whole.len() {
        let error = all(&folder, &whole[..cut]).unwrap_err();
        assert!(matches!(error, DataError::Archive { .. }), "{cut}: {error}");
    }
    // The three bytes of the first file are at 512.
    let found = all(&folder, &packed()[..514]).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].1.as_ref().unwrap_err().contains("in the middle"));
    assert!(all(&folder, &packed()[..300]).is_err());
}

#[test]
fn hostile_headers_are_errors_and_take_no_memory() {
    let folder = TestFolder::new();
    for kind in [EntryType::XHeader, EntryType::GNULongName] {
        let huge = header(kind, 1 << 40);
        let error = all(&folder, huge.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("1099511627776 bytes"), "{error}");
    }
    let whole = packed();
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 0x80;
        let _ = all(&folder, &bad);
        // Sums of headers that are right again.
        let start = at / 512 * 512;
        if at < 512 {
            let mut fixed = Header::new_old();
            fixed
                .as_mut_bytes()
                .copy_from_slice(&bad[start..start + 512]);
            fixed.set_cksum();
            bad[start..start + 512].copy_from_slice(fixed.as_bytes());
            let _ = all(&folder, &bad);
        }
    }
}

#[test]
fn what_unpacks_to_more_than_the_limit_is_refused_while_it_is_unpacked() {
    let folder = TestFolder::new();
    let file = File::open(folder.write("a", &gzipped(&[7; 1000]))).unwrap();
    let mut unpacker = unpacker(file);
    unpacker.left = 999;
    let error = unpacker.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("more than"), "{error}");
}
