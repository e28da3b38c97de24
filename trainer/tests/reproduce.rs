//! A model says how it was trained, and is trained again to the same weights; a folder of it goes to
//! a hub.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::{assert_contains, dreamlet, said, scratch, with_sets, write_idx};

/// A data set of squares in `folder/data`.
fn write_data(folder: &Path, shade: u8) {
    fs::create_dir_all(folder).unwrap();
    let pixel = |i: u32, y: u32, x: u32| if (x + y + i) % 7 < 3 { shade } else { 0 };
    write_idx(folder, [96, 32], 16, pixel, None);
}

/// `dreamlet train vae-dense` on `folder/data` for a moment, then its export.
fn exported(folder: &Path, more: &[&str]) -> PathBuf {
    write_data(&folder.join("data"), 200);
    let mut command = dreamlet();
    let data = format!("idx:{}", folder.join("data").display());
    command.args(["train", "vae-dense", "--data", &data, "--size", "16"]);
    command.args(more).arg("--out").arg(folder.join("runs"));
    let sets = ["batch=8", "hidden=[16]"];
    let trained = with_sets(&mut command, &sets).output().unwrap();
    assert!(trained.status.success(), "{}", said(&trained));
    let run = fs::read_dir(folder.join("runs")).unwrap().flatten();
    let run = run.map(|entry| entry.path()).max().unwrap();
    let model = folder.join("model.onnx");
    let mut command = dreamlet();
    command.arg("export").arg(run).arg("--out").arg(&model);
    let exported = command.args(["--license", "MIT"]).output().unwrap();
    assert!(exported.status.success(), "{}", said(&exported));
    model
}

fn reproduce(folder: &Path, model: &Path, data: Option<&Path>) -> Output {
    let mut command = dreamlet();
    command.arg("reproduce").arg(model);
    if let Some(data) = data {
        command.arg("--data").arg(format!("idx:{}", data.display()));
    }
    command.arg("--out").arg(folder.join("again"));
    command.output().unwrap()
}

#[test]
fn a_model_is_trained_again_to_the_same_weights_from_its_file_and_from_its_card() {
    let folder = scratch("reproduce");
    let model = exported(&folder, &["--steps", "5", "--seed", "7"]);
    let data = folder.join("data");
    let again = reproduce(&folder, &model, Some(&data));
    assert!(again.status.success(), "{}", said(&again));
    assert_contains(&said(&again), &["the same weights"]);
    // The card alone.
    let card = dreamlet().arg("card").arg(&model).output().unwrap();
    let text = String::from_utf8(card.stdout).unwrap();
    // The folder's name is on it, and not where it lies.
    assert_contains(&text, &["idx:data", "\"step\": 5"]);
    assert!(!text.contains(data.parent().unwrap().to_str().unwrap()));
    let file = folder.join("card.json");
    fs::write(&file, &text).unwrap();
    let again = reproduce(&folder, &file, Some(&data));
    assert!(again.status.success(), "{}", said(&again));
    // Another seed on the card.
    fs::write(&file, text.replace("seed = 7", "seed = 8")).unwrap();
    let other = reproduce(&folder, &file, Some(&data));
    assert!(!other.status.success());
    assert_contains(&said(&other), &["other weights", "the card says"]);
}

#[test]
fn what_cannot_be_made_again_is_refused_before_training_with_what_to_do() {
    let folder = scratch("reproduce-refused");
    let model = exported(&folder, &["--steps", "2"]);
    let refused = |model: &Path, data: Option<&Path>, parts: &[&str]| {
        let output = reproduce(&folder, model, data);
        assert!(!output.status.success(), "{}", said(&output));
        assert_contains(&said(&output), parts);
        assert!(!folder.join("again").exists());
    };
    // Where the images lie is not on the card, and others are not the same.
    refused(&model, None, &["say where it is with --data idx:data"]);
    let others = folder.join("others");
    write_data(&others, 201);
    refused(&model, Some(&others), &["not what it was trained on"]);
    // A file that was changed after its export: the middle of it is weights.
    let mut bytes = fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let changed = folder.join("changed.onnx");
    fs::write(&changed, bytes).unwrap();
    refused(&changed, None, &["are not those its card names"]);
    // A compiled model, and what is no model.
    let compiled = folder.join("model.dream");
    let mut command = dreamlet();
    command
        .arg("compile")
        .arg(&model)
        .arg("--out")
        .arg(&compiled);
    assert!(command.output().unwrap().status.success());
    refused(&compiled, None, &["compiled model", "name the ONNX file"]);
    refused(&folder.join("data/none"), None, &["none"]);
}

#[test]
fn training_by_the_clock_is_not_repeated() {
    let folder = scratch("reproduce-clock");
    let model = exported(&folder, &["--time", "1s"]);
    let output = reproduce(&folder, &model, Some(&folder.join("data")));
    assert!(!output.status.success());
    assert_contains(&said(&output), &["by the clock", "--steps"]);
}

#[test]
fn a_folder_for_a_hub_has_all_and_writes_over_nothing() {
    let folder = scratch("hub");
    let model = exported(&folder, &["--steps", "2"]);
    let hub = folder.join("hub");
    let write = || {
        let mut command = dreamlet();
        command.arg("card").arg(&model).arg("--hub").arg(&hub);
        command.output().unwrap()
    };
    let first = write();
    assert!(first.status.success(), "{}", said(&first));
    let readme = fs::read_to_string(hub.join("README.md")).unwrap();
    assert_contains(
        &readme,
        &["- mit", "dreamlet reproduce", "\"latent\": latent"],
    );
    let license = fs::read_to_string(hub.join("LICENSE")).unwrap();
    assert_contains(&license, &["SPDX-License-Identifier: MIT\n"]);
    for (ending, begin) in [("onnx", &b"\x08"[..]), ("dream", b"dreamlet")] {
        let files = fs::read_dir(&hub).unwrap().flatten().map(|e| e.path());
        let mut files = files.filter(|file| file.extension().is_some_and(|e| e == ending));
        let bytes = fs::read(files.next().unwrap()).unwrap();
        assert!(bytes.starts_with(begin), "{ending}");
    }
    // What the compiled model leaves out costs no flash.
    let compiled = fs::read_dir(&hub).unwrap().flatten().map(|e| e.path());
    let compiled = compiled
        .into_iter()
        .find(|f| f.extension().is_some_and(|e| e == "dream"));
    let bytes = fs::read(compiled.unwrap()).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("\"training\""));
    let second = write();
    assert!(!second.status.success());
    assert_contains(&said(&second), &["is not empty"]);
}

#[test]
fn images_go_into_an_array_by_seed_row_column_and_colour() {
    let folder = scratch("array");
    let model = exported(&folder, &["--steps", "2"]);
    let array = folder.join("images.npy");
    let mut command = dreamlet();
    command.arg("sample").arg(&model).args(["--seeds", "3,0-3"]);
    let output = command.arg("--out").arg(&array).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let bytes = fs::read(&array).unwrap();
    assert_contains(
        &String::from_utf8_lossy(&bytes),
        &["'|u1'", "(5, 16, 16, 1, )"],
    );
    let images: Vec<_> = bytes[128..].chunks(256).collect();
    assert_eq!(images.len(), 5);
    assert!(images[0] == images[4] && images[0] != images[1]);
}
