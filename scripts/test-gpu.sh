#!/usr/bin/env bash
# The GPU build on Mesa's software driver: does it compute what the CPU computes, in every preset, loss, penalty and likelihood; a run
# that moves from the device to the CPU and back; export and verify. Without tuned kernels (feature `wgpu-untuned`): to try them takes
# minutes a net there. Another GPU, another program: DEVICE=cuda DREAMLET=PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

device=${DEVICE:-wgpu}
target=${CARGO_TARGET_DIR:-target}
[ "$device" != wgpu ] || install_debian mesa-vulkan-drivers
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_RUNTIME_DIR=$folder
if [ -z "${DREAMLET:-}" ]; then
  cargo build --release --locked -p dreamlet-trainer --features wgpu-untuned
  # The next build of the same profile puts another program in its place.
  cp "$target/release/dreamlet" "$folder/dreamlet"
  DREAMLET=$folder/dreamlet
fi

"$DREAMLET" train --device list
"$DREAMLET" prove --device "$device"

cd "$folder"
# losses FOLDER: step and losses of the only run in it.
losses() {
  python3 - "$1" <<'END'
import json, pathlib, sys
[run] = pathlib.Path(sys.argv[1]).iterdir()
for line in (run / "stats.jsonl").read_text().splitlines():
    line = json.loads(line)
    print(line["step"], " ".join(f"{line[name]:.6f}" for name in ("d_loss", "g_loss")))
END
}
settings=(--data glyphs --set model.width=16 --set training.log_every=5 --seed 1)
for where in cpu "$device"; do
  "$DREAMLET" train dcgan "${settings[@]}" --steps 20 --device "$where" --out "runs-$where"
done
# Training a GAN amplifies rounding: later losses are shown, not compared.
paste <(losses runs-cpu) <(losses "runs-$device") | awk '
  BEGIN { print "step d_loss g_loss, on the CPU and on the device" }
  { print; for (i = 2; i <= 3 && $1 <= 10; i++) { d = $i - $(i + 3); if (d < 0) d = -d; if (d > worst) worst = d } }
  END { print "largest difference of a loss in 10 steps: " worst; exit !(NR > 3 && worst < 0.002) }'

# Whether two equal runs give equal weights is told, not promised.
"$DREAMLET" train dcgan "${settings[@]}" --steps 20 --device "$device" --out runs-again
weights() { (cd "$1"/*/checkpoints/*20 && sha256sum generator* discriminator*); }
if [ "$(weights "runs-$device")" = "$(weights runs-again)" ]; then
  echo "two equal runs on $device: equal weights"
else
  echo "two equal runs on $device: weights differ"
fi

# Resuming proves the checkpoint equal before anything of the run changes.
run=$(echo "runs-$device"/*)
"$DREAMLET" train --resume "$run" --steps 30 --device cpu
"$DREAMLET" train --resume "$run" --steps 40 --device "$device"
grep -q '"step":40' "$run/stats.jsonl"
"$DREAMLET" export "$run" --out model.onnx
"$DREAMLET" verify model.onnx
