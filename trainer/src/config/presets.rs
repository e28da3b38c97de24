//! The presets that come with the program.

/// A named configuration, as its TOML text.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// What `dreamlet train NAME` takes.
    pub name: &'static str,
    /// The whole configuration.
    pub toml: &'static str,
}

impl Preset {
    /// The first comment line: what the preset is.
    #[must_use]
    pub(crate) fn summary(&self) -> &'static str {
        self.toml
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("# ")
    }
}

macro_rules! presets {
    ($($name:literal),+ $(,)?) => {
        &[$(Preset { name: $name, toml: include_str!(concat!("../../presets/", $name, ".toml")) }),+]
    };
}

/// Every preset, simplest first.
pub const PRESETS: &[Preset] = presets![
    "seed-gan",
    "seed-vae",
    "vae-dense",
    "cvae-dense",
    "vae-conv",
    "vae-two-stage",
    "dcgan",
    "dcgan-resize",
    "cgan",
    "small-data",
    "r3-32",
    "r3-64",
    "r3-128",
    "pico"
];

#[must_use]
pub(crate) fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|p| p.name == name)
}
