#!/bin/sh
# SPDX-License-Identifier: MIT
# llm-master plugins record: calls to the simulator become recordings that hold no key, and that play again as they went.
. "$(dirname "$0")/../support/tap.sh"

key='sk-canary/record+9fQz=Xw7'
second='sk-canary-other-kK3_pQ8'
search="$LLM_TEST_SOURCE/tests/support/canary_search.py"
spelled=$(python3 "$search" "$key")
spelled_other=$(python3 "$search" "$second")
printf %s "$key" >"$work/key"
chmod 600 "$work/key"
cd "$work" || exit 1

cat >"$work/rules.json" <<RULES
[{"match": {"body": {"/model": "echo"}}, "reply": {"status": 200,
  "headers": {"x-request-id": "req_0123456789", "openai-organization": "org-4711aabb", "set-cookie": "sid=5e55104242; path=/", "x-secret": "$key",
              "x-ratelimit-remaining-requests": "99", "x-note": "kept"},
  "body": {"id": "c-1", "model": "echo", "request_id": "req_0123456789", "org": "org-4711aabb", "cookie": "5e55104242",
           "links": ["https://cdn.example/a.png?key=abcdef&sig=9f8e7d6c5b&v=1", "https://b.example/x?X-Amz-Signature=51gn4tur3&GoogleAccessId=acc0unt77", "Bearer eyJhbGciOiJIUzI1NiJ9.payload01.sig"],
           "customer": "Jane Roe 77", "again": $spelled, "other": $spelled_other,
           "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
           "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}}}},
 {"match": {"body": {"/model": "busy"}}, "reply": {"status": 429, "headers": {"retry-after": "7", "x-request-id": "req_busy0001"},
  "body": {"error": {"message": "slow down, sk-can***7Xw7", "code": "rate_limit_exceeded"}}}},
 {"match": {"body": {"/model": "down"}}, "reply": {"status": 503, "headers": {"content-type": "text/html"}, "body": "<html>down</html>"}},
 {"match": {"body": {"/model": "cut"}}, "reply": {"sse": [{"choices": [{"index": 0, "delta": {"content": "half an"}}]},
  {"choices": [{"index": 0, "delta": {"content": " answer"}}]}], "fault": {"kind": "cut", "after": 70}}},
 {"match": {"body": {"/model": "cut-whole"}}, "reply": {"body": {"choices": [{"index": 0, "message": {"content": "never whole"}}]}, "fault": {"kind": "cut", "after": 20}}},
 {"match": {"body": {"/model": "pieces"}}, "reply": {"sse": [{"choices": [{"index": 0, "delta": {"content": "$key"}}]},
  {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, "[DONE]"], "chunks": 1}},
 {"match": {"path": "*/audio/speech"}, "reply": {"headers": {"content-type": "audio/mpeg"}, "body_base64": "//uQZAAAAAAA/wAAIQoNCgD+gIH//w=="}},
 {"match": {"path": "*/query/*"}, "reply": {"status": 401, "echo": true}}]
RULES
start_sim --script "$work/rules.json"
mkdir -p "$home/.config/llm-master/providers.d"
cat >"$home/.config/llm-master/providers.d/asked.json" <<PROVIDER
{"name": "asked", "plugin": "openai_compat", "base_url": "$url/query/v1", "auth": {"scheme": "query", "name": "k"}, "models": [{"id": "m"}]}
PROVIDER
cat >"$home/.config/llm-master/providers.d/voice.json" <<PROVIDER
{"name": "voice", "plugin": "custom", "base_url": "$url/v1", "auth": {"scheme": "none"}, "models": [{"id": "v"}], "custom": {"operations": {
 "speech": {"request": {"method": "POST", "url": "/audio/speech", "body": {"say": "\${/input}"}}, "answer": {"blobs": {"body": true}}}}}}
PROVIDER
cp "$LLM_TEST_SOURCE/examples/providers.d/darkroom.json" "$home/.config/llm-master/providers.d/"
settings '{"base_urls": {"openai": "'"$url"'/v1", "groq": "'"$url"'/v1", "darkroom": "'"$url"'"}, "keys": {"openai": {"file": "'"$work/key"'"}, "groq": {"value": "'"$second"'"},
  "darkroom": {"value": "'"$second"'"}, "asked": {"file": "'"$work/key"'"}}}'
chmod 600 "$home/.config/llm-master/config.json"
times='s/"\(latency_ms\|first_token_ms\|ms\)":[0-9.]*/"\1":0/g; s/"id":"llm-[0-9a-f]*"/"id":""/; s/"provider_request_id":"[^"]*"/"provider_request_id":""/'
meta() { # POINTER FOLDER
    "$LLM_TEST_BUILD/tests/support/json-get" "$1" "$2/meta.json"
}

# ---- a chat, whole and as a stream ------------------------------------------------------------------------------------

run plugins record chat 'Say hello' --provider openai -m gpt-4o-mini -o fixtures/hello
is 'a chat is recorded' "$status $(cat "$out") $(cat "$err")" "0 fixtures/hello  HTTP 200, $(wc -c <fixtures/hello/response.json) bytes "
is 'its files' "$(ls -A fixtures/hello | tr '\n' ' ')" 'meta.json query.json request.json response.json '
is 'nothing else is left behind' "$(ls -A fixtures)" hello
is 'files and folder are their owner'"'"'s alone' "$(stat -c %a fixtures/hello fixtures/hello/* | tr '\n' ' ')" '700 600 600 600 600 '
is 'what was sent' "$(meta /request/method fixtures/hello) $(meta /request/url fixtures/hello)" "POST $url/v1/chat/completions"
is 'the key is no header' "$(grep -c 'Bearer' fixtures/hello/meta.json) $(meta /recorded/hidden_request_headers/0 fixtures/hello)" '0 authorization'
run query --json --no-stream -m openai/gpt-4o-mini 'Say hello'
cp "$out" "$work/asked.json"
run plugins replay fixtures/hello
is 'it plays: what was answered' "$status $(member /content) $(member /usage/output_tokens) $(member /cost/usd)" \
    "0 $("$LLM_TEST_BUILD/tests/support/json-get" /content "$work/asked.json") 11 $("$LLM_TEST_BUILD/tests/support/json-get" /cost/usd "$work/asked.json")"

run plugins record chat 'Say hello' --provider openai -m gpt-4o-mini --stream -o fixtures/stream
is 'a stream is recorded' "$status $(meta /stream fixtures/stream) $(tail -n 2 fixtures/stream/response.sse | head -n 1)" '0 true data: [DONE]'
run plugins replay fixtures/stream
is 'and plays' "$status $(member /content)" "0 $("$LLM_TEST_BUILD/tests/support/json-get" /content "$work/asked.json")"
run plugins replay --split bytes fixtures/stream
is 'and plays byte by byte' "$status $(member /finish_reason)" '0 stop'
run plugins record image 'a car' --provider openai -m gpt-image-1
is 'without -o: the first free name' "$status $(sed 's/  .*//' "$out")" '0 fixtures/image-1'
run plugins replay fixtures/image-1
is 'an image plays' "$status $(member /blobs/0/mime) $(member /blobs/0/bytes)" '0 image/png 3172'
run plugins record speech 'Hello' -m voice/v -o fixtures/speech
is 'a binary answer, byte for byte' "$status $(base64 -w0 fixtures/speech/response.mp3)" '0 //uQZAAAAAAA/wAAIQoNCgD+gIH//w=='
run plugins replay fixtures/speech
is 'and plays' "$status $(member /blobs/0/mime) $(member /blobs/0/bytes)" '0 audio/mpeg 22'

run plugins record image 'a car' --provider darkroom -p size=512x512 -o fixtures/job
is 'a job that is asked after' "$status $(ls fixtures/job | tr '\n' ' ') $(sed 's/.*bytes//' "$out")" '0 1 2 3 4  , 4 exchanges'
is 'steps of a sequence' "$(meta /sequence/id fixtures/job/2) $(meta /sequence/n fixtures/job/2) $(meta /request/method fixtures/job/2)" 'job 2 GET'
run plugins replay fixtures/job
is 'and plays' "$status $(member /finish_reason)" '0 stop'

# ---- failures are recordings too ---------------------------------------------------------------------------------------

run plugins record chat hi --provider openai -m busy -o fixtures/busy
is 'a refusal' "$status $(sed 's/, .*//' "$out") $(wc -l <"$err")" '0 fixtures/busy  HTTP 429 1'
run plugins replay fixtures/busy
is 'plays' "$status $(member /error/code) $(member /error/retry_after_ms) $(member /error/provider_code)" '0 rate_limited 7000 rate_limit_exceeded'
fits 'what a server masked in part is masked whole' test "$(grep -c 'sk-can' fixtures/busy/response.json)" = 0
run plugins record chat hi --provider openai -m down --stream -o fixtures/down
is 'a page of HTML' "$status $(cat fixtures/down/response.html)" '0 <html>down</html>'
run plugins record chat hi --provider openai -m cut --stream -o fixtures/cut
is 'a stream that is cut' "$status $(wc -c <fixtures/cut/response.sse) $(meta /response/cut fixtures/cut)" '0 70 true'
run plugins replay fixtures/cut
is 'plays as one' "$(member /error/code) $(member /truncated) $(member /content)" 'transport true half an'
run plugins record chat hi --provider openai -m cut-whole -o fixtures/cut-whole
is 'an answer that is cut' "$status $(wc -c <fixtures/cut-whole/response.json) $(meta /response/cut fixtures/cut-whole)" '0 20 true'

# ---- nothing that is secret ----------------------------------------------------------------------------------------------

run plugins record chat "What is $key?" --provider openai -m echo --redact 'Jane Roe 77' --keep-header x-note -o fixtures/echo
is 'a server that says it all' "$status $(cat "$err")" '0 '
is 'headers: shown, kept, hidden' "$(sed 's/.*"response":{"status":200,"headers":\(.*\]\]\),"body".*/\1/; s/,*\["content-type[^]]*]//' fixtures/echo/meta.json)" \
    '[["x-request-id","***"],["openai-organization","***"],["x-secret","***"],["x-ratelimit-remaining-requests","99"],["x-note","kept"]]'
is 'a cookie is not even named among them' "$(grep -c '\["set-cookie"' fixtures/echo/meta.json)" 0
run plugins record chat hi --provider openai -m pieces --stream -o fixtures/pieces
is 'a key that came byte by byte' "$status $(grep -c canary fixtures/pieces/response.sse)" '0 0'
run plugins record chat "and $second?" --provider asked -m m -o fixtures/asked
is 'a key in the URL' "$status $(meta /request/url fixtures/asked | sed 's/.*?//')" "0 k=$(printf %s "$key" | sed 's/[/+=]/***/g; s/./*/g')"
fits 'the echo of the request holds no header of it' sh -c '! grep -q canary fixtures/asked/response.json'
fits 'keys, ids, words: in no file, in no spelling' python3 "$search" fixtures "$key" "$second" req_0123456789 org-4711aabb 5e55104242 \
    'Jane Roe 77' 9f8e7d6c5b 51gn4tur3 acc0unt77 eyJhbGciOiJIUzI1NiJ9
run plugins replay fixtures/echo
is 'and it still plays' "$status $(member /content)" '0 hello'
run plugins record chat hi --provider openai -m gpt-4o-mini -o "fixtures/$second"
exits 'a key in the name of the folder' 1 'record: a key would still stand in the name of the folder: nothing is written'
is 'nothing was written' "$(ls -A fixtures | grep -c canary)" 0

# ---- the simulator plays it -------------------------------------------------------------------------------------------

first=$url
start_sim --no-demo --fixtures fixtures
settings '{"base_urls": {"openai": "'"$url"'/v1"}, "keys": {"openai": {"file": "'"$work/key"'"}}}'
run query --json -m openai/gpt-4o-mini 'Say hello'
is 'the simulator streams it' "$status $(member /content)" "0 $("$LLM_TEST_BUILD/tests/support/json-get" /content "$work/asked.json")"
run query --json --no-stream --max-attempts 1 -m openai/busy hi
is 'the refusal' "$status $(member /error/code)" '1 rate_limited'
run query --json --max-attempts 1 -m openai/cut hi
is 'the cut' "$status $(member /content) $(member /truncated)" '1 half an true'
settings '{"base_urls": {"openai": "'"$first"'/v1"}, "keys": {"openai": {"file": "'"$work/key"'"}}}'

# ---- never what was there ----------------------------------------------------------------------------------------------

before=$(cat fixtures/hello/response.json)
lines=$(wc -l <"$log")
run plugins record chat 'Say more' --provider openai -m gpt-4o-mini -o fixtures/hello
exits 'a recording is not overwritten' 2 'record: fixtures/hello: it is there already; -f overwrites it'
is 'and nothing was asked' "$(cat fixtures/hello/response.json) $(wc -l <"$log")" "$before $lines"
echo '{"content": "mine"}' >fixtures/hello/expect.json
run plugins record -f chat 'Say more' --provider openai -m gpt-4o-mini --stream -o fixtures/hello/
is '-f overwrites it' "$status $(ls -A fixtures/hello | tr '\n' ' ')" '0 expect.json meta.json query.json request.json response.sse '
is 'what is not of a recording stays' "$(cat fixtures/hello/expect.json) $(ls -A fixtures | grep -c '^\.')" '{"content": "mine"} 0'
echo mine >fixtures/job/3/notes.txt
mkdir fixtures/job/2026 && echo mine >fixtures/job/2026/thesis.txt
settings '{"base_urls": {"openai": "'"$first"'/v1", "darkroom": "'"$first"'"}, "keys": {"openai": {"file": "'"$work/key"'"}, "darkroom": {"value": "'"$second"'"}}}'
run plugins record -f image 'a car' --provider darkroom -p size=512x512 -o fixtures/job
is 'nor what is in the folder of a step' "$status $(cat fixtures/job/3/notes.txt fixtures/job/2026/thesis.txt | tr '\n' ' ')" '0 mine mine '
mkdir other && echo mine >other/thesis.txt
run plugins record -f chat hi --provider openai -m gpt-4o-mini -o other
exits 'a folder that is none is not' 2 'record: other: this is no recording (no meta.json): it is not overwritten'
is 'it is as it was' "$(cat other/thesis.txt)" mine

# ---- what goes wrong --------------------------------------------------------------------------------------------------

run plugins record
exits 'no operation' 2 'plugins record: there is no operation, such as chat; see llm-master plugins record --help'
run plugins record chat hi --redact abc
exits 'a word that is too short' 2 'plugins record: --redact takes at least 4 bytes; *'
run plugins record chat hi --keep-header Set-Cookie
exits 'a cookie is never kept' 2 'plugins record: Set-Cookie is never kept; *'
run plugins record chat hi --body x.json
exits 'a body and a prompt' 2 'plugins record: --body is the whole request: *'
run plugins record chat hi -m no-such-model-anywhere
exits 'no such model' 1 '*'
run plugins record --help
is 'help' "$status $(head -n 1 "$out")" '0 usage: llm-master plugins record [OPTION]... OPERATION [PROMPT | -]'
echo '{"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": "from a file"}]}' >body.json
run plugins record chat --body body.json --provider openai -o fixtures/body
is 'a body of its own' "$status $(meta /stream fixtures/body)" '0 true'
settings '{"base_urls": {"openai": "http://127.0.0.1:9/v1"}, "keys": {"openai": {"file": "'"$work/key"'"}}}'
run plugins record chat hi --provider openai -m gpt-4o-mini -o fixtures/none
is 'nobody answers: nothing is written' "$status $(test -e fixtures/none && echo there) $(ls -A fixtures | grep -c '^\.') $(tail -n 1 "$err")" '1  0 llm-master: record: nothing is written'
touch file
run plugins record chat hi --provider openai -m gpt-4o-mini -o file/deep/er
exits 'no folder can be made there' 1 'record: file/deep: cannot be written: Not a directory'

# A disk that is full.
settings '{"base_urls": {"openai": "'"$first"'/v1"}, "keys": {"openai": {"file": "'"$work/key"'"}}}'
(
    ulimit -f 1
    trap '' XFSZ
    timeout 30 "$LLM_MASTER" plugins record image 'a car' --provider openai -m gpt-image-1 -o fixtures/full >"$out" 2>"$err"
    echo $? >"$work/status"
)
status=$(cat "$work/status")
exits 'no room for the answer' 1 'record: fixtures/full/response.json: cannot be written: File too large'
is 'and nothing is left of it' "$(test -e fixtures/full && echo there) $(ls -A fixtures | grep -c '^\.')" ' 0'

# ---- a plugin of one's own: its recordings become its tests ------------------------------------------------------------

umask 022
line=$(sed -n 's/^\/\/ *cc //p' "$LLM_TEST_SOURCE/examples/plugins/acme.c" | sed "s|-o acme.so|-o $work/acme.so|")
compile() {
    cd "$LLM_TEST_SOURCE" && eval "${CC:-cc} $line"
}
fits 'a plugin' compile
cd "$work" || exit 1
settings '{"base_urls": {"acme": "'"$first"'/v1"}}'
run plugins record --plugin acme.so chat 'Are you there?' --stream -o own/stream
is 'its provider is asked' "$status $(meta /provider own/stream) $(meta /request/url own/stream) $(cat own/stream/request.json)" \
    "0 acme $first/v1/talk {\"model\":\"acme-1\",\"say\":\"Are you there?\",\"stream\":true}"
run plugins record --plugin acme.so chat 'And now?' -o own/whole
is 'in one piece' "$status $(meta /stream own/whole)" '0 false'
run --plugin-dir "$work" plugins replay own/stream
is 'it plays through the plugin' "$status $(member /provider) $(member /content)" "0 acme You said: Are you there? - and this is the simulator's answer."
if [ -x "$LLM_TEST_BUILD/sdk/check/llm-plugin-check" ]; then
    run plugins vectors own acme.so
    cp "$out" acme.vectors.json
    is 'recordings as vectors' "$status $(cat "$err") $(member /0/name) $(member /1/name) $(member /0/exchanges/0/sent)" '0  stream whole POST /talk'
    run plugins check --only recorded --only split acme.so
    is 'which the validator takes' "$status $(grep -c '^ok' "$out")" '0 2'
    mkdir binary && cp -r own/whole binary/noise && printf '\377\000\376' >binary/noise/response.json
    run plugins vectors binary acme.so
    is 'bytes that are no text' "$status $(cat "$err") $(member /0/exchanges/0/answer_base64)" '0  /wD+'
    cp -r own mixed && mkdir mixed/a && echo '[]' >mixed/a/meta.json
    run plugins vectors mixed acme.so
    is 'a broken one beside them: the others are still a list' "$status $(member /0/name) $(member /1/name)" '1 stream whole'
    mkdir none && cp -r own/whole none/silent && : >none/silent/response.json
    run plugins vectors none acme.so
    printf null >none/silent/response.json
    run plugins vectors none acme.so
    is 'an answer that is null' "$status $(member /0/exchanges/0/answer)" '0 null'
    : >none/silent/response.json
    run plugins vectors none acme.so
    is 'an answer without a byte' "$status $(cat "$err") $(member /0/exchanges/0/answer)" '0  '
    cp none/silent/response.json outside.json
    sed 's|"response.json"|"../../outside.json"|' own/whole/meta.json >none/silent/meta.json
    run plugins vectors none acme.so
    like 'a body of another folder' "$status $(cat "$err")" '1 llm-plugin-check: none/silent: meta.json names a file outside its folder: *'
    printf 'x' >>own/whole/request.json
    run plugins vectors own acme.so
    like 'a plugin that sends something else' "$status $(head -n 1 "$err")" '1 llm-plugin-check: own/whole: the plugin does not send what was recorded: *'
    run plugins vectors other acme.so
    is 'no recording' "$status $(cat "$err")" '2 llm-plugin-check: other: no recording (meta.json) in it'
else
    skip 'recordings as vectors' 'no validator here'
fi

done_testing
