#!/usr/bin/env bash
# Builds a Debian package, unpacks it and runs the program in it. Prints where the package is.
#
#   scripts/build-deb.sh dreamlet [--target aarch64]              the trainer, with manual pages and words for shells
#   scripts/build-deb.sh dreamlet-frame [--target aarch64|armv7]  the picture frame, with its unit, settings and a model
#
# Without --target it is for this machine. With it scripts/setup-cross.sh must have run, and the program runs under QEMU.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

usage() {
  sed -n '2,5s/^# *//p' "$0" >&2
  exit 2
}

package=${1:-} target='' emulator=()
case $package in dreamlet | dreamlet-frame) shift ;; *) usage ;; esac
case ${1:-}:${2:-} in
  :) ;;
  --target:aarch64) target=aarch64-unknown-linux-gnu emulator=(qemu-aarch64 -L /usr/aarch64-linux-gnu) ;;
  --target:armv7) target=armv7-unknown-linux-gnueabihf emulator=(qemu-arm -L /usr/arm-linux-gnueabihf) ;;
  *) usage ;;
esac
crate=$package profile=device
[ "$package" = dreamlet-frame ] || crate=dreamlet-trainer profile=release

install_debian dpkg-dev
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$repo/target}
built=$CARGO_TARGET_DIR${target:+/$target}/$profile/$package
if [ -n "$target" ]; then
  cross_cargo "$target" build --profile "$profile" -p "$crate"
else
  cargo build --locked --profile "$profile" -p "$crate"
fi
if [ "$package" = dreamlet ]; then
  extras=$CARGO_TARGET_DIR/deb
  mkdir -p "$extras"
  "${emulator[@]}" "$built" man "$extras/man"
  for pair in bash:dreamlet.bash zsh:_dreamlet fish:dreamlet.fish; do
    "${emulator[@]}" "$built" completions "${pair%%:*}" >"$extras/${pair#*:}"
  done
fi
deb=$("$(tool cargo-deb)" deb --quiet --no-build --profile "$profile" ${target:+--target "$target"} -p "$crate" | tail -n 1)

area=$(mktemp -d)
trap 'rm -rf "$area"' EXIT
dpkg-deb --extract "$deb" "$area"
dpkg-deb --info "$deb"
(cd "$area" && find . -type f | sort)
"${emulator[@]}" "$area/usr/bin/$package" --version
if [ "$package" = dreamlet-frame ]; then
  "${emulator[@]}" "$area/usr/bin/$package" "$area/usr/share/dreamlet/model.dream" --display "png:$area/images" --check
else
  "${emulator[@]}" "$area/usr/bin/$package" sample models/pico/pico.dream --seeds 0-8 --out "$area/sheet.png"
fi
echo "$deb: $(stat -c %s "$deb") bytes"
