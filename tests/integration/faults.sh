#!/bin/sh
# SPDX-License-Identifier: MIT
# Faults outside of HTTP: certificates (row 41), proxy variables (row 43), key files (row 44).
. "$(dirname "$0")/../support/tap.sh"

start_sim
base='"base_urls": {"openai": "'"$url"'/v1"}'
key='"keys": {"openai": {"value": "the-key"}}'
requests() { wc -l <"$log" 2>/dev/null || echo 0; }

# ---- proxies: only when the settings say so --------------------------------------------------------------------------
settings "{$base, $key}"
http_proxy=http://127.0.0.1:1 HTTP_PROXY=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 ALL_PROXY=socks5h://127.0.0.1:1
export http_proxy HTTP_PROXY https_proxy ALL_PROXY
run query -m gpt-4o-mini hello
is 'proxy variables do not count by themselves' "$status" 0
settings "{$base, $key, \"proxy\": \"environment\"}"
run query -m gpt-4o-mini hello
fits 'they do when the settings say so' test "$status" != 0
NO_PROXY=127.0.0.1
export NO_PROXY
run query -m gpt-4o-mini hello
is 'and NO_PROXY with them' "$status" 0
unset http_proxy HTTP_PROXY https_proxy ALL_PROXY NO_PROXY
settings "{$base, $key, \"proxy\": \"$url\"}"
before=$(requests)
run query -m gpt-4o-mini hello
fits 'a proxy of the settings is asked' test "$(requests)" -gt "$before"
fits 'as a proxy' sh -c "tail -n 1 '$log' | grep -qF '[\"Proxy-Connection\",'"
for bad in nonsense 'ftp://a' 'http://' 'http://a b' 'socks4://x:1' 'http://user:secret@host:1'; do
    settings "{$base, $key, \"proxy\": \"$bad\"}"
    run query -m gpt-4o-mini hello
    fits "the proxy \"$bad\" is refused at the start" sh -c "[ $status != 0 ] && grep -q proxy '$err'"
done

# ---- key files -------------------------------------------------------------------------------------------------------
key_file() { # NAME CONTENT(printf format)
    # shellcheck disable=SC2059
    printf "$2" >"$work/key"
    chmod 600 "$work/key"
    settings "{$base, \"keys\": {\"openai\": {\"file\": \"$work/key\"}}}"
    before=$(requests)
    run query -m gpt-4o-mini hello
}
key_file 'a newline' 'key-one\n'
is 'a newline behind the key is dropped' "$status" 0
fits 'and the key arrives whole' grep -qF '"Bearer key-one"' "$log"
key_file 'CRLF' 'key-two\r\n'
is 'CR and LF behind the key are dropped' "$status" 0
fits 'and that key arrives whole' grep -qF '"Bearer key-two"' "$log"
for inner in 'key\r\nX-Injected: 1\n' 'key\nsecond\n' 'key\rmore' 'key\tmore' 'key\001more' 'key\177more' 'key\000more' '' '\n'; do
    key_file 'inner' "$inner"
    fits "a key file with \"$inner\" is refused" test "$status" = 3
    is 'and nothing is sent' "$(requests)" "$before"
    fits 'and the key is not shown' sh -c "! grep -q 'X-Injected\|second\|more' '$err'"
done

# ---- certificates ----------------------------------------------------------------------------------------------------
if ! openssl version >/dev/null 2>&1; then
    skip 'certificates' 'no openssl'
    done_testing
fi
cd "$work" || exit 1
curve='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
# shellcheck disable=SC2086
authority() { openssl req -x509 $curve -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null; }
leaf() { # NAME ALTERNATIVE-NAME START END
    # shellcheck disable=SC2086
    openssl req $curve -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    mkdir -p ca && : >ca/index && echo 01 >ca/serial
    printf '[ca]\ndefault_ca=d\n[d]\ndatabase=ca/index\nserial=ca/serial\nnew_certs_dir=ca\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=%s\n' "$2" >ca/conf
    openssl ca -batch -config ca/conf -extensions e -cert ca-ours.pem -keyfile ca-ours.key -startdate "$3" -enddate "$4" -in "$1.csr" -out "$1.pem" -notext 2>/dev/null
}
serve() { # NAME: an HTTPS server with that certificate; sets $tls_port
    mkdir -p www/v1
    printf 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{"object":"list","data":[{"id":"m-1","object":"model"}]}' >www/v1/models
    rm -f "$1.out"
    (cd www && exec openssl s_server -accept 127.0.0.1:0 -cert "../$1.pem" -key "../$1.key" -HTTP >"../$1.out" 2>&1 </dev/zero) &
    tap_sims="$tap_sims $!"
    i=0
    while ! grep -q '^ACCEPT ' "$1.out" 2>/dev/null && [ $i -lt 100 ]; do
        sleep 0.05
        i=$((i + 1))
    done
    tls_port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$1.out" | head -1)
}
authority ca-ours
authority ca-other
authority self # a leaf that vouches for itself
leaf good DNS:localhost,IP:127.0.0.1 20200101000000Z 20991231000000Z
leaf expired DNS:localhost,IP:127.0.0.1 20200101000000Z 20200201000000Z
leaf early DNS:localhost,IP:127.0.0.1 20980101000000Z 20991231000000Z
leaf elsewhere DNS:other.example 20200101000000Z 20991231000000Z
printf '{}' >"$work/request.json"
ask() { # CERTIFICATE AUTHORITY
    serve "$1"
    settings "{\"base_urls\": {\"openai\": \"https://localhost:$tls_port/v1\"}, $key, \"ca_file\": \"$work/$2.pem\"}"
    run request --provider openai -m gpt-4o-mini models "$work/request.json"
}
ask good ca-ours
is 'a good certificate' "$status $(member /models/0/id)" '0 m-1'
for row in 'expired ca-ours expired' 'early ca-ours not.yet.valid' 'elsewhere ca-ours name' 'good ca-other issuer' 'self ca-ours self'; do
    # shellcheck disable=SC2086
    set -- $row
    ask "$1" "$2"
    is "certificate $1 by $2: the class" "$(member /error/code)" transport
    fits "certificate $1 by $2: it says why" sh -c "sed -n 1p '$out' | grep -qi '$3'"
    is "certificate $1 by $2: one attempt" "$(member /attempts/0/status) $(member /attempts/1/status 2>/dev/null)" 'transport '
done
done_testing
