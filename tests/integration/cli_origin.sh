#!/bin/sh
# SPDX-License-Identifier: MIT
# Two simulators: what belongs to one never reaches the other.
. "$(dirname "$0")/../support/tap.sh"

log=$work/second.log
start_sim
second=$url
second_log=$log
log=$work/first.log
cat >"$work/rules.json" <<RULES
[{"match": {"path": "*/chat/completions", "body": {"/messages/0/content": "301"}}, "reply": {"status": 301, "headers": {"location": "$second/v1/chat/completions"}}},
 {"match": {"path": "*/chat/completions", "body": {"/messages/0/content": "302"}}, "reply": {"status": 302, "headers": {"location": "$second/v1/chat/completions"}}},
 {"match": {"path": "*/chat/completions", "body": {"/messages/0/content": "307"}}, "reply": {"status": 307, "headers": {"location": "$second/v1/chat/completions"}}},
 {"match": {"path": "*/chat/completions", "body": {"/messages/0/content": "308"}}, "reply": {"status": 308, "headers": {"location": "$second/v1/chat/completions"}}},
 {"match": {"path": "*/images/generations", "body": {"/prompt": "elsewhere"}},
  "reply": {"body": {"created": 1, "credits": 40, "data": [{"image_id": "1", "url": "$second/sim/blob/7.png"}]}}},
 {"match": {"path": "*/images/generations", "body": {"/prompt": "round the corner"}},
  "reply": {"body": {"created": 1, "credits": 40, "data": [{"image_id": "1", "url": "http://127.0.0.1:9/x.png"}]}}},
 {"match": {"path": "*/images/generations", "body": {"/prompt": "a private address"}},
  "reply": {"body": {"created": 1, "credits": 40, "data": [{"image_id": "1", "url": "https://10.0.0.1/x.png"}]}}},
 {"match": {"path": "*/images/generations", "body": {"/prompt": "a file"}},
  "reply": {"body": {"created": 1, "credits": 40, "data": [{"image_id": "1", "url": "file:///etc/passwd"}]}}}]
RULES
start_sim --script "$work/rules.json"
first=$url
settings '{"base_urls": {"openai": "'"$first"'/v1", "recraft": "'"$first"'/v1", "groq": "'"$second"'/v1"},
           "keys": {"openai": {"value": "key-of-openai"}, "recraft": {"value": "key-of-recraft"}, "groq": {"value": "key-of-groq"}}}'
cd "$work" || exit 1

for code in 301 302 307 308; do
    run query -m gpt-4o-mini "$code"
    exits "a redirect with $code" 1 "openai: HTTP $code: a redirect to $second/v1/chat/completions, which is not followed; *"
done
is 'no redirect was followed' "$(wc -c <"$second_log" 2>/dev/null || echo 0)" 0

run query -m openai/gpt-4o-mini hello
is 'the first provider answers' "$status" 0
run query -m groq/llama-3.1-8b-instant hello
is 'the second provider answers' "$status" 0
fits 'the key of the first at the first' grep -q 'Bearer key-of-openai' "$log"
fits 'the key of the second at the second' grep -q 'Bearer key-of-groq' "$second_log"

run image -m recraftv3 elsewhere
is 'a result at another port of this machine is fetched' "$status $(cat "$out")" '0 image-1.png  32x32  3172 bytes'
fits 'it was asked for there' grep -q '"path":"/sim/blob/7.png"' "$second_log"
grep '"path":"/sim/blob/7.png"' "$second_log" >"$work/fetch"
fits 'without a credential' sh -c "! grep -qi 'authorization\|key-of' '$work/fetch'"
run image -m recraftv3 'round the corner'
like 'a result that is not there' "$status $(cat "$err")" '1 llm-master: recraft: *'
run image -m recraftv3 'a private address'
like 'a result at a private address' "$status $(cat "$err")" '1 llm-master: recraft: *'
run image -m recraftv3 'a file'
like 'a result that is a file of this machine' "$status $(cat "$err")" '1 llm-master: recraft: *'
fits 'nothing was saved for these' sh -c '! ls image-2.*'

fits 'no key of another at the first' sh -c "! grep -q 'key-of-groq' '$log'"
fits 'no key of another at the second' sh -c "! grep -q 'key-of-openai\|key-of-recraft' '$second_log'"
fits 'no cookie, referer or proxy header' sh -c "! grep -qi '\"\(cookie\|referer\|proxy-[a-z]*\|x-forwarded-[a-z]*\)\"' '$log' '$second_log'"
run query -vv -m gpt-4o-mini hello
fits 'no key in the log of exchanges' sh -c "! grep -q 'key-of' '$err'"
done_testing
