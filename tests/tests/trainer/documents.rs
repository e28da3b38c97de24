//! Every path that a document names in its text or in a command is in the repository; links are
//! checked by `scripts/check_docs.py`.

use std::path::{Path, PathBuf};

/// First folders of paths that documents name from the root.
const ROOTS: [&str; 11] = [
    "scripts/",
    "models/",
    "trainer/",
    "runtime/",
    "onnx/",
    "compiler/",
    "tests/",
    "c/",
    "web/",
    "docs/",
    "examples/",
];
/// Folders that a build or a run makes.
const MADE: [&str; 4] = ["target", "runs", ".git", ".venv"];

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !MADE.contains(&name.as_str()) {
            documents(&path, found);
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
}

/// Paths from the root in code: `scripts/test.sh`. Patterns, and what a build makes, are not files.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "`()[],;:'\"|#".contains(c))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| ROOTS.iter().any(|root| word.starts_with(root)))
        .filter(|word| !word.contains(['*', '{', '<', '=', '$', '…']) && !word.contains("/target/"))
        .filter(|word| !word.contains("NAME") && !word.contains("MODEL"))
}

#[test]
fn every_file_that_the_documents_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    documents(&root, &mut files);
    assert!(files.len() > 10, "found only {files:?}");
    let (mut seen, mut missing) = (0, Vec::new());
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let beside = file.parent().unwrap();
        for path in paths(&text) {
            seen += 1;
            if !root.join(path).exists() && !beside.join(path).exists() {
                missing.push(format!("{}: {path}", file.display()));
            }
        }
    }
    assert!(seen > 50, "only {seen} paths were found");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
