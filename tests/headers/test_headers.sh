#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header alone, and each two together, in every language that they promise; and the text that two of them share.
# TAP.  usage: test_headers.sh SOURCE_ROOT [CC [CXX]]
set -u
root=$1
cc=${2:-cc}
cxx=${3:-c++}
run=0
failed=0
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

# result STATUS NAME: the file $work/why holds the reason when it failed
result() {
    run=$((run + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $run - $2"
    else
        echo "not ok $run - $2"
        sed 's/^/# /' "$work/why" | head -n 5
        failed=1
    fi
}

skip() {
    run=$((run + 1))
    echo "ok $run - $1 # SKIP $2"
}

# compiles COMPILER LANGUAGE STANDARD HEADER...
compiles() {
    compiler=$1 language=$2 standard=$3
    shift 3
    for header in "$@"; do
        echo "#include \"$header\""
    done >"$work/source"
    printf '%s\n' '#ifdef LLM_MANIFEST' 'LLM_MANIFEST("{}");' '#endif' 'typedef int not_empty;' >>"$work/source"
    "$compiler" -x "$language" "-std=$standard" -Wall -Wextra -Wpedantic -Werror -Wno-unused-function -fsyntax-only \
        "-I$root/include" "-I$root/sdk" "$work/source" >"$work/why" 2>&1
    result $? "$* as $standard ($compiler)"
}

headers='llm_provider.h llm_store.h llm_json.h llm_master.h'
for standard in c99 c11 c17 c++11 c++17; do
    case $standard in
        c++*) compiler=$cxx language=c++ ;;
        *) compiler=$cc language=c ;;
    esac
    if ! command -v "$compiler" >/dev/null 2>&1; then
        skip "headers as $standard" "no $compiler"
        continue
    fi
    for header in $headers; do
        compiles "$compiler" "$language" "$standard" "$header"
    done
    compiles "$compiler" "$language" "$standard" llm_provider.h llm_master.h
    compiles "$compiler" "$language" "$standard" llm_master.h llm_provider.h
    compiles "$compiler" "$language" "$standard" llm_master.h llm_json.h
done

# block NAME FILE: the lines of an include-guarded block
block() {
    sed -n "/^#ifndef $1\$/,/^#endif.*\$/p" "$2" | sed 's/[[:space:]]*$//'
}

for name in LLM_VALUES_1 LLM_ATTACHMENT_1; do
    block "$name" "$root/sdk/llm_provider.h" >"$work/provider"
    block "$name" "$root/include/llm_master.h" >"$work/master"
    diff "$work/provider" "$work/master" >"$work/why" 2>&1 && [ -s "$work/master" ]
    result $? "$name is the same text in both headers"
done

echo "1..$run"
exit $failed
