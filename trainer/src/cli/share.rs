//! `dreamlet bench MODEL --share`: a line about this machine that people can post.

use std::path::Path;

use dreamlet_compiler::cli::{CliResult, print};

use crate::benchmark::cold::Cold;
use crate::benchmark::sampling::EngineTimes;

/// Prints a row of the table in the documents: board, processor, model, times and memory of one
/// image on one thread, version. `cold` are fresh processes, in the order of `report.loaded`.
pub(super) fn print_row(name: &str, report: &EngineTimes, cold: &[Cold]) -> CliResult {
    let mut times = Vec::new();
    let mut memory = Vec::new();
    for (loaded, cold) in report.loaded.iter().zip(cold) {
        let row = report
            .rows
            .iter()
            .find(|row| row.engine == loaded.engine && (row.threads, row.batch) == (1, 1));
        let (Some(row), Some(_)) = (row, &loaded.compiled) else {
            continue;
        };
        times.push(format!("{} {:.3} ms", row.engine, row.times.median() * 1e3));
        memory.push(format!("{:.1} MB", cold.peak_kib as f64 * 1024.0 / 1e6));
    }
    print(&format!(
        "| {} | {} | {name} | {} | {} | {} |",
        cell(&board()),
        cell(&processor()),
        times.join(", "),
        memory.join(", "),
        env!("CARGO_PKG_VERSION")
    ))
}

fn cell(text: &str) -> String {
    text.replace('|', "/")
}

/// The first line of a file of the system, without the zero that ends those of the device tree.
fn line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(Path::new(path)).ok()?;
    let line = text.trim_matches(['\0', '\n', ' ']).lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// What the machine calls itself.
fn board() -> String {
    let named = line("/proc/device-tree/model");
    let named = named.or_else(|| line("/sys/class/dmi/id/product_name"));
    named.unwrap_or_else(|| std::env::consts::OS.to_owned())
}

/// The processor's name, or its architecture, and its threads.
fn processor() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let mut lines = text.lines();
        let line = lines.find(|line| line.split(':').next().is_some_and(|k| k.trim() == key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let part = value("CPU part").and_then(|part| arm(&part).map(str::to_owned));
    let name = value("model name").filter(|name| !name.starts_with("ARM"));
    let name = part.or(name).or_else(|| value("model name"));
    let name = name.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    format!("{name}, {threads} threads")
}

/// ARM's names of the cores of boards, by the main ID register's part number (technical reference
/// manuals of each core).
fn arm(part: &str) -> Option<&'static str> {
    Some(match part {
        "0xb76" => "ARM1176",
        "0xc07" => "Cortex-A7",
        "0xd03" => "Cortex-A53",
        "0xd04" => "Cortex-A35",
        "0xd05" => "Cortex-A55",
        "0xd08" => "Cortex-A72",
        "0xd0b" => "Cortex-A76",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_name_and_threads_in_one_line() {
        for text in [board(), processor()] {
            assert!(!text.is_empty() && !text.contains(['\n', '\0']), "{text:?}");
        }
        assert!(processor().ends_with(" threads"));
        assert_eq!(arm("0xd03"), Some("Cortex-A53"));
        assert_eq!(cell("a|b"), "a/b");
    }
}
