//! The sections that come from the files of a run alone.

use std::time::Duration;

use serde_json::{Value, json};

use super::html::{image, missing, note, table};
use super::nets::Nets;
use super::slideshow::{Slide, display_width, slideshow};
use crate::chart::{Series, curves as chart, escape, number, whole};
use crate::report::log::Log;
use crate::report::run_files::RunFiles;
use crate::training::clock;

/// Curves that belong into one chart, and its title; every other number has a chart of its own.
const TOGETHER: [(&str, &[&str]); 4] = [
    ("Losses", &["d_loss", "g_loss"]),
    ("Mean of D(x) and of D(G(z))", &["d_real", "d_fake"]),
    (
        "Mean logit of real and of generated images",
        &["d_logit_real", "d_logit_fake"],
    ),
    (
        "Images the discriminator tells right (share), mean sign of its logits on real ones",
        &["d_right", "d_sign"],
    ),
];
/// Curves that come before the others, which go by name.
const FIRST: [&str; 6] = [
    "loss",
    "reconstruction",
    "kl",
    "second_loss",
    "second_reconstruction",
    "second_kl",
];
/// The number that comes last: it tells about the machine, not about the model.
const SPEED: &str = "images_per_second";

/// In a table, what is not known.
const DASH: &str = "–";

/// The tiles under the title.
pub(super) fn facts(run: &RunFiles, nets: Option<&Nets>) -> String {
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Ok(config) = &run.config {
        // By their names in the file: whatever nets there will be, they have one.
        let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
        let kind = word(json!(config.model.kind)).to_uppercase();
        let net = word(json!(config.model.net));
        let data = &config.data;
        facts.push(("data", data.source.clone()));
        let colour = match data.channels {
            1 => "grey",
            3 => "RGB",
            _ => "RGB and alpha",
        };
        facts.push(("images", format!("{0}×{0}, {colour}", data.size)));
        facts.push(("preset", config.name.clone()));
        facts.push(("model", format!("{kind}, {net}")));
        facts.push(("latent", config.model.latent.to_string()));
    }
    if let Some(nets) = nets {
        facts.push(("parameters", whole(nets.parameters() as u64)));
    }
    let log = run.stats.as_ref().ok();
    let state = run.state();
    let newest = |of_log: Option<u64>, of_state: Option<u64>| of_log.max(of_state).map(whole);
    let steps = newest(log.and_then(|l| l.step), state.map(|s| s.step));
    let images = newest(log.and_then(|l| l.images), state.map(|s| s.images));
    facts.extend(steps.map(|text| ("steps", text)));
    facts.extend(images.map(|text| ("images", text)));
    let seconds = [log.and_then(Log::duration), state.map(|s| s.seconds)];
    let known = seconds.into_iter().flatten().filter(|s| s.is_finite());
    let seconds = known.fold(-1.0, f64::max);
    if let Ok(time) = Duration::try_from_secs_f64(seconds) {
        facts.push(("time", clock(time)));
    }
    if let Ok(config) = &run.config {
        facts.push(("seed", config.training.seed.to_string()));
    }
    if let Ok(environment) = &run.environment {
        let device = environment["device"].as_str();
        facts.extend(device.map(|d| ("device", d.to_owned())));
    }
    let mut out = "<dl class=\"facts\">".to_owned();
    for (name, value) in facts {
        let value = escape(&value);
        out += &format!("<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out += "</dl>";
    if let Err(reason) = &run.config {
        let what = format!("The configuration cannot be used: {reason}.");
        out += &missing(&what);
    }
    out
}

/// The samples of always the same latents, and real images beside them.
pub(super) fn samples(run: &RunFiles) -> String {
    let mut out = String::new();
    let shown = run.samples.len();
    if shown == 0 && run.samples_broken.is_empty() {
        out.push_str(&missing(
            "The run has no sample images yet: it makes the first when it begins, the next after training.sample_every steps.",
        ));
    } else if shown > 0 {
        let mut how = "Always the same 64 latents, seeds 0 to 63.".to_owned();
        if run.samples_found > shown + run.samples_broken.len() {
            how += &format!(" {shown} of {} sheets, evenly spread.", run.samples_found);
        }
        if shown > 1 {
            how += " Play, or move the slider.";
        }
        out += &note(&how);
    }
    out.extend(run.samples_broken.iter().map(|message| missing(message)));
    let frames = run.samples.iter().map(|sheet| Slide {
        png: &sheet.png,
        label: step_text(sheet.step),
    });
    let frames: Vec<_> = frames.collect();
    out += "<div class=\"side\">";
    if let Some(last) = run.samples.last() {
        let width = display_width(last.width, SHEET);
        out += &titled("generated", &slideshow("generated images", &frames, width));
    }
    out += &match &run.reals {
        Ok(sheet) => {
            let style = format!("style=\"width:{}px\"", display_width(sheet.width, SHEET));
            titled("real", &image(&sheet.png, "real training images", &style))
        }
        Err(message) => missing(message),
    };
    out + "</div>"
}

/// Width of a sheet in CSS pixels, about.
const SHEET: u32 = 500;

/// Steps as text, for headings.
pub(super) fn step_text(step: u64) -> String {
    format!("step {}", whole(step))
}

fn titled(title: &str, body: &str) -> String {
    format!("<div class=\"titled\"><h3>{title}</h3>{body}</div>")
}

/// Charts of everything in `stats.jsonl` and `metrics.jsonl`.
pub(super) fn curves(run: &RunFiles) -> String {
    let (mut out, mut charts) = (String::new(), String::new());
    let files = [
        ("stats.jsonl", Some(&run.stats)),
        ("metrics.jsonl", run.metrics.as_ref()),
    ];
    for (file, log) in files {
        match log {
            None => {}
            Some(Err(message)) => out += &missing(message),
            Some(Ok(log)) => {
                out += &broken(file, log);
                charts += &of_log(log);
                if charts.is_empty() && file == "stats.jsonl" {
                    out += &missing(
                        "stats.jsonl has no numbers yet: the run writes them every training.log_every steps.",
                    );
                }
            }
        }
    }
    format!("{out}<div class=\"charts\">{charts}</div>")
}

fn of_log(log: &Log) -> String {
    let mut charts = String::new();
    let mut left: Vec<&Series> = log.series.iter().collect();
    for (title, names) in TOGETHER {
        let together = |s: &mut &Series| names.contains(&s.name.as_str());
        let found: Vec<&Series> = left.extract_if(.., together).collect();
        charts.extend(chart(title, &found));
    }
    left.sort_by_key(|s| {
        let first = FIRST.iter().position(|name| *name == s.name);
        (s.name == SPEED, first.unwrap_or(FIRST.len()))
    });
    for series in left {
        let title = match series.name.as_str() {
            SPEED => "Images a second",
            name => name,
        };
        charts.extend(chart(title, &[series]));
    }
    charts
}

fn broken(file: &str, log: &Log) -> String {
    match log.broken.as_slice() {
        [] => String::new(),
        [first] => missing(&format!("Line {first} of {file} is damaged and left out.")),
        [first, rest @ ..] => missing(&format!(
            "{} lines of {file} are damaged and left out, the first is line {first}.",
            rest.len() + 1
        )),
    }
}

/// What `dreamlet eval RUN` wrote: a table of the metrics, and what they were measured on.
fn metric_tables(report: &Value, metrics: &[Value]) -> String {
    let rows = metrics.iter().map(|metric| {
        let mut value = leaf(&metric["value"]);
        if !metric["error"].is_null() {
            value += &format!(" ± {}", leaf(&metric["error"]));
        }
        let on = &metric["stamp"];
        let of = |key: &str| on[key].as_u64().filter(|n| *n > 0);
        let counts = [
            of("fake").map(|n| format!("{n} generated")),
            of("real").map(|n| format!("{n} {}", leaf(&on["split"]))),
        ];
        let counts = counts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let better = match leaf(&metric["better"]) {
            word if word == "floor" => "as real".to_owned(),
            other => other,
        };
        let how = format!("{counts}; {}", leaf(&metric["method"]));
        vec![
            leaf(&metric["name"]),
            value,
            leaf(&metric["floor"]),
            better,
            how,
        ]
    });
    let head = ["metric", "value", "real/real", "better", "how"];
    let mut out = table(&head, &rows.collect::<Vec<_>>());
    let mut measured_on = vec![vec!["model".to_owned(), leaf(&report["model"])]];
    for (key, name) in [
        ("data", "data"),
        ("shape", "channels, rows, columns"),
        ("fingerprint", "fingerprint"),
        ("seed", "seed"),
        ("floor", "other real images, in place of the generated ones"),
    ] {
        if let Some(found) = metrics.first().and_then(|metric| metric["stamp"].get(key)) {
            measured_on.push(vec![name.to_owned(), leaf(found)]);
        }
    }
    let extractor = metrics.iter().map(|metric| &metric["stamp"]["extractor"]);
    for (name, value) in extractor
        .flat_map(Value::as_object)
        .next()
        .into_iter()
        .flatten()
    {
        measured_on.push(vec![format!("extractor, {name}"), leaf(value)]);
    }
    for note in report["notes"].as_array().into_iter().flatten() {
        measured_on.push(vec!["note".to_owned(), leaf(note)]);
    }
    out += "<h3>measured on</h3>";
    out + &table(&["what", "value"], &measured_on)
}

/// The last measurement of a run that was never evaluated afterwards, with what it was measured on;
/// `None` if there is none.
pub(super) fn measured(run: &RunFiles) -> Option<String> {
    let log = run.metrics.as_ref()?.as_ref().ok()?;
    let provenance = run.provenance.as_ref()?.as_object()?;
    let step = log.step?;
    let value = |key: &str| {
        let series = log.series.iter().find(|series| series.name == key)?;
        let (at, value) = series.points.last()?;
        (*at == step).then_some(*value)
    };
    let metrics = provenance.iter().filter_map(|(key, of)| {
        let mut metric = of.clone();
        let fields = metric.as_object_mut()?;
        fields.insert("value".into(), value(key)?.into());
        fields.entry("name").or_insert_with(|| key.as_str().into());
        Some(metric)
    });
    let metrics: Vec<Value> = metrics.collect();
    let report = json!({
        "model": run.name,
        "notes": [format!("measured while training, at step {step}; `dreamlet eval` measures more")],
    });
    (!metrics.is_empty()).then(|| metric_tables(&report, &metrics))
}

/// `eval.json` as tables: one for each object in it, where another program wrote it.
pub(super) fn evaluation(evaluation: &Result<Value, String>) -> String {
    let value = match evaluation {
        Ok(value) => value,
        Err(message) => return missing(message),
    };
    if let Some(metrics) = value.get("figures").and_then(Value::as_array) {
        return metric_tables(value, metrics);
    }
    let (mut out, mut plain) = (String::new(), Vec::new());
    let groups: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(n, v)| (n.clone(), v)).collect(),
        Value::Array(items) => (1..).zip(items).map(|(i, v)| (format!("{i}"), v)).collect(),
        other => vec![("value".to_owned(), other)],
    };
    for (name, value) in groups {
        if value.is_object() || value.is_array() {
            let mut rows = Vec::new();
            flatten("", value, &mut rows);
            out += &format!("<h3>{}</h3>{}", escape(&name), pairs(&rows));
        } else {
            plain.push(vec![name, leaf(value)]);
        }
    }
    if !plain.is_empty() {
        out.insert_str(0, &pairs(&plain));
    }
    if out.is_empty() {
        out = missing("eval.json has no metrics.");
    }
    out
}

fn pairs(rows: &[Vec<String>]) -> String {
    table(&["metric", "value"], rows)
}

/// Nested names are joined by dots; serde_json itself refuses what is nested deeper than 128.
fn flatten(path: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
    let join = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&join(name), value, rows);
            }
        }
        Value::Array(items) if items.iter().any(|i| i.is_object() || i.is_array()) => {
            for (i, value) in items.iter().enumerate() {
                flatten(&join(&i.to_string()), value, rows);
            }
        }
        value => rows.push(vec![path.to_owned(), leaf(value)]),
    }
}

fn leaf(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(n) if n.is_f64() => n.as_f64().map_or_else(|| n.to_string(), number),
        Value::Array(items) => items.iter().map(leaf).collect::<Vec<_>>().join(", "),
        Value::Null => DASH.to_owned(),
        other => other.to_string(),
    }
}

pub(super) fn checkpoints(run: &RunFiles) -> String {
    if run.checkpoints.is_empty() {
        return missing(
            "The run has no checkpoint yet: it saves one every training.checkpoint_every steps and at its end.",
        );
    }
    let (mut names, mut rows) = (Vec::new(), Vec::new());
    for checkpoint in &run.checkpoints {
        let mut row = vec![whole(checkpoint.step)];
        match &checkpoint.state {
            Ok(state) => {
                let larger = state.larger_is_better;
                let direction = if larger { "larger" } else { "smaller" };
                let name = format!("{}, {direction} is better", state.score_name);
                if state.score.is_some() && !names.contains(&name) {
                    names.push(name);
                }
                let time = Duration::try_from_secs_f64(state.seconds).ok();
                row.extend([whole(state.epoch), whole(state.images)]);
                row.push(time.map_or_else(|| DASH.to_owned(), clock));
                row.push(state.score.map_or_else(|| DASH.to_owned(), number));
                row.push(if checkpoint.best { "best" } else { "" }.to_owned());
            }
            Err(message) => row.extend([DASH, DASH, DASH, DASH, message].map(str::to_owned)),
        }
        rows.push(row);
    }
    let mut out = String::new();
    if !names.is_empty() {
        let names = names.join("; ");
        out = note(&format!("Score, to compare within this run: {names}."));
    }
    out + &table(&["step", "epoch", "images", "time", "score", ""], &rows)
}

/// `config.toml` and `environment.json` as they are.
pub(super) fn configuration(run: &RunFiles) -> String {
    let block = |title: &str, text: &Result<String, String>| {
        let body = match text {
            Ok(text) => format!("<pre>{}</pre>", escape(text.trim_end())),
            Err(message) => missing(message),
        };
        titled(title, &body)
    };
    let environment = run.environment.clone();
    let environment = environment.map(|value| format!("{value:#}"));
    format!(
        "<div class=\"side texts\">{}{}</div>",
        block("config.toml", &run.config_text),
        block("environment.json", &environment)
    )
}
