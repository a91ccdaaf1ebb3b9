#!/bin/sh
# SPDX-License-Identifier: MIT
# llm-master query: where a key comes from, and that it arrives.
. "$(dirname "$0")/../support/tap.sh"

log=$work/log
start_sim
printf 'key-of-file\n' >"$work/key"
chmod 600 "$work/key"
base='"base_urls": {"openai": "'"$url"'/v1"}'
unset OPENAI_API_KEY

settings "{$base, \"keys\": {\"openai\": {\"file\": \"$work/key\"}}}"
run query -m gpt-4o-mini hello
is 'a key in a file' "$status" 0
fits 'it arrives' grep -q 'Bearer key-of-file' "$log"

settings "{$base, \"keys\": {\"openai\": {\"command\": \"echo ran >>$work/ran; echo key-of-command\"}}}"
run keys
is 'looking for keys' "$status" 0
run query -m groq/llama-3.1-8b-instant hello
fits 'runs no command, and neither does a call of another provider' sh -c "! test -e '$work/ran'"
run query -m gpt-4o-mini hello
is 'a key from a command' "$status" 0
fits 'it arrives' grep -q 'Bearer key-of-command' "$log"
is 'the command ran once' "$(cat "$work/ran")" ran

settings "{$base, \"keys\": {\"openai\": {\"command\": \"echo key-of-failure; exit 4\"}}}"
run query -m gpt-4o-mini hello
exits 'a command that fails' 3 '*no key for openai: the command ended with status 4*'
fits 'nothing was sent' sh -c "! grep -q 'key-of-failure' '$log'"

settings "{$base, \"keys\": {\"openai\": {\"env\": \"MY_OWN_KEY\"}}}"
MY_OWN_KEY=key-of-variable
OPENAI_API_KEY=key-of-another
export MY_OWN_KEY OPENAI_API_KEY
run query -m gpt-4o-mini hello
is 'a key in a variable of choice' "$status" 0
fits 'it arrives' grep -q 'Bearer key-of-variable' "$log"
unset MY_OWN_KEY OPENAI_API_KEY

settings "{$base, \"keys\": {\"openai\": {\"file\": \"$work/none\"}}}"
run query -m gpt-4o-mini hello
exits 'a file that is not there' 3 '*the key file *none cannot be read: No such file or directory*'
chmod 646 "$work/key"
settings "{$base, \"keys\": {\"openai\": {\"file\": \"$work/key\"}}}"
run query -m gpt-4o-mini hello
exits 'a file that others can write' 3 '*the key file *key is refused: everybody can write it*'
done_testing
