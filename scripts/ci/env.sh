# shellcheck shell=bash
# What every lane of CI shares; sourced from the repository's root, not run.
repo=$PWD
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 CARGO_NET_RETRY=5
# Everything is built as the tests build it, so that nothing is compiled twice.
# shellcheck disable=SC2034
shared=(--release --locked --workspace --features dreamlet-tests/trainer)

# A machine where rustup installs nothing by itself may have the version of rust-toolchain.toml under another name.
if command -v rustup >/dev/null && ! rustc --version >/dev/null 2>&1; then
  pinned=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
  if rustup run stable rustc --version | grep -q "^rustc $pinned "; then
    export RUSTUP_TOOLCHAIN=stable
  fi
fi

# Data sets that lie beside the repository are not downloaded.
if [ -z "${DREAMLET_DATA_DIR:-}" ] && [ -d ../shared/data ]; then
  DREAMLET_DATA_DIR=$(cd ../shared/data && pwd)
  export DREAMLET_DATA_DIR
fi
