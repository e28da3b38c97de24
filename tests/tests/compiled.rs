//! Compiled models make their golden pictures at every level of vector instructions, here and on ARM; `tests/firmware` runs the same
//! on microcontrollers and in WebAssembly.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers may fail as the test itself may"
)]

use std::path::{Path, PathBuf};

use dreamlet_runtime::engine::compiled::{Engine, Level, Model, rows_scratch_len, scratch_len};
use dreamlet_tests::compiled::{Aligned, fnv, is_exact, picture};

/// Compiled models with golden files: the small ones, and those of `models/`.
fn models() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = std::fs::read_dir(here.join("../models"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .chain([here.join("models")]);
    let mut files: Vec<PathBuf> = folders
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "golden"))
        .map(|path| path.with_extension("dream"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there is no golden file");
    files
}

fn read(path: &Path) -> Aligned {
    Aligned::new(&std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn bytes_of(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn every_compiled_model_makes_its_golden_pictures_at_every_level() {
    for path in models() {
        let file = read(&path);
        let exact = is_exact(file.get()).unwrap();
        let text = std::fs::read_to_string(path.with_extension("golden")).unwrap();
        let mut seen = 0;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (seed, digits) = line.split_once(' ').unwrap();
            for level in Level::available() {
                let found = picture(file.get(), level, seed.parse().unwrap()).unwrap();
                let what = format!("{} at seed {seed}, {level}", path.display());
                if exact {
                    assert_eq!(format!("{:016x}", fnv(&found)), digits, "{what}");
                } else {
                    let expected = bytes_of(digits);
                    assert_eq!(found.len(), expected.len(), "{what}");
                    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
                        assert!(found.abs_diff(expected) <= 2, "{what}: byte {i}");
                    }
                }
            }
            seen += 1;
        }
        assert!(seen > 0, "{}: no golden picture", path.display());
    }
}

#[test]
fn sizes_of_memory_in_constants_are_those_of_the_engine() {
    for path in models() {
        let file = read(&path);
        let model = Model::new(file.get()).unwrap();
        assert_eq!(scratch_len(file.get()), model.scratch_len());
        let rows = Engine::new(model).rows_scratch_len();
        assert_eq!(rows_scratch_len(file.get()), rows, "{}", path.display());
    }
    assert_eq!(rows_scratch_len(b"dreamlet, but no model"), 0);
}
