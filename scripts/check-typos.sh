#!/usr/bin/env bash
# Spelling of every file, as typos.toml says. `scripts/check-typos.sh --write-changes` corrects; other arguments go to `typos` too.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

typos=$(tool typos)
"$typos" --version
"$typos" "$@"
