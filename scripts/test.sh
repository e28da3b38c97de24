#!/usr/bin/env bash
# Sets up what the tests need and runs them all on this machine. Arguments go to `cargo test`, e.g.
# `scripts/test.sh --test runtime` or `scripts/test.sh -- export`.
#
# Some tests compare with onnxruntime and check files with the ONNX checker: both are put into a Python environment of
# their own, $DREAMLET_VENV or a folder under the target folder. ORT_DYLIB_PATH, DREAMLET_PYTHON and DREAMLET_DATA_DIR are
# left as they are where they are set.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

target_dir=${CARGO_TARGET_DIR:-$repo/target}
venv=${DREAMLET_VENV:-$target_dir/venv}
wanted=scripts/test-requirements.txt

if [ -z "${DREAMLET_PYTHON:-}" ]; then
  python_environment "$venv" "$wanted" || {
    echo "no Python environment for the tests: set DREAMLET_PYTHON to a Python with what $wanted lists" >&2
    exit 1
  }
  DREAMLET_PYTHON=$venv/bin/python
fi
export DREAMLET_PYTHON

if [ -z "${ORT_DYLIB_PATH:-}" ]; then
  ORT_DYLIB_PATH=$("$DREAMLET_PYTHON" - <<'PYTHON'
import importlib.util, pathlib
spec = importlib.util.find_spec("onnxruntime")
folder = pathlib.Path(spec.origin).parent / "capi" if spec else pathlib.Path()
print(next((str(file) for file in sorted(folder.glob("libonnxruntime.*")) if "provider" not in file.name), ""))
PYTHON
  )
fi
[ -f "$ORT_DYLIB_PATH" ] || {
  echo "onnxruntime's library is not in $DREAMLET_PYTHON: pip install onnxruntime, or set ORT_DYLIB_PATH" >&2
  exit 1
}
export ORT_DYLIB_PATH

if [ -z "${DREAMLET_DATA_DIR:-}" ] && [ -d "$repo/../shared/data" ]; then
  DREAMLET_DATA_DIR=$(cd "$repo/../shared/data" && pwd)
  export DREAMLET_DATA_DIR
fi
printf 'python %s\nonnxruntime %s\ndata %s\n' "$DREAMLET_PYTHON" "$ORT_DYLIB_PATH" "${DREAMLET_DATA_DIR:-none: tests on MNIST are skipped}"

# Always the whole workspace: with fewer packages cargo enables fewer features of shared dependencies and compiles tract anew.
# The trainer's side of the integration tests is a feature, because they run on ARM without it.
exec cargo test --release --workspace --features dreamlet-tests/trainer "$@"
