#!/usr/bin/env bash
# How many instructions of 64-bit ARM one image takes, in tract and compiled: the runtime's example `images` under QEMU's user mode, which
# counts exactly (instructions.c). Instructions are no time, but the same on every machine. All on a Cortex-A72 (Raspberry Pi 4), and bytes also
# on a Cortex-A76 (Pi 5), which has int8 dot products.
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
(cd "$repo" && cross_cargo "$target" build --release --quiet -p dreamlet-runtime --features tract,embedded-graphics --example images)
program=${CARGO_TARGET_DIR:-$repo/target}/$target/release/examples/images
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cc -std=c11 -Wall -Wextra -O2 -shared -fPIC -o "$work/instructions.so" "$repo/scripts/bench/instructions.c"

# total MODEL COUNT PROCESSOR: instructions of a run. tract picks its kernels from /proc/cpuinfo, which is the host's: so it is told.
total() {
  TRACT_CPU_AARCH64_KIND=a72 qemu-aarch64 -cpu "$3" -L /usr/aarch64-linux-gnu -plugin "$work/instructions.so" \
    "$program" "$1" "$2" 2>&1 >/dev/null | sed -n 's/^instructions: //p'
}

# each MODEL [PROCESSOR]: instructions an image. What loading takes is the same in both runs.
each() {
  local processor=${2:-cortex-a72}
  echo $((($(total "$1" 20 "$processor") - $(total "$1" 10 "$processor")) / 10))
}

printf '%-24s %12s %12s %12s %12s %10s %10s %12s\n' \
  model tract "compiled f32" int8 "int8 dotprod" "f32/tract" "int8/f32" "dotprod/f32"
for model in "$@"; do
  counts=("$(each "$model")")
  for precision in f32 int8; do
    "${DREAMLET:-dreamlet}" compile "$model" --range=-1,1 --precision "$precision" --out "$work/$precision.dream" >/dev/null
    counts+=("$(each "$work/$precision.dream")")
  done
  counts+=("$(each "$work/int8.dream" cortex-a76)")
  ratios=$(awk -v tract="${counts[0]}" -v f32="${counts[1]}" -v int8="${counts[2]}" -v dotprod="${counts[3]}" \
    'BEGIN { printf "%10.2f %10.2f %12.2f", f32 / tract, int8 / f32, dotprod / f32 }')
  printf '%-24s %12d %12d %12d %12d %s\n' "$(basename "$model" .onnx)" "${counts[@]}" "$ratios"
done
