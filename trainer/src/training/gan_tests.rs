use burn::module::ModuleVisitor;

use super::*;
use crate::atomic_file::TestFolder;
use crate::data::{DataSpec, LoadOptions, load};
use crate::device::DeviceChoice;
use crate::nets::testing::preset;
use crate::training::saved::{Saved, Which};
use crate::training::{Learner, TrainOptions, train};

/// Dense nets of 16 units on images of 16x16.
fn config(sets: &[&str]) -> Config {
    let common = ["data.size=16", "hidden=[16]", "latent=4"];
    preset("seed-gan", &[&common, sets].concat())
}

#[test]
fn mean_logits_are_among_the_stats_of_every_loss() {
    let device = Device::flex();
    let of = |values: [f32; 2]| Tensor::<1>::from_floats(values, &device).reshape([2, 1]);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    for (loss, real, fake) in [
        ("non-saturating", "d_logit_real", "d_logit_fake"),
        ("minimax", "d_logit_real", "d_logit_fake"),
        ("hinge", "d_real", "d_fake"),
        ("least-squares", "d_real", "d_fake"),
    ] {
        let config = config(&[&format!("loss={loss}")]);
        let settings = config.gan.clone().unwrap();
        let gan = Gan::new(&config, &settings, &Device::flex().autodiff());
        let mut stats = gan.stats(
            Tensor::zeros([1], &device),
            of([3.0, -1.0]),
            of([-3.0, -5.0]),
        );
        stats.insert(1, Tensor::zeros([1], &device));
        let found: Vec<f32> = Tensor::cat(stats, 0).into_data().try_to_vec().unwrap();
        let names = gan.stats_names();
        assert_eq!(found.len(), names.len());
        let get = |wanted| {
            let place = names.iter().position(|name| *name == wanted).unwrap();
            f64::from(found[place])
        };
        assert_eq!((get(real), get(fake)), (1.0, -4.0), "{loss}");
        assert_eq!((get("d_right"), get("d_sign")), (0.75, 0.0), "{loss}");
        if real == "d_logit_real" {
            let mean = 0.5 * (sigmoid(3.0) + sigmoid(-1.0));
            assert!((get("d_real") - mean).abs() < 1e-6);
        }
    }
}

#[test]
fn the_derivative_along_a_direction_is_the_gradient_times_the_direction() {
    let device = Device::flex().autodiff();
    let all = "model.classes=3 augment=1 dropout=0.3 instance_noise=0.1";
    for (name, sets) in [
        ("seed-gan", "data.size=16 hidden=[16,8]"),
        ("dcgan", "data.size=16 model.width=8 data.channels=3"),
        (
            "dcgan",
            "data.size=16 model.width=8 discriminator_norm=none",
        ),
        ("cgan", all),
        (
            "r3-32",
            "data.size=16 model.width=8 model.group=4 model.blocks=2",
        ),
        ("r3-32", &format!("data.size=16 model.width=8 {all}")),
    ] {
        let config = preset(name, &sets.split(' ').collect::<Vec<_>>());
        let mut gan = Gan::new(&config, config.gan.as_ref().unwrap(), &device);
        gan.context.augment = config.augment_at(0.0);
        let shape = [4, config.data.channels, config.data.size, config.data.size];
        let pixels = shape.iter().skip(1).product();
        let [x, v] = [0, 1]
            .map(|index| normals(2, Purpose::Score, index, 4, pixels, &device).reshape(shape));
        let class = classes_in_turn(0, 4, config.model.classes, &device);
        let frozen = gan.discriminator.normalized().no_grad();
        let x = x.require_grad();
        let mut pass = Pass::Record(Vec::new());
        let view = [View { class, index: 5 }];
        let logits = gan.judge(&frozen, x.clone(), &view, &mut pass);
        let gradient = x.grad(&logits.sum().backward()).unwrap();
        let expected = (gradient * v.clone().inner()).sum().into_scalar::<f32>();
        let none = Tensor::zeros([4], &Device::flex());
        let found = gan.judge(&frozen, v, &view, &mut pass.along(none));
        let found = found.sum().into_scalar::<f32>();
        let relative = (found - expected).abs() / expected.abs();
        assert!(relative < 1e-4, "{name} {sets}: {found} {expected}");
    }
}

/// The largest size of a weight of each parameter.
#[derive(Default)]
struct Largest(Vec<f32>);

impl ModuleVisitor for Largest {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values: Vec<f32> = param.val().inner().into_data().try_to_vec().unwrap();
        let sizes = values.into_iter().map(f32::abs);
        self.0.push(sizes.fold(0.0, f32::max));
    }
}

/// The largest weights of the discriminator after 40 steps of a Wasserstein GAN with this
/// limit, and all its losses.
fn wasserstein(clip: &str) -> (Vec<f32>, Vec<f64>) {
    let folder = TestFolder::new();
    let options = LoadOptions {
        limit: Some(64),
        size: Some(16),
        ..LoadOptions::default()
    };
    let data = load(&DataSpec::Glyphs, &options).unwrap();
    let sets = [
        &format!("weight_clip={clip}"),
        "loss=wasserstein",
        "batch=8",
        "learning_rate=0.001",
        "discriminator_learning_rate=0.001",
        "log_every=1",
        "training.steps=40",
    ];
    let config = config(&sets);
    let options = TrainOptions {
        out: folder.0.clone(),
        device: DeviceChoice::Cpu,
        quiet: true,
        ..TrainOptions::default()
    };
    let run = train(&config, &data, &options).unwrap().run;
    let learner = Saved::open(&run, Which::default()).unwrap().learner();
    let Some(Learner::Gan(gan)) = learner.unwrap() else {
        panic!("no GAN")
    };
    let mut largest = Largest::default();
    gan.discriminator.visit(&mut largest);
    let stats = std::fs::read_to_string(run.join("stats.jsonl")).unwrap();
    let losses = stats.lines().flat_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        ["d_loss", "g_loss"].map(|name| line[name].as_f64().unwrap())
    });
    (largest.0, losses.collect())
}

#[test]
fn a_wasserstein_discriminators_weights_stay_within_their_limit_and_losses_are_finite() {
    let (largest, losses) = wasserstein("0.02");
    assert_eq!(losses.len(), 80);
    assert!(losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
    assert!(losses.iter().any(|loss| *loss != 0.0));
    assert!(largest.iter().all(|size| *size <= 0.02), "{largest:?}");
    assert!(largest.contains(&0.02), "{largest:?}");
    let (free, _) = wasserstein("10");
    assert!(free.iter().any(|size| *size > 0.02), "{free:?}");
}
