use std::env;
use std::path::PathBuf;

use super::super::download::tests::{Answer, Server};
use super::super::idx::tests::{gz, idx};
use super::super::{DataSpec, load};
use super::*;
use crate::atomic_file::TestFolder;

/// Two images of 28x28 or two labels.
fn file(name: &str) -> Vec<u8> {
    if name.contains("labels") {
        return idx(&[2], &[3, 9]);
    }
    let pixels: Vec<u8> = (0..2 * 784).map(|i| (i % 256) as u8).collect();
    idx(&[2, 28, 28], &pixels)
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// A set with the sums of [`file`], as MNIST's (uncompressed) or Fashion-MNIST's (packed).
fn tiny(packed: bool) -> Published {
    let published = |name| if packed { gz(&file(name)) } else { file(name) };
    Published {
        name: "tiny",
        classes: MNIST.classes,
        sums: NAMES.map(|name| leak(atomic_file::sha256(&published(name)))),
        packed,
        mirrors: &[],
    }
}

/// Looks only into `data`; the cache is a folder beside it.
fn offline(folder: &TestFolder) -> LoadOptions<'static> {
    LoadOptions {
        data_dir: Some(folder.0.join("data")),
        cache_dir: Some(folder.0.join("cache")),
        offline: true,
        ..LoadOptions::default()
    }
}

#[test]
fn the_data_folder_is_looked_into_first_then_the_cache() {
    let folder = TestFolder::new();
    let options = offline(&folder);
    let set = tiny(false);
    let Err(DataError::Offline { looked, .. }) = set.load(&options) else {
        panic!("a set out of nothing");
    };
    let expected = ["data/tiny", "cache/tiny"].map(|name| folder.0.join(name));
    assert_eq!(looked, expected);
    for name in NAMES {
        folder.write(&format!("cache/tiny/{name}"), &file(name));
    }
    let data = set.load(&options).unwrap();
    assert_eq!(data.train.labels(), Some(&[3, 9][..]));
    for name in NAMES {
        folder.write(&format!("data/tiny/{name}.gz"), b"damaged");
    }
    // The user's own folder is not repaired and not passed over.
    assert!(matches!(set.load(&options), Err(DataError::Magic { .. })));
}

#[test]
fn a_file_that_is_not_the_published_one_is_refused() {
    for packed in [false, true] {
        let folder = TestFolder::new();
        let set = tiny(packed);
        for name in NAMES {
            folder.write(&format!("data/tiny/{name}.gz"), &gz(&file(name)));
        }
        set.load(&offline(&folder)).unwrap();
        let mut other = file(NAMES[2]);
        other[20] ^= 1;
        folder.write(&format!("data/tiny/{}.gz", NAMES[2]), &gz(&other));
        let error = set.load(&offline(&folder)).unwrap_err();
        let DataError::Checksum {
            path,
            expected,
            found,
        } = error
        else {
            panic!("{error:?}");
        };
        assert!(path.ends_with(format!("{}.gz", NAMES[2])));
        assert_ne!(expected, found);
    }
}

#[test]
fn an_uncompressed_copy_without_a_published_sum_is_read_with_a_note() {
    let folder = TestFolder::new();
    for name in NAMES {
        folder.write(&format!("data/tiny/{name}"), &file(name));
    }
    let notes = |packed| tiny(packed).load(&offline(&folder)).unwrap().notes;
    assert!(notes(false).is_empty());
    let notes = notes(true);
    assert_eq!(notes.len(), 4);
    assert!(notes[0].contains("not verified"));
}

#[test]
fn what_is_missing_or_damaged_in_the_cache_is_downloaded() {
    let folder = TestFolder::new();
    let first = format!("cache/tiny/{}", NAMES[0]);
    folder.write(&first, b"damaged, and found first");
    folder.write(&format!("cache/tiny/{}.gz", NAMES[1]), &gz(b"damaged"));
    let server = Server::start(&[Answer::Good], |path| gz(&file(path)));
    let options = LoadOptions {
        offline: false,
        ..offline(&folder)
    };
    let online = Published {
        mirrors: Box::leak(Box::new([leak(server.url)])),
        ..tiny(true)
    };
    let data = online.load(&options).unwrap();
    assert_eq!(data.test.labels(), Some(&[3, 9][..]));
    // The second time the network is not needed.
    tiny(true).load(&offline(&folder)).unwrap();
    let mut names: Vec<_> = fs::read_dir(folder.0.join("cache/tiny"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    let mut expected = NAMES.map(|name| format!("{name}.gz"));
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn mnist_is_mnist() {
    let Some(folder) = env::var_os("DREAMLET_DATA_DIR").map(PathBuf::from) else {
        eprintln!("skipped: DREAMLET_DATA_DIR is not set");
        return;
    };
    if !is_complete(&folder.join("mnist")) {
        eprintln!("skipped: no mnist in DREAMLET_DATA_DIR");
        return;
    }
    let options = LoadOptions {
        data_dir: Some(folder),
        offline: true,
        ..LoadOptions::default()
    };
    let data = load(&DataSpec::Mnist, &options).unwrap();
    assert_eq!((data.train.len(), data.test.len()), (60_000, 10_000));
    assert_eq!(data.classes.len(), 10);
    assert_eq!(data.train.labels().unwrap()[..5], [5, 0, 4, 1, 9]);
    assert_eq!(
        data.fingerprint(),
        "fe0c4fd6ad29a0dc480173077bcd8daab8fe9bac661c1b4f1c251bcb482cdc6b"
    );
    let larger = LoadOptions {
        size: Some(32),
        channels: Some(3),
        limit: Some(10),
        ..options
    };
    let larger = load(&DataSpec::Mnist, &larger).unwrap();
    assert_eq!(larger.train.pixels().len(), 10 * 3 * 32 * 32);
    assert_eq!(larger.test.len(), 10_000);
}
