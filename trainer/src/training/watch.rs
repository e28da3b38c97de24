//! What is going wrong, in plain language, and what to try.

use crate::config::Config;

/// Share of pictures that a discriminator gets right from which on the generator learns nothing of it.
const WINNING: f64 = 0.99;
/// Steps that it must have been so.
const LONG: u64 = 500;
/// How different generated pictures must be from each other, as a share of how different real ones are.
const ALIKE: f64 = 0.4;
/// Recall below which generated pictures cover nothing of what the real ones show.
const NARROW: f64 = 0.02;
/// Steps in which a generator that has learned nothing yet makes ever the same, and may.
const YOUNG: u64 = 1000;

/// Looks at a run's figures and says when something is wrong, once.
#[derive(Debug, Default)]
pub(super) struct Watch {
    winning_since: Option<u64>,
    told_winning: bool,
    told_alike: bool,
    told_missing: bool,
}

/// What helps against mode collapse.
const REMEDY: &str = "Try a larger batch, loss=hinge with discriminator_norm=spectral, discriminator_steps=2, or go back with --on-collapse rollback";

impl Watch {
    /// From the mean share of pictures that the discriminator got right lately: what to tell, if anything.
    pub(super) fn discriminator(
        &mut self,
        step: u64,
        right: f64,
        config: &Config,
    ) -> Option<String> {
        if right < WINNING {
            self.winning_since = None;
            self.told_winning = false;
            return None;
        }
        let since = *self.winning_since.get_or_insert(step);
        if self.told_winning || step - since < LONG {
            return None;
        }
        self.told_winning = true;
        let rate = config
            .optimizer
            .discriminator_learning_rate
            .unwrap_or(config.optimizer.learning_rate);
        Some(format!(
            "the discriminator has told {:.1} % of the pictures right for {} steps: the generator has nothing to learn from it. Try a smaller discriminator_learning_rate (now {rate}), label_smoothing=0.9, instance_noise=0.1, or, for a small data set, augment_target=0.6",
            right * 100.0,
            step - since
        ))
    }

    /// From how different generated pictures are from each other, as a share of how different real ones are: what to tell, if anything,
    /// and whether the generator has collapsed.
    pub(super) fn variety(&mut self, step: u64, share: f64) -> (Option<String>, bool) {
        if share >= ALIKE || step < YOUNG {
            self.told_alike = false;
            return (None, false);
        }
        let message = (!self.told_alike).then(|| format!(
            "generated pictures differ from each other only {:.0} % as much as real ones do: the generator makes ever the same (mode collapse). {REMEDY}",
            share * 100.0
        ));
        self.told_alike = true;
        (message, true)
    }

    /// From a measurement's recall and the classes, of so many, that no generated picture is taken for: what to tell, if anything, and
    /// whether the generator has collapsed: more than half of the classes are missing, or recall is next to nothing.
    pub(super) fn coverage(
        &mut self,
        step: u64,
        recall: Option<f64>,
        missing: &[String],
        classes: usize,
    ) -> (Option<String>, bool) {
        let narrow = recall.filter(|recall| *recall < NARROW);
        if step < YOUNG || (narrow.is_none() && missing.is_empty()) {
            self.told_missing = false;
            return (None, false);
        }
        let mut signs = Vec::new();
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter().take(8).map(String::as_str).collect();
            let more = missing.len() - names.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            signs.push(format!(
                "next to no generated picture is taken for {}{more} ({} of {classes} classes)",
                names.join(", "),
                missing.len()
            ));
        }
        if let Some(recall) = narrow {
            signs.push(format!(
                "generated pictures cover {:.1} % of what the real ones show (recall)",
                recall * 100.0
            ));
        }
        let message = format!("{}: mode collapse. {REMEDY}", signs.join("; "));
        let message = (!self.told_missing).then_some(message);
        self.told_missing = true;
        (message, narrow.is_some() || missing.len() * 2 > classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, Source, resolve};

    #[test]
    fn a_winning_discriminator_is_told_once_and_after_a_while() {
        let config = resolve(&Source::Preset("dcgan".into()), &Overrides::default()).unwrap();
        let mut watch = Watch::default();
        assert_eq!(watch.discriminator(100, 0.995, &config), None);
        assert_eq!(watch.discriminator(400, 0.995, &config), None);
        let message = watch.discriminator(600, 0.995, &config).unwrap();
        assert!(
            message.contains("99.5 %") && message.contains("0.0005"),
            "{message}"
        );
        assert_eq!(watch.discriminator(1200, 0.999, &config), None);
        // It recovers, and wins again.
        assert_eq!(watch.discriminator(1300, 0.8, &config), None);
        assert_eq!(watch.discriminator(1400, 1.0, &config), None);
        assert!(watch.discriminator(1900, 1.0, &config).is_some());
    }

    #[test]
    fn pictures_that_are_all_alike_are_a_collapse() {
        let mut watch = Watch::default();
        assert_eq!(watch.variety(10, 0.1), (None, false));
        assert_eq!(watch.variety(2000, 0.9), (None, false));
        let (message, collapsed) = watch.variety(2100, 0.1);
        assert!(collapsed && message.unwrap().contains("10 %"));
        assert_eq!(watch.variety(2100, 0.1), (None, true));
    }

    #[test]
    fn missing_classes_are_named_once_and_most_of_them_or_no_recall_are_a_collapse() {
        let mut watch = Watch::default();
        let some = ["3", "7"].map(str::to_owned);
        let six: Vec<String> = (0..6).map(|digit| digit.to_string()).collect();
        assert_eq!(watch.coverage(500, Some(0.0), &six, 10), (None, false));
        assert_eq!(watch.coverage(1500, Some(0.5), &[], 10), (None, false));
        let (message, collapsed) = watch.coverage(2000, Some(0.5), &some, 10);
        let message = message.unwrap();
        assert!(
            message.contains("3, 7 (2 of 10 classes)") && !message.contains("recall"),
            "{message}"
        );
        assert!(!collapsed);
        assert_eq!(watch.coverage(2500, Some(0.5), &six, 10), (None, true));
        // It recovers, and narrows again.
        assert_eq!(watch.coverage(3000, Some(0.5), &[], 10), (None, false));
        let (message, collapsed) = watch.coverage(3500, Some(0.004), &[], 10);
        assert!(collapsed && message.unwrap().contains("0.4 %"));
    }
}
