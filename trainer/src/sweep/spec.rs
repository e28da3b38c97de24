//! The sweep file: what to search, how, and for how long.

use std::path::{Path, PathBuf};

use toml::Value;

use super::error::SweepError;
use super::parameter::Parameter;
use super::read::{HIGHEST, Section, flatten, parse};
use crate::config::{self, Config, Overrides, Source, check_value};
use crate::data::DataSpec;

/// Which metric of a run is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// The score of the checkpoint, smaller is better: one of which more is better counts with the
    /// other sign.
    Score,
    /// A field of `metrics.jsonl`, or else of `stats.jsonl`.
    Field(String),
}

impl Metric {
    /// Its name, as in the sweep file.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Score => "score",
            Self::Field(name) => name,
        }
    }
}

/// Which end of the metric is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    Min,
    Max,
}

impl Goal {
    /// Orders the better of two values first.
    pub(crate) fn compare(self, a: f64, b: f64) -> std::cmp::Ordering {
        match self {
            Self::Min => a.total_cmp(&b),
            Self::Max => b.total_cmp(&a),
        }
    }
}

/// In what the budget is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Steps,
    /// Training images: fair where the batch is searched too.
    Images,
}

/// How trials are given their budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// Each trial gets all of it (Bergstra and Bengio 2012).
    Random,
    /// Asynchronous successive halving (Li et al. 2020): each begins with `min`, the best one in
    /// `eta` goes on with `eta` times more.
    Asha {
        /// Budget of the first rung.
        min: u64,
        /// Reduction factor, 2 or more.
        eta: u64,
    },
}

/// A validated sweep file.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub source: Source,
    /// `--data` of the trials.
    pub data: Option<String>,
    pub metric: Metric,
    pub goal: Goal,
    pub trials: usize,
    /// Fixes what the trials draw.
    pub seed: u64,
    pub algorithm: Algorithm,
    pub unit: Unit,
    /// Budget of one trial at most.
    pub budget: u64,
    /// Settings that all trials share.
    pub fixed: Vec<(String, Value)>,
    pub parameters: Vec<Parameter>,
    /// More arguments for `sbatch`.
    pub slurm: Vec<String>,
}

/// Settings of a trial: key and value, in the order of the parameters.
pub(crate) type Settings = Vec<(&'static str, Value)>;

const KEYS: &[&str] = &[
    "preset",
    "config",
    "data",
    "metric",
    "goal",
    "trials",
    "seed",
    "algorithm",
    "budget",
    "set",
    "parameters",
    "slurm",
];
const BUDGET_KEYS: &[&str] = &["steps", "images", "min", "eta"];
const SLURM_KEYS: &[&str] = &["options"];

/// More trials than anybody waits for; also bounds the memory of a mistyped number.
const MOST_TRIALS: u64 = 10_000;

impl Spec {
    /// Reads and checks a sweep file. `config = "FILE"` in it is relative to the file's folder.
    ///
    /// # Errors
    /// [`SweepError`], which names the key and what it may be.
    pub(crate) fn read(path: &Path) -> Result<Self, SweepError> {
        let text =
            std::fs::read_to_string(path).map_err(SweepError::file(path, "reading the sweep"))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&path.display().to_string(), &text, folder)
    }

    /// [`Spec::read`] of a text; `folder` is where a `config` lies.
    pub(crate) fn parse(origin: &str, text: &str, folder: &Path) -> Result<Self, SweepError> {
        let table = parse(origin, text)?;
        let top = Section::new(origin, "", &table, KEYS)?;
        let help = "[budget] with steps = 2000 or images = 200000 for each trial";
        let budget = top.table("budget")?;
        let budget = budget.ok_or_else(|| top.missing("budget", help))?;
        let budget = Section::new(origin, "budget.", budget, BUDGET_KEYS)?;
        let (unit, most) = budget_of(&budget)?;
        let spec = Self {
            source: source(&top, folder)?,
            data: top.text("data")?.map(str::to_owned),
            metric: match top.text("metric")?.unwrap_or("score") {
                "score" => Metric::Score,
                field => Metric::Field(field.to_owned()),
            },
            goal: match top.word("goal", &["min", "max"])? {
                Some("max") => Goal::Max,
                _ => Goal::Min,
            },
            trials: match top.integer("trials", 1, MOST_TRIALS)? {
                Some(trials) => trials as usize,
                None => {
                    let help = "how many sets of settings to try, such as trials = 20";
                    return Err(top.missing("trials", help));
                }
            },
            seed: top.integer("seed", 0, HIGHEST)?.unwrap_or(0),
            algorithm: algorithm(&top, &budget, most)?,
            unit,
            budget: most,
            fixed: fixed(origin, &top)?,
            parameters: parameters(origin, &top)?,
            slurm: slurm(origin, &top)?,
        };
        if spec.goal == Goal::Max && spec.metric == Metric::Score {
            let expected = "\"min\" with metric = \"score\": a small score is good";
            return Err(top.bad("goal", expected));
        }
        if let Some(data) = &spec.data {
            data.parse::<DataSpec>()?;
        }
        let fixed = |p: &&Parameter| spec.fixed.iter().any(|(key, _)| key == p.key.path);
        if let Some(twice) = spec.parameters.iter().find(fixed) {
            return Err(SweepError::Twice {
                origin: origin.to_owned(),
                key: twice.key.path.to_owned(),
            });
        }
        for trial in 0..spec.trials {
            spec.config(trial)?;
        }
        Ok(spec)
    }

    pub(crate) fn settings(&self, trial: usize) -> Settings {
        self.parameters
            .iter()
            .map(|p| (p.key.path, p.sample(self.seed, trial as u64)))
            .collect()
    }

    /// `KEY=VALUE` for each of `--set` that makes trial number `trial`, the fixed ones first.
    pub(crate) fn sets(&self, trial: usize) -> Vec<String> {
        let fixed = self.fixed.iter().map(|(k, v)| (k.as_str(), v.clone()));
        fixed
            .chain(self.settings(trial))
            .map(|(key, value)| format!("{key}={}", plain(&value)))
            .collect()
    }

    /// The whole configuration of trial number `trial`, with the limits of the preset or file.
    ///
    /// # Errors
    /// [`SweepError::Trial`] when its settings do not go together.
    pub(crate) fn config(&self, trial: usize) -> Result<Config, SweepError> {
        let overrides = Overrides {
            sets: self.sets(trial),
            data: self.data.clone(),
            ..Overrides::default()
        };
        config::resolve(&self.source, &overrides).map_err(|source| SweepError::Trial {
            trial,
            settings: describe(&self.settings(trial)),
            source,
        })
    }

    /// Whether `self` goes on with the sweep `old`: all that fixes its trials is the same, and
    /// there are no fewer of them.
    ///
    /// # Errors
    /// What differs.
    pub(crate) fn continues(&self, old: &Self) -> Result<(), &'static str> {
        let same = [
            (same_source(&self.source, &old.source), "preset or config"),
            (self.data == old.data, "data"),
            (self.metric == old.metric, "metric"),
            (self.goal == old.goal, "goal"),
            (self.seed == old.seed, "seed"),
            (self.algorithm == old.algorithm, "algorithm, min or eta"),
            (
                self.unit == old.unit && self.budget == old.budget,
                "[budget]",
            ),
            (self.fixed == old.fixed, "[set]"),
            (self.parameters == old.parameters, "[parameters]"),
            (self.trials >= old.trials, "and larger number of trials"),
        ];
        let other = same.into_iter().find(|(same, _)| !same);
        other.map_or(Ok(()), |(_, what)| Err(what))
    }
}

/// Files are compared by what is in them: the sweep folder has a copy.
fn same_source(a: &Source, b: &Source) -> bool {
    match (a, b) {
        (Source::Preset(a), Source::Preset(b)) => a == b,
        (Source::File(a), Source::File(b)) => {
            let read = |path| std::fs::read(path).ok();
            read(a).is_some_and(|a| read(b) == Some(a))
        }
        _ => false,
    }
}

/// A value as `--set` takes it: words without quotes.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        other => other.to_string(),
    }
}

/// `key = value, key = value`.
pub(crate) fn describe(settings: &[(&'static str, Value)]) -> String {
    let parts = settings.iter().map(|(k, v)| format!("{k} = {}", plain(v)));
    parts.collect::<Vec<_>>().join(", ")
}

fn source(top: &Section<'_>, folder: &Path) -> Result<Source, SweepError> {
    match (top.text("preset")?, top.text("config")?) {
        (Some(name), None) => Ok(Source::Preset(name.to_owned())),
        (None, Some(file)) => Ok(Source::File(folder.join(PathBuf::from(file)))),
        (Some(_), Some(_)) => Err(top.bad("config", "absent where there is a preset: take one")),
        (None, None) => Err(top.missing(
            "preset",
            "preset = \"vae-dense\" (`dreamlet presets` lists them) or config = \"mine.toml\"",
        )),
    }
}

fn budget_of(budget: &Section<'_>) -> Result<(Unit, u64), SweepError> {
    let number = |key| budget.integer(key, 1, HIGHEST);
    match (number("steps")?, number("images")?) {
        (Some(n), None) => Ok((Unit::Steps, n)),
        (None, Some(n)) => Ok((Unit::Images, n)),
        (Some(_), Some(_)) => {
            Err(budget.bad("images", "absent where there are steps: take one of them"))
        }
        (None, None) => {
            let help = "steps = 2000 or images = 200000: what one trial gets at most";
            Err(budget.missing("budget.steps", help))
        }
    }
}

fn algorithm(top: &Section<'_>, budget: &Section<'_>, most: u64) -> Result<Algorithm, SweepError> {
    let Some(word) = top.word("algorithm", &["random", "asha"])? else {
        return Err(top.missing("algorithm", "algorithm = \"random\" or \"asha\""));
    };
    if word == "random" {
        let expected = "absent with algorithm = \"random\": it is for \"asha\"";
        let found = ["min", "eta"].into_iter().find(|key| budget.has(key));
        return found.map_or(Ok(Algorithm::Random), |key| Err(budget.bad(key, expected)));
    }
    let help = "min = 200: what each trial gets before the first choice";
    let min = budget.integer("min", 1, most)?;
    Ok(Algorithm::Asha {
        min: min.ok_or_else(|| budget.missing("budget.min", help))?,
        eta: budget.integer("eta", 2, 100)?.unwrap_or(3),
    })
}

/// Refuses a setting that the sweep sets, and says what to do instead.
fn refuse_reserved(origin: &str, key: &str) -> Result<(), SweepError> {
    let instead = match key {
        "name" => "the sweep names its runs",
        "training.steps" | "training.epochs" | "training.seconds" => {
            "[budget] says how long a trial trains, in steps or images"
        }
        _ => return Ok(()),
    };
    Err(SweepError::Reserved {
        origin: origin.to_owned(),
        key: key.to_owned(),
        instead,
    })
}

fn fixed(origin: &str, top: &Section<'_>) -> Result<Vec<(String, Value)>, SweepError> {
    let mut fixed = Vec::new();
    for (key, value) in flatten(origin, top.table("set")?)? {
        refuse_reserved(origin, key.path)?;
        check_value(origin, key, value)?;
        fixed.push((key.path.to_owned(), value.clone()));
    }
    Ok(fixed)
}

fn parameters(origin: &str, top: &Section<'_>) -> Result<Vec<Parameter>, SweepError> {
    let help = "[parameters] with a range for each setting to search, such as \"optimizer.learning_rate\" = { log = [1e-5, 1e-2] }";
    let table = top
        .table("parameters")?
        .filter(|t| !t.is_empty())
        .ok_or_else(|| top.missing("parameters", help))?;
    let mut parameters = Vec::new();
    for (key, value) in flatten(origin, Some(table))? {
        refuse_reserved(origin, key.path)?;
        parameters.push(Parameter::read(origin, key, value)?);
    }
    Ok(parameters)
}

fn slurm(origin: &str, top: &Section<'_>) -> Result<Vec<String>, SweepError> {
    let Some(table) = top.table("slurm")? else {
        return Ok(Vec::new());
    };
    let section = Section::new(origin, "slurm.", table, SLURM_KEYS)?;
    let Some(options) = table.get("options") else {
        return Ok(Vec::new());
    };
    let words = options.as_array().and_then(|options| {
        let words = options.iter().map(|v| v.as_str().map(str::to_owned));
        words.collect()
    });
    let expected =
        "a list of arguments for sbatch, such as [\"--partition=gpu\", \"--time=2:00:00\"]";
    words.ok_or_else(|| section.bad("options", expected))
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
