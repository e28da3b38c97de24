#!/usr/bin/env bash
# make-model.sh NAME [FOLDER]: trains the model of models/NAME again, exports it and writes what lies there into FOLDER, by default
# target/models/NAME. On the machine that made it the weights are the same; elsewhere they may round otherwise.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

name=${1:?usage: scripts/make-model.sh NAME [FOLDER], NAME being one of $(cd models && echo *)}
[ -d "models/$name" ] || {
  echo "there is no models/$name; there are: $(cd models && echo *)" >&2
  exit 2
}
out=${2:-target/models/$name}
mkdir -p "$out"
dreamlet=${DREAMLET:-}
if [ -z "$dreamlet" ]; then
  cargo build --release --locked -p dreamlet-trainer
  dreamlet=${CARGO_TARGET_DIR:-target}/release/dreamlet
fi
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

train() { "$dreamlet" train "$@" --out "$runs"; }
# The images of the seeds 0 to $1, or the last of the run.
preview_of_seeds() { "$dreamlet" sample "$out/$name.onnx" --seeds "0-$1" --scale 2 --out "$out/preview.png"; }
preview_of_run() { cp "$(printf '%s\n' "$runs"/*/samples/*.png | tail -n 1)" "$out/preview.png"; }
preview=(preview_of_seeds 35)
# Images of an emoji font in $runs/images/$name; the arguments say which.
emoji() {
  install_debian fonts-noto-color-emoji python3 python3-venv
  python3 -m venv "$runs/venv"
  "$runs/venv/bin/pip" install -q fonttools==4.68.0 pillow==13.0.0
  "$runs/venv/bin/python" scripts/emoji.py "$runs/images/$name" "$@"
}

case $name in
mnist-dcgan) train dcgan --data mnist ;;
mnist-cgan)
  train cgan --data mnist --steps 11250
  preview=(preview_of_run)
  ;;
mnist-vae) train vae-two-stage --data mnist ;;
mnist-vae-dense) train vae-dense --data mnist ;;
pico)
  train pico --data mnist
  preview=(preview_of_run)
  ;;
emoji)
  emoji --kinds flags hands people smileys
  train small-data --data "folder:$runs/images/emoji" --set model.classes=4
  preview=(preview_of_seeds 63)
  ;;
people)
  emoji
  train dcgan --data "folder:$runs/images/people" --size 32 --channels 3 --steps 6000 --set augment_target=0.6 --set data.flip=true \
    --set model.width=48 --set model.latent=64 --set optimizer.beta1=0.5 --set optimizer.learning_rate=3e-4
  preview=(preview_of_seeds 63)
  ;;
*)
  echo "models/$name has no command here: add it" >&2
  exit 2
  ;;
esac

run=$(echo "$runs"/0*)
"$dreamlet" export "$run" --out "$out/$name.onnx" --name "$name" --author "The dreamlet developers" --license "MIT OR Apache-2.0"
"$dreamlet" card "$out/$name.onnx" >"$out/card.json"
"${preview[@]}"
if [ "$name" = pico ]; then
  "$dreamlet" compile "$out/pico.onnx" --precision int8 --out "$out/pico.dream"
  cargo run --release --locked -p dreamlet-tests --example goldens -- "$out/pico.dream"
fi
if [ "$name" = emoji ]; then
  "$dreamlet" compile "$out/emoji.onnx" --precision int8 --data "folder:$runs/images/emoji" --samples 2000 --out "$out/emoji.dream"
fi
echo "made $out; compare with models/$name"
