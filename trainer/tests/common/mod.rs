//! What the tests of the program share: the program, folders of their own and small data sets.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test uses what it needs of it"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program, with nobody who types.
pub fn dreamlet() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dreamlet"));
    command.stdin(Stdio::null());
    command
}

/// `--set` with each of `sets`.
pub fn with_sets<'a>(command: &'a mut Command, sets: &[&str]) -> &'a mut Command {
    command.args(sets.iter().flat_map(|set| ["--set", set]))
}

/// What `dreamlet train --resume` of a run gives.
pub fn resume(run: &Path, more: &[&str]) -> Output {
    let mut command = dreamlet();
    command.args(["train", "--resume"]).arg(run).args(more);
    command.output().unwrap()
}

/// All that a program said, on both streams.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[track_caller]
pub fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

/// A new, empty folder of this name.
pub fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// An IDX data set of squares in `folder`: training and test images `counts`, each pixel by image,
/// row and column, and a label by image where there are labels.
pub fn write_idx(
    folder: &Path,
    counts: [u32; 2],
    side: u32,
    pixel: impl Fn(u32, u32, u32) -> u8,
    label: Option<&dyn Fn(u32) -> u8>,
) {
    let head = |kind: u8, dims: &[u32]| -> Vec<u8> {
        let dims = dims.iter().flat_map(|n| n.to_be_bytes());
        [0, 0, 8, kind].into_iter().chain(dims).collect()
    };
    for (split, count) in ["train", "t10k"].into_iter().zip(counts) {
        let mut images = head(3, &[count, side, side]);
        for i in 0..count {
            images.extend((0..side * side).map(|at| pixel(i, at / side, at % side)));
        }
        fs::write(folder.join(format!("{split}-images-idx3-ubyte")), images).unwrap();
        if let Some(label) = label {
            let mut labels = head(1, &[count]);
            labels.extend((0..count).map(label));
            fs::write(folder.join(format!("{split}-labels-idx1-ubyte")), labels).unwrap();
        }
    }
}
