//! Every preset, from its first steps to its ONNX file, on the host only: every engine makes the
//! same images of it.
//!
//! onnxruntime takes part where `ORT_DYLIB_PATH` names it, ONNX's own checker where
//! `DREAMLET_PYTHON` names a Python that has it; `scripts/test.sh` sets both.

use std::path::{Path, PathBuf};
use std::process::Command;

use dreamlet_trainer::testing::{
    BATCHES, DataSpec, Dataset, LoadOptions, OnnxRuntime, Overrides, PRESETS, Saved, Source,
    TrainOptions, VerifyOptions, Which, generator, load, resolve, save, train, verify,
};

/// In the shape of a preset's images.
fn glyphs(limit: usize, [channels, size]: [usize; 2]) -> Dataset {
    let options = LoadOptions {
        limit: Some(limit),
        size: Some(size),
        channels: Some(channels),
        ..LoadOptions::default()
    };
    load(&DataSpec::Glyphs, &options).unwrap()
}

/// Images of the first latents, channel by channel.
fn images(saved: &Saved, count: usize) -> Vec<f32> {
    let mut latents = vec![0.0; count * saved.config.model.latent];
    dreamlet_runtime::latent::fill_normal(1, None, &mut latents);
    saved.generate(&latents, None, count).unwrap()
}

fn export(saved: &Saved, name: &str, path: &Path) {
    let card = generator::card(&saved.config, &saved.state.classes, name).unwrap();
    let model = generator::graph(&saved.generator, &saved.config).unwrap();
    save(model, card, path).unwrap();
}

/// Trains a preset for a few steps on `limit` images, so that no normalization is left at its
/// beginning, and exports it.
fn trained(preset: &str, limit: usize, out: &Path) -> (Saved, PathBuf) {
    let sets = ["optimizer.batch=16", "optimizer.learning_rate=0.01"];
    let overrides = Overrides {
        sets: sets.iter().map(|set| (*set).to_owned()).collect(),
        steps: Some(4),
        ..Overrides::default()
    };
    let mut config = resolve(&Source::Preset(preset.into()), &overrides).unwrap();
    // The nets of larger images are the same with more of the same.
    if config.data.size > 28 {
        config.data.size = 16;
    }
    let data = glyphs(limit, [config.data.channels, config.data.size]);
    let options = TrainOptions {
        out: out.to_owned(),
        quiet: true,
        ..TrainOptions::default()
    };
    let outcome = train(&config, &data, &options).unwrap();
    let saved = Saved::open(&outcome.run, Which::default()).unwrap();
    let path = outcome.run.join("export/model.onnx");
    export(&saved, preset, &path);
    (saved, path)
}

#[test]
fn every_preset_makes_the_same_images_in_every_engine_at_every_batch() {
    let folder = std::env::temp_dir().join(format!("dreamlet-presets-{}", std::process::id()));
    let mut files = Vec::new();
    for preset in PRESETS {
        let (saved, path) = trained(preset.name, 256, &folder);
        let mut in_burn =
            |z: &[f32], classes: Option<&[i64]>, rows: usize| saved.generate(z, classes, rows);
        let options = VerifyOptions {
            onnxruntime: match std::env::var_os("ORT_DYLIB_PATH") {
                Some(_) => OnnxRuntime::Required,
                None => OnnxRuntime::Skip,
            },
            ..VerifyOptions::default()
        };
        let report = verify(&path, Some(&mut in_burn), &options)
            .unwrap_or_else(|error| panic!("{}: {error}", preset.name));
        println!("{}\n{report}", preset.name);
        assert!(report.batches.starts_with(&BATCHES), "{}", preset.name);
        assert!(report.golden > 0, "{}", preset.name);
        // A generator whose image does not depend on its latent would agree with anything.
        let images = images(&saved, 2);
        let (one, other) = images.split_at(images.len() / 2);
        assert_ne!(one, other, "{}", preset.name);
        files.push(path);
    }
    if let Some(python) = std::env::var_os("DREAMLET_PYTHON") {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/check_onnx.py");
        let mut command = Command::new(python);
        let checked = command.arg(script).args(&files).output().unwrap();
        let words = String::from_utf8_lossy(&checked.stdout);
        assert!(checked.status.success(), "{words}");
        println!("{words}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn both_stages_and_the_first_alone_can_be_opened_and_one_stage_has_no_first() {
    let folder = std::env::temp_dir().join(format!("dreamlet-stages-{}", std::process::id()));
    let first_stage = Which {
        first_stage: true,
        ..Which::default()
    };
    let (both, path) = trained("vae-two-stage", 64, &folder);
    let first = Saved::open(&both.run, first_stage).unwrap();
    assert_ne!(images(&both, 1), images(&first, 1));
    // The second stage is dense layers in front: its weights are in the file.
    let alone = path.with_file_name("first.onnx");
    export(&first, "first", &alone);
    let size = |path: &Path| path.metadata().unwrap().len();
    let widths = first.config.second_hidden().unwrap();
    let least: usize = widths.windows(2).map(|w| 4 * w[0] * w[1]).sum();
    assert!(size(&path) > size(&alone) + least as u64);

    let (one, _) = trained("seed-vae", 64, &folder);
    let error = Saved::open(&one.run, first_stage).unwrap_err().to_string();
    assert!(error.contains("one stage only"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}
