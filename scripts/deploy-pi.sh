#!/usr/bin/env bash
# Puts dreamlet-frame on a Raspberry Pi: builds it here, copies it with a model and settings, installs and starts the unit.
# Settings that are there already stay. Needs ssh to HOST with sudo there, and scripts/setup-cross.sh once here.
#
#   scripts/deploy-pi.sh HOST [--target aarch64|armv7] [--model FILE.dream] [--config FILE.toml] [--dry-run]
#
# --dry-run prints each step and does none. The first Pi and the Zero W (ARMv6) are not among the targets: scripts/setup-cross.sh
# installs no C library for them; that of Debian's armhf is for ARMv7.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

usage() {
  echo "usage: $0 HOST [--target aarch64|armv7] [--model FILE.dream] [--config FILE.toml] [--dry-run]" >&2
  exit 2
}

host='' target=aarch64-unknown-linux-gnu model=models/pico/pico.dream config=frame/systemd/frame.toml dry=
while [ $# -gt 0 ]; do
  case $1 in
    --target)
      case ${2:-} in
        aarch64) target=aarch64-unknown-linux-gnu ;;
        armv7) target=armv7-unknown-linux-gnueabihf ;;
        *) usage ;;
      esac
      shift ;;
    --model) model=${2:?} && shift ;;
    --config) config=${2:?} && shift ;;
    --dry-run) dry=1 ;;
    -*) usage ;;
    *) [ -z "$host" ] || usage; host=$1 ;;
  esac
  shift
done
[ -n "$host" ] || usage
for file in "$model" "$config"; do
  [ -f "$file" ] || { echo "there is no file $file" >&2; exit 1; }
done

# step WHAT COMMAND...: says what, and does it unless only asked to say so.
step() {
  local what=$1
  shift
  echo "==> $what"
  if [ -n "$dry" ]; then
    printf '   '
    printf ' %q' "$@"
    echo
  else
    "$@"
  fi
}

program=${CARGO_TARGET_DIR:-$repo/target}/$target/device/dreamlet-frame
# Run on the Pi, as one script, so that sudo asks once.
read -r -d '' install <<'SCRIPT' || true
set -e
cd /tmp/dreamlet-frame
install -m 755 dreamlet-frame /usr/bin/
install -D -m 644 model.dream /usr/share/dreamlet/model.dream.new
mv /usr/share/dreamlet/model.dream.new /usr/share/dreamlet/model.dream
[ -e /etc/dreamlet-frame.toml ] || install -m 644 frame.toml /etc/dreamlet-frame.toml
install -m 644 dreamlet-frame.service /etc/systemd/system/
systemctl daemon-reload
systemctl enable dreamlet-frame
systemctl restart dreamlet-frame
rm -r /tmp/dreamlet-frame
SCRIPT

step "build for $target" cross_cargo "$target" build --profile device -p dreamlet-frame
step "make a folder on $host" ssh "$host" 'rm -rf /tmp/dreamlet-frame && mkdir /tmp/dreamlet-frame'
step "copy the program" scp "$program" "$host:/tmp/dreamlet-frame/dreamlet-frame"
step "copy the model" scp "$model" "$host:/tmp/dreamlet-frame/model.dream"
step "copy the settings" scp "$config" "$host:/tmp/dreamlet-frame/frame.toml"
step "copy the unit" scp frame/systemd/dreamlet-frame.service "$host:/tmp/dreamlet-frame/"
step "install and start" ssh -t "$host" "sudo sh -c '$install'"
step "look whether it runs" ssh "$host" systemctl --no-pager status dreamlet-frame
