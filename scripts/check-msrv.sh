#!/usr/bin/env bash
# Whether runtime, dreamlet-onnx and compiler build with the oldest Rust that the runtime's manifest names (`rust-version`).
# The feature `tract` is left out: tract demands more itself.
# They are built with that toolchain, which rustup installs where it can. Elsewhere clippy looks for newer items of the
# standard library; newer syntax it does not find.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

oldest=$(cargo metadata --no-deps --locked --format-version 1 | python3 -c '
import json, sys
print(*(p["rust_version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "dreamlet-runtime"))')
[[ $oldest == *.*.* ]] || oldest=$oldest.0
runtime=(-p dreamlet-runtime)
hosted=("${runtime[@]}" --features std,mmap,onnx,embedded-graphics)

have_toolchain() {
  command -v rustup >/dev/null || return 1
  rustup run "$oldest" rustc --version 2>/dev/null && return
  timeout 300 rustup toolchain install "$oldest" --profile minimal --no-self-update >&2
}

# Of the profiles this one optimises nothing that is only checked.
check() {
  cargo "+$oldest" check --profile ci --quiet --locked --target-dir "${CARGO_TARGET_DIR:-$repo/target}/msrv" "$@"
}

if have_toolchain; then
  stage "no features" check "${runtime[@]}" --no-default-features
  stage "default features" check "${runtime[@]}"
  stage "with an operating system" check "${hosted[@]}"
  stage "compiler" check -p dreamlet-compiler
  # Kernels of other processors.
  for target in aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf wasm32-unknown-unknown; do
    if rustup target add --toolchain "$oldest" "$target"; then
      stage "$target" check "${runtime[@]}" --target "$target"
    else
      echo "$target is left out: there is no std of Rust $oldest for it"
    fi
  done
  stage_report
else
  echo "Rust $oldest is not here: only newer items of the standard library are looked for, by clippy"
  cargo clippy --locked "${hosted[@]}" -- -D clippy::incompatible_msrv
fi
echo "checked for Rust $oldest"
