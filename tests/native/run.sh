#!/bin/sh
# Fuzzes the native codec under sanitizers: run.sh MINUTES [SEED]. The seed is printed, so that a
# finding can be repeated.
set -eu
cd "$(dirname "$0")/../.."
minutes=${1:-1}
seed=${2:-$(date +%s)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CXX:-g++}" -std=c++17 -O1 -g -fno-omit-frame-pointer -Iotlp/codec/native \
    -fsanitize=address,undefined -fno-sanitize-recover=all tests/native/codec.cpp -o "$work/codec"
.venv/bin/python -m tests.native.corpus "$work/corpus"
echo "seed $seed"
"$work/codec" "$(awk "BEGIN { print 60 * $minutes }")" "$seed" "$work"/corpus/*
