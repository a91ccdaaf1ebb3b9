#!/bin/sh
# SPDX-License-Identifier: MIT
# The main job, offline and without a key: demo.sh BUILD.  ./dev run calls it.
set -eu
build=$1
llm=$build/hosts/cli/llm-master

home=$(mktemp -d)
simulator=
end() {
    if [ -n "$simulator" ]; then
        kill "$simulator" 2>/dev/null || true
        wait "$simulator" 2>/dev/null || true
    fi
    rm -rf "$home"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { printf '%s\n' "$*"; }
step() { printf '\n-- %s\n' "$*"; }
die() {
    printf 'dev run: %s\n' "$*" >&2
    exit 1
}
# ask COMMAND...: shows the command as a person would type it, then runs it.
ask() {
    say "\$ llm-master $*"
    "$llm" "$@" || die "this should have been answered: llm-master $*"
}

# Nothing of the person's own settings, plugins or keys takes part.
for variable in $(env | sed -n 's/^\(LLM_MASTER_[A-Z_]*\)=.*/\1/p'); do
    unset "$variable"
done
export HOME="$home" XDG_CONFIG_HOME="$home/config" XDG_DATA_HOME="$home/data" XDG_CACHE_HOME="$home/cache"
settings=$XDG_CONFIG_HOME/llm-master
plugins=$XDG_DATA_HOME/llm-master/plugins
umask 022
mkdir -p "$settings/providers.d" "$plugins"

start_simulator() {
    "$llm" sim --listen 127.0.0.1:0 "$@" >"$home/simulator" 2>&1 &
    simulator=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        url=$(sed -n 's/^listening on \(http:.*\)$/\1/p' "$home/simulator")
        [ -z "$url" ] || return 0
        kill -0 "$simulator" 2>/dev/null || break
        sleep 0.1
    done
    cat "$home/simulator" >&2
    die "the simulator does not start"
}
