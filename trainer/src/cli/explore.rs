//! `dreamlet explore MODEL --out page.html`

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use dreamlet_compiler::cli::{CliResult, ForeignModelArgs, print};
use dreamlet_compiler::{Options, compile};
use dreamlet_runtime::CompiledGenerator;

use crate::atomic_file::{read_regular, write_atomic};

/// Arguments of `dreamlet explore`.
#[derive(Debug, Args)]
pub(crate) struct ExploreArgs {
    /// A compiled model or an ONNX generator
    #[arg(value_name = "MODEL.dream|MODEL.onnx")]
    model: PathBuf,
    /// Where to write the page; by default beside the model, ending in `.html`
    #[arg(long, value_name = "PAGE.html")]
    out: Option<PathBuf>,
    #[command(flatten)]
    foreign: ForeignModelArgs,
}

const PAGE: &str = include_str!("../../assets/page.html");

/// Parts of the page as text: marks in it, and what they stand for.
const TEXTS: [(&str, &str); 3] = [
    ("@dreamlet.mjs@", include_str!("../../assets/dreamlet.mjs")),
    ("@gif.mjs@", include_str!("../../assets/gif.mjs")),
    ("@page.js@", include_str!("../../assets/page.js")),
];

/// The engine with vectors and without, as `web/build.sh --renew` packs them.
const ENGINES: [(&str, &[u8]); 2] = [
    ("@vectors@", include_bytes!("../../assets/vectors.wasm.gz")),
    ("@scalar@", include_bytes!("../../assets/scalar.wasm.gz")),
];

/// Writes one page with engine, model and script in it.
pub(crate) fn run(args: &ExploreArgs) -> CliResult {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", args.model.display());
    let model = compiled(&args.model, &args.foreign).map_err(|error| named(&error))?;
    let page = page(&model);
    let out = args.out.clone();
    let out = out.unwrap_or_else(|| args.model.with_extension("html"));
    write_atomic(&out, page.as_bytes()).map_err(|error| {
        let place = out.display();
        format!("cannot write {place}: {error}; choose another place with --out")
    })?;
    print(&format!(
        "{}: {} bytes; open it in a browser",
        out.display(),
        page.len()
    ))
}

/// A compiled model as it is, checked; an ONNX file compiled with f32 layers.
fn compiled(
    path: &Path,
    foreign: &ForeignModelArgs,
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let bytes = read_regular(path)?;
    if bytes.starts_with(b"dreamlet") {
        CompiledGenerator::from_bytes(&bytes)?;
        return Ok(bytes);
    }
    let assumptions = foreign.assumptions();
    let file = dreamlet_onnx::read(path, &assumptions.limits)?;
    let name = path.file_stem().unwrap_or_default();
    let options = Options {
        assumptions,
        name: name.to_string_lossy().into_owned(),
        ..Options::default()
    };
    Ok(compile(&file, &options)?.file)
}

fn page(model: &[u8]) -> String {
    let mut page = PAGE.to_owned();
    for (mark, bytes) in ENGINES.into_iter().chain([("@model@", model)]) {
        page = page.replace(mark, &STANDARD.encode(bytes));
    }
    for (mark, text) in TEXTS {
        // In one page nothing is imported.
        let text = text.replace("\nexport ", "\n");
        page = page.replace(&format!("{mark}\n"), &text);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_in_the_page_and_no_mark_is_left() {
        let page = page(b"dreamlet");
        assert!(page.contains(&STANDARD.encode(b"dreamlet")));
        for words in ["class Generator", "function gif", "function byEffect"] {
            assert!(page.contains(words), "{words}");
        }
        assert!(!page.contains("\nexport "));
        for (mark, _) in TEXTS {
            assert!(!page.contains(mark), "{mark}");
        }
        for (mark, _) in ENGINES {
            assert!(!page.contains(mark), "{mark}");
        }
    }
}
