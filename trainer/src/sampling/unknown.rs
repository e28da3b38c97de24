//! A class or a direction that a generator does not have.

use thiserror::Error;

use crate::suggest::nearest;

/// Most names that an error lists.
const LISTED: usize = 20;

/// The first names, for an error.
pub(super) fn listed(names: &[String]) -> String {
    let more = if names.len() > LISTED { ", ..." } else { "" };
    names.get(..LISTED).unwrap_or(names).join(", ") + more
}

/// A class that could not be found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", self.in_words())]
pub struct UnknownClass {
    pub asked: String,
    /// The names of all classes, or their numbers; none for a generator without classes.
    pub names: Vec<String>,
}

impl UnknownClass {
    fn in_words(&self) -> String {
        let Self { asked, names } = self;
        if names.is_empty() {
            return format!("this generator has no classes: leave --class {asked} out");
        }
        let meant = nearest(asked, names.iter().map(String::as_str));
        let meant = meant.map_or(String::new(), |meant| {
            format!("; did you mean \"{meant}\"?")
        });
        format!(
            "there is no class \"{asked}\": give one of {}, or a number from 0 to {}{meant}",
            listed(names),
            names.len() - 1
        )
    }
}

/// A direction that could not be found, in words.
pub(super) fn unknown_direction(asked: &str, names: &[String]) -> String {
    let meant = nearest(asked, names.iter().map(String::as_str));
    let meant = meant.map_or(String::new(), |meant| {
        format!("; did you mean \"{meant}\"?")
    });
    format!(
        "there is no direction \"{asked}\": the model has {}, or a number from 1 to {}{meant}",
        listed(names),
        names.len()
    )
}
