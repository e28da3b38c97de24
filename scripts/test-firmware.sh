#!/usr/bin/env bash
# Compiled models as a microcontroller and a browser run them: tests/firmware with every model that
# has a golden file, under QEMU as a Cortex-M3 and M4F, as the Cortex-M0+'s code, on 32-bit RISC-V,
# and as WebAssembly in node without and with vectors. A wrong byte is an error, and so is a program
# that can allocate (only `core` is there) or panic (it does not link). Int8 models also run in a
# program without the engine's feature `f32`, which models/pico must fit in $flash_limit bytes of
# flash and $ram_limit of memory; an f32 model must be refused by the compiler there. On ARM the image of models/pico
# is drawn too, 8 times as large, by at most $draw_limit instructions. models/pico is also signed, verified on the machine before it
# is read, by at most $verify_limit instructions on ARM, and refused with a bit changed. Run scripts/setup-cross.sh
# first. Arguments are targets, e.g. `scripts/test-firmware.sh thumbv7em-none-eabihf`.
#
# What it prints of a program: its size in flash (code, the model and constants; `size -A`), its
# static memory (scratch memory included), the highest stack, and instructions an image: QEMU counts
# them exactly, and they are no cycles.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo/tests/firmware"

target_dir=${CARGO_TARGET_DIR:-$repo/target}
targets=${*:-thumbv7em-none-eabihf thumbv7m-none-eabi thumbv6m-none-eabi riscv32imc-unknown-none-elf wasm32-unknown-unknown wasm32-simd128 pico}
flash_limit=153600 ram_limit=32768 draw_limit=1600000 verify_limit=50000000
models=()
for golden in "$repo"/tests/models/*.golden "$repo"/models/*/*.golden; do
  [ -f "$golden" ] && models+=("${golden%.golden}.dream")
done
[ "${#models[@]}" -gt 0 ] || {
  echo "there is no model with a golden file in tests/models or models" >&2
  exit 1
}

build() {
  RUSTC_BOOTSTRAP=1 cargo build --release --locked --quiet --target-dir "$target_dir" -Zbuild-std=core "$@"
}

sizes() {
  size -A "$1" | awk '
    /^\.(vector_table|init|text|rodata|ARM\.exidx|gnu\.sgstubs)/ { flash += $2 }
    /^\.data/ { flash += $2; ram += $2 }
    /^\.(bss|uninit)/ { ram += $2 }
    END { printf "flash bytes: %d\nstatic memory bytes: %d\n", flash, ram }'
}

# Whether a model is int8 alone: its golden file has hashes, not images.
is_int8() {
  sed -n '/^#/d;p;q' "${1%.dream}.golden" | grep -qE '^[0-9]+ [0-9a-f]{16}$'
}

# number NAME FILE: what a program printed for a name.
number() {
  sed -n "s/^$1: //p" "$2"
}

# on_machine TARGET EMULATOR...: every model in a program with all of the engine, then the int8 ones
# in one without f32 layers.
on_machine() {
  local target=$1 program=$target_dir/$1/release/firmware features model printed
  shift
  printed=$(mktemp)
  for features in default int8; do
    for model in "${models[@]}"; do
      printf '\n%s on %s, %s\n' "$(basename "$model")" "$target" "$([ $features = int8 ] && echo "int8 only" || echo "all layers")"
      if [ $features = int8 ] && ! is_int8 "$model"; then
        # The compiler refuses it, and says what to do.
        ! FIRMWARE_MODEL=$model build --target "$target" --bin firmware --no-default-features 2>"$printed"
        grep -o 'enable feature `[a-z0-9]*` of dreamlet-runtime' "$printed"
        continue
      fi
      FIRMWARE_MODEL=$model build --target "$target" --bin firmware $([ $features = int8 ] && echo --no-default-features)
      no_panic "$program"
      sizes "$program" | tee "$printed"
      timeout 120 "$@" -nographic -monitor none -kernel "$program" | tee -a "$printed"
      if [ $features = int8 ] && [ "$(basename "$model")" = pico.dream ]; then
        within "bytes of flash" $flash_limit "$(number "flash bytes" "$printed")"
        within "bytes of memory with the stack" $ram_limit "$(($(number "static memory bytes" "$printed") + $(number "peak stack bytes" "$printed")))"
        case $target in thumb*) draws "$target" "$model" "$@" ;; esac
        verifies "$target" "$model" "$@"
      fi
    done
  done
  rm "$printed"
}

# draws TARGET MODEL EMULATOR...: what a display of 16 bits a pixel costs.
draws() {
  local target=$1 program=$target_dir/$1/release/firmware printed
  FIRMWARE_MODEL=$2 build --target "$target" --bin firmware --no-default-features --features draw
  shift 2
  no_panic "$program"
  printed=$(mktemp)
  timeout 120 "$@" -nographic -monitor none -kernel "$program" >"$printed"
  grep '^instructions to draw' "$printed"
  within "instructions to draw" $draw_limit "$(number "instructions to draw" "$printed")"
  rm "$printed"
}

# verifies TARGET MODEL EMULATOR...: what a signature costs. The crates of p256 hold checks that never fail and that the compiler
# does not see through, so this program may hold a panic; the engine's own are looked at above.
verifies() {
  local target=$1 program=$target_dir/$1/release/firmware printed folder
  folder=$(mktemp -d)
  printed=$folder/printed
  cargo run --release --locked --quiet --manifest-path "$repo/Cargo.toml" --target-dir "$target_dir" -p dreamlet-signing \
    --example sign_for_device -- "$2" "$folder/signed.dream" "$folder/key.pub.bin"
  FIRMWARE_MODEL=$2 FIRMWARE_SIGNED=$folder/signed.dream FIRMWARE_KEY=$folder/key.pub.bin \
    build --target "$target" --bin firmware --no-default-features --features signed,panics
  shift 2
  echo "signed:"
  sizes "$program"
  timeout 120 "$@" -nographic -monitor none -kernel "$program" | tee "$printed"
  grep -q '^a changed model is refused' "$printed"
  case $target in thumb*) within "instructions to verify" $verify_limit "$(number "instructions to verify" "$printed")" ;; esac
  rm -r "$folder"
}

# within WHAT LIMIT NUMBER
within() {
  [ "$3" -le "$2" ] || {
    echo "models/pico takes $3 of $1, which must be at most $2" >&2
    return 1
  }
}

in_node() {
  local flags=$1 features
  for features in default int8; do
    for model in "${models[@]}"; do
      [ $features = default ] || is_int8 "$model" || continue
      printf '\n%s in node, %s, %s\n' "$(basename "$model")" "${flags:-no vectors}" "$([ $features = int8 ] && echo "int8 only" || echo "all layers")"
      FIRMWARE_MODEL=$model RUSTFLAGS=$flags build --target wasm32-unknown-unknown --example wasm $([ $features = int8 ] && echo --no-default-features)
      node run.mjs "$target_dir/wasm32-unknown-unknown/release/examples/wasm.wasm"
    done
  done
}

# The example for a Raspberry Pi Pico, as it is flashed.
pico_example() {
  cd "$repo/examples/pico"
  build --target thumbv6m-none-eabi
  sizes "$target_dir/thumbv6m-none-eabi/release/dreamlet-pico"
}

# Of an instruction, 2^8 ns go by on Arm, where a timer is read, and 1 ns on RISC-V, whose counter
# of instructions QEMU has count nanoseconds.
semihosting=(-icount shift=8 -serial none -semihosting-config "enable=on,target=native")
for target in $targets; do
  case $target in
    thumbv7em-none-eabihf) stage "$target" on_machine "$target" qemu-system-arm -machine mps2-an386 "${semihosting[@]}" ;;
    # There is no machine with a Cortex-M0+ and room: a Cortex-M3 runs the same instructions.
    thumbv7m-none-eabi | thumbv6m-none-eabi) stage "$target" on_machine "$target" qemu-system-arm -machine mps2-an385 "${semihosting[@]}" ;;
    riscv32imc-unknown-none-elf) stage "$target" on_machine "$target" qemu-system-riscv32 -machine virt -bios none -icount shift=0 -serial stdio ;;
    wasm32-unknown-unknown) stage "$target" in_node "" ;;
    wasm32-simd128) stage "$target" in_node "-C target-feature=+simd128" ;;
    pico) stage "examples/pico" pico_example ;;
    *)
      echo "unknown target $target" >&2
      exit 2 ;;
  esac
done
stage_report
