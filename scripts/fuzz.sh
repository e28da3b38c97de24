#!/usr/bin/env bash
# Fuzzing by libFuzzer, with a stable toolchain: no cargo-fuzz is needed. A C++ compiler is.
#   scripts/fuzz.sh --list
#   scripts/fuzz.sh TARGET --seconds N | --minutes N | --runs N
#   scripts/fuzz.sh --all --seconds N
# A crash, an input over 1 s and one that takes over 256 MiB end it with an error, and the input lies in the folder that is
# printed. What fuzzing has learned is kept below the target folder, so that the next time begins there.
# DREAMLET_FUZZ_SANITIZER=address builds with AddressSanitizer, which is some times slower.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo/fuzz"

# Target, the folder of corpus/ that it begins with, and the longest input.
targets="card card 8192
scan onnx 4096
onnx onnx 4096
compile onnx 4096
dream dream 6144
layers - 4096
c dream 6144"
# What the trainer reads: not among --all, for the trainer takes many minutes to build.
trainer="idx - 4096
images - 8192
labels - 1024
settings - 4096
state - 4096"

usage() {
  sed -n "s/^#   //p" "$repo/scripts/fuzz.sh" >&2
  exit 2
}

target_dir=$(realpath -m "${CARGO_TARGET_DIR:-$repo/target}/fuzz")
host=$(rustc --print host-tuple)
sanitizer=${DREAMLET_FUZZ_SANITIZER:-}
[ -z "$sanitizer" ] || target_dir+=-$sanitizer

build() {
  command -v c++ >/dev/null || install_debian g++
  local flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=16"
  [ -z "$sanitizer" ] || flags+=" -Zsanitizer=$sanitizer"
  local bins=() name
  for name in "$@"; do bins+=(--bin "$name"); done
  ! grep -q "^$1 " <<<"$trainer" || bins+=(--features trainer)
  # The target is named, so that build scripts and procedural macros are built without the flags.
  RUSTC_BOOTSTRAP=1 RUSTFLAGS=$flags cargo build --release --locked --quiet --target "$host" --target-dir "$target_dir" "${bins[@]}"
}

# fuzz TARGET FLAG...: runs it; the flags are libFuzzer's.
fuzz() {
  local name=$1 corpus longest found log status=0 folders
  shift
  read -r _ corpus longest < <(grep -h "^$name " <<<"$targets"$'\n'"$trainer")
  found=$target_dir/found/$name
  log=$target_dir/$name.log
  mkdir -p "$target_dir/learned/$name" "$found"
  folders=("$target_dir/learned/$name")
  [ "$corpus" = - ] || folders+=("corpus/$corpus")
  [ "$corpus" != onnx ] || set -- -dict=onnx.dict "$@"
  "$target_dir/$host/release/$name" -timeout=1 -rss_limit_mb=256 -malloc_limit_mb=256 -max_len="$longest" \
    -print_final_stats=1 -artifact_prefix="$found/" "$@" "${folders[@]}" >"$log" 2>&1 || status=$?
  local stat
  stat() { sed -n "s/^stat::$1: *//p" "$log"; }
  printf '%s: %s inputs, %s a second, coverage %s, peak memory %s MiB\n' "$name" "$(stat number_of_executed_units)" \
    "$(stat average_exec_per_sec)" "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)" "$(stat peak_rss_mb)"
  [ $status = 0 ] || {
    grep -v '^#' "$log" | tail -n 40 >&2
    printf '%s FAILED: the input is in %s\n' "$name" "$found" >&2
    return 1
  }
}

list() { cut -d' ' -f1 <<<"$1"; }

[ $# -gt 0 ] || usage
case $1 in
  --list)
    list "$targets"$'\n'"$trainer"
    exit ;;
  --all) mapfile -t names < <(list "$targets") ;;
  *)
    list "$targets"$'\n'"$trainer" | grep -qx -- "$1" || { echo "there is no target $1" >&2; usage; }
    names=("$1") ;;
esac
[ $# = 3 ] || usage
[[ $3 =~ ^[1-9][0-9]*$ ]] || usage
case $2 in
  --seconds) limit=-max_total_time=$3 ;;
  --minutes) limit=-max_total_time=$((60 * $3)) ;;
  --runs) limit=-runs=$3 ;;
  *) usage ;;
esac

stage "fuzz targets built" build "${names[@]}"
failed=()
for name in "${names[@]}"; do
  fuzz "$name" "$limit" || failed+=("$name")
done
[ "${#failed[@]}" = 0 ] || {
  echo "failed: ${failed[*]}" >&2
  exit 1
}
