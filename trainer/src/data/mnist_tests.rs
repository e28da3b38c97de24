use std::env;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::{DataSpec, load};
use super::*;
use crate::atomic_file::TestFolder;

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The IDX bytes of two images of 28x28 or of two labels.
fn idx(name: &str) -> Vec<u8> {
    if name.contains("labels") {
        vec![0, 0, 8, 1, 0, 0, 0, 2, 3, 9]
    } else {
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28];
        bytes.extend((0..2 * 784).map(|i| (i % 256) as u8));
        bytes
    }
}

/// A set with the sums of [`idx`], as MNIST's (uncompressed) or Fashion-MNIST's (packed).
fn tiny(packed: bool) -> Published {
    let sum = |name: &str| -> Sum {
        let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        if packed {
            Sum::Gzipped(leak(atomic_file::sha256(&gz(&idx(name)))))
        } else {
            Sum::Plain(leak(atomic_file::sha256(&idx(name))))
        }
    };
    Published {
        name: "tiny",
        classes: MNIST.classes,
        files: NAMES.map(|name| PublishedFile {
            name,
            sum: sum(name),
        }),
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
    match set.load(&options) {
        Err(DataError::Offline { looked, .. }) => {
            assert_eq!(
                looked,
                [folder.0.join("data/tiny"), folder.0.join("cache/tiny")]
            );
        }
        other => panic!("{other:?}"),
    }
    for name in NAMES {
        folder.write(&format!("cache/tiny/{name}"), &idx(name));
    }
    assert_eq!(set.load(&options).unwrap().train.labels, Some(vec![3, 9]));
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
            folder.write(&format!("data/tiny/{name}.gz"), &gz(&idx(name)));
        }
        set.load(&offline(&folder)).unwrap();
        let mut other = idx(NAMES[2]);
        other[20] ^= 1;
        folder.write(&format!("data/tiny/{}.gz", NAMES[2]), &gz(&other));
        match set.load(&offline(&folder)) {
            Err(DataError::Checksum {
                path,
                expected,
                found,
            }) => {
                assert!(path.ends_with(format!("{}.gz", NAMES[2])));
                assert_ne!(expected, found);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_uncompressed_copy_without_a_published_sum_is_read_with_a_note() {
    let folder = TestFolder::new();
    for name in NAMES {
        folder.write(&format!("data/tiny/{name}"), &idx(name));
    }
    assert!(
        tiny(false)
            .load(&offline(&folder))
            .unwrap()
            .notes
            .is_empty()
    );
    let notes = tiny(true).load(&offline(&folder)).unwrap().notes;
    assert_eq!(notes.len(), 4);
    assert!(notes[0].contains("not verified"));
}

#[test]
fn what_is_missing_or_damaged_in_the_cache_is_downloaded() {
    let folder = TestFolder::new();
    folder.write(
        &format!("cache/tiny/{}", NAMES[0]),
        b"damaged, and found first",
    );
    folder.write(&format!("cache/tiny/{}.gz", NAMES[1]), &gz(b"damaged"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            let mut reader = std::io::BufReader::new(stream.try_clone().unwrap());
            std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
            let name = line
                .split_whitespace()
                .nth(1)
                .unwrap()
                .trim_start_matches('/');
            let body = gz(&idx(name.trim_end_matches(".gz")));
            let head = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    let options = LoadOptions {
        offline: false,
        mirrors: vec![url],
        ..offline(&folder)
    };
    let raw = tiny(true).load(&options).unwrap();
    assert_eq!(raw.test.labels, Some(vec![3, 9]));
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
    if !MNIST.is_complete(&folder.join("mnist")) {
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
    let larger = load(
        &DataSpec::Mnist,
        &LoadOptions {
            size: Some(32),
            channels: Some(3),
            limit: Some(10),
            ..options
        },
    )
    .unwrap();
    assert_eq!(larger.train.pixels().len(), 10 * 3 * 32 * 32);
    assert_eq!(larger.test.len(), 10_000);
}
