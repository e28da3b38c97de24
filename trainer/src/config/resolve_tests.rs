//! What configurations resolve to, and what is refused.

use super::*;

fn with(sets: &[&str]) -> Result<Config, ConfigError> {
    let sets = sets.iter().map(|s| (*s).to_owned()).collect();
    resolve(
        &Source::Preset("dcgan".into()),
        &Overrides {
            sets,
            ..Overrides::default()
        },
    )
}

#[test]
fn every_preset_resolves_and_survives_its_own_toml() {
    for p in super::super::PRESETS {
        let config = resolve(&Source::Preset(p.name.into()), &Overrides::default()).unwrap();
        assert_eq!(config.name, p.name);
        assert_eq!(
            from_text("again", &config.to_toml().unwrap()).unwrap(),
            config
        );
    }
}

#[test]
fn an_unknown_key_names_the_nearest_one_and_its_range() {
    let message = with(&["optimizer.bacth=3"]).unwrap_err().to_string();
    assert!(
        message.contains("optimizer.batch") && message.contains("from 2 to 65536"),
        "{message}"
    );
    let message = with(&["sed=3"]).unwrap_err().to_string();
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
        let message = with(&["discriminator_norm=batch", bad]);
        let message = message.unwrap_err().to_string();
        assert!(message.contains(expected), "{bad}: {message}");
    }
}

#[test]
fn what_picks_the_best_checkpoint_is_measured_and_possible() {
    use super::super::BestBy;
    let with = |preset: &str, sets: &[&str]| {
        let overrides = Overrides {
            sets: sets.iter().map(|set| (*set).to_owned()).collect(),
            ..Overrides::default()
        };
        resolve(&Source::Preset(preset.into()), &overrides)
    };
    let kind = find("training.best_by").unwrap().kind;
    let ValueKind::Choice(words) = kind else {
        panic!("{kind:?}")
    };
    let given = |name: &str| format!("best_by={name}");
    for name in words.iter().map(|word| word.name) {
        let sets = [&given(name), "eval_every=10"];
        let preset = match name {
            "likelihood" => "vae-dense",
            _ => "cgan",
        };
        let config = with(preset, &sets).unwrap();
        assert_eq!(config.training.best_by.name(), name);
        let needs = config.training.best_by.needs_labels();
        let pixels = ["auto", "sliced-wasserstein", "likelihood"];
        assert_eq!(needs, !pixels.contains(&name), "{name}");
    }
    assert_eq!(with("cgan", &[]).unwrap().training.best_by, BestBy::Auto);
    for (preset, sets, expected) in [
        ("dcgan", &["best_by=recall"][..], "--eval-every"),
        ("dcgan", &["best_by=likelihood", "eval_every=9"], "\"vae\""),
        ("dcgan", &["best_by=class-accuracy", "eval_every=9"], "cgan"),
        (
            "dcgan",
            &["best_by=precision", "eval_every=9"],
            "\"recall\"",
        ),
    ] {
        let message = with(preset, sets).unwrap_err().to_string();
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
        let overrides = Overrides {
            sets: sets.map(str::to_owned).to_vec(),
            ..Overrides::default()
        };
        let message = resolve(&Source::Preset("vae-dense".into()), &overrides).unwrap_err();
        let message = message.to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_second_stage_needs_steps_and_no_classes() {
    let refused = |overrides: &Overrides| {
        resolve(&Source::Preset("vae-two-stage".into()), overrides)
            .unwrap_err()
            .to_string()
    };
    let message = refused(&Overrides {
        sets: vec!["training.epochs=0".to_owned()],
        seconds: Some(60),
        ..Overrides::default()
    });
    assert!(
        message.contains("vae.second_stage") && message.contains("training.steps"),
        "{message}"
    );
    let message = refused(&Overrides {
        sets: vec!["model.classes=10".to_owned()],
        ..Overrides::default()
    });
    assert!(
        message.contains("vae.second_stage") && message.contains("found 10"),
        "{message}"
    );
}

#[test]
fn a_dense_discriminator_has_its_hidden_layers_from_the_model() {
    let overrides = Overrides {
        sets: vec!["discriminator_hidden=8".to_owned()],
        ..Overrides::default()
    };
    assert!(resolve(&Source::Preset("dcgan".into()), &overrides).is_ok());
    let error = resolve(&Source::Preset("seed-gan".into()), &overrides).unwrap_err();
    assert!(error.to_string().contains("model.hidden"), "{error}");
}

#[test]
fn a_key_with_a_default_need_not_be_there() {
    let text = preset("dcgan").unwrap().toml;
    assert!(!text.contains("flip"));
    assert!(!from_text("dcgan", text).unwrap().data.flip);
    assert!(with(&["flip=true"]).unwrap().data.flip);
    assert!(
        with(&["flip=1"])
            .unwrap_err()
            .to_string()
            .contains("true or false")
    );
    // Every default is a value that its key allows.
    for key in KEYS {
        if let Some(default) = key.default {
            check_value("defaults", key, &literal(default).unwrap()).unwrap();
        }
    }
}

#[test]
fn schedules_begin_at_one_and_end_at_zero() {
    use super::super::Schedule;
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
    let limits = |set: &str| {
        let overrides = Overrides {
            sets: vec![set.to_owned(), "training.epochs=7".to_owned()],
            seconds: Some(600),
            ..Overrides::default()
        };
        let config = resolve(&Source::Preset("seed-gan".into()), &overrides).unwrap();
        let t = config.training;
        (t.epochs, t.steps, t.seconds)
    };
    assert_eq!(limits("optimizer.schedule=constant"), (0, 0, 600));
    assert_eq!(limits("optimizer.schedule=linear"), (7, 0, 600));
    assert_eq!(limits("gan.instance_noise=0.1"), (7, 0, 600));
}

#[test]
fn an_unknown_preset_names_the_nearest_one() {
    let message = resolve(&Source::Preset("dcgn".into()), &Overrides::default())
        .unwrap_err()
        .to_string();
    assert!(message.contains("did you mean \"dcgan\""), "{message}");
}

#[test]
fn what_the_user_says_is_told_from_what_the_preset_says() {
    let preset = Source::Preset("cgan".into());
    let given = |source: &Source, set: &str| {
        let overrides = Overrides {
            sets: vec![set.to_owned()],
            ..Overrides::default()
        };
        is_given(source, &overrides, "model.classes")
    };
    assert!(!given(&preset, "model.latent=8").unwrap());
    assert!(given(&preset, "model.classes=10").unwrap());
    assert!(given(&preset, "classes = 3").unwrap());
    assert!(given(&preset, "clases=3").is_err());

    let file = std::env::temp_dir().join(format!("dreamlet-given-{}.toml", std::process::id()));
    for (text, expected) in [
        ("preset = \"cgan\"\n[model]\nclasses = 4\n", true),
        ("preset = \"cgan\"\n[model]\nlatent = 4\n", false),
    ] {
        std::fs::write(&file, text).unwrap();
        let source = Source::File(file.clone());
        assert_eq!(given(&source, "model.latent=8").unwrap(), expected);
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn limits_of_a_run_that_goes_on_replace_its_own_as_those_of_a_new_one_do() {
    let run = |set: &str| {
        let overrides = Overrides {
            sets: vec![set.to_owned()],
            steps: Some(7),
            ..Overrides::default()
        };
        resolve(&Source::Preset("seed-gan".into()), &overrides).unwrap()
    };
    let limits = |config: Config| {
        let t = config.training;
        (t.epochs, t.steps, t.seconds)
    };
    let constant = || run("optimizer.schedule=constant");
    let more = |config, steps, seconds| limits(with_limits(config, None, steps, seconds).unwrap());
    assert_eq!(more(constant(), None, None), (0, 7, 0));
    assert_eq!(more(constant(), Some(9), None), (0, 9, 0));
    assert_eq!(more(constant(), None, Some(10)), (0, 0, 10));
    let linear = run("optimizer.schedule=linear");
    assert_eq!(more(linear, None, Some(10)), (0, 7, 10));
}
