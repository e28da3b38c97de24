#!/usr/bin/env bash
# Advisories, licences, sources and banned crates, as deny.toml says, of every workspace: by cargo-deny.
# The advisory database comes from a code host. Where it cannot be fetched, advisories are left out and said so;
# with --advisories that is an error.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

required=no
case ${1:-} in
  "") ;;
  --advisories) required=yes ;;
  *)
    echo "usage: $0 [--advisories]" >&2
    exit 2
    ;;
esac

cargo_deny=$(tool cargo-deny)
# deny MANIFEST ARGS...
deny() {
  local manifest=$1
  shift
  "$cargo_deny" --manifest-path "$manifest" --config deny.toml --locked --all-features "$@"
}

checks=(bans licenses sources)
fetched=$(mktemp)
trap 'rm -f "$fetched"' EXIT
if deny Cargo.toml fetch db >"$fetched" 2>&1; then
  checks+=(advisories)
elif [ $required = yes ]; then
  cat "$fetched" >&2
  exit 1
fi

for manifest in "${WORKSPACES[@]}"; do
  echo "$manifest"
  # Only the first workspace, the largest, tells which allowed licences nothing has any more.
  allow=()
  [ "$manifest" = Cargo.toml ] || allow=(-A license-not-encountered -A license-exception-not-encountered)
  deny "$manifest" check "${allow[@]}" -A advisory-not-detected "${checks[@]}"
done
case " ${checks[*]} " in
  *" advisories "*) ;;
  *) echo "ADVISORIES WERE NOT CHECKED: their database cannot be fetched here. Elsewhere: $0 --advisories" ;;
esac
