//! Brings the model, its golden images and the machine's memory map into the program.
//!
//! `FIRMWARE_MODEL` names the compiled model, from this folder; its golden images lie beside it (`.golden`).

use std::fmt::Write;
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
    fs::write(
        out.join("goldens.rs"),
        goldens(&model.with_extension("golden")),
    )
    .unwrap();

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

/// The golden file as a Rust constant. A line is a seed and 16 digits, the hash, or a seed and all bytes of the image.
fn goldens(file: &Path) -> String {
    println!("cargo:rerun-if-changed={}", file.display());
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut code = String::from("pub const GOLDENS: &[Golden] = &[\n");
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (seed, digits) = line.split_once(' ').expect("a seed, a space and digits");
        if digits.len() == 16 {
            writeln!(
                code,
                "Golden {{ seed: {seed}, image: Expected::Hash(0x{digits}) }},"
            )
            .unwrap();
        } else {
            let bytes: Vec<u8> = digits
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect();
            writeln!(
                code,
                "Golden {{ seed: {seed}, image: Expected::Bytes(&{bytes:?}) }},"
            )
            .unwrap();
        }
    }
    code + "];\n"
}
