#!/usr/bin/env bash
# Puts the LLVM that the feature `cuda` links where its build looks for it: from PyPI, with the targets X86 and NVPTX alone. Without this
# the build downloads LLVM from a code host. Then: cargo build --release -p dreamlet-trainer --features cuda
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

[ "$(uname -sm)" = "Linux x86_64" ] || {
  echo "only for Linux on x86-64; elsewhere the build downloads LLVM itself" >&2
  exit 1
}
install_debian python3-venv g++

# The folder has the version of the crate that looks for it.
version=$(grep -A1 '^name = "tracel-llvm-bundler"' Cargo.lock | sed -n 's/^version = "\(.*\)"/\1/p')
home=${XDG_DATA_HOME:-$HOME/.local/share}/tracel
llvm=$home/tracel-llvm-$version
if [ -e "$llvm/.tracel-llvm-installed" ]; then
  echo "LLVM is there: $llvm"
  exit
fi
mkdir -p "$home"
python_environment "$home/from-pypi" scripts/cuda-requirements.txt
prefix=$("$home/from-pypi/bin/python" -m mlc_llvm_static.config --prefix)
# Every target that these files list is linked and set up when the program compiles its first kernel.
for list in Targets AsmPrinters AsmParsers Disassemblers; do
  sed -Ei '/^LLVM_[A-Z_]+\(/{/\((X86|NVPTX)\)/!d}' "$prefix/include/llvm/Config/mlc-all/$list.def"
done
ln -sfn "$prefix" "$llvm"
touch "$prefix/.tracel-llvm-installed"
echo "LLVM is there: $llvm"
