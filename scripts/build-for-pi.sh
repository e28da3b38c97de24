#!/usr/bin/env bash
# Builds the runtime's examples `sample_onnx` and `frame` for a Raspberry Pi: 64-bit by default, `armv7` for a 32-bit system.
# Run scripts/setup-cross.sh first. Prints where the programs are.
#
#   scripts/build-for-pi.sh [aarch64|armv7]
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

case ${1:-aarch64} in
  aarch64) target=aarch64-unknown-linux-gnu ;;
  armv7) target=armv7-unknown-linux-gnueabihf ;;
  *) echo "usage: $0 [aarch64|armv7]" >&2; exit 2 ;;
esac
cross_cargo "$target" build --release -p dreamlet-runtime --features tract,embedded-graphics --example sample_onnx --example frame
echo "for the Pi: ${CARGO_TARGET_DIR:-$repo/target}/$target/release/examples/sample_onnx and frame"
