#!/bin/sh
# SPDX-License-Identifier: MIT
# llm-master query, embed and request against the simulator.
. "$(dirname "$0")/../support/tap.sh"

cat >"$work/rules.json" <<'RULES'
[{"match": {"path": "*/chat/completions", "body": {"/messages/0/content": "controls"}},
  "reply": {"sse": [{"choices": [{"index": 0, "delta": {"content": "a\u001b[31mb\r\nc\u009bd\u0007"}}]},
                    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, "[DONE]"]}},
 {"match": {"path": "*/chat/completions", "body": {"/messages/0/content": "tools"}},
  "reply": {"sse": [{"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1.10}"}}]}}]},
                    {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}, "[DONE]"]}},
 {"match": {"path": "*/chat/completions", "body": {"/messages/0/content": "slow"}},
  "reply": {"sse": [{"choices": [{"index": 0, "delta": {"content": "begun "}}]}, {"choices": [{"index": 0, "delta": {"content": "never"}}]}],
            "fault": {"kind": "stall", "after": 70}}}]
RULES
start_sim --script "$work/rules.json"
settings '{"base_urls": {"openai": "'"$url"'/v1"}, "keys": {"openai": {"value": "the-key"}}}'

last() { # the last request's body at a pointer
    tail -1 "$log" >"$work/line"
    "$LLM_TEST_BUILD/tests/support/json-get" /body "$work/line" >"$work/body"
    "$LLM_TEST_BUILD/tests/support/json-get" "$1" "$work/body"
}

run query -m gpt-4o-mini 'Hello there'
is 'the answer, and a line end' "$status $(cat "$out")" "0 You said: Hello there - and this is the simulator's answer."
is 'nothing else is said' "$(cat "$err")" ''
is 'a stream was asked for' "$(last /stream)" true
run query -m gpt-4o-mini --no-stream x
is 'in one piece: no stream is asked for' "$(last /stream || true)" ''
is 'in one piece: the answer' "$(cat "$out")" "You said: x - and this is the simulator's answer."

run query -m gpt-4o-mini -s 'Be brief' -p temperature=0.20 -p 'stop=["a"]' -p user=me -p seed=9007199254740993 x
is 'the system message' "$(last /messages/0/content)" 'Be brief'
is 'a number as it was typed' "$(last /temperature)" 0.20
is 'a large number as it was typed' "$(last /seed)" 9007199254740993
is 'a list' "$(last /stop)" '["a"]'
is 'what is not JSON is text' "$(last /user)" me

printf 'from a pipe' | run_in query -m gpt-4o-mini
is 'a prompt from a pipe' "$(last /messages/0/content)" 'from a pipe'
printf 'from a pipe' | run_in query -m gpt-4o-mini -
is 'a prompt from -' "$(last /messages/0/content)" 'from a pipe'
printf 'more' | run_in query -m gpt-4o-mini 'first'
is 'a prompt and a pipe' "$(last /messages/0/content)" 'first

more'
run query -m gpt-4o-mini ''
exits 'an empty prompt' 2 'query: there is no prompt: *'

printf '\211PNG\r\n\032\nrest' >"$work/a.png"
printf 'some text\n' >"$work/b.txt"
printf '%%PDF-1.4 \001' >"$work/c.pdf"
printf 'RIFF\044\000\000\000WAVEfmt ' >"$work/d.wav"
run query -m gpt-4o-mini -a "$work/a.png" -a "$work/b.txt" -a "$work/c.pdf" -a "$work/d.wav" -a https://example.org/x.png look
is 'attachments: the text first' "$(last /messages/0/content/0/text)" look
is 'attachments: a picture' "$(last /messages/0/content/1/image_url/url)" "data:image/png;base64,$(base64 <"$work/a.png")"
is 'attachments: a text file' "$(last /messages/0/content/2/text)" 'b.txt:
some text'
is 'attachments: a document' "$(last /messages/0/content/3/file/file_data)" "data:application/pdf;base64,$(base64 <"$work/c.pdf")"
is 'attachments: its name' "$(last /messages/0/content/3/file/filename)" c.pdf
is 'attachments: sound' "$(last /messages/0/content/4/input_audio/format)" wav
is 'attachments: a URL' "$(last /messages/0/content/5/image_url/url)" https://example.org/x.png

printf '{ "type": "object", "x": 1.10 }' >"$work/schema.json"
run query -m gpt-4o-mini --schema "$work/schema.json" x
is 'a schema: the kind' "$(last /response_format/type)" json_schema
is 'a schema: as it stands' "$(last /response_format/json_schema/schema)" '{ "type": "object", "x": 1.10 }'

run query -m gpt-4o-mini --json 'Hello there'
is 'JSON: status and content' "$status $(member /content)" "0 You said: Hello there - and this is the simulator's answer."
is 'JSON: provider, model, finish' "$(member /provider) $(member /model) $(member /finish_reason)" 'openai gpt-4o-mini stop'
is 'JSON: usage' "$(member /usage/input_tokens) $(member /usage/output_tokens) $(member /usage/cache_read_tokens)" '2 11 null'
is 'JSON: cost' "$(member /cost/usd)" 0.0000069
is 'JSON: one line' "$(wc -l <"$out")" 1

run query -u -m gpt-4o-mini 'Hello there'
like 'facts' "$(cat "$err")" 'gpt-4o-mini via openai | 2 in + 11 out | $0.0000069 | [0-9].[0-9]* s, first token [0-9].[0-9]* s'
run query -qu -m gpt-4o-mini x
is 'quiet goes before facts' "$(cat "$err")" ''
run query x
exits 'without -m it is said who is asked' 0 'no -m and no default_model: asking openai/*'
settings '{"default_model": "gpt-4o-mini", "base_urls": {"openai": "'"$url"'/v1"}, "keys": {"openai": {"value": "the-key"}}}'
run query x
is 'with a default model nothing is said' "$status $(cat "$err")" '0 '
run query -m openai/gpt-4o x
is 'provider/model' "$status $(last /model)" '0 gpt-4o'
run query -m gpt-4o-mini -p max_tokens=2 x
exits 'a warning' 0 'warning: max_tokens: *'
run query -v -m gpt-4o-mini x
like 'verbose: information' "$status $(cat "$err")" '0 *info: *'
run query -vv -m gpt-4o-mini x
like 'more verbose: the exchange' "$(cat "$err")" '*debug: *POST *'
fits 'more verbose: no key' sh -c "! grep -q the-key '$err'"

run query -m gpt-4o-mini tools
exits 'tool calls are told of' 0 'the model asks for 1 tool call; --json shows it'
run query -m gpt-4o-mini --json tools
is 'tool calls: the arguments as sent' "$(member /tool_calls/0/arguments)" '{"a": 1.10}'

run query -m gpt-4o-mini controls
is 'controls: elsewhere as they are' "$(od -An -c "$out" | tr -d ' \n')" 'a033[31mb\r\nc302233d\a\n'
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    TERM=xterm script -qec "$LLM_MASTER query -m gpt-4o-mini controls" /dev/null </dev/null >"$out" 2>&1
    fits 'controls: shown on a terminal' grep -q 'a␛\[31mb' "$out"
    fits 'controls: C1 and bell too' grep -q 'c�d␇' "$out"
    fits 'facts on a terminal' grep -q 'gpt-4o-mini via openai' "$out"
    fits 'colours on a terminal' grep -q "$(printf '\033')\\[2m" "$out"
    NO_COLOR=1 TERM=xterm script -qec "$LLM_MASTER query -m gpt-4o-mini x" /dev/null </dev/null >"$out" 2>&1
    fits 'no colours with NO_COLOR' sh -c "! grep -q '$(printf '\033')' '$out'"
else
    skip 'on a terminal' 'no script(1)'
fi

# --foreground: one interrupt, not a second one for the group.  timeout gives the interrupt back to its child, which sh took away from what runs in the background.
mkfifo "$work/stream"
timeout --foreground 30 "$LLM_MASTER" query -m gpt-4o-mini slow >"$work/stream" 2>"$err" </dev/null &
asked=$!
exec 3<"$work/stream"
is 'text comes while the stream is open' "$(dd bs=1 count=5 <&3 2>/dev/null)" begun
kill -INT "$asked"
wait "$asked"
status=$?
exec 3<&-
exits 'interrupted' 130 'openai: interrupted'

run embed -m text-embedding-3-small one 'two words'
is 'vectors, one a line' "$status $(wc -l <"$out") $(head -c 1 "$out")" '0 2 ['
printf 'piped' | run_in embed -m text-embedding-3-small --json -p dimensions=2
is 'a vector of a pipe' "$(member /operation) $(last /input)" 'embeddings ["piped"]'

printf ' {"model":"gpt-4o-mini", "messages":[{"role":"user","content":"x"}], "unknown": 1.10 , "seed":9007199254740993}' >"$work/request.json"
run request chat "$work/request.json"
is 'a request' "$status $(member /content)" "0 You said: x - and this is the simulator's answer."
fits 'a request: unknown members byte for byte' grep -qF '\"unknown\": 1.10 , \"seed\":9007199254740993' "$log"
run request --raw chat "$work/request.json"
is 'a request: the raw answer' "$(member /raw/object)" chat.completion
run_in request -m gpt-4o --provider openai chat - <"$work/request.json"
is 'a request from a pipe, another model' "$status $(last /model)" '0 gpt-4o'
run request dance "$work/request.json"
like 'an operation that nobody has' "$status $(cat "$err")" '1 llm-master: openai*"dance"*'
is 'its failure as JSON' "$(member /error/code)" unsupported

mkdir -p "$home/.config/llm-master/providers.d"
cp "$LLM_TEST_SOURCE/examples/providers.d/parrot.json" "$home/.config/llm-master/providers.d/"
settings '{"base_urls": {"parrot": "'"$url"'/v2"}, "keys": {"parrot": {"value": "the-key"}}}'
run query -u -m parrot-grey 'Hello there'
is 'a service that only a file describes' "$status $(cat "$out")" "0 You said: Hello there - and this is the simulator's answer."
like 'its facts' "$(cat "$err")" 'parrot-grey via parrot | 2 in + 11 out | $0.0000092 | *'
run query --no-stream --json -p max_tokens=2 -m parrot-grey x
is 'it, in one piece' "$(member /content) $(member /finish_reason)" 'You said:  length'
done_testing
