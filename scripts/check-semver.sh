#!/usr/bin/env bash
# Whether the runtime's interface breaks what the version number promises: cargo-semver-checks against the last tag, or the
# revision given. Installs the tool where it is missing, which compiles for minutes. Before the first tag there is nothing to compare with.
#
#   scripts/check-semver.sh [REVISION]
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"

baseline=${1:-$(git describe --tags --abbrev=0 --match 'v[0-9]*' HEAD 2>/dev/null || true)}
if [ -z "$baseline" ]; then
  echo "no release is tagged yet: there is nothing to compare the interface with"
  exit 0
fi
tools=${CARGO_TARGET_DIR:-$repo/target}/cargo-tools
export PATH=$PATH:$tools/bin
command -v cargo-semver-checks >/dev/null || cargo install --locked --root "$tools" cargo-semver-checks@0.51.0
# `tract` is an optional engine whose types are not in the interface.
cargo semver-checks --package dreamlet-runtime --baseline-rev "$baseline" --only-explicit-features \
  --features std,mmap,embedded-graphics
