#!/bin/sh
# SPDX-License-Identifier: MIT
# Retry and fall-back from the command line: the wishes of a query, the facts line, what the JSON tells.
. "$(dirname "$0")/../support/tap.sh"

cat >"$work/rules.json" <<'RULES'
[{"match": {"path": "/a/*", "body": {"/messages/0/content": "busy"}}, "reply": {"status": 503}},
 {"match": {"path": "/a/*", "body": {"/messages/0/content": "once"}, "nth": 1}, "reply": {"status": 500}},
 {"match": {"path": "/a/*", "body": {"/messages/0/content": "slow"}}, "reply": {"head_delay_ms": 5000}},
 {"match": {"path": "/a/*"}, "reply": {"body": {"choices": [{"index": 0, "message": {"content": "from a"}, "finish_reason": "stop"}]}}},
 {"match": {"path": "/b/*"}, "reply": {"body": {"choices": [{"index": 0, "message": {"content": "from b"}, "finish_reason": "stop"}]}}}]
RULES
start_sim --script "$work/rules.json" --no-demo
base='"retry": {"base_ms": 1, "throttle_base_ms": 1}, "breaker": {"enabled": false},
      "base_urls": {"openai": "'"$url"'/a", "groq": "'"$url"'/b"},
      "keys": {"openai": {"value": "key-a"}, "groq": {"value": "key-b"}}'
other=groq/llama-3.1-8b-instant
settings "{$base}"

run query --no-stream -u -m gpt-4o-mini once
is 'one retry' "$status $(cat "$out")" '0 from a'
fits 'the facts line tells of two attempts' grep -q ' | 2 attempts$' "$err"
run query --no-stream -u -m gpt-4o-mini fine
fits 'and not of one' grep -qv attempt "$err"
run query --no-stream --json -m gpt-4o-mini busy
is 'three attempts' "$status $(member /error/code) $(member /attempts/2/status)" '1 overloaded overloaded'
run query --no-stream --json --max-attempts 1 -m gpt-4o-mini busy
is 'one attempt' "$(member /attempts/0/http_status)$(member /attempts/1/status)" 503
run query --no-stream --json --fallback "$other" -m gpt-4o-mini busy
is 'a fall-back' "$status $(member /content) $(member /provider) $(member /model)" '0 from b groq gpt-4o-mini'
printf '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "busy"}]}' | run_in request --fallback "$other" chat -
is 'a fall-back of request' "$status $(member /content)" '0 from b'
run query --no-stream --json --hedge-ms 20 --fallback "$other" -m gpt-4o-mini slow
is 'a race' "$status $(member /content) $(member /attempts/1/hedge)" '0 from b true'
run query --fallback no-such-model-at-all -m gpt-4o-mini fine
exits 'a fall-back that nobody knows' 1 '*no-such-model-at-all*'
for option in '--max-attempts 0' '--max-attempts 17' '--max-attempts many' '--hedge-ms 0'; do
    # shellcheck disable=SC2086
    run query $option -m gpt-4o-mini x
    exits "$option" 2 'query: --* takes a number from 1 to *'
done

settings "{$base, \"routes\": {\"gpt-4o-mini\": {\"fallbacks\": [\"$other\"]}}}"
run query --no-stream --json -m gpt-4o-mini busy
is 'a configured fall-back' "$status $(member /content)" '0 from b'
run query --no-stream --json --no-fallback -m gpt-4o-mini busy
is 'none when it is not wanted' "$status $(member /error/code)" '1 overloaded'
run config show --origin
fits 'config show tells the route' grep -q '^routes.gpt-4o-mini ' "$out"
fits 'and the defaults of retries' grep -q '^retry.max_attempts .*3' "$out"
settings "{$base, \"routes\": {\"x\": {\"targets\": [\"y\"]}, \"y\": {\"targets\": [\"x\"]}}}"
run query -m gpt-4o-mini fine
exits 'a circle' 3 '*leads back to itself*'
done_testing
