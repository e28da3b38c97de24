#!/usr/bin/env bash
# The documentation of the crates, without warnings, and the book with its links.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/ci/env.sh
. scripts/ci/env.sh

export RUSTDOCFLAGS="-D warnings"
stage "documentation of the crates" cargo doc --no-deps "${shared[@]}" --exclude dreamlet-trainer
# It is a program: its documentation is for those who work on it.
stage "documentation of the program" cargo doc --no-deps "${shared[@]}" --document-private-items \
  --exclude dreamlet-onnx --exclude dreamlet-runtime --exclude dreamlet-compiler
stage "book" scripts/check-docs.sh
stage_report
