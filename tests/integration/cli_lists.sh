#!/bin/sh
# SPDX-License-Identifier: MIT
# llm-master models, providers, keys, plugins, config, doctor.
. "$(dirname "$0")/../support/tap.sh"

run models --provider openai
is 'models: status' "$status" 0
fits 'models: a heading' grep -q '^MODEL  *PROVIDER  *OPERATION  *CONTEXT' "$out"
fits 'models: a line' grep -q '^gpt-4o-mini  *openai  *chat  *128000  *16384  *0.15 / 0.6' "$out"
run models 'gpt-4o-m*'
is 'models: a pattern' "$status $(awk 'NR > 1 && $1 !~ /^gpt-4o-m/' "$out" | wc -l)" '0 0'
run models --json --provider openai gpt-4o-mini
is 'models: JSON' "$status $(member /0/id) $(member /0/input_per_mtok)" '0 gpt-4o-mini 0.15'
run models nothing-like-this
like 'models: nothing fits' "$status $(cat "$err")" '1 llm-master: no model fits nothing-like-this; *'
run models --all --json --provider anthropic claude-sonnet-4-5
is 'models: all' "$status $(member /0/id) $(member /0/state)" '0 claude-sonnet-4-5 not_configured'
run models --all nothing-like-this
like 'models: nothing fits at all' "$status $(cat "$err")" '1 llm-master: no model fits nothing-like-this; *doctor*'
run models update
exits 'models update: no file' 2 'models: update needs a file; see *'
run models --dry-run
exits 'models: a flag of update' 2 'models: *are for update; see *'
run models update /nonexistent.json
like 'models update: no such file' "$status $(cat "$err")" '1 *no such file*'
cat >"$work/list.json" <<'LIST'
{"openai/gpt-4o-mini": {"litellm_provider": "openai", "input_cost_per_token": 1.4e-07, "output_cost_per_token": 6e-07},
 "openai/broken": {"litellm_provider": "openai", "input_cost_per_token": -1}}
LIST
export XDG_DATA_HOME="$work/data"
run models update --dry-run --as-of 2030-01-01 "$work/list.json"
is 'models update: a dry run' "$status $(tail -1 "$out") $(ls "$work/data" 2>/dev/null)" "0 not written (a dry run): $work/data/llm-master/catalogue.jsonl "
like 'models update: a wrong entry' "$(cat "$err")" '*list.json:2:74: openai/broken: input_cost_per_token is less than 0'
fits 'models update: a price' grep -q '^price  openai/gpt-4o-mini: 0.15 / 0.6 -> 0.14 / 0.6' "$out"
run models update --strict --as-of 2030-01-01 "$work/list.json"
like 'models update: strict' "$status $(cat "$err")" '3 *is less than 0*'
run models update --as-of 2030-01-01 "$work/list.json"
is 'models update: written' "$status $(tail -1 "$out")" "0 written: $work/data/llm-master/catalogue.jsonl"
run models --json --provider openai gpt-4o-mini
is 'models update: in force' "$status $(member /0/input_per_mtok) $(member /0/as_of)" '0 0.14 2030-01-01'
# The script that makes the shipped catalogue and the program read a list alike.
for kind in litellm models_dev; do
    lists=$LLM_TEST_SOURCE/tests/fuzz/corpus/import
    python3 "$LLM_TEST_SOURCE/tools/catalogue.py" -o "$work/data/llm-master/catalogue.jsonl" \
        "--$(echo $kind | tr _ -)" "$lists/$kind.json" "--$(echo $kind | tr _ -)-date" 2031-01-01 >/dev/null
    run models update --json --as-of 2031-01-01 "$lists/$kind.json"
    is "models update: $kind as tools/catalogue.py reads it" \
        "$status $(member /new) $(member /changed) $(member /gone)" '0 0 0 0'
done
unset XDG_DATA_HOME
run models --provider opnai
exits 'models: a provider that is nearly one' 1 'no provider "opnai"; nearest: openai'

run providers
fits 'providers: a line' grep -q '^openai  *no_key  *openai_compat ' "$out"
fits 'providers: the breaker' grep -q '^openai  *no_key  *openai_compat  *[0-9]*  *closed  *-  ' "$out"
run providers --json
fits 'providers: JSON' grep -q '"name":"openai"' "$out"
fits 'providers: health, as JSON' grep -q '"health":{"breaker":"closed","retry_after_ms":null,"faults_in_a_row":0,' "$out"
settings '{"keys": {"openai": [{"value": "sk-secret-one"}, {"value": "sk-secret-two"}]}}'
run providers
fits 'providers: two keys' grep -q '^openai .* and 1 more  ' "$out"
run providers --json
fits 'providers: two keys, as JSON' grep -q '"name":"openai#2"' "$out"
fits 'providers: never a key' sh -c "! grep -q sk-secret '$out' '$err'"
run keys --provider openai
fits 'keys: two of them' grep -q "^openai#2  *yes  *$home/.config/llm-master/config.json\$" "$out"
run config show
fits 'config: two keys' grep -q '^keys.openai  *\[{"value": "(hidden)"},{"value": "(hidden)"}\]' "$out"
settings '{}'

run keys
fits 'keys: what to set' grep -q '^openai  *no  *set OPENAI_API_KEY' "$out"
run keys --provider openai
like 'keys: none' "$status $(cat "$err")" '3 llm-master: openai: there is no key for it*'
run keys --provider openai --json
is 'keys: none, as JSON' "$status $(member /0/found)" '3 false'
OPENAI_API_KEY=sk-secret
export OPENAI_API_KEY
run keys --provider openai
is 'keys: found' "$status" 0
fits 'keys: where it is from' grep -q '^openai  *yes  *environment OPENAI_API_KEY$' "$out"
fits 'keys: never the key' sh -c "! grep -q sk-secret '$out' '$err'"
run keys --provider ollama
is 'keys: none is needed' "$status" 0
unset OPENAI_API_KEY

run plugins list
is 'plugins: status' "$status" 0
fits 'plugins: a line' grep -q '^org.llm-master.recraft  *0.1.0  *found  */.*recraft.so  *recraft' "$out"
run plugins show recraft
is 'plugins: one' "$status $(grep '^id=' "$out")" '0 id=org.llm-master.recraft'
run plugins show recraft --json
is 'plugins: one, as JSON' "$status $(member /0/file)" '0 recraft.so'
run plugins show openai
exits 'a provider is no plugin' 1 'no plugin "openai": that is a provider, of the plugin openai_compat'
run plugins show recrft
exits 'plugins: one that is nearly there' 1 'no plugin "recrft"; nearest: recraft'
run plugins list --json
fits 'plugins: JSON' grep -q '"file":"recraft.so"' "$out"

run config show
fits 'config: a line' grep -q '^timeouts.connect_ms  *5000' "$out"
settings '{"timeouts": {"connect_ms": 1234}}'
run config show --origin
fits 'config: where it is from' grep -q "^timeouts.connect_ms  *1234  *$home/.config/llm-master/config.json\$" "$out"
run config check
is 'config: fine' "$status $(cat "$out")" '0 the settings are fine'
run --config /nonexistent config check
like 'config: a file that is not there' "$status $(cat "$err")" '3 llm-master: /nonexistent: *'
settings '{"keys": {"openai": {"value": "sk-secret"}}}'
run config show
fits 'config: never a key' sh -c "! grep -q sk-secret '$out' '$err'"

run doctor
is 'doctor: status' "$status" 0
fits 'doctor: a line' grep -q '^ok  *keys: 1 of ' "$out"
run doctor --json
fits 'doctor: JSON' grep -q '"level":"ok"' "$out"
done_testing
