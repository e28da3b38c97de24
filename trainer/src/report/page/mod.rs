//! One HTML page per run: everything inline, no network, no server.
//!
//! A run that is fresh, running or damaged has a page too: what is missing is said where it would
//! have been.

mod directions;
mod discriminator;
mod html;
mod latent;
mod nearest;
mod nets;
mod sections;
mod slideshow;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::Path;

use self::html::{missing, or_missing};
use self::nets::Nets;
use super::ReportError;
use super::run_files::RunFiles;
use crate::atomic_file::write_atomic;
use crate::chart::escape;
use crate::data::{DataSpec, Dataset, LoadOptions, load};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Loads the images that a run was trained on, without the network.
pub(crate) fn load_data(run: &RunFiles) -> Result<Dataset, String> {
    let config = run.config.as_ref().map_err(Clone::clone)?;
    let spec: DataSpec = config.data.source.parse().map_err(|e| format!("{e}"))?;
    let options = LoadOptions {
        size: Some(config.data.size),
        channels: Some(config.data.channels),
        background: config.data.background(),
        offline: true,
        ..LoadOptions::default()
    };
    load(&spec, &options).map_err(|e| e.to_string())
}

/// One part of the page: its place in the address, `#curves`, its title and its body.
type Section = (&'static str, &'static str, String);

/// The page of a run as HTML. `data` are the images it was trained on, or why there are none. The
/// nets are those of the newest checkpoint that is whole, or with `best` of the one with the best
/// score.
pub(crate) fn build(run: &RunFiles, data: Result<&Dataset, &str>, best: bool) -> String {
    let nets = if run.checkpoints.is_empty() {
        Err("The run has no checkpoint yet.".to_owned())
    } else {
        Nets::open(&run.path, best)
    };
    let mut all: Vec<Section> = vec![
        ("samples", "Samples over time", sections::samples(run)),
        ("curves", "Curves", sections::curves(run)),
    ];
    match &nets {
        Ok(nets) => all.extend(of_the_nets(nets, data)),
        Err(reason) => {
            let reason =
                format!("Traversals, interpolations and neighbours need a checkpoint. {reason}");
            all.push(("latent", "Latent space", missing(&reason)));
        }
    }
    let metrics = run.evaluation.as_ref().map(sections::evaluation);
    if let Some(body) = metrics.or_else(|| sections::measured(run)) {
        all.push(("metrics", "Metrics", body));
    }
    all.push(("checkpoints", "Checkpoints", sections::checkpoints(run)));
    all.push((
        "configuration",
        "Configuration",
        sections::configuration(run),
    ));
    document(run, nets.as_ref().ok(), &all)
}

/// The sections that need a checkpoint.
fn of_the_nets(nets: &Nets, data: Result<&Dataset, &str>) -> Vec<Section> {
    let without = |what: &str, reason: &str| {
        missing(&format!(
            "{what} the data set, which could not be loaded: {reason}"
        ))
    };
    let divergences = match data {
        Ok(data) => nets.divergences(data),
        Err(_) => Ok(None),
    };
    let two_stages = nets.has_second_stage();
    // Traversals go along what the generator takes; of two stages, these are the latents of the
    // other.
    let known = divergences.as_ref().ok().and_then(Option::as_deref);
    let known = known.filter(|_| !two_stages);
    let title = match two_stages {
        true => "Use of the first stage's latent dimensions",
        false => "Use of the latent dimensions",
    };
    let (title, judged) = match (&divergences, data) {
        (Ok(Some(values)), _) => (title, discriminator::encoder(values)),
        (Err(reason), _) => (title, missing(reason)),
        (Ok(None), Err(reason)) if nets.is_vae() => {
            (title, without("The KL of each dimension needs", reason))
        }
        (Ok(None), data) => {
            let logits = discriminator::discriminator(nets, data.ok());
            ("Discriminator", logits.unwrap_or_else(|e| missing(&e)))
        }
    };
    let neighbours = match data {
        Ok(data) => or_missing(latent::neighbours(nets, data), "neighbours"),
        Err(reason) => without("The nearest training images need", reason),
    };
    let traversals = or_missing(latent::traversals(nets, known), "traversals");
    let between = or_missing(latent::interpolations(nets), "interpolations");
    // The dimensions of a VAE, by their KL, are its directions already.
    let directions = match known {
        Some(_) => None,
        None => directions::directions(nets).transpose(),
    };
    let directions = directions.map(|drawn| {
        let body = or_missing(drawn, "directions");
        ("directions", "Main directions", body)
    });
    let mut all: Vec<Section> = directions.into_iter().collect();
    all.extend([
        ("traversals", "Latent traversals", traversals),
        ("interpolations", "Interpolations", between),
        ("neighbours", "Nearest neighbours", neighbours),
        ("judge", title, judged),
    ]);
    all
}

fn document(run: &RunFiles, nets: Option<&Nets>, sections: &[Section]) -> String {
    let name = escape(&run.name);
    let facts = sections::facts(run, nets);
    let mut out = String::new();
    // Writing to a string cannot fail. The policy lets nothing in from outside, whatever a run's
    // files say.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src \
         'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{name} · dreamlet</title>\n<style>\n{STYLE}</style>\n\
         <script>\n{SCRIPT}</script>\n</head>\n<body>\n<header>\n<p class=\"brand\">dreamlet report</p>\n<h1>{name}</h1>\n{facts}\n<nav>"
    );
    for (id, title, _) in sections {
        let _ = write!(out, "<a href=\"#{id}\">{title}</a>");
    }
    out.push_str("</nav>\n</header>\n<main>\n");
    for (id, title, body) in sections {
        let _ = writeln!(
            out,
            "<section id=\"{id}\">\n<h2>{title}</h2>\n{body}\n</section>"
        );
    }
    let drawn = nets.map_or_else(String::new, |nets| {
        let step = sections::step_text(nets.step());
        format!("; its own images are of the checkpoint at {step}")
    });
    let _ = write!(
        out,
        "</main>\n<footer>made by dreamlet {}{drawn}</footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    out
}

/// Writes a page so that a reader sees the old file or the new one, never a part.
pub(crate) fn write(page: &str, path: &Path) -> Result<(), ReportError> {
    write_atomic(path, page.as_bytes()).map_err(|source| ReportError::Write {
        path: path.to_owned(),
        source,
    })
}
