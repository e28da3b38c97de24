//! Files that earlier versions of the compiler wrote, and their pictures: what was compiled once stays readable. `tests/models/kept` holds
//! them; nothing writes them anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dreamlet_runtime::engine::compiled::format::{Number, Op};
use dreamlet_runtime::engine::compiled::{Engine, Level, Model};

use crate::builder::AlignedFile;

fn kept() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models/kept");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "dream"))
        .collect();
    files.sort();
    files
}

/// 64-bit FNV-1a, of which golden files of exact models have the digits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

fn bytes_of(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn files_of_earlier_compilers_are_read_and_make_the_pictures_they_made() {
    let files = kept();
    assert!(files.len() >= 8, "{} files", files.len());
    for path in files {
        let file = AlignedFile::new(&std::fs::read(&path).unwrap());
        let model =
            Model::new(file.get()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let last = model.layers().last().unwrap().unwrap();
        let exact = last.output_number == Number::U8;
        let text = std::fs::read_to_string(path.with_extension("golden")).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(!lines.is_empty(), "{}", path.display());
        for (line, level) in lines
            .iter()
            .flat_map(|line| Level::available().map(move |level| (line, level)))
        {
            let (seed, digits) = line.split_once(' ').unwrap();
            let seed: u64 = seed.parse().unwrap();
            let engine = Engine::with_level(model, level);
            let mut latent = vec![0.0; model.latent_len()];
            model.distribution().fill(seed, None, &mut latent);
            let class = (model.classes() > 0).then(|| (seed % model.classes() as u64) as usize);
            let mut scratch = vec![0xA5; engine.rows_scratch_len()];
            let mut found = vec![0; model.image_len()];
            engine
                .generate_u8(&latent, class, &mut scratch, &mut found)
                .unwrap();
            let what = format!("{}, seed {seed}, {level}", path.display());
            if exact {
                assert_eq!(format!("{:016x}", fnv(&found)), digits, "{what}");
                continue;
            }
            let expected = bytes_of(digits);
            assert_eq!(found.len(), expected.len(), "{what}");
            for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
                // Each level rounds sums otherwise.
                assert!(found.abs_diff(expected) <= 2, "{what}: byte {i}");
            }
        }
    }
}

/// Else a change to one of them would go unseen.
#[test]
fn the_kept_files_have_every_operation() {
    let name = |op: Op| match op {
        Op::Dense => 1,
        Op::Conv(_) => 2,
        Op::FewConv(_) => 3,
        Op::GroupConv(_) => 4,
        Op::Activate => 5,
        Op::Affine => 6,
        Op::Prelu => 7,
        Op::Binary(..) => 8,
        Op::Nearest => 9,
        Op::Bilinear(_) => 10,
        Op::DepthToSpace(_) => 11,
        Op::Pad(..) => 12,
        Op::Copy(_) => 13,
        Op::ToPlanar => 14,
        Op::ToInterleaved => 15,
        Op::Lookup => 16,
        Op::Quantize(_) => 17,
        Op::Dequantize(_) => 18,
    };
    let mut seen = BTreeSet::new();
    for path in kept() {
        let file = AlignedFile::new(&std::fs::read(&path).unwrap());
        let model = Model::new(file.get()).unwrap();
        seen.extend(model.layers().map(|layer| name(layer.unwrap().op)));
    }
    assert_eq!(seen, (1..=18).collect());
}
