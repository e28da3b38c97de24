//! What is going wrong, in plain language, and what to try.

use crate::config::{AdversarialLoss, Config, DiscriminatorNorm, OnCollapse};

/// Share of images that a discriminator gets right from which on the generator learns nothing of
/// it.
const WINNING: f64 = 0.99;
/// Steps that it must have been so.
const LONG: u64 = 500;
/// How different generated images must be from each other, as a share of how different real ones
/// are.
const ALIKE: f64 = 0.4;
/// Recall below which generated images cover nothing of what the real ones show.
const NARROW: f64 = 0.02;
/// Steps of training in which a generator that has learned nothing yet makes ever the same, and
/// may.
const YOUNG: u64 = 1000;

/// How a discriminator judged lately.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    /// Share of the images that it told right.
    right: f64,
    /// Mean logit of real and of generated images.
    logits: [f64; 2],
}

impl Judged {
    /// From the means of the losses; `None` where there is no discriminator.
    pub(super) fn of(means: &[(&'static str, f64)]) -> Option<Self> {
        let mean = |wanted| {
            let found = means.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| *value)
        };
        // Where the loss has no probabilities, D(x) is the logit.
        let logit = |own, other| mean(own).or_else(|| mean(other));
        Some(Self {
            right: mean("d_right")?,
            logits: [
                logit("d_logit_real", "d_real")?,
                logit("d_logit_fake", "d_fake")?,
            ],
        })
    }
}

/// Looks at a run's losses and metrics and says when something is wrong, once.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    winning_since: Option<u64>,
    told_winning: bool,
    told_alike: bool,
    told_missing: bool,
}

/// What helps against mode collapse and is not done already.
fn against_collapse(config: &Config) -> String {
    let mut try_this = vec![format!("a larger batch (now {})", config.optimizer.batch)];
    if let Some(gan) = &config.gan {
        let spectral = gan.discriminator_norm == DiscriminatorNorm::Spectral;
        if gan.loss != AdversarialLoss::Hinge || !spectral {
            try_this.push("loss=hinge with discriminator_norm=spectral".into());
        }
        if spectral && config.optimizer.beta1 > 0.0 {
            try_this.push(format!("beta1=0 (now {})", config.optimizer.beta1));
        }
        if gan.discriminator_steps == 1 {
            try_this.push("discriminator_steps=2".into());
        }
    }
    if config.training.on_collapse != OnCollapse::Rollback {
        try_this.push("--on-collapse rollback, which goes back to the best checkpoint".into());
    }
    either(&try_this)
}

/// What gives the generator something to learn again and is not done already.
fn against_winning(config: &Config) -> String {
    let rate = config
        .optimizer
        .discriminator_learning_rate
        .unwrap_or(config.optimizer.learning_rate);
    let mut try_this = vec![format!(
        "a smaller discriminator_learning_rate (now {rate})"
    )];
    if let Some(gan) = &config.gan {
        let targets = !matches!(
            gan.loss,
            AdversarialLoss::Hinge | AdversarialLoss::Wasserstein
        );
        if targets && gan.label_smoothing >= 1.0 {
            try_this.push("label_smoothing=0.9".into());
        }
        if gan.instance_noise <= 0.0 {
            try_this.push("instance_noise=0.1".into());
        }
        if gan.augment_target <= 0.0 {
            try_this.push("for a small data set augment_target=0.6".into());
        }
    }
    either(&try_this)
}

/// `Try a, b or c`.
fn either(what: &[String]) -> String {
    match what {
        [] => String::new(),
        [only] => format!("Try {only}"),
        [most @ .., last] => format!("Try {} or {last}", most.join(", ")),
    }
}

impl Diagnostics {
    /// From how the discriminator judged lately: what to tell, if anything.
    pub(super) fn discriminator(
        &mut self,
        step: u64,
        judged: Judged,
        config: &Config,
    ) -> Option<String> {
        if judged.right < WINNING {
            self.winning_since = None;
            self.told_winning = false;
            return None;
        }
        let since = *self.winning_since.get_or_insert(step);
        if self.told_winning || step - since < LONG {
            return None;
        }
        self.told_winning = true;
        let [real, fake] = judged
            .logits
            .map(|logit| format!("{logit:+.1}").replace('-', "−"));
        Some(format!(
            "the discriminator has told {:.1} % of the images right for {} steps (mean logit {real} on real, {fake} on generated images): the generator has nothing to learn from it. {}",
            judged.right * 100.0,
            step - since,
            against_winning(config)
        ))
    }

    /// Nets of an earlier checkpoint are in place: what was seen of the discriminator is not of
    /// theirs.
    pub(super) fn other_nets(&mut self) {
        self.winning_since = None;
        self.told_winning = false;
    }

    /// From how different generated images are from each other, as a share of how different real
    /// ones are: what to tell, if anything, and whether the generator has collapsed. `age` is for
    /// how many steps the nets were trained.
    pub(super) fn variety(
        &mut self,
        age: u64,
        share: f64,
        config: &Config,
    ) -> (Option<String>, bool) {
        if share >= ALIKE || age < YOUNG {
            self.told_alike = false;
            return (None, false);
        }
        let message = (!self.told_alike).then(|| format!(
            "generated images differ from each other only {:.0} % as much as real ones do: the generator makes ever the same (mode collapse). {}",
            share * 100.0,
            against_collapse(config)
        ));
        self.told_alike = true;
        (message, true)
    }

    /// From a measurement's recall and the classes, of so many, that no generated image is taken
    /// for: what to tell, if anything, and whether the generator has collapsed: more than half of
    /// the classes are missing, or recall is next to nothing. `age` as in [`Diagnostics::variety`].
    pub(super) fn coverage(
        &mut self,
        age: u64,
        recall: Option<f64>,
        missing: &[String],
        classes: usize,
        config: &Config,
    ) -> (Option<String>, bool) {
        let narrow = recall.filter(|recall| *recall < NARROW);
        if age < YOUNG || (narrow.is_none() && missing.is_empty()) {
            self.told_missing = false;
            return (None, false);
        }
        let mut signs = Vec::new();
        if !missing.is_empty() {
            let names = missing.get(..8).unwrap_or(missing).join(", ");
            let more = match missing.len().saturating_sub(8) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            signs.push(format!(
                "next to no generated image is taken for {names}{more} ({} of {classes} classes)",
                missing.len()
            ));
        }
        if let Some(recall) = narrow {
            signs.push(format!(
                "generated images cover {:.1} % of what the real ones show (recall)",
                recall * 100.0
            ));
        }
        let (signs, advice) = (signs.join("; "), against_collapse(config));
        let message = format!("{signs}: mode collapse. {advice}");
        let message = (!self.told_missing).then_some(message);
        self.told_missing = true;
        (message, narrow.is_some() || missing.len() * 2 > classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::testing::preset;

    fn judged(right: f64) -> Judged {
        Judged {
            right,
            logits: [8.125, -9.26],
        }
    }

    #[test]
    fn logits_are_taken_where_the_loss_has_them() {
        let mut means = vec![("d_real", 0.75), ("d_fake", 0.25)];
        assert!(Judged::of(&means).is_none());
        means.push(("d_right", 1.0));
        assert_eq!(Judged::of(&means).unwrap().logits, [0.75, 0.25]);
        means.extend([("d_logit_real", 1.0986), ("d_logit_fake", -1.0986)]);
        assert_eq!(Judged::of(&means).unwrap().logits, [1.0986, -1.0986]);
    }

    #[test]
    fn what_is_advised_is_not_done_already() {
        let config = preset("dcgan", &[]);
        let (winning, collapse) = (against_winning(&config), against_collapse(&config));
        assert!(!winning.contains("label_smoothing"), "{winning}");
        assert!(winning.contains("instance_noise=0.1"), "{winning}");
        assert!(!collapse.contains("spectral") && !collapse.contains("beta1"));
        assert!(collapse.contains("discriminator_steps=2"), "{collapse}");

        let other = ["loss=minimax", "label_smoothing=1", "on_collapse=rollback"];
        let config = preset("dcgan", &other);
        let (winning, collapse) = (against_winning(&config), against_collapse(&config));
        assert!(winning.contains("label_smoothing=0.9"), "{winning}");
        assert!(collapse.contains("hinge") && !collapse.contains("rollback"));
    }

    #[test]
    fn a_winning_discriminator_is_told_once_and_after_a_while() {
        let config = preset("dcgan", &[]);
        let mut diagnostics = Diagnostics::default();
        let mut told = |step, right| diagnostics.discriminator(step, judged(right), &config);
        assert_eq!(told(100, 0.995), None);
        assert_eq!(told(400, 0.995), None);
        let message = told(600, 0.995).unwrap();
        let logits = "(mean logit +8.1 on real, −9.3 on generated images)";
        for part in ["99.5 %", "0.0005", logits] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(told(1200, 0.999), None);
        // It recovers, and wins again.
        assert_eq!(told(1300, 0.8), None);
        assert_eq!(told(1400, 1.0), None);
        assert!(told(1900, 1.0).is_some());
    }

    #[test]
    fn images_that_are_all_alike_are_a_collapse() {
        let config = preset("dcgan", &[]);
        let mut diagnostics = Diagnostics::default();
        assert_eq!(diagnostics.variety(10, 0.1, &config), (None, false));
        assert_eq!(diagnostics.variety(2000, 0.9, &config), (None, false));
        let (message, collapsed) = diagnostics.variety(2100, 0.1, &config);
        assert!(collapsed && message.unwrap().contains("10 %"));
        assert_eq!(diagnostics.variety(2100, 0.1, &config), (None, true));
    }

    #[test]
    fn nets_of_an_earlier_checkpoint_have_not_been_seen_winning() {
        let config = preset("dcgan", &[]);
        let mut diagnostics = Diagnostics::default();
        assert_eq!(diagnostics.discriminator(100, judged(1.0), &config), None);
        diagnostics.other_nets();
        assert_eq!(diagnostics.discriminator(600, judged(1.0), &config), None);
        let told = diagnostics.discriminator(1100, judged(1.0), &config);
        assert!(told.is_some());
    }

    #[test]
    fn missing_classes_are_named_once_and_most_of_them_or_no_recall_are_a_collapse() {
        let config = preset("dcgan", &[]);
        let mut diagnostics = Diagnostics::default();
        let mut look = |age, recall, missing: &[String]| {
            diagnostics.coverage(age, Some(recall), missing, 10, &config)
        };
        let some = ["3", "7"].map(str::to_owned);
        let six: Vec<String> = (0..6).map(|digit| digit.to_string()).collect();
        assert_eq!(look(500, 0.0, &six), (None, false));
        assert_eq!(look(1500, 0.5, &[]), (None, false));
        let (message, collapsed) = look(2000, 0.5, &some);
        let message = message.unwrap();
        assert!(
            message.contains("3, 7 (2 of 10 classes)") && !message.contains("recall"),
            "{message}"
        );
        assert!(!collapsed);
        assert_eq!(look(2500, 0.5, &six), (None, true));
        // It recovers, and narrows again.
        assert_eq!(look(3000, 0.5, &[]), (None, false));
        let (message, collapsed) = look(3500, 0.004, &[]);
        assert!(collapsed && message.unwrap().contains("0.4 %"));
    }
}
