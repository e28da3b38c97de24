//! Settings that do not go together.

use super::{
    AdversarialLoss, BestBy, Config, ConfigError, DiscriminatorNorm, GanConfig, ModelKind, NetKind,
    OnCollapse, OutputActivation, Schedule, Scheduled,
};
use crate::colour::Colour;

/// The setting by which something changes over the run with its steps, so that their number must be
/// known.
pub(super) fn by_steps(config: &Config) -> Option<&'static str> {
    let noise = config.gan.as_ref().map_or(0.0, |gan| gan.instance_noise);
    let o = &config.optimizer;
    let constant = o.schedule == Schedule::Constant;
    let gan = config.gan.as_ref();
    let of_gan =
        |setting: fn(&GanConfig) -> Scheduled| gan.is_some_and(|gan| setting(gan).changes());
    let rate = o.discriminator_learning_rate;
    let all = [
        (config.second_hidden().is_some(), "vae.second_stage"),
        (noise > 0.0, "gan.instance_noise"),
        (!constant, "optimizer.schedule"),
        (o.learning_rate.changes(), "optimizer.learning_rate"),
        (
            rate.is_some_and(Scheduled::changes),
            "optimizer.discriminator_learning_rate",
        ),
        (o.beta2.changes(), "optimizer.beta2"),
        (of_gan(|gan| gan.r1), "gan.r1"),
        (of_gan(|gan| gan.r2), "gan.r2"),
        (of_gan(|gan| gan.augment), "gan.augment"),
        (of_gan(|gan| gan.average_half_life), "gan.average_half_life"),
        (of_gan(|gan| gan.teacher_pixels), "gan.teacher_pixels"),
    ];
    all.into_iter().find_map(|(is, name)| is.then_some(name))
}

/// Whether the settings go together.
///
/// # Errors
/// [`ConfigError::Conflict`].
pub(super) fn validate(config: &Config) -> Result<(), ConfigError> {
    let conflict = |message: String| Err(ConfigError::Conflict { message });
    if !config.data.size.is_multiple_of(4) {
        let near = config.data.size / 4 * 4;
        return conflict(format!(
            "data.size must be a multiple of 4 from 16 to 128, found {}; {near} and {} are the nearest",
            config.data.size,
            near + 4
        ));
    }
    if let Err(reason) = config.data.background.parse::<Colour>() {
        return conflict(format!("data.background: {reason}"));
    }
    if config.data.channels == 2 {
        return conflict(
            "data.channels must be 1 (grey), 3 (RGB) or 4 (RGB and alpha), found 2".to_owned(),
        );
    }
    let (width, group) = (config.model.width(), config.model.group);
    if config.model.net == NetKind::Residual
        && (!width.is_multiple_of(2) || group > 0 && !width.is_multiple_of(group))
    {
        return conflict(format!(
            "model.width must be a multiple of 2 and of model.group: each smaller size has half of it more; found {width} with model.group = {group}"
        ));
    }
    if let Some(vae) = &config.vae
        && vae.samples > 1
        && (vae.beta != 1.0 || vae.warmup > 0 || vae.cycle > 0 || vae.free_bits > 0.0)
    {
        return conflict("vae.samples above 1 trains on the importance-weighted bound, which has no Kullback-Leibler term to weigh: leave vae.beta at 1, vae.warmup, vae.cycle and vae.free_bits at 0".to_owned());
    }
    if config.second_hidden().is_some() && config.model.classes > 0 {
        return conflict(format!(
            "vae.second_stage learns the latents of all images together and knows no classes: set model.classes to 0 (found {}) or vae.second_stage to 0",
            config.model.classes
        ));
    }
    if config.model.kind == ModelKind::Vae && config.model.output != OutputActivation::Sigmoid {
        return conflict("model.output must be \"sigmoid\" for model.kind = \"vae\": the likelihoods are on pixels from 0 to 1".to_owned());
    }
    if let Some(gan) = &config.gan {
        let penalized = [
            ("gan.r1", gan.r1.most()),
            ("gan.r2", gan.r2.most()),
            ("gan.gradient_penalty", gan.gradient_penalty),
        ];
        let convolutional = config.model.net != NetKind::Dense;
        if let Some((name, _)) = penalized.iter().find(|(_, weight)| *weight > 0.0)
            && convolutional
            && gan.discriminator_norm == DiscriminatorNorm::Batch
        {
            return conflict(format!(
                "{name} is on each image's own gradient, and batch normalization mixes the images of a batch: set gan.discriminator_norm to \"none\" or \"spectral\""
            ));
        }
        let residual = config.model.net == NetKind::Residual;
        if residual && gan.discriminator_norm != DiscriminatorNorm::None {
            return conflict(format!(
                "residual nets have no normalization: set gan.discriminator_norm = \"none\", with gan.r1 and gan.r2; found \"{}\"",
                gan.discriminator_norm.name()
            ));
        }
        if gan.discriminator_hidden > 0 && !convolutional {
            return conflict("gan.discriminator_hidden is for convolutional nets: the widths of a dense discriminator are those of model.hidden, leave it at 0".to_owned());
        }
        let bounded = gan.gradient_penalty > 0.0
            || gan.weight_clip > 0.0
            || gan.discriminator_norm == DiscriminatorNorm::Spectral;
        let data = &config.data;
        if !gan.teacher.is_empty() && (data.flip || data.shift > 0 || data.binarize) {
            return conflict("gan.teacher makes the images that are learned, and its pairs must stay as they are: leave data.flip at false, data.shift at 0 and data.binarize at false".to_owned());
        }
        if gan.teacher.is_empty() && gan.teacher_pixels.most() > 0.0 {
            return conflict("gan.teacher_pixels compares with a teacher's images: set gan.teacher to a generator's file, or leave it at 0".to_owned());
        }
        if gan.loss == AdversarialLoss::Wasserstein && !bounded {
            return conflict("gan.loss = \"wasserstein\" is a distance only for a bounded discriminator: set gan.gradient_penalty (10 is usual), gan.weight_clip (0.01) or gan.discriminator_norm = \"spectral\"".to_owned());
        }
    }
    let name = &config.name;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(is_plain) || name.starts_with('.') {
        return conflict(format!(
            "name must be letters, digits, '-', '_' and '.', not beginning with '.'; found \"{name}\""
        ));
    }
    let vae = config.vae.as_ref();
    if vae.is_some_and(|vae| vae.warmup > 0 && vae.cycle > 0) {
        return conflict("vae.warmup and vae.cycle both say how vae.beta rises: once, or in each cycle; leave one of them at 0".to_owned());
    }
    let t = &config.training;
    if config.model.kind == ModelKind::Vae && t.on_collapse != OnCollapse::Ignore {
        return conflict("training.on_collapse (--on-collapse) is for model.kind = \"gan\": a VAE does not collapse to one image, leave it at \"ignore\"".to_owned());
    }
    if t.patience > 0 && t.eval_every == 0 {
        return conflict(
            "training.patience counts measurements: set training.eval_every (--eval-every) too"
                .to_owned(),
        );
    }
    if t.best_by != BestBy::Auto && t.eval_every == 0 {
        return conflict(format!(
            "training.best_by = \"{}\" picks among measurements: set training.eval_every (--eval-every) too",
            t.best_by.name()
        ));
    }
    if t.best_by == BestBy::ClassAccuracy && config.model.classes == 0 {
        return conflict("training.best_by = \"class-accuracy\" needs a conditional model: set model.classes, or begin with the preset cgan or cvae-dense".to_owned());
    }
    if t.best_by == BestBy::Likelihood && config.model.kind != ModelKind::Vae {
        return conflict("training.best_by = \"likelihood\" is a bound that only model.kind = \"vae\" has: take \"sliced-wasserstein\", or \"frechet\" where the data has labels".to_owned());
    }
    let by_steps = by_steps(config);
    if let Some(name) = by_steps.filter(|_| t.epochs == 0 && t.steps == 0) {
        return conflict(format!(
            "{name} goes by steps, so that the clock changes no image: set training.epochs or training.steps beside the time"
        ));
    }
    if t.epochs == 0 && t.steps == 0 && t.seconds == 0 {
        return conflict(
            "the run would never end: set training.epochs, training.steps or training.seconds"
                .to_owned(),
        );
    }
    Ok(())
}
