//! Every model that is kept in `models/` makes the images of its card on this target.

use std::path::{Path, PathBuf};

use dreamlet_runtime::card::{Card, GoldenMatch};
use dreamlet_runtime::engine::tract::OnnxGenerator;
use dreamlet_runtime::generator::Generator;

fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| std::fs::read_dir(entry.unwrap().path()).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "models/ holds no model");
    files
}

#[test]
fn every_model_makes_its_golden_images() {
    for path in models() {
        let mut generator = OnnxGenerator::open(&path).unwrap();
        let card = generator.card().unwrap().clone();
        let path = path.display();
        assert!(card.tolerance.levels <= 2, "{path}: the promise is 2/255");
        assert!(!card.golden.is_empty(), "{path}: no golden");
        let found = generator.check_golden().unwrap();
        assert_eq!(found.len(), card.golden.len());
        for (golden, found) in card.golden.iter().zip(found) {
            let near = matches!(found, GoldenMatch::Exact | GoldenMatch::Within { .. });
            assert!(near, "{path} at seed {}: {found:?}", golden.seed);
        }
    }
}

#[test]
fn every_models_card_and_golden_samples_lie_beside_it_too() {
    for path in models() {
        let beside = path.with_file_name("card.json");
        let text = std::fs::read_to_string(&beside)
            .unwrap_or_else(|error| panic!("{}: {error}", beside.display()));
        let generator = OnnxGenerator::open(&path).unwrap();
        assert_eq!(Some(&Card::from_json(&text).unwrap()), generator.card());
    }
}

#[test]
fn every_model_is_small_and_says_where_it_comes_from() {
    for path in models() {
        let size = path.metadata().unwrap().len();
        assert!(size < 3_000_000, "{}: {size} bytes", path.display());
        let generator = OnnxGenerator::open(&path).unwrap();
        let card = generator.card().unwrap();
        assert_eq!(card.image, generator.shape());
        for (field, text) in [
            ("name", &card.name),
            ("dataset", &card.dataset),
            ("config_hash", &card.config_hash),
            ("trainer_version", &card.trainer_version),
            ("license", &card.license),
        ] {
            assert!(!text.is_empty(), "{}: no {field}", path.display());
        }
    }
}
