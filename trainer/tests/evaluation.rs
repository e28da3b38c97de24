//! What evaluating keeps in memory.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{dreamlet, scratch, write_idx};

/// An IDX folder of two classes, one brighter than the other.
fn write_data(folder: &Path) {
    let pixel = |i: u32, y: u32, x: u32| {
        let at = 28 * y + x;
        (i % 2 * 100 + (at * 31 + i * 17) % 150) as u8
    };
    write_idx(folder, [400, 100], 28, pixel, Some(&|i| (i % 2) as u8));
}

/// The most memory that `dreamlet eval` had, in KiB, with so many generated images.
fn peak(folder: &Path, samples: u32) -> u64 {
    let model = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../models/mnist-vae-dense/mnist-vae-dense.onnx");
    let mut child = dreamlet()
        .current_dir(folder)
        .env("DREAMLET_CACHE_DIR", folder.join("cache"))
        .env("RAYON_NUM_THREADS", "1")
        .arg("eval")
        .arg(model)
        .args(["--data", "idx:.", "--json", "--samples"])
        .arg(samples.to_string())
        .args(["--metrics", "frechet,kernel,inception-score,ms-ssim"])
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
fn ten_times_as_many_images_take_no_more_memory_where_the_mathematics_allow_it() {
    let folder = scratch("evaluation-memory");
    write_data(&folder);
    // Trains the classifier.
    peak(&folder, 100);
    let (few, many) = (peak(&folder, 8_000), peak(&folder, 80_000));
    // The pixels alone of the images are 56 MB, their features 18 MB; the allocator's share varies by 8.
    assert!(many < few + 16_000, "{few} KiB, {many} KiB");
}
