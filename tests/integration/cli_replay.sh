#!/bin/sh
# SPDX-License-Identifier: MIT
# llm-master replay: recordings of our own, and the shared ones where they are.
. "$(dirname "$0")/../support/tap.sh"

recording() { # FOLDER PROVIDER OPERATION STREAM STATUS FILE
    mkdir -p "$1"
    cat >"$1/meta.json" <<META
{"id": "$(basename "$1")", "provider": "$2", "operation": "$3", "stream": $4, "status": $5,
 "request": {"method": "POST", "url": "https://example.org/v1/x"},
 "response": {"status": $5, "headers": [["x-request-id", "req-7"]], "body": "$6"}}
META
}

recording "$work/tree/a/whole" openai chat.completions false 200 response.json
cat >"$work/tree/a/whole/response.json" <<'JSON'
{"id": "c-1", "model": "gpt-4o-mini", "choices": [{"index": 0, "message": {"role": "assistant", "content": "héllo \u0000 9007199254740993",
 "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{ \"a\": 1.10 }"}}]}, "finish_reason": "tool_calls"}],
 "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}
JSON
recording "$work/tree/a/stream" openai chat.completions true 200 response.sse
printf 'data: {"id":"c-2","model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"h\303\251"}}]}\r\n\r\n: x\n\ndata: {"choices":[{"index":0,"delta":{"content":"llo"},"finish_reason":"stop"}]}\n\ndata: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}\n\ndata: [DONE]\n\n' \
    >"$work/tree/a/stream/response.sse"
recording "$work/tree/b/failure" openai chat.completions false 429 response.json
echo '{"error": {"message": "slow down", "code": "rate_limit_exceeded", "param": null}}' >"$work/tree/b/failure/response.json"
recording "$work/tree/b/unknown" nobody-knows chat.completions false 200 response.json
cp "$work/tree/a/whole/response.json" "$work/tree/b/unknown/"
recording "$work/tree/b/nonsense" openai chat.completions false 200 response.json
echo 'nonsense' >"$work/tree/b/nonsense/response.json"
recording "$work/tree/c/vectors" openai embeddings false 200 response.json
echo '{"object": "list", "model": "m", "data": [{"index": 0, "embedding": [0.10, -1e-3]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}' \
    >"$work/tree/c/vectors/response.json"

run replay "$work/tree/a/whole"
is 'an answer: status' "$status $(cat "$err")" '0 '
is 'an answer: id, operation, provider, model' "$(member /id) $(member /operation) $(member /provider) $(member /provider_model)" \
    'c-1 chat openai gpt-4o-mini'
fits 'an answer: content byte for byte' grep -qF '"content":"héllo \u0000 9007199254740993"' "$out"
is 'an answer: arguments byte for byte' "$(member /tool_calls/0/arguments)" '{ "a": 1.10 }'
is 'an answer: usage' "$(member /usage/input_tokens) $(member /usage/output_tokens)" '5 7'
is 'an answer: the raw usage' "$(member /usage/raw)" '{"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}'
run replay --raw "$work/tree/a/whole"
is 'the raw answer' "$(member /raw/id)" c-1

times='s/"\(latency_ms\|first_token_ms\|ms\)":[0-9.]*/"\1":0/g; s/"id":"llm-[0-9a-f]*"/"id":""/'
run replay "$work/tree/a/stream"
sed "$times" "$out" >"$work/whole"
is 'a stream' "$status $(member /content) $(member /finish_reason)" '0 héllo stop'
for split in bytes 2 3 7 64; do
    run replay --split "$split" "$work/tree/a/stream"
    sed "$times" "$out" >"$work/split"
    fits "a stream in pieces of $split" cmp "$work/whole" "$work/split"
done
run replay "$work/tree/b/failure"
is 'a failure that was recorded' "$status $(member /error/code) $(member /error/http_status)" '0 rate_limited 429'
run replay "$work/tree/b/unknown"
exits 'a provider that is not configured' 0 'nobody-knows: not configured: decoded as the plain format of openai'
is 'and it is decoded' "$(member /provider_model)" gpt-4o-mini
run replay "$work/tree/b/nonsense"
exits 'what cannot be decoded' 1 'openai: *'
is 'what cannot be decoded, as JSON' "$(member /error/code)" protocol
run replay --provider groq "$work/tree/a/whole"
is 'another provider' "$status $(member /provider)" '0 groq'
run replay --operation embeddings "$work/tree/c/vectors"
is 'vectors as they were sent' "$status $(member /embeddings/0)" '0 [0.10, -1e-3]'
run replay --operation dance "$work/tree/a/whole"
is 'an operation that is none' "$status $(member /error/code)" '1 unsupported'
run replay --table "$work/tree"
is 'a table: status' "$status" 1
fits 'a table: a line' grep -q '^openai  *chat.completions  *4  *2  *1  *1  *nonsense: ' "$out"
rm -r "$work/tree/b/nonsense"
run replay --table "$work/tree"
is 'a table of what is all decoded' "$status $(cat "$err")" '0 '
echo '[]' >"$work/tree/a/whole/meta.json"
run replay "$work/tree/a/whole"
exits 'a meta.json that is none' 2 "replay: $work/tree/a/whole/meta.json: not a JSON object"
recording "$work/tree/a/whole" openai chat.completions false 200 gone.json
run replay "$work/tree/a/whole"
exits 'a body that is gone' 2 "replay: $work/tree/a/whole/gone.json: cannot be opened: *"
cp "$work/tree/a/stream/response.sse" "$work/outside.json"
recording "$work/tree/a/whole" openai chat.completions false 200 ../../../outside.json
run replay "$work/tree/a/whole"
exits 'a body of another folder' 2 "replay: $work/tree/a/whole/meta.json: names a file outside its folder: ../../../outside.json"

shared=${LLM_MASTER_SHARED:-$LLM_TEST_SOURCE/../shared}/fixtures
if [ -d "$shared" ]; then
    # One recording after the other, whole and byte by byte, is another test's; here: none of the plain format is lost.
    run replay --table "$shared"
    is 'shared recordings in the plain format: none is lost' \
        "$(awk '$2 ~ /^(chat.completions|completions|embeddings|images.generations|images.edits)$/ && $1 !~ /^(gemini|cohere)$/ && $6 != 0' "$out")" ''
else
    skip 'shared recordings in the plain format' 'not here'
fi
done_testing
