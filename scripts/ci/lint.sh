#!/usr/bin/env bash
# The quick lane without its tests: form, spelling, directions between modules, lints.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/ci/env.sh
. scripts/ci/env.sh

formatting() {
  local manifest
  for manifest in "${WORKSPACES[@]}"; do
    cargo fmt --all --manifest-path "$manifest" --check
  done
}

stage "formatting" formatting
stage "spelling" scripts/check-typos.sh
stage "layers" scripts/check-layers
stage "layers, planted faults" scripts/test-check-layers
stage "builds that are shared" scripts/check-shared-builds
stage "clippy" cargo clippy "${shared[@]}" --all-targets -- -D warnings
stage_report
