use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::atomic_file::TestFolder;

pub(in crate::data) fn idx(dims: &[u32], items: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, UNSIGNED_BYTE, dims.len() as u8];
    for dim in dims {
        bytes.extend(dim.to_be_bytes());
    }
    bytes.extend(items);
    bytes
}

pub(in crate::data) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn images(bytes: &[u8]) -> Result<(Shape, Vec<u8>), DataError> {
    let folder = TestFolder::new();
    read_images(&folder.write("images", bytes)).map(Items::planar)
}

fn labels(bytes: &[u8]) -> Result<Vec<u8>, DataError> {
    let folder = TestFolder::new();
    read_labels(&folder.write("labels", bytes)).map(|items| items.bytes)
}

#[test]
fn plain_and_gzipped_files_read_alike() {
    let file = idx(&[2, 2, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    for bytes in [file.clone(), gz(&file)] {
        let (shape, pixels) = images(&bytes).unwrap();
        assert_eq!(shape, [1, 2, 3]);
        assert_eq!(pixels, (1..=12).collect::<Vec<u8>>());
    }
    assert_eq!(labels(&gz(&idx(&[3], &[7, 0, 255]))).unwrap(), [7, 0, 255]);
}

#[test]
fn both_orders_of_rgb_become_planar() {
    let (_, planar) = images(&idx(&[1, 3, 1, 2], &[1, 2, 3, 4, 5, 6])).unwrap();
    let interleaved = idx(&[1, 4, 4, 3], &(0..48).collect::<Vec<u8>>());
    let (shape, interleaved) = images(&interleaved).unwrap();
    assert_eq!(planar, [1, 2, 3, 4, 5, 6]);
    assert_eq!(shape, [3, 4, 4]);
    assert_eq!(interleaved[..3], [0, 3, 6]);
    assert_eq!(interleaved[16..19], [1, 4, 7]);
}

#[test]
fn a_wrong_magic_names_what_was_found() {
    let magic = |error: DataError| match error {
        DataError::Magic { found, .. } => found,
        other => panic!("{other:?}"),
    };
    let of_images = |bytes: &[u8]| magic(images(bytes).unwrap_err());
    assert_eq!(of_images(&idx(&[12], &[0; 12])), [0, 0, 8, 1]);
    assert_eq!(of_images(b"\x89PNG...."), *b"\x89PNG");
    // Type 0x0d: 32-bit floats.
    assert_eq!(of_images(&[0, 0, 0x0d, 3, 0, 0]), [0, 0, 0x0d, 3]);
    let of_labels = magic(labels(&idx(&[1, 1, 1], &[0])).unwrap_err());
    assert_eq!(of_labels, [0, 0, 8, 3]);
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
        let read = images(&bytes);
        assert!(matches!(read, Err(DataError::TooLong { expected: 20, .. })));
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
    let read = images(&idx(&[60_000_000, 28, 28], &[]));
    assert!(matches!(read, Err(DataError::Truncated { .. })));
    let read = images(&idx(&[0, 28, 28], &[]));
    assert!(matches!(read, Err(DataError::Empty { .. })));
    let read = labels(&idx(&[0], &[]));
    assert!(matches!(read, Err(DataError::Empty { .. })));
}

#[test]
fn a_gzip_bomb_stops_at_the_size_its_header_promises() {
    let bomb = gz(&idx(&[1, 4, 4], &vec![0; 64 << 20]));
    assert!(bomb.len() < 1 << 20);
    let read = images(&bomb);
    assert!(matches!(read, Err(DataError::TooLong { expected: 32, .. })));
}
