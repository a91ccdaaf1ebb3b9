#!/bin/sh
# SPDX-License-Identifier: MIT
# What the command line tells of itself: --debug, --metrics, -v, and a log that cannot be written.
. "$(dirname "$0")/../support/tap.sh"

cat >"$work/rules.json" <<'RULES'
[{"match": {"path": "*/chat/completions", "body": {"/messages/0/content": "refused"}},
  "reply": {"status": 401, "headers": {"x-request-id": "refused-the-key-of-openai"},
            "body": {"error": {"message": "Incorrect API key provided: the-key-of-openai", "code": "invalid_api_key"}}}}]
RULES
start_sim --script "$work/rules.json"
settings '{"base_urls": {"openai": "'"$url"'/v1"}, "keys": {"openai": {"value": "the-key-of-openai"}}}'

counts() { fits "$1" grep -qF -- "$2" "$work/metrics"; }
labels='{provider="openai",operation="chat",model="gpt-4o-mini"'

run query -m gpt-4o-mini --debug 'a prompt of mine'
is 'the answer' "$status $(cat "$out")" "0 You said: a prompt of mine - and this is the simulator's answer."
like 'debug: what was sent' "$(cat "$err")" "debug: > POST $url/v1/chat/completions (attempt 1)
debug: > content-type: application/json
*debug: > authorization: ***
debug: > * bytes
*debug: < HTTP 200
*debug: < * bytes
debug: \* a new connection*, connected * ms, first byte * ms, end * ms
debug: \* ok"
fits 'debug: neither key nor prompt' sh -c "! grep -q 'the-key\|prompt of mine' '$err'"
run query -m gpt-4o-mini --debug-bodies 'a prompt of mine'
fits 'with bodies: the prompt' grep -q 'debug: > .*a prompt of mine' "$err"
fits 'with bodies: the answer' grep -q 'debug: < data: ' "$err"
fits 'with bodies: no key' sh -c "! grep -q the-key '$err'"
run query -m gpt-4o-mini --debug --json x
is 'debug in JSON' "$(member /debug/0/http_status)" 200

run --metrics "$work/metrics" query -m gpt-4o-mini -v x
is 'with counters' "$status" 0
counts 'a call' "llm_master_calls_total$labels,status=\"ok\"} 1"
counts 'its tokens' "llm_master_tokens_total$labels,class=\"input\"} "
counts 'its cost' "llm_master_cost_usd_total$labels,source=\"catalogue\"} 0.000"
counts 'its time' "llm_master_call_duration_seconds_count$labels} 1"
counts 'nothing lost' 'llm_master_log_records_dropped_total 0'
like 'verbose: the end of a call' "$(cat "$err")" '*info: call_end call=1 id=* provider=openai operation=chat model=gpt-4o-mini status=ok *'
fits 'no file is left over' sh -c "! ls '$work'/metrics.*"

run query -m gpt-4o-mini refused --metrics "$work/metrics" -vv --debug-bodies
is 'a failure' "$status" 1
counts 'a failure is counted' "llm_master_calls_total$labels,status=\"auth\"} 1"
fits 'a failure: no key where the server said it' sh -c "! grep -q the-key-of-openai '$err' '$work/metrics'"
run query -m gpt-4o-mini refused --json --debug-bodies
fits 'a failure as JSON: no key' sh -c "! grep -q the-key-of-openai '$err' '$out'"
run query -m no-such-model x --metrics "$work/metrics"
counts 'a refusal is counted' 'llm_master_calls_refused_total{status="not_found"} 1'

run query -m gpt-4o-mini x --metrics "$work/no/such/directory"
exits 'counters that cannot be written' 1 "$work/no/such/directory: No such file or directory"
is 'the answer all the same' "$(cat "$out")" "You said: x - and this is the simulator's answer."
ln -s "$work/target" "$work/link"
run query -m gpt-4o-mini x --metrics "$work/link"
fits 'counters through a link' grep -q '^llm_master_calls_total' "$work/target"
fits 'the link is still one' test -L "$work/link"

if [ -w /dev/full ]; then
    "$LLM_MASTER" query -m gpt-4o-mini -vv x --metrics "$work/metrics" >"$out" 2>/dev/full </dev/null
    is 'a log that is full: the answer' "$? $(cat "$out")" "0 You said: x - and this is the simulator's answer."
    fits 'a log that is full: lines are counted' grep -q '^llm_master_log_records_dropped_total [1-9]' "$work/metrics"
else
    skip 'a log that is full' 'no /dev/full'
fi
"$LLM_MASTER" query -m gpt-4o-mini -vv x >"$out" 2>&- </dev/null
is 'no standard error: the answer' "$? $(cat "$out")" "0 You said: x - and this is the simulator's answer."
{ "$LLM_MASTER" query -m gpt-4o-mini -vv --metrics "$work/metrics" x 3>&1 >"$out" 2>&3 </dev/null; echo $? >"$work/code"; } | true
is 'a log whose reader has gone: the answer' "$(cat "$work/code") $(cat "$out")" "0 You said: x - and this is the simulator's answer."
done_testing
