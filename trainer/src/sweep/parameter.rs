//! A searched setting: its range, and the value that a trial draws from it.

use dreamlet_runtime::latent::Stream;
use sha2::{Digest, Sha256};
use toml::Value;

use super::error::SweepError;
use crate::config::check_value;
use crate::config::keys::{Key, ValueKind};

/// Where the values of a setting come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Range {
    Uniform(f64, f64),
    /// Uniform in the logarithm between two numbers above 0.
    Log(f64, f64),
    /// A whole number between two, both included, that is `low` and a multiple of `step`.
    Integer {
        low: i64,
        high: i64,
        /// The distance between two values, 1 or more.
        step: i64,
    },
    /// A whole number, even in the logarithm.
    LogInteger(i64, i64),
    /// One of these, each as likely.
    Choice(Vec<Value>),
}

/// One searched setting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parameter {
    pub key: &'static Key,
    pub range: Range,
}

/// The domain of the streams that trials draw from: a part of what a sweep's seed means.
const DOMAIN: &str = "sweep.settings";

/// How the ranges are written, for messages.
const FORMS: &str = "{ uniform = [low, high] }, { log = [low, high] }, { integer = [low, high] } or { choice = [a, b, ...] }";

impl Parameter {
    /// Reads a range and checks it against what `key` allows.
    ///
    /// # Errors
    /// [`SweepError::BadValue`], [`SweepError::WrongRange`], [`SweepError::EmptyRange`],
    /// [`SweepError::OutOfRange`] or, for a choice that the key does not allow,
    /// [`SweepError::Config`].
    pub(crate) fn read(origin: &str, key: &'static Key, value: &Value) -> Result<Self, SweepError> {
        let range = ParameterReader { origin, key, value }.range()?;
        Ok(Self { key, range })
    }

    /// The value of trial number `trial`: a function of `seed`, the key and the number, whoever
    /// asks and in which order. A parameter that is added or removed leaves the others as they
    /// were.
    pub(crate) fn sample(&self, seed: u64, trial: u64) -> Value {
        let mut stream = Stream::at(seed, DOMAIN, trial, key_number(self.key.path));
        match &self.range {
            Range::Uniform(low, high) => {
                let drawn = low + uniform(&mut stream) * (high - low);
                Value::Float(short(drawn, *low, *high))
            }
            Range::Log(low, high) => {
                Value::Float(short(between_logs(&mut stream, *low, *high), *low, *high))
            }
            Range::Integer { low, high, step } => {
                let count = (high.saturating_sub(*low) / step).saturating_add(1);
                let index = stream.below(usize::try_from(count).unwrap_or(usize::MAX));
                Value::Integer(low + i64::try_from(index).unwrap_or(0) * step)
            }
            Range::LogInteger(low, high) => {
                // Half a unit more on both sides, so that the ends are as likely as their
                // neighbours.
                let (from, to) = (*low as f64 - 0.5, *high as f64 + 0.5);
                let drawn = between_logs(&mut stream, from, to).round() as i64;
                Value::Integer(drawn.clamp(*low, *high))
            }
            Range::Choice(values) => values
                .get(stream.below(values.len()))
                .cloned()
                .unwrap_or(Value::Boolean(false)),
        }
    }
}

/// The stream's step for a key: the first eight bytes of its name's SHA-256.
fn key_number(path: &str) -> u64 {
    Sha256::digest(path.as_bytes())
        .iter()
        .take(8)
        .fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// A number in [0, 1) with 53 random bits.
fn uniform(stream: &mut Stream) -> f64 {
    (stream.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0
}

fn between_logs(stream: &mut Stream, low: f64, high: f64) -> f64 {
    let (a, b) = (libm::log(low), libm::log(high));
    libm::exp(a + uniform(stream) * (b - a))
}

/// `x` with four digits, so that what is printed is what was trained with.
fn short(x: f64, low: f64, high: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x).clamp(low, high)
}

struct ParameterReader<'a> {
    origin: &'a str,
    key: &'static Key,
    value: &'a Value,
}

impl ParameterReader<'_> {
    fn range(&self) -> Result<Range, SweepError> {
        let table = self.value.as_table().ok_or_else(|| self.bad(FORMS))?;
        let step = match table.get("step") {
            None => 1,
            Some(v) => v
                .as_integer()
                .filter(|n| *n >= 1)
                .ok_or_else(|| self.bad("a step of 1 or more"))?,
        };
        let mut forms = table.iter().filter(|(name, _)| name.as_str() != "step");
        let (Some((form, ends)), None) = (forms.next(), forms.next()) else {
            return Err(self.bad(FORMS));
        };
        if table.contains_key("step") && form != "integer" {
            return Err(self.bad("{ integer = [low, high], step = n }: only integers have a step"));
        }
        let whole = matches!(self.key.kind, ValueKind::Integer(..));
        let number = self.key.kind.numbers().is_some();
        match form.as_str() {
            "choice" => self.choice(ends),
            "uniform" if number => self.numbers(ends).map(|(a, b)| Range::Uniform(a, b)),
            "log" if number || whole => {
                let range = match number {
                    true => self.numbers(ends).map(|(a, b)| Range::Log(a, b))?,
                    false => self.integers(ends).map(|(a, b)| Range::LogInteger(a, b))?,
                };
                match range {
                    Range::Log(..=0.0, _) | Range::LogInteger(..=0, _) => {
                        Err(self.empty("is logarithmic and must begin above 0"))
                    }
                    _ => Ok(range),
                }
            }
            "integer" if whole || number => {
                let (low, high) = self.integers(ends)?;
                Ok(Range::Integer { low, high, step })
            }
            "uniform" | "log" | "integer" => Err(SweepError::WrongRange {
                origin: self.origin.to_owned(),
                key: self.key,
                found: self.value.to_string(),
                allowed: match self.key.kind {
                    ValueKind::Integer(..) => {
                        "{ integer = [low, high] }, { log = [low, high] } or { choice = [a, b] }"
                    }
                    _ => "{ choice = [a, b] }",
                },
            }),
            _ => Err(self.bad(FORMS)),
        }
    }

    fn choice(&self, values: &Value) -> Result<Range, SweepError> {
        let values = values
            .as_array()
            .filter(|v| !v.is_empty())
            .ok_or_else(|| self.bad("{ choice = [a, b, ...] } with one value or more"))?;
        for value in values {
            check_value(self.origin, self.key, value)?;
        }
        Ok(Range::Choice(values.clone()))
    }

    fn numbers(&self, ends: &Value) -> Result<(f64, f64), SweepError> {
        let number = |v: &Value| match v {
            Value::Float(x) if x.is_finite() => Some(*x),
            Value::Integer(n) => Some(*n as f64),
            _ => None,
        };
        let ends = match ends.as_array().map(Vec::as_slice) {
            Some([low, high]) => number(low).zip(number(high)),
            _ => None,
        };
        let (low, high) = ends.ok_or_else(|| self.bad("a range of two numbers, [low, high]"))?;
        self.inside(low, high)?;
        Ok((low, high))
    }

    fn integers(&self, ends: &Value) -> Result<(i64, i64), SweepError> {
        let ends = match ends.as_array().map(Vec::as_slice) {
            Some([low, high]) => low.as_integer().zip(high.as_integer()),
            _ => return Err(self.bad("a range of two numbers, [low, high]")),
        };
        let whole = "a range of two whole numbers, [low, high]";
        let (low, high) = ends.ok_or_else(|| self.bad(whole))?;
        self.inside(low as f64, high as f64)?;
        Ok((low, high))
    }

    /// The range is in order and inside the key's own.
    fn inside(&self, low: f64, high: f64) -> Result<(), SweepError> {
        if low >= high {
            return Err(self.empty("must begin below its end; for one value write it in [set]"));
        }
        let (least, most) = match (self.key.kind, self.key.kind.numbers()) {
            (ValueKind::Integer(a, b), _) => (a as f64, b as f64),
            (_, Some(ends)) => ends,
            _ => return Ok(()),
        };
        match [low, high].into_iter().find(|&x| x < least || x > most) {
            Some(found) => Err(SweepError::OutOfRange {
                origin: self.origin.to_owned(),
                key: self.key,
                found,
            }),
            None => Ok(()),
        }
    }

    fn bad(&self, expected: &str) -> SweepError {
        SweepError::BadValue {
            origin: self.origin.to_owned(),
            key: format!("parameters.\"{}\"", self.key.path),
            expected: expected.to_owned(),
            found: self.value.to_string(),
        }
    }

    fn empty(&self, problem: &'static str) -> SweepError {
        SweepError::EmptyRange {
            origin: self.origin.to_owned(),
            key: self.key.path.to_owned(),
            found: self.value.to_string(),
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::find;

    const RATE: &str = "optimizer.learning_rate";
    const BETA1: &str = "optimizer.beta1";
    const BATCH: &str = "optimizer.batch";

    fn read(path: &str, range: &str) -> Result<Parameter, SweepError> {
        let table: toml::Table = format!("range = {range}").parse().unwrap();
        Parameter::read("test.toml", find(path).unwrap(), &table["range"])
    }

    #[test]
    fn values_are_a_function_of_seed_key_and_trial_and_lie_in_range() {
        for (path, range, low, high) in [
            (RATE, "{ log = [1e-5, 1e-2] }", 1e-5, 1e-2),
            (BETA1, "{ uniform = [0.0, 0.9] }", 0.0, 0.9),
            ("model.latent", "{ integer = [16, 128] }", 16.0, 128.0),
            (BATCH, "{ log = [16, 512] }", 16.0, 512.0),
            ("vae.beta", "{ integer = [1, 4] }", 1.0, 4.0),
        ] {
            let parameter = read(path, range).unwrap();
            let mut drawn = Vec::new();
            for trial in 0..500 {
                let value = parameter.sample(7, trial);
                assert_eq!(value, parameter.sample(7, trial));
                check_value("test", parameter.key, &value).unwrap();
                let whole = value.as_integer().map(|n| n as f64);
                let value = value.as_float().or(whole).unwrap();
                assert!((low..=high).contains(&value), "{path}: {value}");
                drawn.push(value);
            }
            // Both halves of the range are used, and another seed draws others.
            let middle = if matches!(parameter.range, Range::Log(..) | Range::LogInteger(..)) {
                (low * high).sqrt()
            } else {
                (low + high) / 2.0
            };
            let below = drawn.iter().filter(|v| **v < middle).count();
            assert!((200..300).contains(&below), "{path}: {below} below");
            assert!((0..500).any(|t| parameter.sample(8, t) != parameter.sample(7, t)));
        }
    }

    #[test]
    fn the_settings_of_a_seed_never_change() {
        let rate = read(RATE, "{ log = [1e-5, 1e-2] }").unwrap();
        let drawn: Vec<String> = (0..3).map(|t| rate.sample(0, t).to_string()).collect();
        assert_eq!(drawn, GOLDEN);
    }

    /// Drawn once, on x86-64.
    const GOLDEN: [&str; 3] = ["0.0006495", "0.001083", "0.0002306"];

    #[test]
    fn every_integer_of_a_range_comes_up_and_steps_are_kept() {
        let size = read("data.size", "{ integer = [16, 32], step = 4 }").unwrap();
        let mut seen: Vec<i64> = (0..200)
            .map(|t| size.sample(1, t).as_integer().unwrap())
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [16, 20, 24, 28, 32]);
    }

    #[test]
    fn a_choice_gives_each_of_its_values_lists_too() {
        let hidden = read("model.hidden", "{ choice = [[256], [400, 200]] }").unwrap();
        let first = (0..200)
            .filter(|t| hidden.sample(1, *t).as_array().unwrap().len() == 1)
            .count();
        assert!((70..130).contains(&first), "{first}");
    }

    #[test]
    fn a_bad_range_names_the_key_and_what_it_allows() {
        for (path, range, expected) in [
            (RATE, "{ log = [1e-5, 10.0] }", "reaches to 10"),
            (RATE, "{ log = [1e-5, 10.0] }", "from 0.00000001 to 1"),
            (BETA1, "{ log = [0.0, 0.5] }", "above 0"),
            (BETA1, "{ uniform = [0.5, 0.1] }", "below its end"),
            (BATCH, "{ uniform = [16, 64] }", "integer = [low, high]"),
            (BATCH, "{ integer = [1, 64] }", "from 2 to 65536"),
            (BATCH, "{ choice = [1, 64] }", "from 2 to 65536"),
            (BATCH, "{ choice = [] }", "one value or more"),
            (BATCH, "{ integer = [16] }", "two whole numbers|two numbers"),
            (BATCH, "64", "choice = [a, b, ...]"),
            (BATCH, "{ lgo = [16, 64] }", "choice = [a, b, ...]"),
            (BATCH, "{ log = [16, 64], step = 2 }", "only integers"),
            ("model.net", "{ integer = [1, 2] }", "take { choice"),
        ] {
            let message = read(path, range).unwrap_err().to_string();
            assert!(
                expected.split('|').any(|e| message.contains(e)) && message.contains(path),
                "{range}: {message}"
            );
        }
    }
}
