# `just` lists the tasks; each is one line, to be typed without it too.

[private]
default:
    @just --list --unsorted

# The program, in target/release/dreamlet
build:
    cargo build --release --locked -p dreamlet-trainer

# All tests on this machine; arguments go to `cargo test`
test *arguments:
    scripts/test.sh --locked {{ arguments }}

# Form, spelling, layers, clippy
lint:
    scripts/ci/lint.sh

# rustfmt on every crate of the main workspace
format:
    cargo fmt --all

# The crates' documentation and the book, in target/doc and target/book
docs:
    scripts/ci/docs.sh

# Advisories, licences, sources, banned crates
dependencies:
    scripts/check-dependencies.sh

# Compiled models on emulated microcontrollers and in WebAssembly
firmware *targets:
    scripts/setup-cross.sh && scripts/test-firmware.sh {{ targets }}

# Training steps and images, timed; arguments go to `dreamlet bench`
bench *arguments:
    cargo run --release --locked -p dreamlet-trainer -- bench {{ arguments }}

# Everything that must hold before a change lands
ci:
    .ci/run
