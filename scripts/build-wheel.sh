#!/usr/bin/env bash
# Builds the wheel of `pip install dreamlet` for this machine, installs it into an empty Python environment and runs it there.
# Prints where the wheel is. With --target another processor's is built alone: aarch64-unknown-linux-gnu after scripts/setup-cross.sh.
# --quickstart runs the whole path from the installed wheel too, with its own time.
#
#   scripts/build-wheel.sh [--target TRIPLE | --quickstart]
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

target='' quickstart=
while [ $# -gt 0 ]; do
  case $1 in
    --target) target=${2:?--target needs a triple} && shift ;;
    --quickstart) quickstart=1 ;;
    *)
      echo "usage: $0 [--target TRIPLE | --quickstart]" >&2
      exit 2
      ;;
  esac
  shift
done

install_debian python3 python3-venv gcc libc6-dev patchelf
wheels=${CARGO_TARGET_DIR:-$repo/target}/wheels
rm -rf "$wheels"
maturin=$(tool maturin)
arguments=(build --release --manifest-path trainer/Cargo.toml --out "$wheels")
if [ -n "$target" ]; then
  cross_run "$target" "$maturin" "${arguments[@]}" --target "$target"
else
  "$maturin" "${arguments[@]}"
fi
wheel=$(echo "$wheels"/*.whl)
echo "$wheel: $(stat -c %s "$wheel") bytes"
[ -z "$target" ] || exit 0

# A fresh environment, in a folder without the repository.
area=$(mktemp -d)
trap 'rm -rf "$area"' EXIT
models=$repo/models
cd "$area"
begin=$SECONDS
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "${wheel}[numpy]"
echo "installed in $((SECONDS - begin)) s"
venv/bin/dreamlet --version
venv/bin/python -m dreamlet card "$models/pico/pico.dream" >card.json
venv/bin/python - "$models" <<'PYTHON'
import sys

import numpy

import dreamlet

models = sys.argv[1]
for file in ("mnist-cgan/mnist-cgan.onnx", "pico/pico.dream"):
    digits = dreamlet.Generator(f"{models}/{file}")
    images = digits.sample(seeds=[3, 0, 1, 2, 9], cls="7")
    assert images.shape == (5, 28, 28, 1) and images.dtype == numpy.uint8, (images.shape, images.dtype)
    assert images.max() > 200 and not (images[0] == images[1]).all()
    assert (images[1:4] == digits.sample(range(3), cls=7)).all(), "the same seed gives the same image"
    assert digits.card["classes"][7] == "7"
for wrong in (f"{models}/../README.md", "no-such-file.onnx"):
    try:
        dreamlet.Generator(wrong)
    except dreamlet.Error as error:
        print("refused:", error)
    else:
        raise AssertionError(wrong)
PYTHON
if [ -n "$quickstart" ]; then
  begin=$SECONDS
  venv/bin/dreamlet quickstart </dev/null
  echo "quickstart from the wheel: $((SECONDS - begin)) s"
fi
