#!/usr/bin/env bash
# The C interface (c/): builds the library, runs its C test here, and where Arm's bare-metal gcc and
# QEMU are there (scripts/setup-cross.sh installs them) a C firmware on an emulated Cortex-M4F. Also
# checks that nothing in what is linked can panic.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo/c"

target_dir=${CARGO_TARGET_DIR:-$repo/target}
work=$target_dir/c-tests
mkdir -p "$work"
strict=(-std=c99 -Wall -Wextra -Werror -pedantic -O2)

# Every model with a golden file, the small one of bytes first.
models=()
for golden in "$repo"/tests/models/*.golden "$repo"/models/*/*.golden; do
  [ -f "$golden" ] && models+=("${golden%.golden}.dream" "$golden")
done
[ "${#models[@]}" -gt 0 ] || {
  echo "there is no model with a golden file in tests/models or models" >&2
  exit 1
}

on_host() {
  cargo clippy --release --locked --quiet --target-dir "$target_dir" -- -D warnings
  cargo build --release --locked --quiet --target-dir "$target_dir"
  cc "${strict[@]}" -Wl,--gc-sections tests/test.c "$target_dir/release/libdreamlet.a" -o "$work/test"
  "$work/test" "${models[@]}"
  no_panic "$work/test"
}

# A library without the engine's feature `f32`: int8 models run, others are refused.
int8_only() {
  cargo build --release --locked --quiet --target-dir "$target_dir" --no-default-features
  cc "${strict[@]}" -DINT8_ONLY -Wl,--gc-sections tests/test.c "$target_dir/release/libdreamlet.a" -o "$work/test"
  "$work/test" "${models[@]}"
  no_panic "$work/test"
}

on_cortex_m() {
  local target=thumbv7em-none-eabihf
  RUSTC_BOOTSTRAP=1 cargo build --release --locked --quiet --target-dir "$target_dir" --target "$target" -Zbuild-std=core --no-default-features
  arm-none-eabi-gcc -std=gnu99 -Wall -Wextra -Werror -Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 \
    -ffreestanding -nostdlib -Wl,--gc-sections,-z,noexecstack -T tests/firmware.ld "-DMODEL_FILE=\"${models[0]}\"" \
    tests/firmware.c "$target_dir/$target/release/libdreamlet.a" -o "$work/firmware"
  no_panic "$work/firmware"
  local found expected
  found=$(timeout 60 qemu-system-arm -machine mps2-an386 -nographic -monitor none -serial none \
    -semihosting-config enable=on,target=native -kernel "$work/firmware" 2>&1)
  expected=$(sed -n 's/^42 //p' "${models[1]}")
  [ "$found" = "$expected" ] || {
    echo "the image of seed 42 is $found, not $expected" >&2
    return 1
  }
  size "$work/firmware"
}

stage "C interface here" on_host
stage "C interface for int8 models" int8_only
if command -v arm-none-eabi-gcc >/dev/null && command -v qemu-system-arm >/dev/null; then
  stage "C interface on a Cortex-M4F" on_cortex_m
else
  echo "no arm-none-eabi-gcc or qemu-system-arm: the C firmware is left out"
fi
stage_report
