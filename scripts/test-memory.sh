#!/usr/bin/env bash
# The compiled engine's use of memory: its tests with AddressSanitizer, at every level of vector instructions of this processor, and
# under Miri (scalar), which also finds what no processor notices, such as references that overlap or reads of uninitialized memory.
# Miri needs a nightly toolchain: where rustup cannot have one, that part is left out and said so.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

target_dir=${CARGO_TARGET_DIR:-$repo/target}
# Without features the tests need little more than the crate itself. `std` finds the processor's vector instructions.
tests=(-p dreamlet-runtime --features dreamlet-runtime/std --test compiled)
# What Miri, some thousand times slower, runs of them: whole images of floats and of bytes, and calls that are wrong.
some=(whole::every_wrong small::images int8::quantize_and)

address_sanitizer() {
  # The target is named, so that build scripts and procedural macros are built without.
  RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address \
    cargo test --locked --profile ci --target x86_64-unknown-linux-gnu --target-dir "$target_dir/address" "${tests[@]}"
}

have_miri() {
  command -v rustup >/dev/null || return 1
  rustup run nightly cargo miri --version >/dev/null 2>&1 && return
  rustup toolchain install nightly --profile minimal --component miri,rust-src
}

miri() {
  # Strict: an address that becomes a pointer again is an error. Without isolation tests read files.
  MIRIFLAGS="-Zmiri-strict-provenance -Zmiri-disable-isolation" \
    cargo +nightly miri test --locked --target-dir "$target_dir/miri" "${tests[@]}" -- "${some[@]}"
}

[ "$(uname -m)" != x86_64 ] || stage "AddressSanitizer" address_sanitizer
if have_miri; then
  stage "Miri" miri
else
  echo "Miri is left out: there is no nightly toolchain with it"
fi
stage_report
