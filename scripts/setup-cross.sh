#!/usr/bin/env bash
# Prepares a Debian machine with a rustup toolchain for scripts/test-cross.sh, test-firmware.sh and test-c.sh: C cross compilers (they link, and
# assemble tract's kernels), QEMU's user mode and its microcontrollers, node, and Rust for the targets. Non-interactive; what is there already is kept.
#
# Rust for a target comes from the first that works:
#   1. `rustup target add`: a ready-made std;
#   2. `rustup component add rust-src`: cargo then builds std itself (-Zbuild-std);
#   3. the standard library's source of exactly this rustc's version from Debian's package rust-src;
#   4. the same as an archive: $DREAMLET_RUST_SRC, or rust-src-VERSION-library.tar.xz in ../shared/toolchain.
# DREAMLET_BUILD_STD=1 skips the first.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

hosted="aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf"
bare="thumbv7em-none-eabihf wasm32-unknown-unknown"
version=$(rustc --version --verbose | sed -n 's/^release: //p')

# Debian's rust-src is newer in later releases than the one this machine runs. Its own package lists are left alone:
# a second, private set of lists knows the later release, from the mirror that the machine uses anyway.
source_from_debian() {
  command -v apt-get >/dev/null || return 1
  local area mirror suite package
  area=$(mktemp -d) || return 1
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | head -n 1)
  [ -n "$mirror" ] || return 1
  mkdir -p "$area/state/partial" "$area/cache/archives/partial"
  for suite in trixie-backports forky; do
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" >"$area/sources"
    local options=(
      -o "Dir::Etc::SourceList=$area/sources" -o Dir::Etc::SourceParts=-
      -o "Dir::State::Lists=$area/state" -o Dir::State::Status=/dev/null
      -o "Dir::Cache=$area/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none
    )
    apt-get "${options[@]}" update -qq || continue
    package=$(apt-cache "${options[@]}" madison rust-src | awk -v want="$version+" 'index($3, want) == 1 { print $3; exit }')
    [ -n "$package" ] || continue
    (cd "$area" && apt-get "${options[@]}" download -qq "rust-src=$package") || continue
    mkdir -p "$(rust_src)"
    dpkg-deb --fsys-tarfile "$area"/rust-src_*.deb |
      tar -x -C "$(rust_src)" --strip-components=4 "./usr/src/rustc-$version/library"
    rm -rf "$area"
    return
  done
  rm -rf "$area"
  return 1
}

source_from_archive() {
  local archive=${DREAMLET_RUST_SRC:-$repo/../shared/toolchain/rust-src-$version-library.tar.xz}
  [ -f "$archive" ] || return 1
  mkdir -p "$(rust_src)"
  tar -xJf "$archive" -C "$(rust_src)"
}

have_source() { [ -f "$(rust_src)/library/Cargo.lock" ]; }

get_source() {
  have_source && return
  if command -v rustup >/dev/null; then
    rustup component add rust-src || true
    have_source && return
  fi
  source_from_debian || true
  have_source && return
  source_from_archive || true
  have_source && return
  echo "no source of Rust's standard library $version: set DREAMLET_RUST_SRC to an archive of its library/ folder" >&2
  return 1
}

install_debian xz-utils gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user \
  binutils qemu-system-arm qemu-system-misc gcc-arm-none-eabi nodejs

for target in $hosted $bare; do
  target_installed "$target" && continue
  if [ -z "${DREAMLET_BUILD_STD:-}" ] && command -v rustup >/dev/null; then
    rustup target add "$target" || echo "no ready-made Rust for $target: it will be built"
  fi
done
# Also where every target is ready-made: on bare metal only a build of `core` alone shows that nothing allocates.
get_source

for target in $hosted $bare; do
  if target_installed "$target"; then
    echo "$target: ready-made"
  else
    echo "$target: built from $(rust_src)"
  fi
done
