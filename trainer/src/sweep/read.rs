//! Typed access to the tables of a sweep file, with messages that name the key.

use std::collections::HashSet;

use toml::{Table, Value};

use super::error::SweepError;
use crate::config::keys::Key;
use crate::config::{ConfigError, find};
use crate::suggest::nearest;

/// The tables of a sweep file that has `text`.
pub(super) fn parse(origin: &str, text: &str) -> Result<Table, SweepError> {
    text.parse()
        .map_err(|e: toml::de::Error| SweepError::Syntax {
            origin: origin.to_owned(),
            message: e.to_string(),
        })
}

/// The highest number of a file.
pub(super) const HIGHEST: u64 = i64::MAX.unsigned_abs();

/// One table of the file, with the keys it may have.
pub(super) struct Section<'a> {
    origin: &'a str,
    prefix: &'static str,
    table: &'a Table,
}

impl<'a> Section<'a> {
    /// Refuses keys that are not `valid`.
    pub(super) fn new(
        origin: &'a str,
        prefix: &'static str,
        table: &'a Table,
        valid: &'static [&'static str],
    ) -> Result<Self, SweepError> {
        match table.keys().find(|key| !valid.contains(&key.as_str())) {
            Some(key) => Err(SweepError::UnknownKey {
                origin: origin.to_owned(),
                key: format!("{prefix}{key}"),
                nearest: nearest(key, valid.iter().copied()).map(str::to_owned),
                valid,
            }),
            None => Ok(Self {
                origin,
                prefix,
                table,
            }),
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, SweepError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(self.bad(key, "text in quotes")),
        }
    }

    pub(super) fn word(
        &self,
        key: &str,
        words: &[&'static str],
    ) -> Result<Option<&'a str>, SweepError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(word)) if words.contains(&word.as_str()) => Ok(Some(word)),
            Some(_) => Err(self.bad(key, &format!("one of \"{}\"", words.join("\", \"")))),
        }
    }

    pub(super) fn integer(
        &self,
        key: &str,
        low: u64,
        high: u64,
    ) -> Result<Option<u64>, SweepError> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        let number = value.as_integer().and_then(|n| u64::try_from(n).ok());
        let fits = number.filter(|n| (low..=high).contains(n));
        let expected = match high {
            HIGHEST => format!("a whole number, {low} or more"),
            _ => format!("a whole number from {low} to {high}"),
        };
        fits.map(Some).ok_or_else(|| self.bad(key, &expected))
    }

    pub(super) fn table(&self, key: &str) -> Result<Option<&'a Table>, SweepError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(table)),
            Some(_) => Err(self.bad(key, &format!("a table, [{key}]"))),
        }
    }

    pub(super) fn missing(&self, key: &'static str, help: &'static str) -> SweepError {
        SweepError::Missing {
            origin: self.origin.to_owned(),
            key,
            help,
        }
    }

    pub(super) fn bad(&self, key: &str, expected: &str) -> SweepError {
        SweepError::BadValue {
            origin: self.origin.to_owned(),
            key: format!("{}{key}", self.prefix),
            expected: expected.to_owned(),
            found: self
                .table
                .get(key)
                .map_or_else(|| "nothing".to_owned(), Value::to_string),
        }
    }
}

/// Settings and their values. Both `"optimizer.batch" = …` and `optimizer.batch = …` (which TOML
/// reads as a table in a table) name the setting `optimizer.batch`.
pub(super) fn flatten<'a>(
    origin: &str,
    table: Option<&'a Table>,
) -> Result<Vec<(&'static Key, &'a Value)>, SweepError> {
    let known = |path: &str| {
        find(path).ok_or_else(|| {
            SweepError::Config(ConfigError::UnknownKey {
                origin: origin.to_owned(),
                key: path.to_owned(),
            })
        })
    };
    let mut found: Vec<(&Key, &Value)> = Vec::new();
    for (name, value) in table.into_iter().flatten() {
        match (find(name), value) {
            (Some(key), value) => found.push((key, value)),
            (None, Value::Table(section)) if is_section(name) => {
                for (inner, value) in section {
                    found.push((known(&format!("{name}.{inner}"))?, value));
                }
            }
            (None, _) => found.push((known(name)?, value)),
        }
    }
    let mut seen = HashSet::new();
    match found.iter().find(|(key, _)| !seen.insert(key.path)) {
        Some((key, _)) => Err(SweepError::BadValue {
            origin: origin.to_owned(),
            key: key.path.to_owned(),
            expected: "there once".to_owned(),
            found: "it twice, with and without quotes".to_owned(),
        }),
        None => Ok(found),
    }
}

fn is_section(name: &str) -> bool {
    crate::config::KEYS
        .iter()
        .any(|k| k.path.split_once('.').is_some_and(|(s, _)| s == name))
}
