#!/bin/sh
# SPDX-License-Identifier: MIT
# Bad input of every kind: one line that says who, what and what to do, and the right exit status.
. "$(dirname "$0")/../support/tap.sh"

ask() { # MODEL PROMPT
    run query -m "$1" "$2"
}

# ---- plugins ---------------------------------------------------------------------------------------------------------

OPENAI_API_KEY=a-key
export OPENAI_API_KEY LLM_MASTER_PLUGIN_PATH
plugins=$work/plugins
good=$LLM_TEST_BUILD/plugins/openai_compat.so

LLM_MASTER_PLUGIN_PATH=/nonexistent
ask gpt-4o-mini x
exits 'no plugin directory' 3 'openai cannot be used: its plugin "openai_compat" is in no plugin directory *'
run plugins list
exits 'no plugin directory: the list' 3 'there is no plugin; *'
run --plugin-dir /nonexistent query -m gpt-4o-mini x
exits 'a named plugin directory that is not there' 3 '*/nonexistent*'
mkdir -m 755 "$plugins"
LLM_MASTER_PLUGIN_PATH=$plugins
ask gpt-4o-mini x
exits 'an empty plugin directory' 3 'openai cannot be used: its plugin "openai_compat" is in no plugin directory *'
run query --json -m gpt-4o-mini x
is 'an empty plugin directory, as JSON' "$status $(member /error/code) $(member /error/provider)" '3 config openai'

refused() { # NAME REASON: the file that lies there now
    ask gpt-4o-mini x
    exits "$1" 4 "openai cannot be used: its plugin $plugins/openai_compat.so is refused: $2"
    run plugins show openai_compat
    exits "$1: shown" 4 "openai_compat: $2"
}

faulted() { # NAME REASON
    ask gpt-4o-mini x
    exits "$1" 4 "openai: plugin $plugins/openai_compat.so: $2"
}

head -c 20000 "$good" >"$plugins/openai_compat.so"
refused 'a plugin that is cut off' 'the file is cut off: *'
run plugins list
exits 'a plugin that is cut off: the list' 4 'all plugins are refused; plugins list --all tells why'
run plugins list --all
fits 'a plugin that is cut off: the whole list' grep -q "refused  *$plugins/openai_compat.so  *the file is cut off: " "$out"
run doctor
fits 'a plugin that is cut off: the doctor' grep -q "^error  *$plugins/openai_compat.so: *the file is cut off: \|^error .*cut off" "$out"
is 'a plugin that is cut off: the doctor ends with' "$status" 3
echo 'some text' >"$plugins/openai_compat.so"
refused 'a text file' 'not an ELF file *'
: >"$plugins/openai_compat.so"
refused 'an empty file' '*'
for case in 'no_manifest:it carries no manifest *' 'newer_abi:it needs ABI 2; *' 'two_exports:it exports *' 'no_entry:*'; do
    cp "$LLM_TEST_BUILD/tests/plugins/${case%%:*}.so" "$plugins/openai_compat.so"
    refused "a plugin: ${case%%:*}" "${case#*:}"
done
for case in 'null_generators:its descriptor has no generators: *' 'null_descriptor:its entry gave NULL *' 'init_fails:its init() failed: *'; do
    cp "$LLM_TEST_BUILD/tests/plugins/${case%%:*}.so" "$plugins/openai_compat.so"
    faulted "a plugin: ${case%%:*}" "${case#*:}"
done
cp "$good" "$plugins/openai_compat.so"
chmod 666 "$plugins/openai_compat.so"
refused 'a plugin that others can write to' 'others can write to it *'
chmod 755 "$plugins/openai_compat.so"
chmod 777 "$plugins"
refused 'a directory that others can write to' '*'
chmod 755 "$plugins"
cp "$good" "$plugins/another.so"
run plugins list --all
fits 'two plugins of one id' grep -q "shadowed  *$plugins/openai_compat.so  *$plugins/another.so has the same id" "$out"
is 'two plugins of one id: one is used' "$status" 0
rm "$plugins/another.so"
unset LLM_MASTER_PLUGIN_PATH OPENAI_API_KEY

# ---- models, keys, settings --------------------------------------------------------------------------------------------

run query x
exits 'nobody has a key' 3 'no model was named, and no provider that has a key *'
ask gpt-4o-mini x
exits 'no key' 3 'openai: no key for openai: set OPENAI_API_KEY *'
run query --json -m gpt-4o-mini x
is 'no key, as JSON' "$status $(member /error/code) $(member /error/http_status)" '3 auth null'
ask lama-3.1-8b-instant x
exits 'a model that is nearly one' 1 'no model "lama-3.1-8b-instant"; nearest: llama-3.1-8b-instant, *'
run query --json -m lama-3.1-8b-instant x
is 'a model that is nearly one, as JSON' "$status $(member /error/code)" '1 not_found'
OPENAI_API_KEY=$(printf 'sk-a\rb')
export OPENAI_API_KEY
ask gpt-4o-mini x
exits 'a line end in a key' 3 'openai*the key in environment OPENAI_API_KEY holds a byte that no key has *'
OPENAI_API_KEY='sk-schlüssel'
ask gpt-4o-mini x
exits 'a key that is not ASCII' 3 'openai*the key in environment OPENAI_API_KEY holds a byte that no key has *'
fits 'the key is not shown' sh -c "! grep -q schl '$err'"
unset OPENAI_API_KEY
file=$home/.config/llm-master/config.json
settings '{"default_model": "x",
  "timeouts": {"connect_ms": 5,}}'
ask gpt-4o-mini x
exits 'settings that are not JSON' 3 "$file:2:32: *"
run query --json -m gpt-4o-mini x
is 'settings that are not JSON, as JSON' "$status $(member /error/code)" '3 config'
run config check
exits 'settings that are not JSON: the check' 3 "$file:2:32: *"
settings '{"default_modl": "x"}'
ask gpt-4o-mini x
exits 'a setting that is nearly one' 3 "$file:1:2: unknown member \"default_modl\" *did you mean \"default_model\"*"
settings '{"timeouts": {"connect_ms": "soon"}}'
ask gpt-4o-mini x
exits 'a setting of the wrong kind' 3 "$file:1:*: timeouts.connect_ms must be *"
settings '{"keys": {"openai": "sk-pasted"}}'
run config check
exits 'a key where an object belongs' 3 "$file:1:*: keys.openai must be an object: *{\"file\": *"
fits 'that key is not shown' sh -c "! grep -q pasted '$err'"
settings '{"base_urls": {"opnai": "http://127.0.0.1:1/v1"}, "keys": {"opnai": {"env": "X"}}}'
run config check
is 'a name that no provider has: the check' "$status $(cat "$out")" '0 the settings can be used'
fits 'its base URL is told' grep -q '^llm-master: base_urls.opnai: warning: .* does not exist' "$err"
fits 'its key is told' grep -q '^llm-master: keys.opnai: warning: .* does not exist' "$err"
settings '{"base_urls": {"openai": "ftp://x"}}'
run config check
fits 'a base URL that cannot be used: the check' grep -q '^llm-master: openai: warning: cannot be used: .*ftp://x' "$err"
settings '{"ledger": {"store": "sqlit"}}'
run config check
exits 'a store that is not there: the check' 3 'ledger.store: no plugin is the store "sqlit"; *'
mkdir -p "$home/.config/llm-master/providers.d"
echo '{"name": "mine", "base_url": 5}' >"$home/.config/llm-master/providers.d/mine.json"
settings '{}'
run config check
exits 'a provider file that is wrong' 3 "$home/.config/llm-master/providers.d/mine.json*"
is 'a provider file that is wrong is named once' "$(grep -o mine.json "$err" | wc -l | tr -d ' ')" 1
ask mine-1 x
exits 'a model of a file that was left out' 1 'no model "mine-1" *files were left out: see "doctor")'
rm "$home/.config/llm-master/providers.d/mine.json"

# ---- providers -----------------------------------------------------------------------------------------------------------

head -c 100000000 /dev/zero | gzip -1 >"$work/bomb.gz"
cat >"$work/rules.json" <<'RULES'
[{"match": {"body": {"/messages/0/content": "silent"}}, "reply": {"fault": {"kind": "silent"}}},
 {"match": {"body": {"/messages/0/content": "stall"}},
  "reply": {"sse": [{"choices": [{"index": 0, "delta": {"content": "hel"}}]}, "x"], "fault": {"kind": "stall", "after": 66}}},
 {"match": {"body": {"/messages/0/content": "cut"}},
  "reply": {"sse": [{"choices": [{"index": 0, "delta": {"content": "hel"}}]}, "x"], "fault": {"kind": "cut", "after": 66}}},
 {"match": {"body": {"/messages/0/content": "ends early"}},
  "reply": {"sse": [{"choices": [{"index": 0, "delta": {"content": "hel"}}]}]}},
 {"match": {"body": {"/messages/0/content": "no answer"}}, "reply": {"fault": {"kind": "close"}}},
 {"match": {"body": {"/messages/0/content": "reset"}}, "reply": {"body": {"a": 1}, "fault": {"kind": "reset", "after": 3}}},
 {"match": {"body": {"/messages/0/content": "short"}}, "reply": {"body": {"a": 1}, "fault": {"kind": "length", "by": 9}}},
 {"match": {"body": {"/messages/0/content": "page"}},
  "reply": {"headers": {"content-type": "text/html"}, "body": "<html>\u001b[31m</html>"}},
 {"match": {"body": {"/messages/0/content": "page 502"}},
  "reply": {"status": 502, "headers": {"content-type": "text/html"}, "body": "<html>Bad gateway</html>"}},
 {"match": {"body": {"/messages/0/content": "inside"}},
  "reply": {"sse": [{"choices": [{"index": 0, "delta": {"content": "hel"}}]},
                    {"error": {"message": "Overloaded\nnow", "type": "server_error", "code": "overloaded"}}]}},
 {"match": {"body": {"/messages/0/content": "bomb"}},
  "reply": {"headers": {"content-encoding": "gzip", "content-type": "application/json"}, "body_file": "bomb.gz"}},
 {"match": {"body": {"/messages/0/content": "garbage"}}, "reply": {"raw": "HTP nonsense\r\n\r\n"}},
 {"match": {"body": {"/messages/0/content": "endless head"}},
  "reply": {"raw": "HTTP/1.1 200 OK\r\nx: ", "framing": "close", "repeat": 100000}},
 {"match": {"body": {"/messages/0/content": "half JSON"}},
  "reply": {"headers": {"content-type": "application/json"}, "body": "{\"a\":"}},
 {"match": {"body": {"/messages/0/content": "busy"}},
  "reply": {"status": 429, "headers": {"retry-after": "7"}, "body": {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}}},
 {"match": {"body": {"/messages/0/content": "no entry"}},
  "reply": {"status": 401, "body": {"error": {"message": "Wrong key: sk-the-key-of-the-test", "code": "invalid_api_key"}}}},
 {"match": {"body": {"/messages/0/content": "gone"}}, "reply": {"status": 404, "body": {"error": {"message": "no such model"}}}},
 {"match": {"body": {"/messages/0/content": "elsewhere"}}, "reply": {"status": 307, "headers": {"location": "http://127.0.0.1:9/v1"}}}]
RULES
start_sim --script "$work/rules.json"
settings '{"retry": {"max_attempts": 1}, "timeouts": {"first_byte_ms": 400, "idle_ms": 400},
           "base_urls": {"openai": "'"$url"'/v1", "groq": "http://127.0.0.1:9/v1"},
           "keys": {"openai": {"value": "sk-the-key-of-the-test"}, "groq": {"value": "another-key"}}}'

ask groq/llama-3.1-8b-instant x
exits 'a provider that is down' 1 'groq: *onnect*; check its base URL; *'
while IFS='|' read -r prompt want; do
    ask gpt-4o-mini "$prompt"
    exits "a provider: $prompt" 1 "openai: $want"
done <<'CASES'
silent|no answer within 400 ms; *
stall|nothing came for 400 ms; *
cut|the answer was cut off: *; try again
ends early|*
no answer|*; check its base URL; *
reset|the answer was cut off: *; try again
short|the answer was cut off: *; try again
page|the answer is no JSON; *
page 502|HTTP 502 with a page of HTML instead of an API's answer; try again
inside|Overloaded now; try again
bomb|the answer is encoded with gzip *
garbage|*; check its base URL; *
half JSON|the answer is no JSON; *
busy|slow down; try again in 7 s
no entry|Wrong key: ****; check the key; *
gone|no such model; llm-master models lists what there is
elsewhere|HTTP 307: a redirect to http://127.0.0.1:9/v1, which is not followed; check its base URL; *
CASES
ask gpt-4o-mini inside
is 'what came before the failure is printed' "$(cat "$out")" hel
run query --json -m gpt-4o-mini inside
is 'a failure in a stream, as JSON' "$(member /error/code) $(member /error/http_status) $(member /content) $(member /truncated)" \
    'overloaded 200 hel true'
run query --json -m gpt-4o-mini busy
is 'a busy provider, as JSON' "$(member /error/code) $(member /error/http_status) $(member /error/retry_after_ms)" 'rate_limited 429 7000'
run query --json -m gpt-4o-mini cut
is 'a cut stream, as JSON' "$(member /content) $(member /truncated)" 'hel true'
run query --json -m gpt-4o-mini 'no entry'
fits 'a key in an error is not shown' sh -c "! grep -q the-key-of '$out' '$err'"
done_testing
