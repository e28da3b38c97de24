use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::atomic_file::TestFolder;

fn idx(dims: &[u32], items: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, UNSIGNED_BYTE, dims.len() as u8];
    for dim in dims {
        bytes.extend(dim.to_be_bytes());
    }
    bytes.extend(items);
    bytes
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn images(bytes: &[u8]) -> Result<Images, DataError> {
    let folder = TestFolder::new();
    read_images(&folder.write("images", bytes))
}

fn labels(bytes: &[u8]) -> Result<Vec<u16>, DataError> {
    let folder = TestFolder::new();
    read_labels(&folder.write("labels", bytes))
}

#[test]
fn plain_and_gzipped_files_read_alike() {
    let file = idx(&[2, 2, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    for bytes in [file.clone(), gz(&file)] {
        let read = images(&bytes).unwrap();
        assert_eq!(
            (read.shape.channels, read.shape.height, read.shape.width),
            (1, 2, 3)
        );
        assert_eq!(read.pixels, (1..=12).collect::<Vec<u8>>());
    }
    assert_eq!(labels(&gz(&idx(&[3], &[7, 0, 255]))).unwrap(), [7, 0, 255]);
}

#[test]
fn both_orders_of_rgb_become_planar() {
    let planar = images(&idx(&[1, 3, 1, 2], &[1, 2, 3, 4, 5, 6])).unwrap();
    let interleaved = images(&idx(&[1, 4, 4, 3], &(0..48).collect::<Vec<u8>>())).unwrap();
    assert_eq!(planar.pixels, [1, 2, 3, 4, 5, 6]);
    assert_eq!(interleaved.shape, Shape::square(3, 4));
    assert_eq!(interleaved.pixels[..3], [0, 3, 6]);
    assert_eq!(interleaved.pixels[16..19], [1, 4, 7]);
}

#[test]
fn a_wrong_magic_names_what_was_found() {
    let label_file = idx(&[12], &[0; 12]);
    match images(&label_file) {
        Err(DataError::Magic { found, .. }) => assert_eq!(found, [0, 0, 8, 1]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        images(b"\x89PNG...."),
        Err(DataError::Magic { .. })
    ));
    // Type 0x0d: 32-bit floats.
    assert!(matches!(
        images(&[0, 0, 0x0d, 3, 0, 0]),
        Err(DataError::Magic { .. })
    ));
    assert!(matches!(
        labels(&idx(&[1, 1, 1], &[0])),
        Err(DataError::Magic { .. })
    ));
}

#[test]
fn every_truncation_is_an_error_with_the_numbers() {
    let file = idx(&[2, 2, 2], &[9; 8]);
    for len in 0..file.len() {
        match images(&file[..len]) {
            Err(DataError::Truncated {
                expected, found, ..
            }) => {
                assert_eq!(found, len as u64);
                assert!(expected > found);
            }
            other => panic!("{len}: {other:?}"),
        }
        assert!(images(&gz(&file[..len])).is_err());
    }
    let packed = gz(&file);
    for len in 0..packed.len() {
        assert!(images(&packed[..len]).is_err(), "{len}");
    }
}

#[test]
fn files_that_go_on_after_their_end_are_refused() {
    let file = idx(&[1, 2, 2], &[9; 5]);
    for bytes in [file.clone(), gz(&file)] {
        assert!(matches!(
            images(&bytes),
            Err(DataError::TooLong { expected: 20, .. })
        ));
    }
}

#[test]
fn a_damaged_gzip_file_is_told_apart() {
    let mut bytes = gz(&idx(&[1, 2, 2], &[1, 2, 3, 4]));
    let crc = bytes.len() - 6;
    bytes[crc] ^= 1;
    assert!(matches!(images(&bytes), Err(DataError::Gzip { .. })));
}

#[test]
fn forged_dimensions_are_refused_without_allocating() {
    for dims in [
        &[u32::MAX, u32::MAX, u32::MAX][..],
        &[1, 0, 28],
        &[1, 28, 5000],
        &[u32::MAX, 4096, 4096],
        &[1, 2, 28, 28],
        &[u32::MAX, 3, 4096, 4096],
    ] {
        match images(&idx(dims, &[])) {
            Err(DataError::Dimensions { found, .. }) => assert_eq!(found, dims),
            other => panic!("{dims:?}: {other:?}"),
        }
    }
    // A legal header over no data costs nothing.
    assert!(matches!(
        images(&idx(&[60_000_000, 28, 28], &[])),
        Err(DataError::Truncated { .. })
    ));
    assert!(matches!(
        images(&idx(&[0, 28, 28], &[])),
        Err(DataError::Empty { .. })
    ));
    assert!(matches!(
        labels(&idx(&[0], &[])),
        Err(DataError::Empty { .. })
    ));
}

#[test]
fn a_gzip_bomb_stops_at_the_size_its_header_promises() {
    let bomb = gz(&idx(&[1, 4, 4], &vec![0; 64 << 20]));
    assert!(bomb.len() < 1 << 20);
    assert!(matches!(
        images(&bomb),
        Err(DataError::TooLong { expected: 32, .. })
    ));
}
