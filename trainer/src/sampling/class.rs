//! The class of a conditional generator that an image is made in.

use super::error::SamplingError;
use super::request::Latents;
use super::unknown::UnknownClass;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// Each seed has its own: the seed's remainder by the number of classes. Of a generator without
    /// classes, none.
    #[default]
    OfSeed,
    /// This one: its name on the card or, where no class has that name, its number.
    Named(String),
}

impl Class {
    /// The class of each image of a request; `None` for a generator without classes. `names` are
    /// those on the card, and may be fewer than `classes`.
    ///
    /// # Errors
    /// [`SamplingError::Class`] for one that does not exist, [`SamplingError::WithoutClass`] for an
    /// interpolation or given latents in none.
    pub(super) fn of_images(
        &self,
        latents: &Latents,
        classes: usize,
        names: &[String],
    ) -> Result<Option<Vec<usize>>, SamplingError> {
        let all = || all_names(classes, names);
        let images = 0..latents.count();
        match (self, latents) {
            (Self::OfSeed, _) if classes == 0 => Ok(None),
            (Self::OfSeed, Latents::Seeds(_)) => {
                let of = |index| (latents.number(index) % classes.max(1) as u64) as usize;
                Ok(Some(images.map(of).collect()))
            }
            (Self::OfSeed, Latents::Between(..) | Latents::Given(_)) => {
                Err(SamplingError::WithoutClass { names: all() })
            }
            (Self::Named(asked), _) => {
                let class = number(asked, classes, names)?;
                Ok(Some(images.map(|_| class).collect()))
            }
        }
    }
}

/// Names of the classes, numbers where the card has none.
fn all_names(classes: usize, names: &[String]) -> Vec<String> {
    let name = |class: usize| names.get(class).cloned();
    let all = (0..classes).map(|class| name(class).unwrap_or_else(|| class.to_string()));
    all.collect()
}

/// The class of this name or, where none has it, of this number.
fn number(asked: &str, classes: usize, names: &[String]) -> Result<usize, SamplingError> {
    let all = all_names(classes, names);
    let named = all.iter().position(|name| name == asked);
    let numbered = || asked.parse().ok().filter(|class| *class < classes);
    named.or_else(numbered).ok_or_else(|| {
        SamplingError::Class(UnknownClass {
            asked: asked.to_owned(),
            names: all,
        })
    })
}

/// The number of the class that was asked for, if one was.
///
/// # Errors
/// [`SamplingError::Class`] for one that does not exist.
pub(crate) fn class_number(
    asked: Option<&str>,
    classes: usize,
    names: &[String],
) -> Result<Option<usize>, SamplingError> {
    asked.map(|asked| number(asked, classes, names)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes_of(class: &Class, latents: &str, names: &[&str]) -> Result<Vec<usize>, String> {
        let latents = match latents.split_once(':') {
            Some((_, between)) => {
                Latents::Between(between.parse().unwrap(), crate::sampling::Way::Linear)
            }
            None => Latents::Seeds(latents.parse().unwrap()),
        };
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let classes = class.of_images(&latents, names.len(), &names);
        classes
            .map(Option::unwrap_or_default)
            .map_err(|error| error.to_string())
    }

    fn class_named(name: &str) -> Class {
        Class::Named(name.into())
    }

    #[test]
    fn every_seed_has_a_class_of_its_own_wherever_it_stands() {
        let names = ["cat", "dog", "owl"];
        assert_eq!(
            classes_of(&Class::OfSeed, "0-3,7", &names).unwrap(),
            [0, 1, 2, 0, 1]
        );
        assert_eq!(
            classes_of(&Class::OfSeed, "18446744073709551615", &names).unwrap(),
            [0]
        );
        assert!(classes_of(&Class::OfSeed, "0-3", &[]).unwrap().is_empty());
        let error = classes_of(&Class::OfSeed, "between:0,1,3", &names).unwrap_err();
        assert!(
            error.contains("--class") && error.contains("cat, dog, owl"),
            "{error}"
        );
    }

    #[test]
    fn a_class_is_found_by_its_name_before_its_number() {
        assert_eq!(
            classes_of(&class_named("owl"), "5,6", &["cat", "dog", "owl"]).unwrap(),
            [2, 2]
        );
        assert_eq!(
            classes_of(&class_named("1"), "5", &["cat", "dog", "owl"]).unwrap(),
            [1]
        );
        assert_eq!(
            classes_of(&class_named("1"), "between:0,1,2", &["3", "2", "1"]).unwrap(),
            [2, 2]
        );
        let error = classes_of(&class_named("dig"), "0", &["cat", "dog", "owl"]).unwrap_err();
        assert!(
            error.contains("did you mean \"dog\"?") && error.contains("from 0 to 2"),
            "{error}"
        );
        assert!(classes_of(&class_named("3"), "0", &["cat", "dog", "owl"]).is_err());
        let error = classes_of(&class_named("7"), "0", &[]).unwrap_err();
        assert!(error.contains("no classes"), "{error}");
    }
}
