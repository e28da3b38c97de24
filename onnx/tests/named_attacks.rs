//! Attacks on ONNX loaders that have a name, one test for each, by class: the file is refused in
//! under a second with its reason. What they did elsewhere is told in docs/internals/hostile-files.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{A, Builder, attribute, dcgan, info};
use dreamlet_onnx::proto::{
    GraphProto, NodeProto, StringStringEntryProto, TensorProto, TensorShapeProto, type_proto,
};
use dreamlet_onnx::{DType, Limits, ModelError, inspect, read};

/// A folder of a test's own with a folder `models` in it, both gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("models")).unwrap();
        fs::write(path.join("secret"), [7; 4096]).unwrap();
        Self(path)
    }

    fn models(&self) -> PathBuf {
        self.0.join("models")
    }

    /// Names of all files, with their sizes.
    fn listing(&self) -> Vec<(PathBuf, u64)> {
        let mut found = Vec::new();
        let mut waiting = vec![self.0.clone()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let facts = path.symlink_metadata().unwrap();
                if facts.is_dir() {
                    waiting.push(path.clone());
                }
                found.push((path, facts.len()));
            }
        }
        found.sort();
        found
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What comes of it, which may not take longer than a second.
fn timed<T>(what: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = what();
    let took = start.elapsed();
    // Elsewhere an emulator runs it.
    assert!(
        !cfg!(target_arch = "x86_64") || took < Duration::from_secs(1),
        "{took:?}"
    );
    result
}

/// A generator whose first weights are in another file, as these entries say.
fn with_external(entries: &[(&str, &str)]) -> Builder {
    let mut builder = dcgan(4, 4, 2);
    let tensor = builder.graph().initializer.first_mut().unwrap();
    tensor.raw_data.clear();
    tensor.float_data.clear();
    tensor.data_location = Some(1);
    tensor.external_data = entries
        .iter()
        .map(|(key, value)| StringStringEntryProto {
            key: (*key).into(),
            value: (*value).into(),
        })
        .collect();
    builder
}

/// Reads such a file from the folder's `models`; the reason why it is refused. Nothing is written.
fn refused(folder: &Folder, entries: &[(&str, &str)]) -> String {
    let path = folder.models().join("model.onnx");
    fs::write(&path, with_external(entries).bytes()).unwrap();
    let before = folder.listing();
    let error = timed(|| read(&path, &Limits::default())).expect_err("refused");
    assert!(matches!(error, ModelError::External { .. }), "{error:?}");
    assert_eq!(folder.listing(), before, "nothing is written");
    error.to_string()
}

/// The same of a file in memory, with what is wrong with it.
fn error_of(file: &[u8]) -> ModelError {
    timed(|| inspect(file, &Limits::default())).expect_err("refused")
}

const ELSEWHERE: &str = "is not the name of a file in the same folder";

#[test]
fn cve_2022_25882_weights_above_the_folder_are_not_read() {
    let folder = Folder::new("cve_2022_25882");
    let reason = refused(&folder, &[("location", "../secret")]);
    assert!(reason.contains(ELSEWHERE), "{reason}");
}

#[test]
fn cve_2024_27318_no_spelling_of_a_path_leads_out_of_the_folder() {
    let folder = Folder::new("cve_2024_27318");
    for path in [
        "/etc/passwd",
        "./../secret",
        "models/../../secret",
        "..\\secret",
        "C:\\secret",
        "..",
        ".",
        "",
        "/",
        "file:///etc/passwd",
    ] {
        let reason = refused(&folder, &[("location", path)]);
        assert!(reason.contains(ELSEWHERE), "{path}: {reason}");
    }
}

#[test]
fn cve_2024_5187_an_archive_in_a_models_place_is_not_unpacked() {
    let folder = Folder::new("cve_2024_5187");
    // The header of a tar archive with one file, ../../evil.
    let mut archive = vec![0; 1024];
    archive[..10].copy_from_slice(b"../../evil");
    archive[257..262].copy_from_slice(b"ustar");
    let path = folder.models().join("model.onnx");
    fs::write(&path, &archive).unwrap();
    let before = folder.listing();
    let bytes = read(&path, &Limits::default()).unwrap();
    assert!(matches!(error_of(&bytes), ModelError::Protobuf { .. }));
    assert_eq!(folder.listing(), before, "nothing is written");
}

#[test]
fn cve_2025_51480_a_location_is_never_written_to() {
    let folder = Folder::new("cve_2025_51480");
    // `refused` looks that nothing is.
    let reason = refused(&folder, &[("location", "../written")]);
    assert!(reason.contains(ELSEWHERE), "{reason}");
    assert!(!folder.0.join("written").exists());
}

#[cfg(unix)]
#[test]
fn cve_2026_27489_a_linked_folder_is_not_gone_into() {
    let folder = Folder::new("cve_2026_27489");
    std::os::unix::fs::symlink(&folder.0, folder.models().join("link")).unwrap();
    let reason = refused(&folder, &[("location", "link/secret")]);
    assert!(reason.contains(ELSEWHERE), "{reason}");
}

#[cfg(unix)]
#[test]
fn cve_2026_34447_a_symbolic_link_is_not_followed() {
    let folder = Folder::new("cve_2026_34447");
    std::os::unix::fs::symlink(folder.0.join("secret"), folder.models().join("weights")).unwrap();
    let reason = refused(&folder, &[("location", "weights")]);
    assert!(reason.contains("is not a plain file"), "{reason}");
}

#[cfg(unix)]
#[test]
fn cve_2026_34446_a_hard_link_is_not_followed() {
    let folder = Folder::new("cve_2026_34446");
    fs::hard_link(folder.0.join("secret"), folder.models().join("weights")).unwrap();
    let reason = refused(&folder, &[("location", "weights")]);
    assert!(reason.contains("hard link"), "{reason}");
}

#[test]
fn cve_2026_34445_keys_that_set_attributes_and_sizes_that_cannot_be_are_refused() {
    let folder = Folder::new("cve_2026_34445");
    fs::write(folder.models().join("weights"), [0; 4096]).unwrap();
    for (key, value, expected) in [
        ("__class__", "x", "no key of external data"),
        ("__dict__", "x", "no key of external data"),
        ("location", "weights", "given twice"),
        ("length", "9223372036854775807", "has 4096 bytes"),
        ("length", "99999999999999999999999", "length is"),
        ("length", "-1", "length is"),
        ("offset", "18446744073709551615", "has 4096 bytes"),
        ("offset", "-4096", "offset is"),
    ] {
        let reason = refused(&folder, &[("location", "weights"), (key, value)]);
        assert!(reason.contains(expected), "{key} {value}: {reason}");
    }
}

#[test]
fn cve_2026_28500_nothing_is_fetched() {
    let folder = Folder::new("cve_2026_28500");
    for location in [
        "https://example.com/weights",
        "hub:owner/model",
        "\\\\host\\weights",
    ] {
        let reason = refused(&folder, &[("location", location)]);
        let plain = !location.contains(['/', '\\']);
        let expected = if plain { "cannot be read" } else { ELSEWHERE };
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn the_same_bytes_named_by_many_tensors_are_not_copied_beyond_the_limit() {
    let folder = Folder::new("many_tensors");
    let len = 8 << 20;
    fs::write(folder.models().join("weights"), vec![0; len]).unwrap();
    let mut builder = with_external(&[("location", "weights")]);
    let tensor = builder.graph().initializer[0].clone();
    for i in 0..5000 {
        let mut another = tensor.clone();
        another.name = format!("w{i}");
        builder.graph().initializer.push(another);
    }
    let path = folder.models().join("model.onnx");
    fs::write(&path, builder.bytes()).unwrap();
    let limits = Limits::default();
    let error = timed(|| read(&path, &limits).map(drop)).expect_err("refused");
    let text = error.to_string();
    assert!(text.contains("the limit of the file's size"), "{text}");
}

/// A node `If` with both branches, which hold `depth` more of them.
fn nested(depth: usize) -> NodeProto {
    let mut node = NodeProto::new(format!("if{depth}"), "If", ["yes"], format!("y{depth}"), []);
    for name in ["then_branch", "else_branch"] {
        let mut branch = attribute(name, A::Int(0));
        branch.r#type = 5;
        let mut graph = GraphProto {
            output: vec![info("x0", DType::F32, &[1])],
            ..GraphProto::default()
        };
        // One of the branches alone, so that the file stays small.
        if depth > 0 && name == "then_branch" {
            graph.node.push(nested(depth - 1));
        }
        branch.g = Some(graph);
        node.attribute.push(branch);
    }
    node
}

#[test]
fn nested_branches_are_counted_before_they_are_decoded() {
    for depth in [5, 40] {
        let mut builder = dcgan(4, 4, 2);
        builder.graph().node.push(nested(depth));
        let error = error_of(&builder.bytes());
        assert!(matches!(error, ModelError::Subgraph { .. }), "{error:?}");
    }
}

#[test]
fn branches_that_double_at_each_step_are_refused() {
    // Each If reads what the one before made, in both branches: 2^60 ways through it.
    let mut builder = dcgan(4, 4, 2);
    for i in 0..60 {
        let mut node = nested(0);
        node.name = format!("step{i}");
        node.input = vec!["latent".into()];
        node.output = vec![format!("step{i}")];
        builder.graph().node.push(node);
    }
    let error = error_of(&builder.bytes());
    assert!(matches!(error, ModelError::Subgraph { .. }), "{error:?}");
}

#[test]
fn tract_2390_raw_data_of_another_length_than_the_shape_is_refused() {
    for bytes in [0, 1, 3, 4, 1 << 16] {
        let mut builder = dcgan(4, 4, 2);
        builder.graph().initializer[0].raw_data = vec![0; bytes];
        let error = error_of(&builder.bytes());
        assert!(
            matches!(error, ModelError::TensorLength { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn tract_2391_operators_without_their_inputs_or_outputs_are_refused() {
    for (op, inputs, outputs) in [
        ("Concat", 0, 1),
        ("Squeeze", 0, 1),
        ("Gemm", 1, 1),
        ("Reshape", 1, 1),
        ("Reshape", 0, 1),
        ("Concat", 1, 0),
        ("Gemm", 2, 0),
    ] {
        let mut builder = dcgan(4, 4, 2);
        let mut node = NodeProto::new("bad", op, vec!["latent"; inputs], "made", []);
        node.output.truncate(outputs);
        builder.graph().node.push(node);
        let error = error_of(&builder.bytes());
        assert!(
            matches!(
                error,
                ModelError::Arity { .. } | ModelError::Attribute { .. }
            ),
            "{op}: {error:?}"
        );
    }
}

#[test]
fn shapes_that_ask_for_more_memory_than_there_is_are_refused() {
    // A tensor of 2^60 elements without data, and a value of as many.
    let mut builder = dcgan(4, 4, 2);
    builder.graph().initializer[0] = TensorProto {
        dims: vec![1 << 30, 1 << 30],
        ..builder.graph().initializer[0].clone()
    };
    let error = error_of(&builder.bytes());
    assert!(matches!(error, ModelError::TensorDims { .. }), "{error:?}");
    for op in ["ConstantOfShape", "Expand", "Tile"] {
        let builder = dcgan(4, 4, 2).ints("huge", &[1 << 20, 1 << 20]);
        let inputs: &[&str] = match op {
            "ConstantOfShape" => &["huge"],
            _ => &["latent", "huge"],
        };
        let error = error_of(&builder.node(op, inputs, "made", vec![]).bytes());
        let text = error.to_string();
        assert!(text.len() > 20, "{op}: {text}");
    }
    // An input that is declared as large.
    let mut builder = dcgan(4, 4, 2);
    let input = builder.graph().input.first_mut().unwrap();
    let Some(type_proto::Value::TensorType(tensor)) = &mut input.r#type.as_mut().unwrap().value
    else {
        panic!("a tensor")
    };
    tensor.shape = Some(TensorShapeProto {
        dim: info("x", DType::F32, &[1, 1 << 40])
            .r#type
            .and_then(|made| match made.value {
                Some(type_proto::Value::TensorType(made)) => made.shape,
                _ => None,
            })
            .unwrap()
            .dim,
    });
    let text = error_of(&builder.bytes()).to_string();
    assert!(text.len() > 20, "{text}");
}
