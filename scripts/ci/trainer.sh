#!/usr/bin/env bash
# The tests on this machine, then what is run with the program that they built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/ci/env.sh
. scripts/ci/env.sh

export DREAMLET=$CARGO_TARGET_DIR/release/dreamlet
# The program that the tests built: `cargo run -p dreamlet-trainer` of the README would build the workspace anew with fewer features.
quickstart() { "$DREAMLET" quickstart </dev/null; }

stage "tests" scripts/test.sh --locked
stage "quickstart" quickstart
# It mostly waits.
beside "a sweep on Slurm" scripts/test-slurm.sh "$DREAMLET"
stage "reports in a browser" scripts/test-report.sh
stage "commands of the book" scripts/check-docs.sh --run
join
stage_report
