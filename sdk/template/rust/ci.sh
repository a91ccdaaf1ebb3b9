#!/bin/sh
# SPDX-License-Identifier: MIT
# What a CI runs: build, conform, fuzz a little.
set -eu
cd "$(dirname "$0")"
make clean all
make check
make fuzz
