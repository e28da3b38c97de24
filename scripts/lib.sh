# shellcheck shell=bash
# Shared by the scripts of this folder; sourced, not run.

# What cargo takes for a workspace of its own: firmware and the C library have a panic handler and profiles of their own.
# shellcheck disable=SC2034
WORKSPACES=(Cargo.toml c/Cargo.toml tests/firmware/Cargo.toml examples/pico/Cargo.toml fuzz/Cargo.toml)

# A command of the package manager, as root.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "needs root (no sudo here): $*" >&2
    return 1
  fi
}

# install_debian PACKAGE...: installs those that are missing, without questions; asks for root only then.
install_debian() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  command -v apt-get >/dev/null || {
    echo "install the equivalents of these Debian packages: ${missing[*]}" >&2
    return 1
  }
  # A third-party list that fails must not stop us: what counts is whether the packages can be had.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -q --no-install-recommends "${missing[@]}"
}

# python_environment FOLDER REQUIREMENTS: a Python environment with what the file lists, made anew when the file has changed.
python_environment() {
  ! cmp -s "$2" "$1/requirements.txt" || return 0
  python3 -m venv "$1" || {
    echo "python3 cannot make an environment: apt-get install python3-venv" >&2
    return 1
  }
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$2" || return
  cp "$2" "$1/requirements.txt"
}

# tool NAME: prints the path of a program of scripts/tool-requirements.txt: that on PATH, else one installed below the target folder.
tool() {
  command -v "$1" && return
  local folder=${CARGO_TARGET_DIR:-$repo/target}/tools
  python_environment "$folder" "$repo/scripts/tool-requirements.txt" >&2 || return 1
  echo "$folder/bin/$1"
}

# stage NAME COMMAND...: runs it and prints how long it took; the report at the end is by stage_report.
STAGES=()
stage() {
  local name=$1 begin=$SECONDS status
  shift
  printf '\n==> %s\n' "$name"
  # With `"$@" || status=$?` a function would go on after a command that fails.
  set +e
  (
    set -e
    "$@"
  )
  status=$?
  set -e
  STAGES+=("$(printf '%5d s  %s%s' $((SECONDS - begin)) "$name" "$([ $status = 0 ] || echo "  FAILED ($status)")")")
  if [ $status != 0 ]; then
    stage_report
    exit $status
  fi
}
# beside NAME COMMAND...: a stage that runs while others go on; `join` waits for it and prints what it said. Two that build at the same time
# need different profiles or target folders, or one waits for the other.
BESIDE=()
beside() {
  local name=$1 log
  shift
  log=$(mktemp)
  (
    begin=$SECONDS
    trap 'echo $((SECONDS - begin)) >"$log.seconds"' EXIT
    set -e
    "$@"
  ) >"$log" 2>&1 &
  BESIDE+=("$! $log $name")
  # A stage that fails ends it too.
  trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
}
join() {
  local pid log name status failed=0
  while read -r pid log name; do
    printf '\n==> %s (beside others)\n' "$name"
    status=0
    wait "$pid" || status=$?
    cat "$log"
    STAGES+=("$(printf '%5d s  %s, beside others%s' "$(cat "$log.seconds")" "$name" "$([ $status = 0 ] || echo "  FAILED ($status)")")")
    rm -f "$log" "$log.seconds"
    [ $status = 0 ] || failed=$status
  done < <(printf '%s\n' "${BESIDE[@]}")
  BESIDE=()
  [ $failed = 0 ] || {
    stage_report
    exit $failed
  }
}
stage_report() {
  printf '\nWhere the time went:\n'
  printf '%s\n' "${STAGES[@]}"
}

# Whether rustc has a ready-made std (or, on bare metal, core) for a target.
target_installed() {
  [ -z "${DREAMLET_BUILD_STD:-}" ] && compgen -G "$(rustc --print target-libdir --target "$1")/libcore-*.rlib" >/dev/null
}

# The folder where cargo looks for the standard library's source.
rust_src() {
  echo "$(rustc --print sysroot)/lib/rustlib/src/rust"
}

# cross_cargo TARGET SUBCOMMAND [ARGS...]: cargo for 64-bit or 32-bit ARM Linux, with Debian's cross linker and C compiler (tract
# has kernels in assembly), and the emulator as what runs the binaries. std is built along where there is none ready-made.
cross_cargo() {
  local target=$1 subcommand=$2 flags=()
  shift 2
  target_installed "$target" || flags+=(-Zbuild-std=std,panic_abort,panic_unwind,test)
  cross_run "$target" cargo "$subcommand" --locked --target "$target" "${flags[@]}" "$@"
}

# cross_run TARGET COMMAND...: what builds for 64-bit or 32-bit ARM Linux, with the environment that cargo needs for it.
cross_run() {
  local target=$1 gcc runner lower upper
  shift
  case $target in
    # It has dot products, so that the compiled engine has all its levels.
    aarch64-unknown-linux-gnu) gcc=aarch64-linux-gnu runner="qemu-aarch64 -cpu cortex-a76" ;;
    armv7-unknown-linux-gnueabihf) gcc=arm-linux-gnueabihf runner="qemu-arm -cpu cortex-a7" ;;
    *) echo "no linker is known for the target $target" >&2; return 2 ;;
  esac
  lower=${target//-/_}
  upper=$(tr '[:lower:]' '[:upper:]' <<<"$lower")
  local bootstrap=()
  # Lets a stable cargo take a -Z flag.
  target_installed "$target" || bootstrap+=(RUSTC_BOOTSTRAP=1)
  # Rust's own linker is there and quicker than gcc's.
  local host lld
  host=$(rustc --print host-tuple)
  lld=$(rustc --print sysroot)/lib/rustlib/$host/bin/gcc-ld
  # tract picks its kernels from /proc/cpuinfo, which under QEMU is the host's: so it is told.
  env "${bootstrap[@]}" TRACT_CPU_AARCH64_KIND=a72 TRACT_CPU_ARM32_NEON=1 \
    "CARGO_TARGET_${upper}_LINKER=$gcc-gcc" "CARGO_TARGET_${upper}_RUNNER=$runner -L /usr/$gcc" \
    "CARGO_TARGET_${upper}_RUSTFLAGS=-Clink-arg=-fuse-ld=lld -Clink-arg=-B$lld" \
    "CC_$lower=$gcc-gcc" "AR_$lower=$gcc-ar" "$@"
}

# release_flags SOURCE TARGET: what a program that is released is built with: no path of this machine is in it, and the clock is the commit's.
release_flags() {
  local cargo=${CARGO_HOME:-$HOME/.cargo}
  RUSTFLAGS="--remap-path-prefix=$2=target --remap-path-prefix=$1=dreamlet --remap-path-prefix=$cargo=cargo"
  RUSTFLAGS+=" --remap-path-prefix=$(rustc --print sysroot)=rust"
  SOURCE_DATE_EPOCH=$(git -C "$1" log -1 --format=%ct)
  export RUSTFLAGS SOURCE_DATE_EPOCH
}

# no_panic ELF: fails if a program holds a way into a panic, and names the functions that it found.
no_panic() {
  local found
  found=$(nm --demangle "$1" | grep -E 'core::panicking|core::slice::index::slice|core::option::(unwrap|expect)_failed|core::result::unwrap_failed' || true)
  [ -z "$found" ] || {
    printf '%s can panic:\n%s\n' "$1" "$found" >&2
    return 1
  }
}

# find_dreamlet: sets DREAMLET to the program's whole path; it is built where it is not set.
find_dreamlet() {
  if [ -z "${DREAMLET:-}" ]; then
    (cd "$repo" && cargo build --release -p dreamlet-trainer)
    DREAMLET=${CARGO_TARGET_DIR:-$repo/target}/release/dreamlet
  fi
  DREAMLET=$(realpath "$DREAMLET")
}

# find_chromium: sets CHROMIUM, to Debian's where it is not set, which is installed if it is missing.
find_chromium() {
  [ -z "${CHROMIUM:-}" ] || return 0
  command -v chromium >/dev/null || install_debian chromium
  CHROMIUM=chromium
}

# browse WIDTH SCHEME ARGS...: Chromium with a profile of its own; the scheme is 0 for dark, 1 for light.
browse() {
  local width=$1 scheme=$2 profile status=0
  shift 2
  profile=$(mktemp -d)
  timeout 120 "$CHROMIUM" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$profile" --enable-logging=stderr \
    --window-size="$width" --blink-settings=preferredColorScheme="$scheme" "$@" || status=$?
  rm -rf "$profile"
  return $status
}

# fact NAME HTML: what the page says about itself in data-NAME.
fact() {
  sed -n "s/.*<html[^>]* data-$1=\"\([^\"]*\)\".*/\1/p" "$2" | head -1
}
