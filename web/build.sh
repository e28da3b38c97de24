#!/usr/bin/env bash
# One HTML page that makes a compiled model's images: engine, model and script are inside, so it
# runs from a disk, an e-mail or any web server.
#
#   web/build.sh MODEL.dream PAGE.html
#
# The engine is the C interface (c/) as WebAssembly with vectors, which every browser since 2023
# has. `web/build.sh --module` only builds it, and prints where it is.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/../scripts/lib.sh"
target_dir=${CARGO_TARGET_DIR:-$here/../target}
target=wasm32-unknown-unknown

if [ $# != 2 ] && [ "$*" != --module ]; then
  echo "usage: web/build.sh MODEL.dream PAGE.html" >&2
  exit 2
fi
# Where rustup cannot have the target, `core` is built from its source, which scripts/setup-cross.sh
# sets up.
core=()
if ! target_installed "$target" && { [ -n "${DREAMLET_BUILD_STD:-}" ] || ! rustup target add "$target" 2>/dev/null; }; then
  export RUSTC_BOOTSTRAP=1
  core=(-Zbuild-std=core)
fi
RUSTFLAGS="-C target-feature=+simd128" cargo rustc "${core[@]}" --manifest-path "$here/../c/Cargo.toml" --release --locked --quiet \
  --target-dir "$target_dir" --target "$target" --crate-type cdylib
module=$target_dir/$target/release/dreamlet.wasm
if [ "$1" = --module ]; then
  echo "$module"
  exit
fi
model=$1 page=$2
[ "$(head -c 8 "$model")" = dreamlet ] || {
  echo "$model is no compiled model: make one with dreamlet compile MODEL.onnx --out MODEL.dream" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
base64 "$module" >"$work/module"
base64 "$model" >"$work/model"
sed 's/^export //' "$here/dreamlet.mjs" >"$work/dreamlet.mjs"
cp "$here/page.js" "$work/page.js"
# Each line @NAME@ stands for a file.
awk -v work="$work" '/^@[a-z.]+@$/ { file = work "/" substr($0, 2, length($0) - 2); while ((getline line < file) > 0) print line; next } { print }' \
  "$here/page.html" >"$page"
echo "$page: $(wc -c <"$page") bytes; open it in a browser"
