#!/bin/sh
# SPDX-License-Identifier: MIT
# llm-master image: names, sizes, fetched results, what is never overwritten.
. "$(dirname "$0")/../support/tap.sh"

start_sim
mkdir -p "$home/.config/llm-master/providers.d"
cp "$LLM_TEST_SOURCE/examples/providers.d/darkroom.json" "$home/.config/llm-master/providers.d/"
settings '{"base_urls": {"recraft": "'"$url"'/v1", "openai": "'"$url"'/v1", "darkroom": "'"$url"'/api"},
           "keys": {"recraft": {"value": "the-key"}, "openai": {"value": "other-key"}, "darkroom": {"value": "third-key"}}}'
cd "$work" || exit 1

run image -m recraftv3 'a red car'
is 'a picture that is a URL' "$status $(cat "$out")" '0 image-1.png  32x32  3172 bytes'
fits 'it is a PNG' sh -c 'head -c 4 image-1.png | grep -q PNG'
run image -m recraftv3 'a red car'
is 'the next free name' "$status $(cat "$out")" '0 image-2.png  32x32  3172 bytes'
run image -m recraftv3 -p n=2 -o car.png 'two cars'
is 'two of them are numbered' "$status $(cat "$out")" '0 car-1.png  32x32  3172 bytes
car-2.png  32x32  3172 bytes'
run image -m recraftv3 -o one.png 'one car'
is 'a name of its own' "$status $(cat "$out")" '0 one.png  32x32  3172 bytes'
before=$(wc -l <"$log")
run image -m recraftv3 -o one.png 'one car'
exits 'no overwriting' 2 'one.png: there is such a file already; -f overwrites it'
is 'and nothing is paid for it' "$(wc -l <"$log")" "$before"
run image -m recraftv3 -f -o one.png 'another car'
is 'overwriting when it is asked for' "$status $(cat "$out")" '0 one.png  32x32  3172 bytes'
run image -m recraftv3_vector 'a sign'
like 'a vector' "$status $(cat "$out")" '0 image-1.svg  * bytes'
run image -m recraftv3 -p response_format=b64_json --json 'a cat'
is 'JSON: where it was saved' "$status $(member /blobs/0/path) $(member /blobs/0/mime)" '0 image-3.png image/png'
is 'JSON: cost' "$(member /cost/usd)" 0.04
run image -m gpt-image-1 'a dog'
is 'another provider, base64' "$status $(cat "$out")" '0 image-4.png  32x32  3172 bytes'
run image -m recraftv3 -o /nonexistent/x.png 'a cat'
exits 'a folder that is not there' 1 '/nonexistent/x.png: cannot be written: No such file or directory'
run image -m recraft_vectorize --operation image.vectorize -a image-1.png
like 'an operation on a picture, without a prompt' "$status $(cat "$out")" '0 image-2.svg  * bytes'
run image -m recraftv3 -a https://example.org/x.png 'a cat'
exits 'a URL is no file' 2 'image: -a takes a file here; *'
run image -u -m recraftv3 -p n=2 'two'
like 'facts' "$(cat "$err")" 'recraftv3 via recraft | 2 images | $0.08 | [0-9].[0-9]* s'
run image -m gpt-image-1 -o edited.png -a image-1.png 'make it blue'
is 'a picture is changed' "$status $(cat "$out")" '0 edited.png  32x32  3172 bytes'
fits 'it travels with the request, as a form' grep -q '"path":"/v1/images/edits".*"multipart/form-data; boundary=.*"body_base64"' "$log"
printf '{"model": "gpt-image-1", "prompt": "make it red"}' >edit.json
run request -a image-1.png image.edit edit.json
is 'the same by a body of one'"'"'s own' "$status $(member /blobs/0/mime)" '0 image/png'
is 'as a form again' "$(grep -c '"path":"/v1/images/edits".*"multipart/form-data; boundary=.*"body_base64"' "$log")" 2
run request -a https://example.org/x.png image.edit edit.json
exits 'here a URL is no file either' 2 'request: -a takes a file here; *'
run query -m recraftv3 -p n=2 'a red car'
is 'a picture as the answer to a question' "$status $(grep -c "^$url/sim/blob/[0-9]*.png$" "$out")" '0 2'
run image -m darkroom-35mm -p n=2 -o print.png 'a cat'
is 'a job that is waited for' "$status $(cat "$out")" '0 print-1.png  32x32  3172 bytes
print-2.png  32x32  3172 bytes'
fits 'it was looked at twice' sh -c "[ \$(grep -c '\"answer\":\"demo look\"' '$log') = 2 ]"
done_testing
