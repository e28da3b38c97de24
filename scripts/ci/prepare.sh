#!/usr/bin/env bash
# What every lane needs, on a fresh Debian with rustup.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/ci/env.sh
. scripts/ci/env.sh

install_debian ca-certificates git gcc libc6-dev python3 python3-venv
rustc --version --verbose
