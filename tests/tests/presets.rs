//! Every preset, from its first steps to its ONNX file, on the host only: every engine makes the
//! same images of it.
//!
//! onnxruntime takes part where `ORT_DYLIB_PATH` names it, ONNX's own checker where
//! `DREAMLET_PYTHON` names a Python that has it; `scripts/test.sh` sets both.
#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::Command;

use dreamlet_trainer::testing::{BATCHES, OnnxRuntime, Options, verify};
use dreamlet_trainer::testing::{DataSpec, Dataset, LoadOptions, load};
use dreamlet_trainer::testing::{Overrides, PRESETS, Source, resolve};
use dreamlet_trainer::testing::{Saved, Which};
use dreamlet_trainer::testing::{TrainOptions, train};
use dreamlet_trainer::testing::{generator, save};

/// Trains a preset for a few steps, so that no normalization is left at its beginning, and exports
/// it.
fn trained(preset: &str, data: &Dataset, out: &Path) -> (Saved, PathBuf) {
    let sets = ["optimizer.batch=16", "optimizer.learning_rate=0.01"];
    let overrides = Overrides {
        sets: sets.iter().map(|set| (*set).to_owned()).collect(),
        steps: Some(4),
        ..Overrides::default()
    };
    let config = resolve(&Source::Preset(preset.into()), &overrides).unwrap();
    let options = TrainOptions {
        out: out.to_owned(),
        quiet: true,
        ..TrainOptions::default()
    };
    let outcome = train(&config, data, &options).unwrap();
    let saved = Saved::open(&outcome.run, Which::default()).unwrap();
    let path = outcome.run.join("export/model.onnx");
    let card = generator::card(&saved.config, &saved.state.classes, preset).unwrap();
    let model = generator::graph(&saved.generator, &saved.config).unwrap();
    save(model, card, &path).unwrap();
    (saved, path)
}

#[test]
fn every_preset_makes_the_same_images_in_every_engine_at_every_batch() {
    let folder = std::env::temp_dir().join(format!("dreamlet-presets-{}", std::process::id()));
    let options = LoadOptions {
        limit: Some(256),
        ..LoadOptions::default()
    };
    let data = load(&DataSpec::Glyphs, &options).unwrap();
    let mut files = Vec::new();
    for preset in PRESETS {
        let (saved, path) = trained(preset.name, &data, &folder);
        let mut in_burn =
            |z: &[f32], classes: Option<&[i64]>, rows: usize| saved.generate(z, classes, rows);
        let options = Options {
            onnxruntime: if std::env::var_os("ORT_DYLIB_PATH").is_some() {
                OnnxRuntime::Required
            } else {
                OnnxRuntime::Skip
            },
            ..Options::default()
        };
        let report = verify(&path, Some(&mut in_burn), &options)
            .unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        println!("{}\n{report}", preset.name);
        assert!(report.batches.starts_with(&BATCHES), "{}", preset.name);
        assert!(report.golden > 0, "{}", preset.name);
        // A generator whose image does not depend on its latent would agree with anything.
        let mut latents = vec![0.0; 2 * saved.config.model.latent];
        dreamlet_runtime::latent::fill_normal(1, None, &mut latents);
        let images = saved.generate(&latents, None, 2).unwrap();
        let (one, other) = images.split_at(images.len() / 2);
        assert_ne!(one, other, "{}", preset.name);
        files.push(path);
    }
    if let Some(python) = std::env::var_os("DREAMLET_PYTHON") {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/check_onnx.py");
        let checked = Command::new(python)
            .arg(script)
            .args(&files)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&checked.stdout);
        assert!(checked.status.success(), "{words}");
        println!("{words}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn both_stages_and_the_first_alone_can_be_opened_and_one_stage_has_no_first() {
    let folder = std::env::temp_dir().join(format!("dreamlet-stages-{}", std::process::id()));
    let options = LoadOptions {
        limit: Some(64),
        ..LoadOptions::default()
    };
    let data = load(&DataSpec::Glyphs, &options).unwrap();
    let first_stage = Which {
        first_stage: true,
        ..Which::default()
    };
    let (both, path) = trained("vae-two-stage", &data, &folder);
    let first = Saved::open(&both.run, first_stage).unwrap();
    let mut latents = vec![0.0; both.config.model.latent];
    dreamlet_runtime::latent::fill_normal(1, None, &mut latents);
    assert_ne!(
        both.generate(&latents, None, 1).unwrap(),
        first.generate(&latents, None, 1).unwrap()
    );
    // The second stage is dense layers in front: its weights are in the file.
    let alone = path.with_file_name("first.onnx");
    let card = generator::card(&first.config, &first.state.classes, "first").unwrap();
    let model = generator::graph(&first.generator, &first.config).unwrap();
    save(model, card, &alone).unwrap();
    let size = |path: &Path| path.metadata().unwrap().len();
    let widths = first.config.second_hidden().unwrap();
    let least: usize = widths.windows(2).map(|w| 4 * w[0] * w[1]).sum();
    assert!(size(&path) > size(&alone) + least as u64);

    let (one, _) = trained("seed-vae", &data, &folder);
    let error = Saved::open(&one.run, first_stage).unwrap_err().to_string();
    assert!(error.contains("one stage only"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}
