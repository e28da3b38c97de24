#!/usr/bin/env bash
# What a device will run, on the device's instruction set: the runtime's own tests and those of tests/ for 64-bit and
# 32-bit ARM under QEMU's user mode, and the runtime without features for a microcontroller and for the browser.
# Run scripts/setup-cross.sh first. Arguments go to `cargo test`, e.g. `scripts/test-cross.sh -- latent`.
# DREAMLET_CROSS_TARGETS picks targets.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

# A backtrace takes seconds under an emulator.
export RUST_BACKTRACE=0
targets=${DREAMLET_CROSS_TARGETS:-aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf thumbv7em-none-eabihf wasm32-unknown-unknown}

on_linux() {
  local target=$1
  shift
  cross_cargo "$target" test --profile ci -p dreamlet-onnx -p dreamlet-runtime -p dreamlet-tests \
    --features dreamlet-runtime/tract,dreamlet-runtime/embedded-graphics --lib --tests "$@"
}

# Only `core` exists in this build, so that `extern crate alloc` anywhere in it is a compile error.
on_bare() {
  RUSTC_BOOTSTRAP=1 cargo build --locked --profile ci --target "$1" -Zbuild-std=core -p dreamlet-runtime --no-default-features --lib
}

for target in $targets; do
  case $target in
    *-linux-*)
      stage "tests on $target" on_linux "$target" "$@" ;;
    thumbv7em-none-eabihf | wasm32-unknown-unknown)
      stage "runtime without features for $target" on_bare "$target" ;;
    *)
      echo "unknown target $target" >&2
      exit 2 ;;
  esac
done
stage_report
