//! `dreamlet card MODEL --hub DIR`: a folder that a model hub takes as it is.

use std::fmt::Write as _;
use std::path::Path;

use dreamlet_compiler::cli::{CliResult, print};
use dreamlet_compiler::{Options, compile};
use dreamlet_runtime::card::Card;
use dreamlet_runtime::engine::tract::Assumptions;
use dreamlet_runtime::generator::Generator as _;
use dreamlet_runtime::latent::Distribution;

use crate::atomic_file::write_atomic;
use crate::generator_file::open_bytes;
use crate::sampling::{self, Latents, Layout, Request};
use crate::sheet::png;

type Result<T> = core::result::Result<T, Box<dyn std::error::Error>>;

/// Pixels of an image of the preview, about.
const PREVIEW: usize = 112;

/// Writes the model, compiled too where it is an ONNX file, with a preview, its card, its licence
/// and a README that hubs read, into a new or empty folder.
pub(super) fn write(
    folder: &Path,
    model: &Path,
    file: &[u8],
    card: &Card,
    assumptions: &Assumptions,
) -> CliResult {
    let mut files = files(model, file, card, assumptions)?;
    files.push(("README.md".to_owned(), readme(card, &files).into_bytes()));
    std::fs::create_dir_all(folder).map_err(|error| wrong(folder, &error))?;
    let mut there = std::fs::read_dir(folder).map_err(|error| wrong(folder, &error))?;
    if there.next().is_some() {
        return Err(format!(
            "{} is not empty: name a new folder, so that nothing of yours is written over",
            folder.display()
        )
        .into());
    }
    for (name, bytes) in &files {
        let file = folder.join(name);
        write_atomic(&file, bytes).map_err(|error| wrong(&file, &error))?;
    }
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    print(&format!("{}: {}", folder.display(), names.join(", ")))
}

fn wrong(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

/// Names and contents of the files but the README, the models first.
fn files(
    model: &Path,
    file: &[u8],
    card: &Card,
    assumptions: &Assumptions,
) -> Result<Vec<(String, Vec<u8>)>> {
    let name = file_name(&card.name);
    let mut generator = open_bytes(model, file, assumptions)?;
    let mut files = Vec::new();
    if generator.is_compiled() {
        files.push((format!("{name}.dream"), file.to_vec()));
    } else {
        let options = Options {
            assumptions: assumptions.clone(),
            name: card.name.clone(),
            ..Options::default()
        };
        let compiled = compile(file, &options)?.file;
        files.push((format!("{name}.onnx"), file.to_vec()));
        files.push((format!("{name}.dream"), compiled));
    }
    let request = Request::new(Latents::Seeds("0-35".parse()?));
    let samples = sampling::samples(&mut generator, &request)?;
    let shape = generator.shape();
    let layout = Layout {
        scale: (PREVIEW / shape.width.max(1)).max(1),
        ..Layout::default()
    };
    let preview = sampling::sheet(&samples, shape, layout)?;
    files.push(("preview.png".to_owned(), png(&preview)?));
    let value: serde_json::Value = serde_json::from_str(&card.to_json()?)?;
    let text = serde_json::to_string_pretty(&value)? + "\n";
    files.push(("card.json".to_owned(), text.into_bytes()));
    if !card.license.is_empty() {
        files.push(("LICENSE".to_owned(), license(card).into_bytes()));
    }
    Ok(files)
}

/// A name as a file's: letters, digits, `-` and `_`.
fn file_name(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(plain).collect();
    match name.trim_matches('-') {
        "" => "generator".to_owned(),
        name => name.to_owned(),
    }
}

/// The parts of an SPDX expression, where it is a choice.
fn licenses(expression: &str) -> Vec<&str> {
    let parts = expression.split(" OR ").map(str::trim);
    parts.filter(|part| !part.is_empty()).collect()
}

fn license(card: &Card) -> String {
    let mut text = format!("SPDX-License-Identifier: {}\n", card.license);
    if !card.author.is_empty() {
        let _ = writeln!(text, "SPDX-FileCopyrightText: {}", card.author);
    }
    for name in licenses(&card.license) {
        let _ = writeln!(text, "\nText: https://spdx.org/licenses/{name}.html");
    }
    text
}

/// The page of the model, with the head of YAML that hubs read.
fn readme(card: &Card, files: &[(String, Vec<u8>)]) -> String {
    let mut text = String::from("---\n");
    match licenses(&card.license).as_slice() {
        [] => text.push_str("license: unknown\n"),
        names => {
            text.push_str("license:\n");
            for name in names {
                let _ = writeln!(text, "- {}", name.to_lowercase());
            }
        }
    }
    text.push_str("library_name: dreamlet\npipeline_tag: unconditional-image-generation\ntags:\n");
    text.push_str("- dreamlet\n- onnx\n- image-generation\n- embedded\n---\n\n");
    let _ = writeln!(text, "# {}\n\n![36 images](preview.png)\n", card.name);
    let _ = writeln!(
        text,
        "A small generator of images, for [dreamlet](https://crates.io/crates/dreamlet-trainer): \
         it runs on a computer, on a Raspberry Pi, in a browser and on a microcontroller.\n"
    );
    facts(&mut text, card);
    text.push_str("\n| file | bytes |\n| --- | --- |\n");
    for (name, bytes) in files {
        let _ = writeln!(text, "| `{name}` | {} |", bytes.len());
    }
    usage(&mut text, card, files);
    text
}

fn facts(text: &mut String, card: &Card) {
    let colours = match card.image.channels {
        1 => "grey",
        _ => "RGB",
    };
    let image = format!("{}x{}, {colours}", card.image.width, card.image.height);
    let distribution = match card.latent.distribution {
        Distribution::Normal => "standard normal",
        Distribution::Uniform => "uniform from -1 to 1",
    };
    let latent = format!("{} numbers, {distribution}", card.latent.len);
    let trained = card.training.as_ref();
    let steps = trained.map_or_else(String::new, |training| format!("{} steps", training.step));
    let rows = [
        ("images", image),
        ("latent vector", latent),
        ("classes", card.classes.join(", ")),
        ("trained on", card.dataset.clone()),
        ("trained for", steps),
        ("author", card.author.clone()),
        ("licence", card.license.clone()),
    ];
    text.push_str("| | |\n| --- | --- |\n");
    for (what, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "| {what} | {} |", value.replace('|', "\\|"));
    }
}

fn usage(text: &mut String, card: &Card, files: &[(String, Vec<u8>)]) {
    let Some((model, _)) = files.first() else {
        return;
    };
    let _ = write!(
        text,
        "\n## Use\n\nThe same seed gives the same image everywhere.\n\n```sh\ndreamlet sample {model} --seeds 0-35 --out images.png\n"
    );
    if card.training.is_some() {
        let _ = writeln!(
            text,
            "dreamlet reproduce {model}   # train it again, compare the weights"
        );
    }
    text.push_str("```\n");
    let own_names = card
        .interface
        .as_ref()
        .is_none_or(|it| it.inputs.is_empty());
    if !model.ends_with(".onnx") || !own_names {
        return;
    }
    let draw = match card.latent.distribution {
        Distribution::Normal => "standard_normal((36, LEN)).astype(numpy.float32)",
        Distribution::Uniform => "uniform(-1, 1, (36, LEN)).astype(numpy.float32)",
    };
    let draw = draw.replace("LEN", &card.latent.len.to_string());
    let class = match card.classes.len() {
        0 => String::new(),
        classes => format!(", \"class\": numpy.arange(36) % {classes}"),
    };
    let _ = write!(
        text,
        "\nIn Python, with images from {} (black) to {} (white), `[36, {}, {}, {}]`:\n\n```python\nimport numpy, onnxruntime\n\nlatent = numpy.random.{draw}\nsession = onnxruntime.InferenceSession(\"{model}\")\n(images,) = session.run(None, {{\"latent\": latent{class}}})\n```\n",
        card.range.low, card.range.high, card.image.channels, card.image.height, card.image.width,
    );
}

#[cfg(test)]
mod tests {
    use dreamlet_runtime::card::Latent;
    use dreamlet_runtime::image::{PixelRange, Shape};

    use super::*;

    fn card() -> Card {
        let latent = Latent {
            len: 4,
            distribution: Distribution::Normal,
        };
        let mut card = Card::new(
            "my digits!",
            latent,
            Shape::new(1, 8, 8).unwrap(),
            PixelRange::UNIT,
        );
        card.license = "MIT OR Apache-2.0".into();
        card.classes = vec!["a".into(), "b".into()];
        card
    }

    #[test]
    fn the_head_is_yaml_with_each_licence_and_the_body_names_every_file() {
        let files = [("my-digits.onnx".to_owned(), vec![0; 7])];
        let text = readme(&card(), &files);
        let head = text.split("---\n").nth(1).unwrap();
        assert!(
            head.starts_with("license:\n- mit\n- apache-2.0\n"),
            "{head}"
        );
        assert!(head.contains("pipeline_tag: unconditional-image-generation"));
        assert!(text.contains("| `my-digits.onnx` | 7 |"));
        assert!(text.contains("numpy.arange(36) % 2"), "{text}");
        assert!(
            readme(
                &Card {
                    license: String::new(),
                    ..card()
                },
                &files
            )
            .contains("license: unknown")
        );
    }

    #[test]
    fn names_are_names_of_files() {
        assert_eq!(file_name("my digits!"), "my-digits");
        assert_eq!(file_name("../../etc"), "etc");
        assert_eq!(file_name("ネコ"), "generator");
    }
}
