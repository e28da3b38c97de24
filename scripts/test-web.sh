#!/usr/bin/env bash
# Images in a browser (web/): golden images of every model in node, by the engine as it is now and by those that `dreamlet explore` puts into its pages; then
# pages in headless Chromium, of digits in bytes and of people in colour and in floats, at the width of a desktop and of a phone. Fails on a wrong byte, on an
# error in a page's script, on a slider that changes nothing, or on a page wider than the window.
#
# scripts/test-web.sh [FOLDER]: pages and screenshots go to FOLDER, by default a temporary one that is kept.
# DREAMLET is the program that compiles the models (default: built here), CHROMIUM the browser (default: Debian's, installed if it is missing).
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"

find_dreamlet
command -v node >/dev/null || install_debian nodejs
find_chromium
folder=$(realpath "${1:-$(mktemp -d)}")
mkdir -p "$folder"
failed=0

models=()
for golden in "$repo"/tests/models/*.golden "$repo"/tests/models/kept/*.golden "$repo"/models/*/*.golden; do
  models+=("${golden%.golden}.dream")
done
node "$repo/web/test.mjs" "$("$repo/web/build.sh")" "${models[@]}"
for engine in vectors scalar; do
  gzip -dc "$repo/web/engine/$engine.wasm.gz" >"$folder/$engine.wasm"
  node "$repo/web/test.mjs" "$folder/$engine.wasm" "${models[@]}"
done
rm "$folder"/*.wasm

# look NAME MODEL: its page, and what the page says about itself.
look() {
  local name=$1 page=$folder/$1.html size
  "$DREAMLET" explore "$2" --out "$page"
  for size in 1100,900 390,1300; do
    browse $size 1 --virtual-time-budget=10000 --dump-dom "file://$page#try" >"$folder/$name.dom" 2>"$folder/$name.log"
    printf '%-10s %-9s errors %s, %s images, wider than the window: %s\n' "$name" $size \
      "$(fact errors "$folder/$name.dom")" "$(fact images "$folder/$name.dom")" "$(fact wide "$folder/$name.dom")"
    # The page's own trial: sliders, pins, keys and a GIF.
    if [ "$(fact tried "$folder/$name.dom")" != yes ] || [ "$(fact errors "$folder/$name.dom")" != 0 ] || [ "$(fact images "$folder/$name.dom")" != 36 ] ||
      [ "$(fact wide "$folder/$name.dom")" != no ] || grep -q ':CONSOLE' "$folder/$name.log"; then
      grep ':CONSOLE' "$folder/$name.log" >&2 || true
      echo "$name: the page is not as it should be at $size" >&2
      failed=1
    fi
  done
  rm "$folder/$name.dom"
  browse 1100,900 1 --virtual-time-budget=10000 --screenshot="$folder/$name-desktop-light.png" "file://$page" 2>/dev/null
  browse 390,1300 0 --virtual-time-budget=10000 --screenshot="$folder/$name-phone-dark.png" "file://$page" 2>/dev/null
}

look pico "$repo/models/pico/pico.dream"
"$DREAMLET" compile "$repo/models/people/people.onnx" --precision f16 --out "$folder/people.dream" >/dev/null
look people "$folder/people.dream"
echo "look at $folder/*.png"
exit $failed
