#!/usr/bin/env bash
# Signatures of models against the world: the public conformance suite of OpenSSF Model Signing, all cases that need no service of
# Sigstore, and the reference implementation (model-signing on PyPI) in both directions: it verifies what we sign, we verify what it
# signs. The suite has no release: this fetches it at a commit, with git, from $OMS_SUITE and $OMS_SPEC, which may be folders.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$repo/scripts/lib.sh"
cd "$repo"

target_dir=${CARGO_TARGET_DIR:-$repo/target}
work=$target_dir/signing
adapter=$target_dir/release/examples/conformance
suite=$work/suite-114b0f7 spec=$work/spec-a0c91e2
python=$work/python/bin/python

# fetch URL COMMIT FOLDER
fetch() {
  [ ! -d "$3" ] || return 0
  rm -rf "$3.part"
  git clone --quiet "$1" "$3.part"
  git -C "$3.part" checkout --quiet "$2"
  mv "$3.part" "$3"
}

prepare() {
  mkdir -p "$work"
  cargo build --release --locked -p dreamlet-signing --examples
  python_environment "$work/python" scripts/signing-requirements.txt
  fetch "${OMS_SUITE:-https://github.com/sampras343/model-signing-conformance}" 114b0f7 "$suite"
  fetch "${OMS_SPEC:-https://github.com/ossf/model-signing-spec}" a0c91e2 "$spec"
  "$python" -m pip install --quiet --disable-pip-version-check "$spec"
}

conformance() {
  (cd "$suite" && "$python" -m pytest test -q --skip-sigstore --entrypoint="$adapter")
}

# refused WHAT COMMAND...: it must fail.
refused() {
  local what=$1
  shift
  ! "$@" >/dev/null 2>&1 || {
    echo "$what was accepted" >&2
    return 1
  }
}

ours() {
  "$adapter" "$1-model" --method "$2" --model-path "$model" "${@:3}"
}

theirs() {
  "$python" -m model_signing "$1" "$2" "$model" "${@:3}" >/dev/null
}

# Folders and files with names of every kind, signed by the one and verified by the other.
peer() {
  local keys=$suite/test/assets/keys signature=$work/peer.sig model key
  rm -rf "$work/peer"
  mkdir -p "$work/peer/sub/deep" "$work/peer/.git"
  head -c 3000000 /dev/urandom >"$work/peer/weights.bin"
  echo text >"$work/peer/sub/deep/a b é.txt"
  touch "$work/peer/empty" "$work/peer/.git/HEAD" "$work/peer/sub.txt"
  model=$work/peer
  for key in p384 p521 self-signed; do
    local private=$keys/$key/signing-key.pem public=$keys/$key/signing-key-pub.pem
    ours sign key --output-bundle "$signature" --private-key "$private"
    theirs verify key --signature "$signature" --public_key "$public"
    refused "another key by the reference" theirs verify key --signature "$signature" --public_key "$keys/wrong/wrong-key-pub.pem"
    theirs sign key --signature "$signature" --private_key "$private"
    ours verify key --bundle "$signature" --public-key "$public"
    refused "another key" ours verify key --bundle "$signature" --public-key "$keys/wrong/wrong-key-pub.pem"
    touch "$model/more"
    refused "a file more" ours verify key --bundle "$signature" --public-key "$public"
    rm "$model/more"
    echo "keys, $key: both directions"
  done
  local certificate=$keys/certificate
  ours sign certificate --output-bundle "$signature" --private-key "$certificate/signing-key.pem" \
    --signing-cert "$certificate/signing-key-cert.pem" --cert-chain "$certificate/int-ca-cert.pem"
  theirs verify certificate --signature "$signature" --certificate_chain "$certificate/ca-cert.pem"
  theirs sign certificate --signature "$signature" --private_key "$certificate/signing-key.pem" \
    --signing_certificate "$certificate/signing-key-cert.pem" --certificate_chain "$certificate/int-ca-cert.pem"
  ours verify certificate --bundle "$signature" --cert-chain "$certificate/ca-cert.pem"
  echo "certificates: both directions"
}

stage "preparation" prepare
stage "conformance suite" conformance
stage "reference implementation" peer
stage_report
