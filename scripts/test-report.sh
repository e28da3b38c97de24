#!/usr/bin/env bash
# Opens reports in headless Chromium: two tiny runs and a damaged one, at the width of a desktop and of a phone, light and dark. Fails
# on an error in the page's script, an image that does not load, a chart without its read-out, or a page wider than the window.
#
# scripts/test-report.sh [FOLDER]: runs, reports and screenshots go to FOLDER, by default a temporary one that is kept.
# DREAMLET is the program to test (default: built here), CHROMIUM the browser (default: Debian's, installed if it is missing).
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"

find_dreamlet
find_chromium
folder=${1:-$(mktemp -d)}
mkdir -p "$folder"
cd "$folder"
failed=0

# inspect NAME REPORT CHARTS: reads the finished page at both widths, then takes the four images.
inspect() {
  local name=$1 report=$2 charts=$3 size wide
  for size in 1280,900 390,844; do
    browse $size 1 --dump-dom "file://$report" >"$name.dom" 2>"$name.log"
    wide=$(fact wide "$name.dom")
    printf '%-10s %-9s errors %s, broken %s of %s images, %s charts, wider than the window: %s\n' "$name" "$size" \
      "$(fact errors "$name.dom")" "$(fact broken "$name.dom")" "$(fact images "$name.dom")" "$(fact charts "$name.dom")" "$wide"
    if [ "$(fact errors "$name.dom")" != 0 ] || [ "$(fact broken "$name.dom")" != 0 ] || [ "$wide" != no ] ||
      [ "$(fact charts "$name.dom")" != "$charts" ] || grep -q ':CONSOLE' "$name.log"; then
      grep ':CONSOLE' "$name.log" >&2 || true
      echo "$name: the page is not as it should be at $size" >&2
      failed=1
    fi
  done
  rm -f "$name.dom"
  browse 1280,5200 1 --screenshot="$name-desktop-light.png" "file://$report" 2>/dev/null
  browse 1280,5200 0 --screenshot="$name-desktop-dark.png" "file://$report" 2>/dev/null
  browse 390,7000 1 --screenshot="$name-phone-light.png" "file://$report" 2>/dev/null
  browse 390,7000 0 --screenshot="$name-phone-dark.png" "file://$report" 2>/dev/null
}

# run_of ARGS...: trains and prints the run folder.
run_of() {
  "$DREAMLET" train "$@" --data glyphs --out runs 2>/dev/null | sed -n 's/: [0-9]* steps, .*//p'
}

rm -rf runs
vae=$(run_of vae-dense --steps 300 --set training.sample_every=50 --set training.log_every=5)
gan=$(run_of dcgan --steps 100 --set model.width=8 --set training.sample_every=10 --set training.log_every=5)
"$DREAMLET" eval "$vae" --metrics sliced-wasserstein,likelihood --samples 500 --draws 2 --bound-images 50 >/dev/null 2>&1
"$DREAMLET" eval "$gan" --metrics sliced-wasserstein,ms-ssim --samples 500 >/dev/null 2>&1
# As a kill and a full disk leave it: no checkpoint, half a line, half an image, a setting that does not exist.
mkdir -p runs/damaged/samples
cp "$vae/environment.json" "$vae/reals.png" runs/damaged/
cp "$vae/samples/000050.png" runs/damaged/samples/
head -c 900 "$vae/samples/000100.png" >runs/damaged/samples/000100.png
head -c -40 "$vae/stats.jsonl" >runs/damaged/stats.jsonl
{ cat "$vae/config.toml"; echo 'words = "</script><img src=x onerror=alert(1)>"'; } >runs/damaged/config.toml
echo '{"step":50,"frechet":120.5}' >runs/damaged/metrics.jsonl

for run in "$vae" "$gan" runs/damaged; do
  "$DREAMLET" report "$run"
done
inspect vae "$PWD/$vae/report.html" 5
inspect gan "$PWD/$gan/report.html" 5
inspect damaged "$PWD/runs/damaged/report.html" 5
echo "look at $PWD/*.png"
exit $failed
