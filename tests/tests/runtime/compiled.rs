//! Compiled models make their golden images at every level of vector instructions, here and on ARM;
//! `tests/firmware` runs the same on microcontrollers and in WebAssembly.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dreamlet_runtime::engine::compiled::format::Op;
use dreamlet_runtime::engine::compiled::{Engine, Model, SimdLevel, rows_scratch_len, scratch_len};
use dreamlet_tests::compiled::{Aligned, fnv, image, is_exact};

/// Files that earlier versions of the compiler wrote: what was compiled once stays readable.
/// Nothing writes them anew.
const KEPT: &str = "models/kept";

/// Compiled models with golden files: the small ones, those of earlier compilers, and those of
/// `models/`.
fn models() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = std::fs::read_dir(here.join("../models"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .chain([here.join("models"), here.join(KEPT)]);
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
fn every_compiled_model_makes_its_golden_images_at_every_level() {
    for path in models() {
        let file = read(&path);
        let exact = is_exact(file.get()).unwrap();
        let text = std::fs::read_to_string(path.with_extension("golden")).unwrap();
        let mut seen = 0;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (seed, digits) = line.split_once(' ').unwrap();
            for level in SimdLevel::available() {
                let found = image(file.get(), level, seed.parse().unwrap()).unwrap();
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
        assert!(seen > 0, "{}: no golden image", path.display());
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

/// Else a change to one of them would go unseen.
#[test]
fn the_kept_files_have_every_operation() {
    let name = |op: Op| match op {
        Op::Dense => 1,
        Op::Conv(_) => 2,
        Op::Col2ImConv(_) => 3,
        Op::GroupConv(_) => 4,
        Op::Activate => 5,
        Op::Affine => 6,
        Op::Prelu => 7,
        Op::Binary(..) => 8,
        Op::Nearest => 9,
        Op::Bilinear(_) => 10,
        Op::DepthToSpace(_) => 11,
        Op::Pad(..) => 12,
        Op::ConcatChannels(_) => 13,
        Op::HwcToChw => 14,
        Op::ChwToHwc => 15,
        Op::Lookup => 16,
        Op::Quantize(_) => 17,
        Op::Dequantize(_) => 18,
        Op::UpsampleConv => 19,
        Op::Strided(kind, _) => 20 + kind as u32,
        Op::QuantizedAdd(_) => 26,
    };
    let mut seen = BTreeSet::new();
    let kept: Vec<PathBuf> = models()
        .into_iter()
        .filter(|path| path.parent().is_some_and(|folder| folder.ends_with(KEPT)))
        .collect();
    assert!(kept.len() >= 8, "{} files", kept.len());
    for path in kept {
        let file = read(&path);
        let model = Model::new(file.get()).unwrap();
        seen.extend(model.layers().map(|layer| name(layer.unwrap().op)));
    }
    assert_eq!(seen, (1..=19).chain([26]).collect());
}
