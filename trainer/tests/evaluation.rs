//! What evaluating keeps in memory.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Test pictures of the data set; there are four times as many training pictures.
const PICTURES: u8 = 100;

fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// An IDX folder of two classes, one brighter than the other.
fn write_data(folder: &Path) {
    for (half, count) in [
        ("train", 4 * u32::from(PICTURES)),
        ("t10k", PICTURES.into()),
    ] {
        let head = |kind: u8, dims: &[u32]| {
            let magic = [0, 0, 8, kind];
            let dims = dims.iter().flat_map(|n| n.to_be_bytes());
            magic.into_iter().chain(dims).collect::<Vec<u8>>()
        };
        let mut images = head(3, &[count, 28, 28]);
        let mut labels = head(1, &[count]);
        for index in 0..count {
            let class = index % 2;
            let pixel = |at: u32| (class * 100 + (at * 31 + index * 17) % 150).to_le_bytes()[0];
            images.extend((0..784).map(pixel));
            labels.extend(class.to_le_bytes().first());
        }
        fs::write(folder.join(format!("{half}-images-idx3-ubyte")), images).unwrap();
        fs::write(folder.join(format!("{half}-labels-idx1-ubyte")), labels).unwrap();
    }
}

/// The most memory that `dreamlet eval` had, in KiB, with so many generated pictures.
fn peak(folder: &Path, samples: u32) -> u64 {
    let model = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../models/mnist-vae-dense/mnist-vae-dense.onnx");
    let mut child = Command::new(env!("CARGO_BIN_EXE_dreamlet"))
        .current_dir(folder)
        .env("DREAMLET_CACHE_DIR", folder.join("cache"))
        .env("RAYON_NUM_THREADS", "1")
        .arg("eval")
        .arg(model)
        .args(["--data", "idx:.", "--json", "--samples"])
        .arg(samples.to_string())
        .args(["--metrics", "frechet,kernel,inception-score,ms-ssim"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        most = most.max(size.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(ended.success());
    most
}

#[test]
fn ten_times_as_many_pictures_take_no_more_memory_where_the_mathematics_allow_it() {
    let folder = scratch("evaluation-memory");
    write_data(&folder);
    // Trains the classifier.
    peak(&folder, 100);
    let (few, many) = (peak(&folder, 4_000), peak(&folder, 40_000));
    // The pixels alone of the pictures are 28 MB, their features 9 MB.
    assert!(many < few + 8_000, "{few} KiB, {many} KiB");
}
