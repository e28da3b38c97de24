#!/usr/bin/env bash
# The documents: the book builds, every link and anchor exists, every command block is run or says why not.
#
#   scripts/check-docs.sh [--run]
#
# --run also runs the blocks that are marked `<!-- run -->`, page by page, each page in a copy of the repository. DREAMLET is the
# program for them (default: built here). mdbook is taken from PATH, else installed below the target folder.
# The book lies in target/book afterwards.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

case ${1:-} in
  '' | --run) ;;
  *)
    echo "usage: $0 [--run]" >&2
    exit 2
    ;;
esac

target_dir=${CARGO_TARGET_DIR:-$repo/target}
mdbook=$(tool mdbook)

python3 scripts/check_docs.py
"$mdbook" build docs --dest-dir "$target_dir/book"
if [ "${1:-}" = --run ]; then
  find_dreamlet
  CARGO_TARGET_DIR=$target_dir python3 scripts/check_docs.py --run "$DREAMLET"
fi
