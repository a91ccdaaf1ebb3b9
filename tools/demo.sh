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
    shown=
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=-]*) shown="$shown \"$word\"" ;;
        *) shown="$shown $word" ;;
        esac
    done
    say "\$ llm-master$shown"
    "$llm" "$@" 2>&1 || die "this should have been answered: llm-master$shown"
}

# Nothing of the person's own settings, plugins or keys takes part.
for variable in $(env | sed -n 's/^\(LLM_MASTER_[A-Z_]*\)=.*/\1/p'); do
    unset "$variable"
done
export HOME="$home" XDG_CONFIG_HOME="$home/config" XDG_DATA_HOME="$home/data" XDG_CACHE_HOME="$home/cache"
export OPENAI_API_KEY=not-a-key RECRAFT_API_KEY=not-a-key PARROT_API_KEY=not-a-key ACME_API_KEY=not-a-key
settings=$XDG_CONFIG_HOME/llm-master
plugins=$XDG_DATA_HOME/llm-master/plugins
umask 022
rm -rf "$build/demo"
mkdir -p "$settings/providers.d" "$plugins" "$build/demo"

: >"$home/simulator" # there before the simulator's own shell makes it
"$llm" sim --listen 127.0.0.1:0 --delay 25 --script tools/demo_rules.json >"$home/simulator" 2>&1 &
simulator=$!
url=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    url=$(sed -n 's/^listening on \(http:.*\)$/\1/p' "$home/simulator")
    [ -z "$url" ] && kill -0 "$simulator" 2>/dev/null || break
    sleep 0.1
done
[ -n "$url" ] || die "the simulator does not start: $(cat "$home/simulator")"
cat >"$settings/config.json" <<TEXT
{"base_urls": {"openai": "$url/v1", "recraft": "$url/v1", "parrot": "$url/v2", "acme": "$url/v1"}}
TEXT
say "A simulator plays the providers at $url: no network, no key."

step "a chat answer, streamed, through openai_compat.so"
ask query -u -m gpt-4o-mini "Why is the sky blue?"

step "an image through recraft.so"
ask image -u -m recraftv3 -o "$build/demo/car.png" "a red car"

step "a service that speaks nobody's format, described in a JSON file, through custom.so"
say "\$ cp examples/providers.d/parrot.json ~/.config/llm-master/providers.d/"
cp examples/providers.d/parrot.json "$settings/providers.d/"
ask query -u -m parrot-grey "What do you need?"

step "a plugin that did not exist a moment ago"
flags="-std=c11 -O2 -fPIC -fvisibility=hidden -shared -Wl,-z,defs,-z,now"
say "\$ cc $flags -Isdk -o acme.so examples/plugins/acme.c   # $(wc -l <examples/plugins/acme.c) lines"
${CC:-cc} $flags -Isdk -o "$home/acme.so" examples/plugins/acme.c
say "\$ mv acme.so ~/.local/share/llm-master/plugins/"
mv "$home/acme.so" "$plugins/"
ask query -u -m acme-1 "Are you there?"

cat <<TEXT

Four providers, three ways to add one, nothing rebuilt.  Now a real one:

    OPENAI_API_KEY=sk-... $llm query -m gpt-4o-mini "Why is the sky blue?"
TEXT
