//! The run folder: one run, never overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::TrainError;
use crate::atomic_file::{folders, not_regular, read_regular, write_atomic};
use crate::config::Config;
use crate::nets::cpu::simd_width;

/// An open run folder; no other process can train in it meanwhile.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    log: File,
    stats: File,
    _lock: File,
}

impl RunFolder {
    /// Makes `out/NNNNN-DATA-NAME` with the next free number.
    ///
    /// # Errors
    /// [`TrainError::File`] when the folder cannot be written.
    pub(crate) fn create(out: &Path, config: &Config) -> Result<Self, TrainError> {
        let doing = "making the run folder in";
        fs::create_dir_all(out).map_err(TrainError::file(out, doing))?;
        let data: String = config
            .data
            .source
            .rsplit(['/', ':', '\\'])
            .find(|s| !s.is_empty())
            .unwrap_or("data")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let taken = folders(out).map_err(TrainError::file(out, doing))?;
        let numbers = taken.iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            name.split('-').next()?.parse::<u64>().ok()
        });
        let mut number = numbers.max().map_or(1, |n| n + 1);
        let path = loop {
            let path = out.join(format!("{number:05}-{data}-{}", config.name));
            match fs::create_dir(&path) {
                Ok(()) => break path,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(e) => return Err(TrainError::file(&path, "making the run folder")(e)),
            }
        };
        write_config(&path, config)?;
        Self::open(&path)
    }

    /// Opens an existing run for training.
    pub(crate) fn open(path: &Path) -> Result<Self, TrainError> {
        read_config(path)?;
        let lock = append(&path.join("run.lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(TrainError::Busy {
                    path: path.to_owned(),
                });
            }
            // A file system without locks: go on without.
            Err(fs::TryLockError::Error(_)) => {}
        }
        for folder in ["checkpoints", "samples", "export"] {
            let folder = path.join(folder);
            fs::create_dir_all(&folder).map_err(TrainError::file(&folder, "making"))?;
        }
        Ok(Self {
            path: path.to_owned(),
            log: append(&path.join("log.txt"))?,
            stats: append(&path.join("stats.jsonl"))?,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line to `log.txt`, after the time: UTC, as RFC 3339 has it.
    pub(crate) fn log(&mut self, line: &str) {
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        // A log that cannot be written must not end a run; the checkpoint that follows reports a
        // full disk.
        let _ = writeln!(self.log, "{} {line}", utc(seconds));
    }

    /// Adds a line to `stats.jsonl`.
    pub(crate) fn stats(&mut self, line: &serde_json::Value) -> Result<(), TrainError> {
        let path = self.path.join("stats.jsonl");
        writeln!(self.stats, "{line}").map_err(TrainError::file(&path, "writing"))
    }

    /// Adds a line to `metrics.jsonl`; what they were measured on goes into `metrics.stamp.json`.
    pub(crate) fn metrics(
        &mut self,
        line: &serde_json::Value,
        provenance: &serde_json::Value,
    ) -> Result<(), TrainError> {
        let path = self.path.join("metrics.stamp.json");
        let text = serde_json::to_vec_pretty(provenance).unwrap_or_default();
        write_atomic(&path, &text).map_err(TrainError::file(&path, "writing"))?;
        let path = self.path.join("metrics.jsonl");
        writeln!(append(&path)?, "{line}").map_err(TrainError::file(&path, "writing"))
    }

    /// Drops the lines of `stats.jsonl` and `metrics.jsonl` that come after `step`: a resumed run
    /// writes them again.
    pub(crate) fn rewind(&mut self, step: u64) -> Result<(), TrainError> {
        let metrics = self.path.join("metrics.jsonl");
        if metrics.is_file() {
            rewind(&metrics, step)?;
        }
        let path = self.path.join("stats.jsonl");
        rewind(&path, step)?;
        self.stats = append(&path)?;
        Ok(())
    }
}

/// Opens a file to add to its end, a new one where there is none.
fn append(file: &Path) -> Result<File, TrainError> {
    let mut options = OpenOptions::new();
    let opened = match fs::metadata(file) {
        Ok(there) if !there.is_file() => Err(not_regular()),
        _ => options.create(true).append(true).open(file),
    };
    opened.map_err(TrainError::file(file, "opening"))
}

/// Seconds since 1970 as a date and a time of the Gregorian calendar.
fn utc(seconds: u64) -> String {
    let (mut days, time) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!(
        "{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        days + 1
    )
}

/// A damaged line goes too, and no other.
fn rewind(path: &Path, step: u64) -> Result<(), TrainError> {
    let text = read_regular(path).map_err(TrainError::file(path, "reading"))?;
    let kept: Vec<u8> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| {
            serde_json::from_slice::<serde_json::Value>(line)
                .ok()
                .and_then(|v| v.get("step")?.as_u64())
                .is_some_and(|s| s <= step)
        })
        .flat_map(|line| [line, b"\n"])
        .flatten()
        .copied()
        .collect();
    write_atomic(path, &kept).map_err(TrainError::file(path, "writing"))
}

/// The resolved configuration of a run.
///
/// # Errors
/// [`TrainError::NotARun`] when there is no `config.toml`, or what is wrong in it.
pub(crate) fn read_config(path: &Path) -> Result<Config, TrainError> {
    let file = path.join("config.toml");
    let text = read_regular(&file).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
    });
    let text = text.map_err(|e| TrainError::NotARun {
        path: path.to_owned(),
        missing: format!("config.toml: {e}"),
    })?;
    Ok(crate::config::from_text(
        &file.display().to_string(),
        &text,
    )?)
}

/// Writes `config.toml` of the run folder `path`.
pub(super) fn write_config(path: &Path, config: &Config) -> Result<(), TrainError> {
    let file = path.join("config.toml");
    write_atomic(&file, config.to_toml()?.as_bytes()).map_err(TrainError::file(&file, "writing"))
}

/// This machine, as far as the rounding of training on the CPU depends on it: the instructions that
/// its operations use, and no number of threads.
pub(crate) fn machine() -> String {
    let vectors = match (std::env::consts::ARCH, simd_width()) {
        ("x86_64", 16) => "AVX-512",
        ("x86_64", 8) => "AVX2 and FMA",
        (_, 1) => "no vectors",
        _ => "vectors of 128 bits",
    };
    format!("{} with {vectors}", std::env::consts::ARCH)
}

/// The version of burn.
pub(super) const BURN: &str = "0.22";

/// What the run was made with, the file `environment.json`.
pub(crate) fn environment(device: &str) -> serde_json::Value {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find(|line| line.starts_with("model name"));
    let cpu = model.and_then(|line| Some(line.split_once(':')?.1.trim()));
    serde_json::json!({
        "dreamlet": env!("CARGO_PKG_VERSION"),
        "burn": BURN,
        "os": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "cpu": cpu,
        "threads": rayon::current_num_threads(),
        "device": device,
        "machine": match device {
            "cpu" => machine(),
            device => device.to_owned(),
        },
        "command": std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        // As `date -u -d @SECONDS +%FT%TZ` prints them.
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(utc(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(utc(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
