#!/usr/bin/env bash
# Makes the certificates of these tests again, with openssl: P-256, valid for a century where the name does not say otherwise.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# make NAME ISSUER EXTENSIONS [DAYS]: an issuer of "-" is the certificate itself.
make() {
  local name=$1 issuer=$2
  printf '%b' "$3" >"$work/ext"
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$work/$name.key"
  openssl req -new -key "$work/$name.key" -subj "/CN=$name" -out "$work/$name.csr"
  local by=(-CA "$work/$issuer.pem" -CAkey "$work/$issuer.key")
  [ "$issuer" != - ] || by=(-signkey "$work/$name.key")
  openssl x509 -req -in "$work/$name.csr" "${by[@]}" -set_serial "$RANDOM" -days "${4:-36500}" -sha256 -extfile "$work/ext" -out "$work/$name.pem" 2>/dev/null
}

ca='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n'
sign='keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n'
make root - "$ca"
make between root 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n'
make signer between "$sign"
# What must be refused.
make below between "$ca"
make too-deep below "$sign"
make no-authority root "$sign"
make of-no-authority no-authority "$sign"
make no-cert-sign root 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n'
make of-no-cert-sign no-cert-sign "$sign"
make web-server between 'keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n'
make encipherment between 'keyUsage=critical,keyEncipherment\nextendedKeyUsage=codeSigning\n'
make no-usage between 'subjectKeyIdentifier=hash\n'
make unknown between "${sign}1.2.3.4=critical,ASN1:NULL\n"
make constrained root "${ca}nameConstraints=critical,permitted;DNS:example.org\n"
make of-constrained constrained "$sign"
make self-signed - "$sign"
make other-root - "$ca"
# The same name as the root, another key.
make fake-root - "$ca"
openssl req -new -key "$work/fake-root.key" -subj "/CN=root" -out "$work/fake-root.csr"
openssl x509 -req -in "$work/fake-root.csr" -signkey "$work/fake-root.key" -set_serial 7 -days 36500 -extfile <(printf '%b' "$ca") -out "$work/fake-root.pem" 2>/dev/null
make of-fake-root fake-root "$sign"
make expired between "$sign" -1

chain() { cat "${@/#/$work/}"; }
for one in signer web-server encipherment no-usage unknown expired; do chain $one.pem between.pem >$one.pem; done
chain too-deep.pem below.pem between.pem >too-deep.pem
for one in no-authority no-cert-sign constrained fake-root; do chain of-$one.pem $one.pem >of-$one.pem; done
chain self-signed.pem >self-signed.pem
chain root.pem >root.pem
chain other-root.pem >other-root.pem
for one in signer web-server encipherment no-usage unknown expired too-deep of-no-authority of-no-cert-sign of-constrained of-fake-root self-signed; do
  chain $one.key >>$one.pem
done
