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

# on_linux TARGET GCC-PREFIX QEMU [ARGS...]
on_linux() {
  local target=$1 gcc=$2 runner=$3 flags=()
  shift 3
  local lower=${target//-/_} upper
  upper=$(tr '[:lower:]' '[:upper:]' <<<"$lower")
  target_installed "$target" || {
    flags+=(-Zbuild-std=std,panic_abort,panic_unwind,test)
    # Lets a stable cargo take a -Z flag.
    export RUSTC_BOOTSTRAP=1
  }
  env "CARGO_TARGET_${upper}_LINKER=$gcc-gcc" "CARGO_TARGET_${upper}_RUNNER=$runner -L /usr/$gcc" \
    "CC_$lower=$gcc-gcc" "AR_$lower=$gcc-ar" \
    cargo test --locked --profile ci --target "$target" "${flags[@]}" \
    -p dreamlet-runtime -p dreamlet-tests --features dreamlet-runtime/tract,dreamlet-runtime/embedded-graphics \
    --lib --tests "$@"
}

# Only `core` exists in this build, so that `extern crate alloc` anywhere in it is a compile error.
on_bare() {
  RUSTC_BOOTSTRAP=1 cargo build --locked --profile ci --target "$1" -Zbuild-std=core -p dreamlet-runtime --no-default-features --lib
}

for target in $targets; do
  case $target in
    # tract picks its kernels from /proc/cpuinfo, which under QEMU is the host's: so it is told.
    aarch64-unknown-linux-gnu)
      export TRACT_CPU_AARCH64_KIND=a72
      stage "tests on $target" on_linux "$target" aarch64-linux-gnu "qemu-aarch64 -cpu cortex-a72" "$@" ;;
    armv7-unknown-linux-gnueabihf)
      export TRACT_CPU_ARM32_NEON=1
      stage "tests on $target" on_linux "$target" arm-linux-gnueabihf "qemu-arm -cpu cortex-a7" "$@" ;;
    thumbv7em-none-eabihf | wasm32-unknown-unknown)
      stage "runtime without features for $target" on_bare "$target" ;;
    *)
      echo "unknown target $target" >&2
      exit 2 ;;
  esac
done
stage_report
