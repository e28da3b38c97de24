//! `--budget`: nets that fit a board, chosen before they are trained. `dreamlet boards`.

use burn::tensor::Device;
use dreamlet_compiler::boards::BOARDS;
use dreamlet_compiler::cli::{CliResult, print};
use dreamlet_compiler::{Budget, CostReport, Options, Precision, QuantizeOptions, compile};

use crate::config::{Config, NetKind};
use crate::export;
use crate::nets::Generator;

/// The narrowest nets that are tried.
const NARROWEST: usize = 4;

/// The configuration with the largest nets, up to its own, whose generator fits as int8; says what
/// it costs.
pub(super) fn fit(config: Config, budget: &Budget) -> Result<Config, Box<dyn std::error::Error>> {
    if config.model.net == NetKind::Dense {
        return Err(format!(
            "--budget chooses the width of convolutional nets, and net = \"{}\" has none: take another preset, or set model.hidden and compile with --budget",
            config.model.net.name()
        )
        .into());
    }
    let mut best: Option<(Config, CostReport)> = None;
    for blocks in 1..=config.model.blocks {
        let mut tried = config.clone();
        tried.model.blocks = blocks;
        let Some(found) = widest(&tried, budget)? else {
            continue;
        };
        if best
            .as_ref()
            .is_none_or(|(_, best)| found.1.flash > best.flash)
        {
            best = Some(found);
        }
    }
    if let Some((config, report)) = best {
        log::info!(
            "the largest nets for {budget}: model.width = {}, model.blocks = {}: flash {} bytes, RAM {} bytes as int8",
            config.model.width(),
            config.model.blocks,
            report.flash,
            report.ram()
        );
        return Ok(config);
    }
    let mut smallest = config;
    smallest.model.blocks = 1;
    smallest.model.width = widths(&smallest).first().copied();
    let over = budget.exceeded(&cost(&smallest)?).join("; ");
    Err(format!(
        "no generator of {} pixels fits {budget}: even model.width = {} needs {over}. Take a smaller --size, or another board (`dreamlet boards`)",
        smallest.data.size,
        smallest.model.width()
    )
    .into())
}

/// Widths up to the configuration's own, narrowest first.
fn widths(config: &Config) -> Vec<usize> {
    let own = config.model.width();
    let step = config.model.group.max(match config.model.net {
        NetKind::Residual => 2,
        _ => 1,
    });
    let widths = (1..=own / step).map(|n| n * step);
    let mut widths: Vec<usize> = widths.filter(|width| *width >= NARROWEST).collect();
    if widths.last() != Some(&own) {
        widths.push(own);
    }
    widths
}

/// The widest of these nets that fits: what they cost grows with their width.
fn widest(
    config: &Config,
    budget: &Budget,
) -> Result<Option<(Config, CostReport)>, Box<dyn std::error::Error>> {
    let widths = widths(config);
    let (mut fits, mut too_wide) = (0, widths.len());
    let mut best = None;
    while fits < too_wide {
        // The widest first: most budgets have room for it.
        let at = match best {
            None if too_wide == widths.len() => too_wide - 1,
            _ => (fits + too_wide) / 2,
        };
        let mut tried = config.clone();
        tried.model.width = widths.get(at).copied();
        let report = cost(&tried)?;
        if budget.exceeded(&report).is_empty() {
            best = Some((tried, report));
            fits = at + 1;
        } else {
            too_wide = at;
        }
    }
    Ok(best)
}

/// What a generator of this configuration costs as int8. Its weights are those of the beginning.
fn cost(config: &Config) -> Result<CostReport, Box<dyn std::error::Error>> {
    let generator = Generator::new(config, &Device::flex());
    let graph = export::generator::graph(&generator, config)?;
    let options = Options {
        precision: Precision::Int8,
        quantize: QuantizeOptions {
            calibrate: 4,
            most_error: f64::INFINITY,
            ..QuantizeOptions::default()
        },
        assumptions: export::generator::assumptions(config),
        ..Options::default()
    };
    Ok(compile(&export::onnx::to_bytes(&graph), &options)?.report)
}

/// Prints the boards that a budget may name.
pub(super) fn boards() -> CliResult {
    let mut text = String::new();
    for board in BOARDS {
        text += &format!(
            "{:11} {:43} flash {:>7} KiB, RAM {:>7} KiB\n{:11} {}\n",
            board.id,
            board.name,
            board.flash >> 10,
            board.ram >> 10,
            "",
            board.source
        );
    }
    print(text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::testing::preset;

    #[test]
    fn the_widest_nets_that_fit_are_taken() {
        for name in ["r3-32", "dcgan"] {
            let own = preset(name, &["size=16"]);
            let width = |budget: &str| {
                let fitted = fit(own.clone(), &budget.parse().unwrap()).unwrap();
                fitted.model.width.unwrap()
            };
            assert_eq!(Some(width("pi-4")), own.model.width, "{name}");
            let small = width("flash=60k@rp2040");
            assert!(small < own.model.width.unwrap(), "{name}");
            // One step wider is too much.
            let mut wider = own.clone();
            let all = widths(&own);
            let at = all.iter().position(|width| *width == small).unwrap();
            wider.model.width = Some(all[at + 1]);
            let budget: Budget = "flash=60k@rp2040".parse().unwrap();
            assert!(!budget.exceeded(&cost(&wider).unwrap()).is_empty());
        }
    }

    #[test]
    fn what_cannot_fit_is_said_before_training() {
        let error = |name, budget: &str| {
            let config = preset(name, &["size=16"]);
            fit(config, &budget.parse().unwrap())
                .unwrap_err()
                .to_string()
        };
        let found = error("r3-32", "flash=2k@rp2040");
        assert!(
            found.contains("model.width = 4") && found.contains("at most 2048"),
            "{found}"
        );
        assert!(error("vae-dense", "rp2040").contains("model.hidden"));
    }
}
