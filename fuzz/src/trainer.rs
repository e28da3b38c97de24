//! What the trainer reads: data sets, settings, checkpoints. Each input becomes a file in a folder
//! of this process.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dreamlet_trainer::testing::{
    DataSpec, LoadOptions, Overrides, Saved, Source, Which, load, resolve,
};

/// A grey PNG of one pixel.
const PIXEL: [u8; 67] = *b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cch\0\0\0\x82\0\x81w\xcdr\xb6\0\0\0\0IEND\xaeB`\x82";

/// An empty folder of this name, below one of this process.
fn folder(name: &str) -> PathBuf {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    let root = ROOT.get_or_init(|| {
        let name = format!("dreamlet-fuzz-{}", std::process::id());
        std::env::temp_dir().join(name)
    });
    let path = root.join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder for the input");
    path
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join(name), bytes).expect("room for the input");
}

fn loaded(spec: &DataSpec) {
    let options = LoadOptions {
        size: Some(16),
        limit: Some(64),
        cache_dir: Some(folder("cache")),
        no_cache: true,
        offline: true,
        ..LoadOptions::default()
    };
    let _ = load(spec, &options);
}

/// An IDX file of images, gzipped by the first byte, with labels for two of them.
pub fn idx(data: &[u8]) {
    let Some((first, images)) = data.split_first() else {
        return;
    };
    let folder = folder("idx");
    let name = match first & 1 {
        0 => "train-images-idx3-ubyte",
        _ => "train-images-idx3-ubyte.gz",
    };
    write(&folder, name, images);
    let labels = [0, 0, 8, 1, 0, 0, 0, 2, 0, 1];
    write(&folder, "train-labels-idx1-ubyte", &labels);
    loaded(&DataSpec::Idx(folder));
}

/// A folder of images with one that the input is, or an archive that it is, by the first byte.
pub fn images(data: &[u8]) {
    let Some((first, image)) = data.split_first() else {
        return;
    };
    let folder = folder("images");
    let names = [
        "a.png", "a.jpg", "a.gif", "a.webp", "a.bmp", "a.zip", "a.tar", "a.tar.gz",
    ];
    let name = names[usize::from(*first) % names.len()];
    write(&folder, name, image);
    let archive = [".zip", ".tar", ".gz"]
        .iter()
        .any(|end| name.ends_with(end));
    let path = if archive { folder.join(name) } else { folder };
    loaded(&DataSpec::Folder(path));
}

/// A table of labels beside two images.
pub fn labels(data: &[u8]) {
    let folder = folder("labels");
    write(&folder, "a.png", &PIXEL);
    write(&folder, "b.png", &PIXEL);
    write(&folder, "labels.csv", data);
    loaded(&DataSpec::Folder(folder));
}

/// Settings in TOML. Those that are accepted are written, and mean the same then.
pub fn settings(data: &[u8]) {
    let folder = folder("settings");
    write(&folder, "settings.toml", data);
    let read = || {
        resolve(
            &Source::File(folder.join("settings.toml")),
            &Overrides::default(),
        )
    };
    let Ok(config) = read() else {
        return;
    };
    let text = config
        .to_toml()
        .expect("settings that were read are written");
    write(&folder, "settings.toml", text.as_bytes());
    let again = read().expect("settings that were written are read");
    assert_eq!(
        again.to_toml().ok(),
        Some(text),
        "settings keep their meaning"
    );
}

/// A checkpoint's `state.json`.
pub fn state(data: &[u8]) {
    static CONFIG: OnceLock<String> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let preset = Source::Preset("vae-dense".into());
        let config = resolve(&preset, &Overrides::default()).expect("a preset");
        config.to_toml().expect("a preset is written")
    });
    let run = folder("run");
    write(&run, "config.toml", config.as_bytes());
    let checkpoint = run.join("checkpoints").join("00000010");
    fs::create_dir_all(&checkpoint).expect("a folder for the input");
    write(&checkpoint, "state.json", data);
    let _ = Saved::open(&run, Which::default());
}
