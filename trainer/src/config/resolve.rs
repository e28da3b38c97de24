//! Preset or file, then `--set`, then flags: one validated configuration.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::keys::{Key, ValueKind};
use super::settings::{KEYS, find};
use super::validate::{by_steps, validate};
use super::{Config, ConfigError, preset};

/// Where a configuration begins.
#[derive(Clone, Debug)]
pub enum Source {
    /// A preset's name.
    Preset(String),
    /// A TOML file; its key `preset` names what the keys it lacks are taken from.
    File(PathBuf),
}

/// What the command line changes, the last word.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--set KEY=VALUE`, in order.
    pub sets: Vec<String>,
    pub data: Option<String>,
    pub epochs: Option<u64>,
    pub steps: Option<u64>,
    /// `--time`, in seconds.
    pub seconds: Option<u64>,
    pub seed: Option<u64>,
}

/// Reads, merges and checks. A limit given as a flag (`--steps`, `--epochs`, `--time`) lifts the
/// preset's other limits, so that `--time 10m` trains for ten minutes. Where something goes by
/// steps over the run, such as a schedule, a time alone leaves them: the run ends with what comes
/// first.
///
/// # Errors
/// [`ConfigError`], which names the key, its allowed range and the nearest valid key.
pub fn resolve(source: &Source, overrides: &Overrides) -> Result<Config, ConfigError> {
    let mut table = match source {
        Source::Preset(name) => preset_table(name)?,
        Source::File(path) => {
            let (origin, mut own) = file_table(path)?;
            let mut base = match own.remove("preset") {
                Some(Value::String(name)) => preset_table(&name)?,
                Some(other) => {
                    return Err(ConfigError::UnknownPreset {
                        name: other.to_string(),
                    });
                }
                None => Table::new(),
            };
            check(&origin, &own)?;
            merge(&mut base, own);
            base
        }
    };
    for text in &overrides.sets {
        set(&mut table, text)?;
    }
    if let Some(data) = &overrides.data {
        put(&mut table, "data.source", Value::String(data.clone()));
    }
    let limits = [
        ("training.epochs", overrides.epochs),
        ("training.steps", overrides.steps),
        ("training.seconds", overrides.seconds),
    ];
    let former = ["training.epochs", "training.steps"].map(|path| {
        let found = get(&table, path).and_then(Value::as_integer);
        found.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
    });
    let integer = |n: u64| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    let only_time = overrides.epochs.is_none() && overrides.steps.is_none();
    if limits.iter().any(|(_, v)| v.is_some()) {
        for (path, value) in limits {
            put(&mut table, path, integer(value.unwrap_or(0)));
        }
    }
    if let Some(seed) = overrides.seed {
        put(&mut table, "training.seed", integer(seed));
    }
    check("the configuration", &table)?;
    let mut config = complete(table)?;
    if only_time && by_steps(&config).is_some() {
        [config.training.epochs, config.training.steps] = former;
    }
    validate(&config)?;
    Ok(config)
}

/// A run's configuration with the limits that are given when it goes on: they replace its own by
/// the rule of [`resolve`].
///
/// # Errors
/// [`ConfigError::Conflict`] when they do not go with its other settings.
pub(crate) fn with_limits(
    mut config: Config,
    epochs: Option<u64>,
    steps: Option<u64>,
    seconds: Option<u64>,
) -> Result<Config, ConfigError> {
    let only_time = epochs.is_none() && steps.is_none();
    if only_time && seconds.is_none() {
        return Ok(config);
    }
    let stay = only_time && by_steps(&config).is_some();
    let t = &mut config.training;
    if !stay {
        (t.epochs, t.steps) = (epochs.unwrap_or(0), steps.unwrap_or(0));
    }
    t.seconds = seconds.unwrap_or(0);
    validate(&config)?;
    Ok(config)
}

/// Whether the user's file or `--set` says what `path` is, and not only a preset.
pub(crate) fn is_given(
    source: &Source,
    overrides: &Overrides,
    path: &str,
) -> Result<bool, ConfigError> {
    if let Source::File(file) = source
        && get(&file_table(file)?.1, path).is_some()
    {
        return Ok(true);
    }
    for text in &overrides.sets {
        if key_and_value(text)?.0.path == path {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Parses a `config.toml` that a run wrote.
pub(crate) fn from_text(origin: &str, text: &str) -> Result<Config, ConfigError> {
    let table = parse(origin, text)?;
    check(origin, &table)?;
    let config = complete(table)?;
    validate(&config)?;
    Ok(config)
}

fn preset_table(name: &str) -> Result<Table, ConfigError> {
    let found = preset(name).ok_or_else(|| ConfigError::UnknownPreset {
        name: name.to_owned(),
    })?;
    parse(found.name, found.toml)
}

/// The name and the keys of a file.
fn file_table(path: &Path) -> Result<(String, Table), ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let origin = path.display().to_string();
    let table = parse(&origin, &text)?;
    Ok((origin, table))
}

fn parse(origin: &str, text: &str) -> Result<Table, ConfigError> {
    text.parse()
        .map_err(|e: toml::de::Error| ConfigError::Syntax {
            origin: origin.to_owned(),
            message: e.to_string(),
        })
}

fn merge(base: &mut Table, own: Table) {
    for (name, value) in own {
        match (base.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                base.insert(name, value);
            }
        }
    }
}

fn get<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => table.get(path),
        Some((section, name)) => table.get(section)?.get(name),
    }
}

fn put(table: &mut Table, path: &str, value: Value) {
    let (table, name) = match path.split_once('.') {
        None => (table, path),
        Some((section, name)) => {
            let section = table.entry(section);
            match section.or_insert_with(|| Value::Table(Table::new())) {
                Value::Table(below) => (below, name),
                _ => return,
            }
        }
    };
    table.insert(name.to_owned(), value);
}

/// The two sides of a `--set`; the key may lack its section.
fn key_and_value(text: &str) -> Result<(&'static Key, &str), ConfigError> {
    let (name, value) = text.split_once('=').ok_or_else(|| ConfigError::BadSet {
        text: text.to_owned(),
    })?;
    let (name, value) = (name.trim(), value.trim());
    let candidates: Vec<&'static Key> = match find(name) {
        Some(key) => vec![key],
        None => KEYS
            .iter()
            .filter(|k| k.path.rsplit('.').next() == Some(name))
            .collect(),
    };
    match candidates.as_slice() {
        [key] => Ok((key, value)),
        [] => Err(ConfigError::UnknownKey {
            origin: "--set".to_owned(),
            key: name.to_owned(),
        }),
        several => Err(ConfigError::AmbiguousKey {
            key: name.to_owned(),
            candidates: several.iter().map(|k| k.path).collect(),
        }),
    }
}

fn set(table: &mut Table, text: &str) -> Result<(), ConfigError> {
    let (key, value) = key_and_value(text)?;
    let is_text = matches!(key.kind, ValueKind::Text | ValueKind::Choice(_));
    let parsed = if is_text && !value.starts_with(['"', '\'']) {
        Value::String(value.to_owned())
    } else {
        literal(value).map_err(|_| ConfigError::BadValue {
            origin: "--set".to_owned(),
            key,
            found: format!("\"{value}\""),
        })?
    };
    check_value("--set", key, &parsed)?;
    put(table, key.path, parsed);
    Ok(())
}

/// One TOML value.
fn literal(text: &str) -> Result<Value, ConfigError> {
    let mut table = parse("a value", &format!("value = {text}"))?;
    table.remove("value").ok_or(ConfigError::BadSet {
        text: text.to_owned(),
    })
}

fn check(origin: &str, table: &Table) -> Result<(), ConfigError> {
    let check = |path: String, value| match find(&path) {
        Some(key) => check_value(origin, key, value),
        None => Err(ConfigError::UnknownKey {
            origin: origin.to_owned(),
            key: path,
        }),
    };
    for (name, value) in table {
        if let Value::Table(section) = value {
            for (inner, value) in section {
                check(format!("{name}.{inner}"), value)?;
            }
        } else {
            check(name.clone(), value)?;
        }
    }
    Ok(())
}

fn is_number(value: &Value, low: f64, high: f64) -> bool {
    match value {
        Value::Float(x) => (low..=high).contains(x),
        Value::Integer(n) => (low..=high).contains(&(*n as f64)),
        _ => false,
    }
}

/// Whether `value` is one that `key` allows.
///
/// # Errors
/// [`ConfigError::BadValue`] with what it may be.
pub(crate) fn check_value(
    origin: &str,
    key: &'static Key,
    value: &Value,
) -> Result<(), ConfigError> {
    let fits = match (key.kind, value) {
        (ValueKind::Text, Value::String(_)) => true,
        (ValueKind::Choice(words), Value::String(word)) => words.iter().any(|w| w.name == word),
        (ValueKind::Integer(low, high), Value::Integer(n)) => (low..=high).contains(n),
        (ValueKind::Number(low, high), value) => is_number(value, low, high),
        (ValueKind::Changing(low, high), Value::Array(ends)) => {
            ends.len() == 2 && ends.iter().all(|end| is_number(end, low, high))
        }
        (ValueKind::Changing(low, high), value) => is_number(value, low, high),
        (ValueKind::Integers(low, high), Value::Array(items)) => {
            let mut numbers = items.iter().map(Value::as_integer);
            (1..=8).contains(&items.len())
                && numbers.all(|n| n.is_some_and(|n| (low..=high).contains(&n)))
        }
        (ValueKind::Flag, Value::Boolean(_)) => true,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(ConfigError::BadValue {
        origin: origin.to_owned(),
        key,
        found: value.to_string(),
    })
}

/// With the defaults of what is not set.
fn complete(mut table: Table) -> Result<Config, ConfigError> {
    // TOML writes 1 where 1.0 is meant; both are numbers to a person.
    let is_number = |key: &&Key| matches!(key.kind, ValueKind::Number(..));
    for key in KEYS.iter().filter(is_number) {
        if let Some(Value::Integer(n)) = get(&table, key.path) {
            let number = *n as f64;
            put(&mut table, key.path, Value::Float(number));
        }
    }
    let word = |path| {
        get(&table, path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let kind = word("model.kind").to_owned();
    let dense = word("model.net") == "dense";
    for key in KEYS {
        let section = key.path.split('.').next().unwrap_or_default();
        let other_kind = matches!(section, "gan" | "vae") && section != kind;
        let gan_only = key.path == "optimizer.discriminator_learning_rate";
        let needed = match key.path {
            "model.hidden" => dense,
            "model.width" => !dense,
            _ => !(other_kind || gan_only && kind == "vae"),
        };
        let given = get(&table, key.path).is_some();
        if needed && !given {
            let default = key.default.ok_or(ConfigError::Missing { key })?;
            put(&mut table, key.path, literal(default)?);
        }
        if !needed && given {
            let message = format!(
                "{} has no meaning for model.kind = \"{kind}\" with this model.net: remove it",
                key.path
            );
            return Err(ConfigError::Conflict { message });
        }
    }
    table
        .try_into()
        .map_err(|e: toml::de::Error| ConfigError::Syntax {
            origin: "the configuration".to_owned(),
            message: e.to_string(),
        })
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
