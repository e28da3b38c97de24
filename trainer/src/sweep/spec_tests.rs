use super::*;

const GOOD: &str = r#"
preset = "vae-dense"
data = "glyphs"
metric = "score"
goal = "min"
trials = 6
seed = 3
algorithm = "asha"

[budget]
steps = 900
min = 100
eta = 3

[set]
"training.log_every" = 10

[parameters]
"optimizer.learning_rate" = { log = [1e-5, 1e-2] }
"optimizer.batch" = { choice = [32, 64, 128] }
model.latent = { integer = [16, 128] }
"#;

fn parse(text: &str) -> Result<Spec, SweepError> {
    Spec::parse("sweep.toml", text, Path::new(""))
}

#[test]
fn a_good_file_is_read_whole() {
    let spec = parse(GOOD).unwrap();
    assert_eq!(spec.trials, 6);
    assert_eq!(spec.algorithm, Algorithm::Asha { min: 100, eta: 3 });
    assert_eq!((spec.unit, spec.budget), (Unit::Steps, 900));
    assert_eq!(spec.metric, Metric::Score);
    let paths: Vec<&str> = spec.parameters.iter().map(|p| p.key.path).collect();
    assert_eq!(
        paths,
        ["model.latent", "optimizer.batch", "optimizer.learning_rate"]
    );
    let config = spec.config(4).unwrap();
    assert_eq!(config.training.log_every, 10);
    assert!((16..=128).contains(&config.model.latent));
    assert!(spec.sets(4).contains(&"training.log_every=10".to_owned()));
}

#[test]
fn a_bad_file_says_which_key_what_was_found_and_what_to_write() {
    const PRESET: &str = "preset = \"vae-dense\"";
    const SET: &str = "\"training.log_every\" = 10";
    for (from, to, expected) in [
        ("trials = 6", "trails = 6", "did you mean \"trials\"?"),
        ("trials = 6", "", "\"trials\" is missing"),
        ("trials = 6", "trials = 0", "from 1 to 10000, found 0"),
        (
            "\"asha\"",
            "\"ahsa\"",
            "one of \"random\", \"asha\", found \"ahsa\"",
        ),
        ("\"asha\"", "\"random\"", "budget.min must be absent"),
        ("goal = \"min\"", "goal = \"max\"", "a small score is good"),
        (PRESET, "", "\"preset\" is missing"),
        (
            PRESET,
            "preset = \"vae-dens\"",
            "did you mean \"vae-dense\"?",
        ),
        ("data = \"glyphs\"", "data = \"glyps\"", "glyphs"),
        ("steps = 900", "stepps = 900", "did you mean \"steps\"?"),
        (
            "steps = 900",
            "steps = 50",
            "budget.min must be a whole number from 1 to 50, found 100",
        ),
        ("steps = 900", "", "\"budget.steps\" is missing"),
        (
            "eta = 3",
            "eta = 1",
            "budget.eta must be a whole number from 2 to 100, found 1",
        ),
        (
            "optimizer.batch",
            "optimizer.bacth",
            "the nearest is \"optimizer.batch\"",
        ),
        (
            "model.latent",
            "model.latnet",
            "the nearest is \"model.latent\"",
        ),
        ("[16, 128]", "[16, 12800]", "reaches to 12800"),
        (SET, "\"training.steps\" = 10", "[budget] says"),
        (
            SET,
            "\"optimizer.batch\" = 16",
            "in [set] and in [parameters]",
        ),
        (
            SET,
            "\"training.log_every\" = 0",
            "from 1 to 1000000, found 0",
        ),
        (SET, "\"gan.label_smoothing\" = 0.9", "trial 0 would have"),
        (
            "[budget]",
            "[slurm]\noptions = 3\n[budget]",
            "slurm.options must be a list",
        ),
        ("seed = 3", "seed = ", "not valid TOML"),
    ] {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "{from} is not in the file");
        let message = parse(&text).unwrap_err().to_string();
        assert!(message.contains(expected), "{from} -> {to}: {message}");
    }
}

#[test]
fn a_sweep_goes_on_with_more_trials_and_with_nothing_else_changed() {
    let old = parse(GOOD).unwrap();
    let more = parse(&GOOD.replace("trials = 6", "trials = 9")).unwrap();
    assert_eq!(more.continues(&old), Ok(()));
    assert_eq!(more.settings(5), old.settings(5));
    assert!(old.continues(&more).is_err());
    for (from, to) in [
        ("seed = 3", "seed = 4"),
        ("steps = 900", "steps = 901"),
        ("[32, 64, 128]", "[32, 64]"),
        ("log_every\" = 10", "log_every\" = 11"),
        ("preset = \"vae-dense\"", "preset = \"seed-vae\""),
    ] {
        let other = parse(&GOOD.replace(from, to)).unwrap();
        assert!(other.continues(&old).is_err(), "{from} -> {to}");
    }
}

#[test]
fn the_example_files_are_good_and_their_trials_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("presets/sweeps");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path());
    // Beside them lie the tables of what they found.
    let files = files.filter(|path| path.extension().is_some_and(|e| e == "toml"));
    let read = files.map(|path| Spec::read(&path).unwrap_or_else(|e| panic!("{e}")));
    assert!(read.count() >= 2);
}
