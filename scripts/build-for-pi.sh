#!/usr/bin/env bash
# Builds the runtime's examples for a Raspberry Pi: 64-bit by default, `armv7` for a 32-bit system. `sample_compiled` and `frame` take compiled models;
# with `--onnx` there is `sample_onnx` too, and `frame` takes ONNX files as they are: tract is built along, which takes minutes and makes programs larger.
# Run scripts/setup-cross.sh first. Prints where the programs are.
#
#   scripts/build-for-pi.sh [aarch64|armv7] [--onnx]
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

target=aarch64-unknown-linux-gnu features=mmap,embedded-graphics examples=(sample_compiled frame)
for argument; do
  case $argument in
    aarch64) ;;
    armv7) target=armv7-unknown-linux-gnueabihf ;;
    --onnx) features=$features,tract examples+=(sample_onnx) ;;
    *)
      echo "usage: $0 [aarch64|armv7] [--onnx]" >&2
      exit 2
      ;;
  esac
done
cross_cargo "$target" build --profile device -p dreamlet-runtime --features "$features" "${examples[@]/#/--example=}"
echo "for the Pi, in ${CARGO_TARGET_DIR:-$repo/target}/$target/device/examples: ${examples[*]}"
