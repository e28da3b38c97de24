#!/usr/bin/env bash
# The engine for browsers and node: the C interface (c/) as WebAssembly.
#
#   web/build.sh          with vectors, which every browser since 2023 has; prints where it is
#   web/build.sh --renew  with and without vectors, packed into web/engine/, from where `dreamlet explore` puts them into its pages
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/../scripts/lib.sh"
target_dir=${CARGO_TARGET_DIR:-$here/../target}
target=wasm32-unknown-unknown

if [ $# != 0 ] && [ "$*" != --renew ]; then
  echo "usage: web/build.sh [--renew]" >&2
  exit 2
fi
# Where rustup cannot have the target, `core` is built from its source, which scripts/setup-cross.sh
# sets up.
core=()
if ! target_installed "$target" && { [ -n "${DREAMLET_BUILD_STD:-}" ] || ! rustup target add "$target" 2>/dev/null; }; then
  export RUSTC_BOOTSTRAP=1
  core=(-Zbuild-std=core)
fi
module=$target_dir/$target/release/dreamlet.wasm
# build FEATURE: the module with or without vectors (+simd128, -simd128), without names of folders of this machine.
build() {
  RUSTFLAGS="-C target-feature=$1 --remap-path-prefix=$(cd "$here/.." && pwd)=dreamlet --remap-path-prefix=$(rustc --print sysroot)=rust --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo" \
    cargo rustc "${core[@]}" --manifest-path "$here/../c/Cargo.toml" --release --locked --quiet \
    --target-dir "$target_dir" --target "$target" --crate-type cdylib -- -C strip=symbols
}
if [ $# = 1 ]; then
  mkdir -p "$here/engine"
  build -simd128
  gzip -9nc "$module" >"$here/engine/scalar.wasm.gz"
  build +simd128
  gzip -9nc "$module" >"$here/engine/vectors.wasm.gz"
  ls -l "$here"/engine/*.gz
else
  build +simd128
  echo "$module"
fi
