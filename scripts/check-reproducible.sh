#!/usr/bin/env bash
# Whether a program that is released is the same, byte for byte, when it is built again elsewhere: builds it from two copies of the
# commit in folders of different names, each with a target folder of its own, and compares. Takes two builds from nothing.
#
#   scripts/check-reproducible.sh [dreamlet-frame|dreamlet-trainer]
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"

crate=${1:-dreamlet-frame}
case $crate in
  dreamlet-frame) program=dreamlet-frame profile=device ;;
  dreamlet-trainer) program=dreamlet profile=release ;;
  *)
    echo "usage: $0 [dreamlet-frame|dreamlet-trainer]" >&2
    exit 2
    ;;
esac
area=$(mktemp -d)
trap 'rm -rf "$area"' EXIT
sums=()
for place in one another/place; do
  git clone --quiet "$repo" "$area/$place"
  cd "$area/$place"
  release_flags "$PWD" "$area/$place/target"
  cargo build --quiet --locked --profile "$profile" -p "$crate" --target-dir "$area/$place/target"
  sum=$(sha256sum "$area/$place/target/$profile/$program" | cut -d ' ' -f 1)
  ! grep -qaF "$area" "$area/$place/target/$profile/$program" || {
    echo "$program has the folder in it that it was built in" >&2
    exit 1
  }
  echo "$sum  built in $place"
  sums+=("$sum")
done
[ "${sums[0]}" = "${sums[1]}" ] || {
  echo "$program is not the same" >&2
  exit 1
}
