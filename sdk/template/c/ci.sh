#!/bin/sh
# SPDX-License-Identifier: MIT
# What a CI runs: build without a warning, conform, fuzz a little where clang is.
set -eu
cd "$(dirname "$0")"
make clean all @FLAGS@='-O2 -Werror'
make check
if command -v clang >/dev/null 2>&1; then
    make fuzz
fi
