#!/usr/bin/env bash
# The documentation of the crates, without warnings, and the book with its links.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/ci/env.sh
. scripts/ci/env.sh

stage "documentation of the crates" env RUSTDOCFLAGS="-D warnings" cargo doc --no-deps "${shared[@]}"
stage "book" scripts/check-docs.sh
stage_report
