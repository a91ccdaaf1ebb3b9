#!/bin/sh
# SPDX-License-Identifier: MIT
# llm-master sim as a process.
. "$(dirname "$0")/../support/tap.sh"

start_sim
like 'it says where it listens' "$url" 'http://127.0.0.1:[0-9]*'
port=${url##*:}
run sim --listen "127.0.0.1:$port"
exits 'a port that is taken' 1 "sim: cannot listen on 127.0.0.1:$port: Address already in use"
kill -TERM "$sim"
wait "$sim"
is 'it ends when it is told to' "$?" 0
tap_sims=
done_testing
