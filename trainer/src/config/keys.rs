//! What a setting is, and the macro that makes structs and the keys of one list of them.

use std::fmt;

use super::choices::Word;

/// What a key's value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueKind {
    /// Any text.
    Text,
    /// A whole number from `.0` to `.1`.
    Integer(i64, i64),
    /// A number from `.0` to `.1`.
    Number(f64, f64),
    /// Such a number, or two of them: see [`Scheduled`](super::Scheduled).
    Changing(f64, f64),
    /// One of these words.
    Choice(&'static [Word]),
    /// One to eight whole numbers from `.0` to `.1`.
    Integers(i64, i64),
    /// Yes or no.
    Flag,
}

impl ValueKind {
    /// The least and the greatest number, where it takes one.
    pub(crate) fn numbers(self) -> Option<(f64, f64)> {
        match self {
            Self::Number(low, high) | Self::Changing(low, high) => Some((low, high)),
            _ => None,
        }
    }
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => write!(f, "text in quotes"),
            Self::Integer(low, i64::MAX) => write!(f, "a whole number, {low} or more"),
            Self::Integer(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Number(low, high) => write!(f, "a number from {low} to {high}"),
            Self::Changing(low, high) => {
                write!(
                    f,
                    "a number from {low} to {high}, or two of them, [first, last]"
                )
            }
            Self::Choice(words) => {
                let names: Vec<_> = words.iter().map(|w| format!("\"{}\"", w.name)).collect();
                write!(f, "one of {}", names.join(", "))
            }
            Self::Integers(low, high) => {
                write!(
                    f,
                    "a list of one to eight whole numbers from {low} to {high}"
                )
            }
            Self::Flag => write!(f, "true or false"),
        }
    }
}

/// One setting: where it stands, what it may be, what it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// ConfigSection and name, such as `optimizer.batch`.
    pub path: &'static str,
    /// What its value may be.
    pub kind: ValueKind,
    /// What it does, in one line.
    pub help: &'static str,
    /// Its value, as TOML, where a configuration does not have it; `None` for those that each must
    /// have.
    pub default: Option<&'static str>,
    /// When to change it, and by how much.
    pub change: &'static str,
    /// What a change costs.
    pub cost: &'static str,
}

/// A table of a configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConfigSection {
    pub name: &'static str,
    /// What its settings are about.
    pub about: &'static str,
    /// What its settings have in common.
    pub note: &'static str,
}

/// A setting is `/// what it does`, `NAME: TYPE [= DEFAULT], KIND, change "...", cost "...";`. The
/// list of them becomes the structs, with the fields in that order, `KEYS` and `SECTIONS`.
macro_rules! settings {
    (
        $(#[$config_attribute:meta])+
        $config:ident {$(
            $(#[doc = $root_help:literal])+
            $root:ident: $root_type:ty, $root_kind:expr,
            change $root_change:literal, cost $root_cost:literal;
        )+}
        $(
            $(#[doc = $about:literal])+
            $(#[serde($($section_serde:tt)+)])?
            $section:ident: $section_type:ty = $struct:ident {$(
                $(#[doc = $help:literal])+
                $(#[serde($($serde:tt)+)])?
                $field:ident: $type:ty $(= $default:expr)?, $kind:expr,
                change $change:literal, cost $cost:literal;
            )+}
            note $note:literal;
        )+
    ) => {
        $(#[$config_attribute])+
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct $config {
            $($(#[doc = $root_help])+ pub $root: $root_type,)+
            $($(#[doc = $about])+ $(#[serde($($section_serde)+)])? pub $section: $section_type,)+
        }

        $(
            $(#[doc = $about])+
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            pub struct $struct {
                $($(#[doc = $help])+ $(#[serde($($serde)+)])? pub $field: $type,)+
            }
        )+

        /// The tables of a configuration.
        pub(crate) const SECTIONS: &[ConfigSection] = &[$(ConfigSection {
            name: stringify!($section),
            about: concat!($($about),+).trim_ascii(),
            note: $note,
        },)+];

        /// Every key a configuration can hold.
        pub(crate) const KEYS: &[Key] = &[
            $(Key {
                path: stringify!($root),
                kind: $root_kind,
                help: concat!($($root_help),+).trim_ascii(),
                default: None,
                change: $root_change,
                cost: $root_cost,
            },)+
            $($(Key {
                path: concat!(stringify!($section), ".", stringify!($field)),
                kind: $kind,
                help: concat!($($help),+).trim_ascii(),
                default: $crate::config::keys::settings!(@default $($default)?),
                change: $change,
                cost: $cost,
            },)+)+
        ];
    };
    (@default) => { None };
    (@default $default:expr) => { Some(stringify!($default)) };
}
pub(crate) use settings;
