#!/bin/sh
# Fuzzes the native codec under sanitizers: run.sh MINUTES [SEED], half of them on protobuf and half on
# JSON. The seed is printed, so that a finding can be repeated.
set -eu
cd "$(dirname "$0")/../.."
minutes=${1:-1}
seed=${2:-$(date +%s)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python -m tests.native.corpus "$work/corpus"
echo "seed $seed"
fuzz() {
    target=$1
    shift
    "${CXX:-g++}" -std=c++17 -O1 -g -fno-omit-frame-pointer -Iotlp/codec/native \
        -fsanitize=address,undefined -fno-sanitize-recover=all "tests/native/$target.cpp" -o "$work/$target"
    "$work/$target" "$(awk "BEGIN { print 30 * $minutes }")" "$seed" "$@"
}
fuzz codec "$work"/corpus/wire-*
fuzz json "$work"/corpus/otlp-* "$work"/corpus/plain-* "$work"/corpus/grammar-* "$work"/corpus/vocabulary-*
