#!/usr/bin/env bash
# The tests on this machine, then what is run with the program that they built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/ci/env.sh
. scripts/ci/env.sh

export DREAMLET=$CARGO_TARGET_DIR/release/dreamlet
# The README's own command; scripts/check-shared-builds holds that it builds nothing anew.
quickstart() { cargo run --release --locked -p dreamlet-trainer -- quickstart </dev/null; }
again() { "$DREAMLET" reproduce models/mnist-vae-dense/mnist-vae-dense.onnx; }

stage "tests" scripts/test.sh --locked
stage "quickstart" quickstart
# It mostly waits.
beside "a sweep on Slurm" scripts/test-slurm.sh "$DREAMLET"
beside "killed at random moments" scripts/test-kill.py "$DREAMLET" --kills 5
stage "full disks, deleted runs" scripts/test-bad-days.py "$DREAMLET"
stage "a shipped model, trained again" again
stage "wheel" scripts/build-wheel.sh
stage "reports in a browser" scripts/test-report.sh
stage "commands of the book" scripts/check-docs.sh --run
join
stage_report
