//! The list of settings. Structs, `--set`, sweeps, `dreamlet presets --keys` and
//! `docs/reference/settings.md` come from it.

use serde::{Deserialize, Serialize};

use super::choices::{
    AdversarialLoss, BestBy, DiscriminatorNorm, Likelihood, ModelKind, NetKind, OnCollapse,
    OutputActivation, Schedule,
};
use super::keys::ValueKind::{Changing, Choice, Flag, Integer, Integers, Number, Text};
use super::keys::{ConfigSection, Key, settings};
use super::scheduled::Scheduled;

settings! {
/// Everything a run depends on, apart from the device it runs on.
Config {
    /// name of the configuration and end of the run folder's name
    name: String, Text,
        change "for a configuration of your own", cost "none";
}

/// Which images.
data: DataConfig = DataConfig {
    /// glyphs, mnist, fashion-mnist, stacked-mnist, idx:DIR or folder:DIR
    source: String, Text,
        change "`--data` says it shorter", cost "none";
    /// height and width in pixels, a multiple of 4
    size: usize, Integer(16, 128),
        change "the smallest that shows what matters: 28 to 64 for a microcontroller, up to 128 for a Pi",
        cost "grows with its square, also on the device";
    /// 1 for grey, 3 for RGB, 4 for RGB and alpha
    channels: usize, Integer(1, 4),
        change "3 where colour matters, 4 for images that are drawn over others", cost "little";
    /// colour under what is transparent, in a folder's images and in generated ones: white, black, grey or such as #ffcc00
    background: String = "white", Text,
        change "where objects are white, or the device's screen is black", cost "none";
    /// mirror every second training image left and right
    flip: bool = false, Flag,
        change "`true` for faces and things, never for letters", cost "none";
    /// move training images by up to so many pixels
    shift: u32 = 0, Integer(0, 32),
        change "1 or 2 where objects are not centred alike; generated images move too", cost "none";
    /// make each pixel of a training image white with its grey value as probability, else black,
    /// anew in each epoch
    binarize: bool = false, Flag,
        change "only to compare with published bounds of binarized MNIST", cost "none";
}
note "";

/// Which nets.
model: ModelConfig = ModelConfig {
    /// the family
    kind: ModelKind, Choice(ModelKind::WORDS),
        change "`vae` for a run that cannot fail, `gan` for sharp images",
        cost "`vae-conv` takes a sixth of `dcgan`";
    /// shape of the nets
    net: NetKind, Choice(NetKind::WORDS),
        change "`dcgan-resize` where `dcgan` shows a checkerboard", cost "a quarter less than `dcgan`";
    /// length of the latent vector
    latent: usize, Integer(1, 4096),
        change "16 to 128; halve it where a VAE's run names dimensions that it does not use", cost "none";
    /// dense nets: widths of the hidden layers
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hidden: Vec<usize>, Integers(1, 8192),
        change "[400] for digits; more layers for an encoder of more detail; the latent side is first",
        cost "product of neighbouring widths";
    /// convolutional nets: feature maps at half the image's size
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<usize>, Integer(1, 512),
        change "halve it first when the device is too small; 16 in `pico`, 64 in `dcgan`; doubled at each smaller size, up to 512",
        cost "32 instead of 64: a third";
    /// residual nets: blocks at each size
    blocks: usize = 1, Integer(1, 8),
        change "2 where a GPU trains and the device has room", cost "about in proportion";
    /// residual nets: channels of a group of the 3x3 convolutions, 0 for one group; with groups a
    /// block is twice as wide inside
    group: usize = 0, Integer(0, 512),
        change "16, which must divide twice `width` and half of it, is the paper's net", cost "16: +52 %";
    /// last activation: pixels 0..1 or -1..1
    output: OutputActivation, Choice(OutputActivation::WORDS),
        change "`sigmoid` with `bernoulli`, `tanh` for GANs", cost "none";
    /// classes of a conditional model, 0 for none; of a preset not 0: as many as the data has
    classes: usize = 0, Integer(0, 65_535),
        change "seldom: a conditional preset takes it from the data", cost "none worth measuring";
}
note "";

/// Adversarial settings, with `model.kind = "gan"`.
#[serde(skip_serializing_if = "Option::is_none")]
gan: Option<GanConfig> = GanConfig {
    /// what the two players minimize
    loss: AdversarialLoss, Choice(AdversarialLoss::WORDS),
        change "as its values say", cost "none";
    /// the discriminator's target on real images
    label_smoothing: f64, Number(0.5, 1.0),
        change "1 is none; below 0.9 only where the discriminator wins (one-sided, Salimans et al. 2016, section 3.4)",
        cost "none";
    /// discriminator steps for each generator step
    discriminator_steps: usize, Integer(1, 100),
        change "1; 5 for `wasserstein`; 2 where the generator runs away", cost "+64 % for a second one";
    /// what keeps the discriminator's layers in bounds
    discriminator_norm: DiscriminatorNorm = "batch", Choice(DiscriminatorNorm::WORDS),
        change "`spectral` with `hinge`; `none` only with R1 or a gradient penalty", cost "`none` is 5 % less";
    /// convolutional nets: width of a dense layer between the discriminator's feature maps and its
    /// logit, 0 for none
    discriminator_hidden: usize = 0, Integer(0, 8192),
        change "256 where the last feature maps see only part of the image; 0 is the paper's net", cost "+26 %";
    /// share of the discriminator's features that are dropped in a step
    dropout: f64 = 0.0, Number(0.0, 0.9),
        change "0.2 to 0.4 where the discriminator overfits and augmentation does not help", cost "none";
    /// what the exported EMA of the generator keeps of itself at each step, 0 for no EMA
    average: f64 = 0.999, Number(0.0, 0.999_999),
        change "EMA: 0.999 for about 1000 steps, 0.9999 for runs of 100,000 steps, 0 for none", cost "2 %";
    /// images after which half of the EMA is forgotten, in place of `gan.average`; 0 goes by that
    average_half_life: Scheduled = 0.0, Changing(0.0, 1e9),
        change "where batches differ in size: a twentieth of the run's images, [0, 50_000]", cost "none";
    /// R1 penalty on the discriminator's gradient at real images, 0 for none
    r1: Scheduled = 0.0, Changing(0.0, 1000.0),
        change "0.1 to 10 with `discriminator_norm = \"none\"` where training swings (Mescheder et al. 2018)",
        cost "+4 % every 16 steps; +37 % with `gan.r2` at each step";
    /// the same at generated images (R2), 0 for none
    r2: Scheduled = 0.0, Changing(0.0, 1000.0),
        change "as `r1`, with `loss = \"relativistic\"` (Huang et al. 2024)", cost "as `r1`";
    /// discriminator steps from one R1 and R2 penalty to the next
    r1_every: u64 = 16, Integer(1, 1000),
        change "16 (Karras et al. 2020, \"lazy\"), or 4; each penalty counts as many times", cost "with `gan.r1`";
    /// penalty on gradient lengths other than 1 between real and fake, 0 for none
    gradient_penalty: f64 = 0.0, Number(0.0, 1000.0),
        change "10 with `wasserstein` and `discriminator_norm = \"none\"` (Gulrajani et al. 2017)", cost "+43 %";
    /// largest size of a discriminator's weight, 0 for no limit
    weight_clip: f64 = 0.0, Number(0.0, 10.0),
        change "0.01 for the first Wasserstein GAN (Arjovsky et al. 2017); the penalty is better", cost "none";
    /// noise on what the discriminator sees at first; fades to 0
    instance_noise: f64 = 0.0, Number(0.0, 2.0),
        change "0.1 where the discriminator is right from the start; a standard deviation in the range of pixels (Sønderby et al. 2017)",
        cost "3 %";
    /// probability of shift, cutout, brightness, contrast and saturation, for small data sets
    augment: Scheduled = 0.0, Changing(0.0, 1.0),
        change "0.3 with thousands of images", cost "4 %";
    /// how sure of real images the discriminator may be; adapts gan.augment, 0 for fixed (0.6 is
    /// usual)
    augment_target: f64 = 0.0, Number(0.0, 0.99),
        change "0.6, which adapts, where the discriminator has no spectral normalization or wins; a mean of signs (Karras et al. 2020, equation 1)",
        cost "4 %";
    /// a generator's file whose images are learned in the place of the data's, each from the same
    /// latent vector and class; "" for none
    teacher: String = "", Text,
        change "`dreamlet distill` sets it", cost "the teacher's images";
    /// weight of the squared difference from the teacher's image, both shrunk to a quarter
    teacher_pixels: Scheduled = 0.0, Changing(0.0, 1000.0),
        change "[3, 0]: what goes where first, then how it looks", cost "none worth measuring";
}
note "";

/// Variational settings, with `model.kind = "vae"`.
#[serde(skip_serializing_if = "Option::is_none")]
vae: Option<VaeConfig> = VaeConfig {
    /// log p(x|z)
    likelihood: Likelihood, Choice(Likelihood::WORDS),
        change "as its values say", cost "none";
    /// standard deviation of the gaussian likelihood, in units of the pixel range
    sigma: f64 = 0.1, Number(0.001, 10.0),
        change "with `gaussian`: 0.1, then halve it, for sharper images and a latent space with more gaps",
        cost "none";
    /// weight of the Kullback-Leibler term
    beta: f64, Number(0.0, 1000.0),
        change "above 1 for latents that stand for one thing each (Higgins et al. 2017); below 1 for sharp reconstructions",
        cost "none";
    /// steps in which beta rises from 0, 0 for none
    warmup: u64 = 0, Integer(0, i64::MAX),
        change "an epoch or two where the report shows unused dimensions", cost "none";
    /// steps of a cycle in whose first half beta rises, 0 for none
    cycle: u64 = 0, Integer(0, i64::MAX),
        change "an epoch or two, for the same", cost "none";
    /// nats below which a latent dimension's divergence does not count as smaller
    free_bits: f64 = 0.0, Number(0.0, 10.0),
        change "0.1 to 0.5, for the same", cost "none";
    /// draws of the importance-weighted bound, 1 for the evidence lower bound
    samples: usize = 1, Integer(1, 1000),
        change "5 to 50 for the tightest bound", cost "5: four times; 50: 90 times";
    /// share of the run, at its end, in which a second VAE learns the latents of the first, 0 for
    /// none
    second_stage: f64 = 0.0, Number(0.0, 0.9),
        change "0.5 where samples are much worse than reconstructions (Dai and Wipf 2019)",
        cost "less than the first stage";
    /// widths of the hidden layers of the second stage
    second_hidden: Vec<usize> = [512, 512], Integers(1, 8192),
        change "[512, 512] for 16 latents, wider for more; the latent side is first", cost "adds 1.1 MB to the file";
}
note "";

/// Adam (Kingma and Ba 2015), ε = 1e-8.
optimizer: OptimizerConfig = OptimizerConfig {
    /// images in one step
    batch: usize, Integer(2, 65536),
        change "64; smaller for VAEs on few epochs; larger where a GAN collapses or a GPU idles", cost "in proportion";
    /// Adam's step size
    learning_rate: Scheduled, Changing(1e-8, 1.0),
        change "halve the one of the player that wins; the log says who does", cost "none";
    /// the discriminator's step size
    #[serde(default, skip_serializing_if = "Option::is_none")]
    discriminator_learning_rate: Option<Scheduled>, Changing(1e-8, 1.0),
        change "as `optimizer.learning_rate`; GANs only", cost "none";
    /// decay of Adam's first moment
    beta1: f64, Number(0.0, 0.9999),
        change "0 with `spectral` and `hinge`, or `wasserstein` with a penalty; 0.5 for other GANs; 0.9 for VAEs",
        cost "none";
    /// decay of Adam's second moment
    beta2: Scheduled, Changing(0.0, 0.999_999),
        change "0.999; 0.9 for `wasserstein` with a penalty", cost "none";
    /// share of each weight that is added to its gradient
    weight_decay: f64 = 0.0, Number(0.0, 1.0),
        change "1e-5 to 1e-4 where a dense net overfits", cost "none";
    /// share of the run, at its beginning, in which settings with two numbers go from the first to
    /// the second one, along half a cosine
    burn_in: f64 = 1.0, Number(0.001, 1.0),
        change "0.5 where the second half is to be as it ends (Huang et al. 2024)", cost "none";
    /// how step sizes go to 0 over the run
    schedule: Schedule = "constant", Choice(Schedule::WORDS),
        change "`linear` for the best last checkpoint; `constant` where the end is open", cost "none";
}
note "`linear`, `cosine` and settings with two numbers need an end in epochs or steps. `--time` may still end the run earlier. \
Two numbers are written as a list, `learning_rate = [0.0005, 0.0001]`: so may learning rates, `beta2`, `gan.r1`, `gan.r2`, \
`gan.augment`, `gan.teacher_pixels` and `gan.average_half_life`.";

/// How long, how often, which seed. The run ends at the first of `epochs`, `steps` and `seconds`.
training: TrainingConfig = TrainingConfig {
    /// passes over the images, 0 for no limit
    epochs: u64, Integer(0, i64::MAX),
        change "as long as the metrics of `--eval-every` get better", cost "in proportion";
    /// generator steps, 0 for no limit
    steps: u64, Integer(0, i64::MAX),
        change "as `training.epochs`", cost "in proportion";
    /// seconds of training, 0 for no limit
    seconds: u64, Integer(0, i64::MAX),
        change "as `training.epochs`; `--time` says it shorter; resumed runs count", cost "in proportion";
    /// fixes initialization, shuffling and latents
    seed: u64, Integer(0, i64::MAX),
        change "another one where a result must not be luck", cost "none";
    /// steps between two lines of stats.jsonl
    log_every: u64, Integer(1, 1_000_000),
        change "smaller for short runs", cost "none worth measuring";
    /// steps between two sample images
    sample_every: u64, Integer(1, i64::MAX),
        change "as often as you look", cost "one to one and a half steps of `dcgan`";
    /// steps between two checkpoints
    checkpoint_every: u64, Integer(1, i64::MAX),
        change "so often that losing the steps since the last one would not hurt", cost "four steps of `dcgan`";
    /// how many of the newest checkpoints stay
    keep: usize, Integer(1, 10_000),
        change "1 where the disk is small", cost "26 MB for each checkpoint of `dcgan`";
    /// steps between two measurements of quality (metrics.jsonl), 0 for none
    eval_every: u64 = 0, Integer(0, i64::MAX),
        change "every tenth of the run", cost "[by the number of images](../experiments/evaluation-cost.md)";
    /// images on each side of a measurement
    eval_samples: usize = 2000, Integer(100, 100_000),
        change "2000 to choose by, 10,000 to publish", cost "10,000: as much as 40 steps";
    /// metric of a measurement that picks the best checkpoint; auto is frechet of labelled data,
    /// else sliced-wasserstein
    best_by: BestBy = "auto", Choice(BestBy::WORDS),
        change "as its values say; `training.patience` goes by it too", cost "none worth measuring";
    /// measurements without a better one after which the run ends, 0 for never
    patience: u64 = 0, Integer(0, 1_000_000),
        change "5", cost "none";
    /// what to do when all images of a GAN are alike: tell only, end, or go back to the best
    /// checkpoint
    on_collapse: OnCollapse = "ignore", Choice(OnCollapse::WORDS),
        change "`rollback` for runs that nobody watches; `stop` ends the run, `ignore` only tells", cost "none";
}
note "All of `best_by` but `sliced-wasserstein` and `likelihood` need labels. \
Precision and density cannot be chosen: a collapsed generator is best at them.\n\n\
Variety is looked at with each checkpoint. Classes and recall are looked at only with `eval_every`.";
}

/// The key at `path`.
#[must_use]
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.path == path)
}
