#!/bin/sh
# SPDX-License-Identifier: MIT
# Two services that custom.so knows only from a file: a stream of lines, and a job that is waited for.
. "$(dirname "$0")/../support/tap.sh"

start_sim --script "$LLM_TEST_SOURCE/examples/sim/custom.json"
mkdir -p "$home/.config/llm-master/providers.d"
cp "$LLM_TEST_SOURCE"/examples/providers.d/*.json "$home/.config/llm-master/providers.d/"
chmod -R go-w "$home/.config"
settings '{"base_urls": {"parrot": "'"$url"'/v2", "darkroom": "'"$url"'/api"},
           "keys": {"parrot": {"value": "parrot-key"}, "darkroom": {"value": "darkroom-key"}}}'
cd "$work" || exit 1

run query -u -m parrot-grey hello
is 'a stream of lines' "$status $(cat "$out")" '0 Pieces of eight!'
like 'its usage and price' "$(cat "$err")" 'parrot-grey via parrot | 9 in + 3 out | $0.0000042 | *'
run query --no-stream --json -m parrot-grey -p top_p=0.5 hello
is 'the same, whole' "$status $(member /content) $(member /finish_reason) $(member /native_finish_reason)" \
    '0 Pieces of eight! stop complete'
is 'what the description does not use is reported' "$(member /warnings/0/code) $(member /warnings/0/param)" 'param_dropped top_p'
fits 'the key is a field of its own' grep -q '"x-parrot-key","parrot-key"' "$log"

run image -u -m darkroom-35mm -o print.png 'a car'
is 'a job: submitted, looked at, fetched' "$status $(cat "$out")" '0 print.png  1x1  70 bytes'
like 'its price is the service'\''s' "$(cat "$err")" 'darkroom-35mm via darkroom | 1 image | $0.04 | *'
is 'submit, two looks, the result' "$(grep -c '"answer":"darkroom' "$log")" 4
echo '{}' >empty.json
run request -m darkroom/any models empty.json
is 'an operation that answers with JSON' "$status $(member /models/0/id)" '0 darkroom-35mm'
run request -m parrot-grey embeddings empty.json
exits 'an operation that is not described' 1 '*parrot*no such operation*'

echo '{"name": "wrong", "plugin": "custom", "base_url": "https://wrong.example",
       "custom": {"operations": {"chat": {"request": {"url": "/x", "body": "${prompt and more}"}}}}}' \
    >"$home/.config/llm-master/providers.d/wrong.json"
run query -m wrong/x hello
exits 'a description that is wrong is named by place' 3 '*/custom/operations/chat/request/body: *out of place*'
done_testing
