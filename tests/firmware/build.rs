//! Brings the model, its golden images and the machine's memory map into the program.
//!
//! `FIRMWARE_MODEL` names the compiled model, from this folder; its golden images lie beside it
//! (`.golden`). With feature `signed`, `FIRMWARE_SIGNED` names the same model with a signature, and
//! `FIRMWARE_KEY` the key's 65 bytes.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var("OUT_DIR").unwrap());
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap());
    println!("cargo:rerun-if-env-changed=FIRMWARE_MODEL");
    let model = env::var("FIRMWARE_MODEL").unwrap_or_else(|_| "../models/small-bytes.dream".into());
    let model = folder.join(model);
    println!("cargo:rerun-if-changed={}", model.display());
    println!("cargo:rustc-env=FIRMWARE_MODEL_FILE={}", model.display());
    if env::var_os("CARGO_FEATURE_SIGNED").is_some() {
        for name in ["FIRMWARE_SIGNED", "FIRMWARE_KEY"] {
            println!("cargo:rerun-if-env-changed={name}");
            let file = folder.join(env::var(name).unwrap());
            println!("cargo:rerun-if-changed={}", file.display());
            println!("cargo:rustc-env={name}_FILE={}", file.display());
        }
    }
    let goldens = goldens(&model.with_extension("golden"));
    fs::write(out.join("goldens.rs"), goldens).unwrap();

    let target = env::var("TARGET").unwrap();
    let memory = match target.split('-').next() {
        Some(arm) if arm.starts_with("thumb") => "memory-mps2.x",
        Some(risc) if risc.starts_with("riscv32") => "memory-virt.x",
        _ => return,
    };
    println!("cargo:rerun-if-changed={memory}");
    fs::copy(folder.join(memory), out.join("memory.x")).unwrap();
    println!("cargo:rustc-link-search={}", out.display());
    if target.starts_with("riscv") {
        // The linker script of riscv-rt does not include it.
        println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
}

/// The golden file as a Rust constant. A line is a seed and 16 digits, the hash, or a seed and all
/// bytes of the image.
fn goldens(file: &Path) -> String {
    println!("cargo:rerun-if-changed={}", file.display());
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut code = String::from("pub const GOLDENS: &[Golden] = &[\n");
    let lines = text.lines();
    for line in lines.filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (seed, digits) = line.split_once(' ').expect("a seed, a space and digits");
        let image = if digits.len() == 16 {
            format!("Hash(0x{digits})")
        } else {
            let pairs = digits.as_bytes().chunks(2);
            let pairs = pairs.map(|pair| format!("0x{},", str::from_utf8(pair).unwrap()));
            format!("Bytes(&[{}])", pairs.collect::<String>())
        };
        code += &format!("Golden {{ seed: {seed}, image: Expected::{image} }},\n");
    }
    code + "];\n"
}
