#!/usr/bin/env bash
# How many instructions of 64-bit ARM one picture takes, in tract and compiled: the runtime's example `pictures` under QEMU's user mode, which
# counts exactly (instructions.c). Instructions are no time, but the same on every machine.
#
#   scripts/bench/arm-instructions.sh MODEL.onnx...
#
# Run scripts/setup-cross.sh first. DREAMLET is the program that compiles the models, `dreamlet` by default.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"

[ $# -gt 0 ] || {
  echo "usage: $0 MODEL.onnx..." >&2
  exit 2
}
target=aarch64-unknown-linux-gnu
(cd "$repo" && cross_cargo "$target" build --release --quiet -p dreamlet-runtime --features tract,embedded-graphics --example pictures)
program=${CARGO_TARGET_DIR:-$repo/target}/$target/release/examples/pictures
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cc -std=c11 -Wall -Wextra -O2 -shared -fPIC -o "$work/instructions.so" "$repo/scripts/bench/instructions.c"

# total MODEL COUNT: instructions of a run. tract picks its kernels from /proc/cpuinfo, which is the host's: so it is told.
total() {
  TRACT_CPU_AARCH64_KIND=a72 qemu-aarch64 -cpu cortex-a72 -L /usr/aarch64-linux-gnu -plugin "$work/instructions.so" \
    "$program" "$1" "$2" 2>&1 >/dev/null | sed -n 's/^instructions: //p'
}

# each MODEL: instructions a picture. What loading takes is the same in both runs.
each() {
  echo $((($(total "$1" 20) - $(total "$1" 10)) / 10))
}

printf '%-24s %12s %12s %12s %10s\n' model tract "compiled f32" int8 "f32/tract"
for model in "$@"; do
  counts=("$(each "$model")")
  for precision in f32 int8; do
    "${DREAMLET:-dreamlet}" compile "$model" --range=-1,1 --precision "$precision" --out "$work/$precision.dream" >/dev/null
    counts+=("$(each "$work/$precision.dream")")
  done
  ratio=$(awk -v a="${counts[1]}" -v b="${counts[0]}" 'BEGIN { printf "%.2f", a / b }')
  printf '%-24s %12d %12d %12d %10s\n' "$(basename "$model" .onnx)" "${counts[@]}" "$ratio"
done
