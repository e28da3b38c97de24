//! `dreamlet doctor`: what this machine has, what it lacks, and how to get it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dreamlet_compiler::cli::{CliResult, print};

use crate::data::{DataSpec, LoadOptions, cache_dir, load};
use crate::device;
use crate::export::verify::locate;
use crate::training;

/// Bytes that a run may need: some checkpoints, images, a copy of the pixels of a data set.
const ROOM: u64 = 1 << 30;

/// One thing that was looked for.
#[derive(Debug)]
struct Finding {
    what: &'static str,
    /// What was found, a line each, or why nothing was.
    found: Result<String, String>,
    /// How to get it, where it was not found.
    remedy: String,
    /// Whether training needs it.
    needed: bool,
}

impl Finding {
    fn of(what: &'static str, found: Result<String, String>, remedy: &str) -> Self {
        Self {
            what,
            found,
            remedy: remedy.to_owned(),
            needed: false,
        }
    }

    fn needed(self) -> Self {
        Self {
            needed: true,
            ..self
        }
    }
}

/// Looks for all and says what it found.
pub(crate) fn run() -> CliResult {
    let findings = [
        program(),
        devices(),
        data(&DataSpec::Mnist),
        data(&DataSpec::FashionMnist),
        cache(),
        room("disk, here", Path::new(".")),
        onnxruntime(),
        tools("cross tools for a Pi", &PI),
        tools("tools for microcontrollers", &BOARDS),
    ];
    print(text(&findings).trim_end())?;
    let missing = findings
        .iter()
        .find(|found| found.needed && found.found.is_err());
    match missing {
        Some(finding) => Err(format!("training does not work without: {}", finding.what).into()),
        None => Ok(()),
    }
}

fn text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let (mark, lines) = match (&finding.found, finding.needed) {
            (Ok(found), _) => ("ok     ", found),
            (Err(reason), true) => ("MISSING", reason),
            (Err(reason), false) => ("missing", reason),
        };
        let mut lines = lines.lines();
        let first = lines.next().unwrap_or_default();
        let _ = writeln!(out, "{mark}  {:<26}  {first}", finding.what);
        let rest = lines.map(str::to_owned);
        let remedy = finding.found.is_err() && !finding.remedy.is_empty();
        for line in rest.chain(remedy.then(|| format!("-> {}", finding.remedy))) {
            let _ = writeln!(out, "{:>37}{line}", "");
        }
    }
    out
}

fn program() -> Finding {
    let mut found = format!(
        "dreamlet {} on {}",
        env!("CARGO_PKG_VERSION"),
        training::machine()
    );
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    if let Some(kib) = kib {
        let _ = write!(found, ", {:.1} GiB of memory", kib / 1024.0 / 1024.0);
    }
    Finding::of("program", Ok(found), "")
}

/// Also says which GPU interfaces this build lacks.
fn devices() -> Finding {
    Finding::of("devices", Ok(device::list()), "")
}

fn data(spec: &DataSpec) -> Finding {
    let options = LoadOptions {
        offline: true,
        ..LoadOptions::default()
    };
    let (what, remedy) = match spec {
        DataSpec::Mnist => ("data set mnist", "dreamlet train dcgan --data mnist"),
        _ => (
            "data set fashion-mnist",
            "dreamlet train dcgan --data fashion-mnist",
        ),
    };
    let found = load(spec, &options);
    let found = found
        .map(|data| format!("{} images", data.train.len() + data.test.len()))
        .map_err(|error| error.to_string());
    Finding::of(
        what,
        found,
        &format!("{remedy} downloads it, with a checksum"),
    )
}

/// The folder for downloads and for copies of pixels.
fn cache() -> Finding {
    let remedy = "set DREAMLET_CACHE_DIR to a folder that can be written";
    let found = cache_dir().map_err(|error| error.to_string());
    let found = found.and_then(|folder| {
        std::fs::create_dir_all(&folder)
            .and_then(|()| tempfile_in(&folder))
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let free = free(&folder).map_or_else(String::new, |free| format!(", {} free", gib(free)));
        Ok(format!("{}{free}", folder.display()))
    });
    Finding::of("cache", found, remedy).needed()
}

/// Whether a file can be written in a folder.
fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let file = folder.join(format!(".doctor-{}", std::process::id()));
    std::fs::write(&file, b"dreamlet")?;
    std::fs::remove_file(&file)
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1 << 30) as f64)
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let found = nix::sys::statvfs::statvfs(folder).ok()?;
    // The types are those of the system, of 32 bits on some.
    #[allow(clippy::useless_conversion, reason = "not on every system")]
    Some(u64::from(found.blocks_available()) * u64::from(found.fragment_size()))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

fn room(what: &'static str, folder: &Path) -> Finding {
    let found = match (tempfile_in(folder), free(folder)) {
        (Err(error), _) => Err(format!("no file can be written here: {error}")),
        (Ok(()), Some(free)) if free < ROOM => Err(format!("{} free", gib(free))),
        (Ok(()), Some(free)) => Ok(format!("{} free", gib(free))),
        (Ok(()), None) => Ok("can be written".to_owned()),
    };
    let remedy = "a run keeps checkpoints and images: go to another folder, or name one with --out";
    Finding::of(what, found, remedy)
}

fn onnxruntime() -> Finding {
    let found = locate::find();
    let found = found.map(|path| path.display().to_string());
    // Its error says how to get it.
    Finding::of(
        "onnxruntime, to compare",
        found.map_err(|e| e.to_string()),
        "",
    )
}

/// A program or a target of Rust that is looked for, and the command that gets it.
struct Tool {
    name: &'static str,
    is_target: bool,
    remedy: &'static str,
}

const fn program_named(name: &'static str, remedy: &'static str) -> Tool {
    Tool {
        name,
        is_target: false,
        remedy,
    }
}

const fn target(name: &'static str, remedy: &'static str) -> Tool {
    Tool {
        name,
        is_target: true,
        remedy,
    }
}

const CARGO: Tool = program_named("cargo", "https://rustup.rs");

const PI: [Tool; 4] = [
    CARGO,
    target(
        "aarch64-unknown-linux-gnu",
        "rustup target add aarch64-unknown-linux-gnu",
    ),
    program_named(
        "aarch64-linux-gnu-gcc",
        "sudo apt install gcc-aarch64-linux-gnu",
    ),
    program_named("ssh", "sudo apt install openssh-client"),
];

const BOARDS: [Tool; 4] = [
    CARGO,
    target("thumbv6m-none-eabi", "rustup target add thumbv6m-none-eabi"),
    target(
        "thumbv7em-none-eabihf",
        "rustup target add thumbv7em-none-eabihf",
    ),
    program_named("probe-rs", "cargo install probe-rs-tools --locked"),
];

fn tools(what: &'static str, tools: &[Tool]) -> Finding {
    let targets = installed_targets();
    let is_there = |tool: &Tool| match tool.is_target {
        true => targets.iter().any(|target| target == tool.name),
        false => on_path(tool.name).is_some(),
    };
    let (found, missing): (Vec<_>, Vec<_>) = tools.iter().partition(|tool| is_there(tool));
    let names = |tools: &[&Tool]| {
        let names: Vec<_> = tools.iter().map(|tool| tool.name).collect();
        names.join(", ")
    };
    if missing.is_empty() {
        return Finding::of(what, Ok(names(&found)), "");
    }
    let remedies: Vec<_> = missing.iter().map(|tool| tool.remedy).collect();
    Finding::of(what, Err(names(&missing)), &remedies.join("; "))
}

/// Rust's targets in the toolchain that `rustc` names here.
fn installed_targets() -> Vec<String> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "sysroot"]).stderr(Stdio::null());
    let Some(output) = rustc.output().ok().filter(|out| out.status.success()) else {
        return Vec::new();
    };
    let root = String::from_utf8_lossy(&output.stdout);
    let folder = PathBuf::from(root.trim()).join("lib/rustlib");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let targets = entries.filter(|entry| entry.path().join("lib").is_dir());
    targets
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let mut files = std::env::split_paths(&folders).map(|folder| folder.join(&name));
    files.find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_followed_by_the_command_that_gets_it() {
        let tool = program_named("no-such-program", "sudo apt install it");
        let finding = tools("tools", &[tool]);
        let text = text(&[finding, Finding::of("cache", Ok("/c\n2 GiB".into()), "")]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("missing  tools "), "{text}");
        assert!(lines[0].ends_with("no-such-program"));
        assert_eq!(lines[1].trim(), "-> sudo apt install it");
        assert!(lines[2].starts_with("ok       cache ") && lines[3].trim() == "2 GiB");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_said() {
        let finding = room("disk", Path::new("/no/such/folder"));
        assert!(
            finding
                .found
                .unwrap_err()
                .contains("no file can be written")
        );
        assert!(room("disk", &std::env::temp_dir()).found.is_ok());
    }
}
