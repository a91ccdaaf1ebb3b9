#!/bin/sh
# SPDX-License-Identifier: MIT
# examples/plugins/acme.c: compiled with the line that it tells, dropped into a plugin directory, asked.
. "$(dirname "$0")/../support/tap.sh"

source=$LLM_TEST_SOURCE/examples/plugins/acme.c
lines=$(grep -cvE '^[[:space:]]*(//.*)?$' "$source")
fits 'at most 60 lines of code' test "$lines" -le 60
is 'it includes the SDK alone' "$(grep '^#include' "$source")" '#include "llm_json.h"'

# The line from its comment, in this place instead of the tree.
umask 022
plugins=$home/.local/share/llm-master/plugins
mkdir -p "$plugins"
line=$(sed -n 's/^\/\/ *cc //p' "$source" | sed "s|-o acme.so|-Wall -Werror -o $work/acme.so|")
compile() {
    cd "$LLM_TEST_SOURCE" && eval "${CC:-cc} $line"
}
fits 'its line compiles it' compile
start_sim
settings '{"base_urls": {"acme": "'"$url"'/v1"}}'

run query -m acme-1 hello
exits 'before it is there' 1 'no model "acme-1"*'
mv "$work/acme.so" "$plugins/"
run plugins list
fits 'it is found' grep -q 'com.acme' "$out"
run query -m acme-1 'Are you there?'
is 'it answers' "$status $(cat "$out")" "0 You said: Are you there? - and this is the simulator's answer."
run query --no-stream -m acme-1 'Say "1.10" \ twice'
is 'in one piece, what needs escapes' "$status $(cat "$out")" \
    "0 You said: Say \"1.10\" \\ twice - and this is the simulator's answer."
run query --json -m acme-2 hello
is 'a model that only its prefix knows' "$(member /content)" "You said: hello - and this is the simulator's answer."
run query --json -m acme-1 hello
is 'usage, finish, cost' "$(member /usage/input_tokens) $(member /usage/output_tokens) $(member /finish_reason) $(member /cost/usd)" \
    '1 10 stop 0.00000615'

# What a service may do wrong.
cat >"$work/rules.json" <<'RULES'
[{"match": {"body": {"/say": "cut"}}, "reply": {"sse": [{"t": "begun "}]}},
 {"match": {"body": {"/say": "html"}}, "reply": {"headers": {"content-type": "text/html"}, "body": "<html>sorry</html>"}},
 {"match": {"body": {"/say": "length"}}, "reply": {"sse": [{"t": "a"}, {"end": "length", "in": 1, "out": 1}]}},
 {"match": {"body": {"/say": "down"}}, "reply": {"status": 503, "body": "{}"}}]
RULES
start_sim --script "$work/rules.json"
settings '{"base_urls": {"acme": "'"$url"'/v1"}}'
run query --json -m acme-1 cut
is 'a stream that ends early' "$status $(member /error/code)" '1 protocol'
run query --json -m acme-1 html
is 'HTML instead of an answer' "$status $(member /error/code)" '1 protocol'
run query --json -m acme-1 length
is 'another finish' "$status $(member /finish_reason)" '0 other'
run query --json -m acme-1 down
is 'a service that is down' "$status $(member /error/code)" '1 overloaded'

done_testing
