#!/usr/bin/env bash
# Licences, sources and banned crates as deny.toml says: by cargo-deny where it is installed, with its advisories; else,
# because building cargo-deny takes longer than everything else here and its advisory database needs the network, by a check of
# our own of the same file: every crate comes from the registry or this repository, no banned crate is in the lock file, and every
# licence expression can be met from the allowed list.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if command -v cargo-deny >/dev/null; then
  exec cargo deny --locked --all-features check
fi
cargo metadata --format-version 1 --locked --all-features |
  python3 scripts/check_dependencies.py deny.toml
