//! What is going wrong, in plain language, and what to try.

use crate::config::Config;

/// Share of pictures that a discriminator gets right from which on the generator learns nothing of it.
const WINNING: f64 = 0.99;
/// Steps that it must have been so.
const LONG: u64 = 500;
/// How different generated pictures must be from each other, as a share of how different real ones are.
const ALIKE: f64 = 0.4;
/// Steps in which a generator that has learned nothing yet makes ever the same, and may.
const YOUNG: u64 = 1000;

/// Looks at a run's figures and says when something is wrong, once.
#[derive(Debug, Default)]
pub(super) struct Watch {
    winning_since: Option<u64>,
    told_winning: bool,
    told_alike: bool,
}

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
            "generated pictures differ from each other only {:.0} % as much as real ones do: the generator makes ever the same (mode collapse). Try a larger batch, loss=hinge with discriminator_norm=spectral, discriminator_steps=2, or go back with --on-collapse rollback",
            share * 100.0
        ));
        self.told_alike = true;
        (message, true)
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
            message.contains("99.5 %") && message.contains("0.0002"),
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
}
