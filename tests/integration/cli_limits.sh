#!/bin/sh
# SPDX-License-Identifier: MIT
# llm-master limits, --max-wait.
. "$(dirname "$0")/../support/tap.sh"

log=$work/log
start_sim
base='"base_urls": {"openai": "'"$url"'/v1"}, "keys": {"openai": {"value": "key-of-test"}}'

settings "{$base}"
run limits
exits 'no limits' 0 '*no limits are set*'
is 'nothing is printed' "$(cat "$out")" ''

settings "{$base, \"limits\": [{\"tag\": \"*\", \"each\": true, \"requests_per_minute\": 60}, {\"usd\": \"5\", \"window\": \"day\"}]}"
run limits
exits 'a table' 0 ''
fits 'with a limit for each' grep -q '^60 requests per minute  *tag \* .* 60 .* now' "$out"
fits 'with a limit of money' grep -q '^5.00 USD per calendar day  *all calls .* 5.00 .* now' "$out"
run limits --json
fits 'as JSON' grep -q '^\[{"limit":"60 requests per minute"' "$out"
run limits more
exits 'an operand' 2 '*"more" is too much*'
run --max-wait soon limits
exits 'a wait that is none' 2 '*--max-wait must be a whole number of milliseconds*'
run query -m gpt-4o-mini hello
is 'a call that fits' "$status" 0

settings "{$base, \"limits\": [{\"name\": \"a trickle\", \"tokens_per_minute\": 3}]}"
run query --max-wait 0 -m gpt-4o-mini hello
exits 'a call that never fits' 1 '*more than the limit of 3 tokens per minute for a trickle ever allows*'

settings "{$base, \"limits\": [{\"requests\": 3}]}"
run limits
exits 'a mistake' 3 '*unknown member "requests" in a limit*'
done_testing
