//! What configurations resolve to, and what is refused.

use super::super::{BestBy, PRESETS, Schedule};
use super::*;
use crate::atomic_file::TestFolder;

fn source(preset: &str) -> Source {
    Source::Preset(preset.to_owned())
}

fn overrides(sets: &[&str]) -> Overrides {
    Overrides {
        sets: sets.iter().map(|set| (*set).to_owned()).collect(),
        ..Overrides::default()
    }
}

fn with(preset: &str, sets: &[&str]) -> Result<Config, ConfigError> {
    resolve(&source(preset), &overrides(sets))
}

fn refused(preset: &str, sets: &[&str]) -> String {
    with(preset, sets).unwrap_err().to_string()
}

fn limits(config: &Config) -> (u64, u64, u64) {
    let t = &config.training;
    (t.epochs, t.steps, t.seconds)
}

#[test]
fn every_preset_resolves_and_survives_its_own_toml() {
    for p in PRESETS {
        let config = with(p.name, &[]).unwrap();
        assert_eq!(config.name, p.name);
        let again = from_text("again", &config.to_toml().unwrap());
        assert_eq!(again.unwrap(), config);
    }
}

#[test]
fn an_unknown_key_names_the_nearest_one_and_its_range() {
    let message = refused("dcgan", &["optimizer.bacth=3"]);
    assert!(message.contains("optimizer.batch"), "{message}");
    assert!(message.contains("from 2 to 65536"), "{message}");
    let message = refused("dcgan", &["sed=3"]);
    assert!(message.contains("training.seed"), "{message}");
}

#[test]
fn wrong_types_and_impossible_values_name_the_allowed_range() {
    for (bad, expected) in [
        ("batch=many", "from 2 to 65536"),
        ("batch=1", "found 1"),
        ("label_smoothing=2", "from 0.5 to 1"),
        ("data.size=30", "28 and 32"),
        ("net=dnse", "\"dense\""),
        ("hidden=[3]", "no meaning"),
        ("likelihood=bernoulli", "no meaning"),
        ("nonsense", "KEY=VALUE"),
        ("gan.r1=1", "discriminator_norm"),
        ("gan.loss=wasserstein", "gradient_penalty"),
    ] {
        let message = refused("dcgan", &["discriminator_norm=batch", bad]);
        assert!(message.contains(expected), "{bad}: {message}");
    }
}

#[test]
fn what_picks_the_best_checkpoint_is_measured_and_possible() {
    let kind = find("training.best_by").unwrap().kind;
    let ValueKind::Choice(words) = kind else {
        panic!("{kind:?}")
    };
    for name in words.iter().map(|word| word.name) {
        let preset = match name {
            "likelihood" => "vae-dense",
            _ => "cgan",
        };
        let config = with(preset, &[&format!("best_by={name}"), "eval_every=10"]).unwrap();
        assert_eq!(config.training.best_by.name(), name);
        let needs = config.training.best_by.needs_labels();
        let pixels = ["auto", "sliced-wasserstein", "likelihood"];
        assert_eq!(needs, !pixels.contains(&name), "{name}");
    }
    let cgan = with("cgan", &[]).unwrap();
    assert_eq!(cgan.training.best_by, BestBy::Auto);
    for (sets, expected) in [
        (&["best_by=recall"][..], "--eval-every"),
        (&["best_by=likelihood", "eval_every=9"], "\"vae\""),
        (&["best_by=class-accuracy", "eval_every=9"], "cgan"),
        (&["best_by=precision", "eval_every=9"], "\"recall\""),
    ] {
        let message = refused("dcgan", sets);
        assert!(message.contains("training.best_by"), "{message}");
        assert!(message.contains(expected), "{sets:?}: {message}");
    }
}

#[test]
fn what_would_do_nothing_is_refused() {
    for (sets, expected) in [
        (["warmup=10", "cycle=20"], "vae.cycle both"),
        (["on_collapse=stop", "seed=1"], "\"gan\""),
    ] {
        let message = refused("vae-dense", &sets);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_second_stage_needs_steps_and_no_classes() {
    let only_time = Overrides {
        seconds: Some(60),
        ..overrides(&["training.epochs=0"])
    };
    let no_steps = resolve(&source("vae-two-stage"), &only_time).unwrap_err();
    for (message, expected) in [
        (no_steps.to_string(), "training.steps"),
        (refused("vae-two-stage", &["model.classes=10"]), "found 10"),
    ] {
        assert!(message.contains("vae.second_stage"), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_dense_discriminator_has_its_hidden_layers_from_the_model() {
    let sets = ["discriminator_hidden=8"];
    assert!(with("dcgan", &sets).is_ok());
    let message = refused("seed-gan", &sets);
    assert!(message.contains("model.hidden"), "{message}");
}

#[test]
fn a_key_with_a_default_need_not_be_there() {
    let text = preset("dcgan").unwrap().toml;
    assert!(!text.contains("flip"));
    assert!(!from_text("dcgan", text).unwrap().data.flip);
    assert!(with("dcgan", &["flip=true"]).unwrap().data.flip);
    assert!(refused("dcgan", &["flip=1"]).contains("true or false"));
    // Every default is a value that its key allows.
    for key in KEYS {
        if let Some(default) = key.default {
            check_value("defaults", key, &literal(default).unwrap()).unwrap();
        }
    }
}

#[test]
fn schedules_begin_at_one_and_end_at_zero() {
    for (schedule, end) in [
        (Schedule::Constant, 1.0),
        (Schedule::Linear, 0.0),
        (Schedule::Cosine, 0.0),
    ] {
        assert!((schedule.factor(0.0) - 1.0).abs() < 1e-12);
        assert!((schedule.factor(1.0) - end).abs() < 1e-12);
        assert!(schedule.factor(0.75) <= schedule.factor(0.5));
    }
    assert!((Schedule::Linear.factor(0.75) - 0.5).abs() < 1e-12);
}

#[test]
fn a_time_limit_lifts_the_presets_others_unless_something_goes_by_steps() {
    for (set, expected) in [
        ("optimizer.schedule=constant", (0, 0, 600)),
        ("optimizer.schedule=linear", (7, 0, 600)),
        ("gan.instance_noise=0.1", (7, 0, 600)),
    ] {
        let overrides = Overrides {
            seconds: Some(600),
            ..overrides(&[set, "training.epochs=7"])
        };
        let config = resolve(&source("seed-gan"), &overrides).unwrap();
        assert_eq!(limits(&config), expected);
    }
}

#[test]
fn an_unknown_preset_names_the_nearest_one() {
    let message = refused("dcgn", &[]);
    assert!(message.contains("did you mean \"dcgan\""), "{message}");
}

#[test]
fn what_the_user_says_is_told_from_what_the_preset_says() {
    let given = |source: &Source, set: &str| is_given(source, &overrides(&[set]), "model.classes");
    let preset = source("cgan");
    assert!(!given(&preset, "model.latent=8").unwrap());
    assert!(given(&preset, "model.classes=10").unwrap());
    assert!(given(&preset, "classes = 3").unwrap());
    assert!(given(&preset, "clases=3").is_err());

    let folder = TestFolder::new();
    for (key, expected) in [("classes", true), ("latent", false)] {
        let text = format!("preset = \"cgan\"\n[model]\n{key} = 4\n");
        let source = Source::File(folder.write("own.toml", text.as_bytes()));
        assert_eq!(given(&source, "model.latent=8").unwrap(), expected);
    }
}

#[test]
fn limits_of_a_run_that_goes_on_replace_its_own_as_those_of_a_new_one_do() {
    for (schedule, steps, seconds, expected) in [
        ("constant", None, None, (0, 7, 0)),
        ("constant", Some(9), None, (0, 9, 0)),
        ("constant", None, Some(10), (0, 0, 10)),
        ("linear", None, Some(10), (0, 7, 10)),
    ] {
        let overrides = Overrides {
            steps: Some(7),
            ..overrides(&[&format!("optimizer.schedule={schedule}")])
        };
        let run = resolve(&source("seed-gan"), &overrides).unwrap();
        let config = with_limits(run, None, steps, seconds).unwrap();
        assert_eq!(limits(&config), expected);
    }
}
