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
  sed -n '4,5s/^# *//p' "$0" >&2
  exit 2
}

package=${1:-} target='' emulator=()
case $package in dreamlet | dreamlet-frame) shift ;; *) usage ;; esac
case ${1:-}:${2:-} in
  :) architecture=$(dpkg --print-architecture) ;;
  --target:aarch64) target=aarch64-unknown-linux-gnu architecture=arm64 emulator=(qemu-aarch64 -L /usr/aarch64-linux-gnu) ;;
  --target:armv7) target=armv7-unknown-linux-gnueabihf architecture=armhf emulator=(qemu-arm -L /usr/arm-linux-gnueabihf) ;;
  *) usage ;;
esac
case $package in
  dreamlet) crate=dreamlet-trainer profile=release about="trains small image generators and puts them on small machines" ;;
  dreamlet-frame) crate=dreamlet-frame profile=device about="shows generated images on displays: TFT, OLED, e-paper, framebuffer" ;;
esac

target_dir=${CARGO_TARGET_DIR:-$repo/target}
built=$target_dir${target:+/$target}/$profile/$package
if [ -n "$target" ]; then
  cross_cargo "$target" build --profile "$profile" -p "$crate"
else
  cargo build --locked --profile "$profile" -p "$crate"
fi

area=$(mktemp -d)
trap 'rm -rf "$area"' EXIT
root=$area/root
# put MODE FILE PLACE: PLACE ends in / or in a new name.
put() { install -D --mode "$1" "$2" "$root/$3$([[ $3 != */ ]] || basename "$2")"; }
put 755 "$built" usr/bin/
put 644 LICENSE-MIT "usr/share/doc/$package/"
put 644 LICENSE-APACHE "usr/share/doc/$package/"
mkdir -p "$root/DEBIAN"
if [ "$package" = dreamlet ]; then
  "${emulator[@]}" "$built" man "$area/man" >/dev/null
  for page in "$area"/man/*; do
    gzip --best --no-name "$page"
    put 644 "$page.gz" usr/share/man/man1/
  done
  for pair in bash:bash-completion/completions/dreamlet zsh:zsh/vendor-completions/_dreamlet fish:fish/vendor_completions.d/dreamlet.fish; do
    "${emulator[@]}" "$built" completions "${pair%%:*}" >"$area/words"
    put 644 "$area/words" "usr/share/${pair#*:}"
  done
else
  put 644 models/pico/pico.dream usr/share/dreamlet/model.dream
  put 644 frame/systemd/frame.toml etc/dreamlet-frame.toml
  put 644 frame/systemd/dreamlet-frame.service usr/lib/systemd/system/
  echo /etc/dreamlet-frame.toml >"$root/DEBIAN/conffiles"
  # The unit is known at once; starting it is the user's, who names the display first.
  printf '#!/bin/sh\nset -e\n[ ! -d /run/systemd/system ] || systemctl daemon-reload\n' >"$root/DEBIAN/postinst"
  printf '#!/bin/sh\nset -e\n[ ! -d /run/systemd/system ] || systemctl stop dreamlet-frame.service\n' >"$root/DEBIAN/prerm"
  chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"
fi
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
cat >"$root/DEBIAN/control" <<CONTROL
Package: $package
Version: $version-1
Architecture: $architecture
Maintainer: The dreamlet developers <none@invalid>
Section: graphics
Priority: optional
Installed-Size: $(du --summarize --block-size=1024 "$root" | cut -f 1)
Depends: libc6, libgcc-s1
Description: $about
CONTROL
deb=$target_dir/debian/${package}_$version-1_$architecture.deb
mkdir -p "${deb%/*}"
# The same files give the same bytes.
find "$root" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}" {} +
dpkg-deb --root-owner-group --build "$root" "$deb"

dpkg-deb --extract "$deb" "$area/unpacked"
dpkg-deb --info "$deb"
(cd "$area/unpacked" && find . -type f | sort)
program=$area/unpacked/usr/bin/$package
"${emulator[@]}" "$program" --version
if [ "$package" = dreamlet ]; then
  "${emulator[@]}" "$program" sample models/pico/pico.dream --seeds 0-8 --out "$area/sheet.png"
else
  "${emulator[@]}" "$program" "$area/unpacked/usr/share/dreamlet/model.dream" --display "png:$area/images" --check
fi
echo "$deb: $(stat -c %s "$deb") bytes"
