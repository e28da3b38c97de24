#!/usr/bin/env bash
# Licences, sources and banned crates as deny.toml says: by cargo-deny where it is installed, with its advisories; else,
# because building cargo-deny takes longer than everything else here and its advisory database needs the network, by a check of
# our own of the same file: every crate comes from the registry or this repository, no banned crate is in the lock file, and every
# licence expression can be met from the allowed list.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Firmware and the C library are workspaces of their own.
for manifest in Cargo.toml c/Cargo.toml tests/firmware/Cargo.toml examples/pico/Cargo.toml; do
  if command -v cargo-deny >/dev/null; then
    cargo deny --manifest-path "$manifest" --locked --all-features check --config "$PWD/deny.toml"
  else
    cargo metadata --manifest-path "$manifest" --format-version 1 --locked --all-features |
      python3 scripts/check_dependencies.py deny.toml
  fi
done
