//! The program `dreamlet-compile`.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers may fail as the test itself may"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dreamlet_compiler::{Options, Precision, compile};
use sha2::{Digest, Sha256};

/// A fresh folder, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("dreamlet-compile-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_dreamlet-compile");
    Command::new(program).args(args).output().unwrap()
}

/// Status and standard error of a program that fails.
fn refused(args: &[&str]) -> (i32, String) {
    let output = run(args);
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

fn shipped() -> String {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let path = models.join("mnist-cgan/mnist-cgan.onnx");
    path.to_string_lossy().into_owned()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the compiler wrote before it was a crate of its own.
const WRITTEN: [(&str, Precision, &str); 3] = [
    (
        "f32",
        Precision::F32,
        "f289090a872af0227ca7a358c4155ba06640f0e67989314757bc28f9c3e640e5",
    ),
    (
        "f16",
        Precision::F16,
        "d1921ac470e8047da0c7dc608ff7703e09afea727f004b0229fa29e7297be32b",
    ),
    (
        "int8",
        Precision::Int8,
        "10c01a08da6ddaf98ca7099ff30ffa06d844cacbc75f9ee2ef32c8bfd79abe84",
    ),
];

#[test]
fn the_program_writes_the_bytes_of_the_library_and_of_earlier_versions() {
    let folder = Folder::new("bytes");
    let (model, out) = (shipped(), folder.file("out.dream"));
    let onnx = fs::read(&model).unwrap();
    for (name, precision, digest) in WRITTEN {
        let output = run(&[&model, "--out", &out, "--precision", name]);
        assert!(output.status.success(), "{output:?}");
        let written = fs::read(&out).unwrap();
        let options = Options {
            precision,
            ..Options::default()
        };
        assert_eq!(compile(&onnx, &options).unwrap().file, written, "{name}");
        assert_eq!(sha256(&written), digest, "{name}");
        let text = String::from_utf8(output.stdout).unwrap();
        let last = format!("{out}: {} bytes\n", written.len());
        assert!(text.ends_with(&last), "{text}");
        assert_eq!(text.contains("layers are int8"), name == "int8", "{text}");
        // Written whole, under its name alone.
        assert_eq!(folder.names(), ["out.dream"]);
    }
}

#[test]
fn the_report_has_a_line_for_each_layer() {
    let folder = Folder::new("report");
    let output = run(&[&shipped(), "--report", "--out", &folder.file("out.dream")]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "multiplications",
        "node ",
        "flash ",
        "Cortex-M4F",
        " bytes\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn without_out_the_model_is_beside_the_onnx_file() {
    let folder = Folder::new("beside");
    let model = folder.file("digits.onnx");
    fs::copy(shipped(), &model).unwrap();
    assert!(run(&[&model]).status.success());
    assert_eq!(folder.names(), ["digits.dream", "digits.onnx"]);
}

#[test]
fn the_onnx_file_is_not_written_over() {
    let folder = Folder::new("over");
    let (model, own) = (folder.file("digits.onnx"), folder.file("digits.dream"));
    fs::copy(shipped(), &model).unwrap();
    fs::copy(shipped(), &own).unwrap();
    let before = fs::read(&model).unwrap();
    let again = folder.file("../")
        + &format!(
            "{}/digits.onnx",
            folder.0.file_name().unwrap().to_str().unwrap()
        );
    for args in [
        vec![&model, "--out", &model],
        vec![&model, "--out", &again],
        vec![&own],
    ] {
        let args: Vec<&str> = args.iter().map(|arg| &**arg).collect();
        let (status, text) = refused(&args);
        assert_eq!(status, 1);
        assert!(
            text.starts_with("error: the compiled model would be written over "),
            "{text}"
        );
        assert!(text.contains("--out"), "{text}");
    }
    assert_eq!(fs::read(&model).unwrap(), before);
    assert_eq!(fs::read(&own).unwrap(), before);
}

#[test]
fn what_cannot_be_read_or_compiled_is_named_and_nothing_is_written() {
    let folder = Folder::new("unreadable");
    let (none, damaged) = (folder.file("none.onnx"), folder.file("damaged.onnx"));
    fs::write(&damaged, b"no model").unwrap();
    for file in [&none, &damaged, &folder.file("")] {
        let (status, text) = refused(&[file, "--out", &folder.file("out.dream")]);
        assert_eq!(status, 1);
        assert!(text.starts_with(&format!("error: {file}: ")), "{text}");
    }
    assert_eq!(folder.names(), ["damaged.onnx"]);
    let nowhere = folder.file("nowhere/out.dream");
    let (status, text) = refused(&[&shipped(), "--out", &nowhere]);
    assert_eq!(status, 1);
    assert!(
        text.starts_with(&format!("error: cannot write {nowhere}: ")),
        "{text}"
    );
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let model = shipped();
    let (status, text) = refused(&[&model, "--calibrate", "8"]);
    assert_eq!(status, 1);
    assert!(
        text.contains("--calibrate is for --precision int8"),
        "{text}"
    );
    for (args, part) in [
        (
            &["--calibrate", "0", "--precision", "int8"][..],
            "--calibrate",
        ),
        (&["--precision", "f64"], "f64"),
        (&["--range", "1,1"], "is not a pixel range"),
        (&["--shape", "2,28,28"], "is not an image's shape"),
        (&["--latent", "cauchy"], "cauchy"),
    ] {
        let (status, text) = refused(&[&[model.as_str()], args].concat());
        assert_eq!(status, 2, "{text}");
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(refused(&[]).0, 2);
}

#[test]
fn a_generator_of_another_tool_is_compiled_once_its_range_is_said() {
    let folder = Folder::new("foreign");
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/zoo/script-dcgan.onnx");
    let (model, out) = (zoo.to_string_lossy(), folder.file("out.dream"));
    let args = [
        &*model,
        "--out",
        &out,
        "--range",
        "-1,1",
        "--latent",
        "normal",
        "--precision",
        "int8",
        "--calibrate",
        "8",
    ];
    let output = run(&args);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(folder.names(), ["out.dream"]);
}
