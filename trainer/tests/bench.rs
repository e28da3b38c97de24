//! What `dreamlet bench` says of allocations is counted, not assumed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

fn dreamlet(arguments: &[&str]) -> String {
    let output = common::dreamlet().args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", common::said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_compiled_image_allocates_nothing_and_one_of_tract_does() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = here.join("../tests/data/zoo/script-dcgan.onnx");
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench.dream");
    let (model, compiled) = (model.to_str().unwrap(), compiled.to_str().unwrap());
    dreamlet(&["compile", model, "--out", compiled]);
    let count = |engine: &str, file: &str| {
        let line = dreamlet(&["bench", file, "--cold", engine]);
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        json["allocations"].as_u64().unwrap()
    };
    assert_eq!(count("compiled", compiled), 0);
    assert!(count("tract", model) > 0);
}
