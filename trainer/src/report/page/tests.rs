use std::collections::HashSet;

use super::*;
use crate::atomic_file::TestFolder;
use crate::config::{Overrides, Source, resolve};
use crate::data::Split;
use crate::device::DeviceChoice;
use crate::training::saved::{Saved, Which};
use crate::training::{TrainOptions, latent_use, train};

fn data() -> Dataset {
    let options = LoadOptions {
        limit: Some(96),
        ..LoadOptions::default()
    };
    let mut data = load(&DataSpec::Glyphs, &options).unwrap();
    let few = data.test.pixels()[..40 * data.test.image_len()].to_vec();
    data.test = Split::new(few, None, data.train.image_len()).unwrap();
    data
}

fn trained(folder: &TestFolder, preset: &str, sets: &[&str]) -> std::path::PathBuf {
    let every = [
        "training.log_every=2",
        "training.sample_every=4",
        "optimizer.batch=16",
    ];
    let sets = every.iter().chain(sets).map(|s| (*s).to_owned());
    let overrides = Overrides {
        sets: sets.collect(),
        steps: Some(8),
        ..Overrides::default()
    };
    let config = resolve(&Source::Preset(preset.into()), &overrides).unwrap();
    let options = TrainOptions {
        out: folder.0.clone(),
        device: DeviceChoice::Cpu,
        quiet: true,
        ..TrainOptions::default()
    };
    train(&config, &data(), &options).unwrap().run
}

/// The page of a run, which holds what every page must.
fn page(run: &Path, data: Result<&Dataset, &str>) -> String {
    let html = build(&RunFiles::read(run).unwrap(), data, false);
    check(&html);
    html
}

/// The page of a run with these files and `stats.jsonl`.
fn page_of_files(files: &[(&str, &[u8])]) -> String {
    let folder = TestFolder::new();
    folder.write("stats.jsonl", b"");
    for (name, bytes) in files {
        folder.write(name, bytes);
    }
    page(&folder.0, Err("none"))
}

fn assert_has(html: &str, texts: &[&str]) {
    for text in texts {
        assert!(html.contains(text), "{text}");
    }
}

fn assert_nothing_missing(html: &str) {
    assert!(!html.contains("class=\"missing\""), "something is missing");
}

/// What every page must hold: unique identifiers, links that lead somewhere, nothing from outside.
fn check(html: &str) {
    let after = |mark: &str| -> Vec<String> {
        html.split(mark)
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect()
    };
    let ids = after(" id=\"");
    let unique: HashSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
    for link in after("href=\"") {
        assert!(ids.iter().any(|id| link == format!("#{id}")), "{link}");
    }
    for source in after("src=\"") {
        assert!(source.starts_with("data:image/png;base64,"), "{source:.40}");
    }
    assert!(!html.contains("<link") && !html.contains("@import") && !html.contains("url("));
}

#[test]
fn a_two_stage_vae_shows_the_curves_of_both_and_measures_what_its_generator_takes() {
    let folder = TestFolder::new();
    let sets = ["model.width=2", "model.latent=5", "second_hidden=[8]"];
    let run = trained(&folder, "vae-two-stage", &sets);
    let data = data();
    let html = page(&run, Ok(&data));
    assert_nothing_missing(&html);
    let texts = [
        "<b>reconstruction</b>",
        "<b>second_reconstruction</b>",
        "All 5 dimensions, those with the largest effect",
        "Use of the first stage's latent dimensions",
        "The 5 directions that the first layer stretches most",
    ];
    assert_has(&html, &texts);
}

#[test]
fn a_vae_has_traversals_neighbours_and_the_use_of_its_dimensions() {
    let folder = TestFolder::new();
    let sets = ["model.hidden=[16]", "model.latent=5"];
    let run = trained(&folder, "vae-dense", &sets);
    let data = data();
    let html = page(&run, Ok(&data));
    assert_nothing_missing(&html);
    let most = "All 5 dimensions, those with the most information";
    let charts = ["<b>loss</b>", "<b>kl</b>", "<b>reconstruction</b>"];
    assert_has(&html, &charts);
    assert_has(
        &html,
        &[most, "KL of each dimension", "<b>Images a second</b>"],
    );
    // As the last words of the training have it.
    let saved = Saved::open(&run, Which::default()).unwrap();
    let learner = saved.learner().unwrap().unwrap();
    let divergences = learner.vae().unwrap().latent_use(&data).unwrap();
    assert!(html.contains(&latent_use::how_many(&divergences)));
    assert_eq!(html.matches("from −3 to 3\"").count(), 5);
    assert!(!html.contains("Main directions"));
    assert_eq!(html.matches("and training image").count(), 16);
    // The same run makes the same page.
    assert!(html == page(&run, Ok(&data)));
}

#[test]
fn conditional_models_are_judged_with_the_classes_of_the_images() {
    let data = data();
    let small = ["model.width=4", "model.hidden=[16]", "model.latent=5"];
    for (preset, sets, chart) in [
        ("cvae-dense", &small[1..], "KL of each dimension"),
        ("cgan", &small[..1], ">generated</span>"),
    ] {
        let folder = TestFolder::new();
        let html = page(&trained(&folder, preset, sets), Ok(&data));
        assert_nothing_missing(&html);
        assert!(html.contains(chart), "{preset}");
    }
}

#[test]
fn a_gan_has_the_logits_of_its_discriminator_with_and_without_data() {
    let folder = TestFolder::new();
    let run = trained(&folder, "dcgan", &["model.width=4", "model.latent=16"]);
    let html = page(&run, Ok(&data()));
    assert_nothing_missing(&html);
    assert!(html.contains(">training</span>") && html.contains(">generated</span>"));
    assert!(html.contains("All 16 dimensions, those with the largest effect"));
    assert_eq!(html.matches("alt=\"direction ").count(), 8);
    let html = page(&run, Err("no <b>network</b>"));
    assert!(html.contains("Logits of the discriminator"));
    assert!(html.contains("The nearest training images need the data set, which could not be loaded: no &lt;b&gt;network"));
}

#[test]
fn a_run_without_anything_still_has_a_page_that_says_what_is_missing() {
    let folder = TestFolder::new();
    folder.write("stats.jsonl", b"{\"step\":1,\"loss\":1}\nhalf a li");
    folder.write("config.toml", b"name = \"<script>alert(1)</script>\"");
    folder.write("eval.json", b"{");
    folder.write("metrics.jsonl", b"{\"step\":1,\"fid<img>\":3}\n");
    folder.write("samples/000001.png", b"no image");
    folder.write("checkpoints/00000001/state.json", b"{}");
    let html = page(&folder.0, Err("there is no configuration"));
    let sentences = [
        "Line 2 of stats.jsonl is damaged",
        "The configuration cannot be used",
        "eval.json is damaged",
        "000001.png is damaged",
        "The run has no reals.png.",
        "The run has no environment.json.",
        "need a checkpoint",
    ];
    assert_has(&html, &sentences);
    assert!(!html.contains("<script>alert") && !html.contains("fid<img>"));
    assert!(html.contains("fid&lt;img&gt;"));
}

#[test]
fn a_damaged_discriminator_leaves_the_other_sections() {
    let folder = TestFolder::new();
    let run = trained(&folder, "seed-gan", &["model.hidden=[16]"]);
    let state = run.join("checkpoints/00000008/state.json");
    // The file is gone and the state no longer names it: a checkpoint by another program, without
    // a seal.
    let json = std::fs::read(&state).unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let files = value["files"].as_object_mut().unwrap();
    files.remove("discriminator.bpk");
    value["sealed"] = false.into();
    std::fs::remove_file(state.with_file_name("state.sha256")).unwrap();
    std::fs::write(&state, value.to_string()).unwrap();
    let html = page(&run, Ok(&data()));
    assert!(html.contains("The checkpoint has no discriminator to ask"));
    assert!(html.contains("Interpolations") && html.contains("and training image"));
}

#[test]
fn the_metrics_of_an_evaluation_are_a_table_and_their_provenance_another() {
    use crate::evaluation::metric::{ExtractorProvenance, Provenance};
    use crate::evaluation::{Better, MetricReport, MetricValue};
    let metric = |key, error, extractor| MetricValue {
        key,
        name: key.to_owned(),
        value: 12.3456,
        error,
        floor: Some(2.5),
        better: Better::Lower,
        method: "Gaussians fitted to features, f64".to_owned(),
        provenance: Provenance {
            extractor,
            data: "glyphs".to_owned(),
            fingerprint: "0123".to_owned(),
            shape: [1, 28, 28],
            split: "test",
            real: 100,
            fake: 200,
            floor: 90,
            seed: 7,
        },
    };
    let extractor = ExtractorProvenance {
        name: "a net".to_owned(),
        sha256: "abc".to_owned(),
        accuracy: None,
        engine: "tract".to_owned(),
        features: 64,
    };
    let report = MetricReport {
        model: "runs/1".to_owned(),
        dreamlet: "0",
        metrics: vec![
            metric("frechet", None, Some(extractor)),
            metric("kernel", Some(0.5), None),
        ],
        notes: vec!["step 9".to_owned()],
    };
    let eval = serde_json::to_vec_pretty(&report).unwrap();
    let cells = [
        "<td>frechet</td><td>12.35</td><td>2.5",
        "<td>12.35 ± 0.5",
        "<td>200 generated, 100 test; Gaussians fitted to features, f64</td>",
        "<td>extractor, sha256</td><td>abc</td>",
        "<td>fingerprint</td><td>0123</td>",
        "<td>channels, rows, columns</td><td>1, 28, 28</td>",
        "<td>note</td><td>step 9</td>",
    ];
    assert_has(&page_of_files(&[("eval.json", &eval)]), &cells);
}

#[test]
fn metrics_of_a_run_that_measured_itself_are_shown_with_their_provenance() {
    let metrics =
        b"{\"step\":5,\"recall\":0.5,\"loss\":1}\n{\"step\":9,\"recall\":0.75,\"loss\":2}\n";
    let stamp = br#"{"recall":{"floor":0.9,"better":"floor","method":"balls","stamp":{"data":"glyphs","fake":200,"real":100,"split":"test","extractor":{"sha256":"abc"}}}}"#;
    let html = page_of_files(&[("metrics.jsonl", metrics), ("metrics.stamp.json", stamp)]);
    let cells = [
        "<td>recall</td><td>0.75</td><td>0.9",
        "<td>as real</td><td>200 generated, 100 test; balls</td>",
        "<td>extractor, sha256</td><td>abc</td>",
        "at step 9",
    ];
    assert_has(&html, &cells);
}

#[test]
fn metrics_are_shown_with_their_provenance_whatever_their_shape() {
    let eval = br#"{"seed":7,"frechet":{"value":12.3456,"extractor":{"name":"mlp","sha256":"abc"},"counts":[10,20]}}"#;
    let cells = [
        "<td>seed</td><td>7</td>",
        "<h3>frechet</h3>",
        "<td>value</td><td>12.35</td>",
        "<td>extractor.sha256</td><td>abc</td>",
        "<td>counts</td><td>10, 20</td>",
    ];
    assert_has(&page_of_files(&[("eval.json", eval)]), &cells);
}
