#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line itself: help, version, wrong usage.
. "$(dirname "$0")/../support/tap.sh"

run --version
is 'the version' "$status $(cat "$out")" '0 llm-master 0.1.0'
run --help
is 'the help: status' "$status" 0
for command in query image embed request models providers keys plugins replay sim config doctor; do
    fits "the help names $command" grep -q "^  $command " "$out"
done
for command in query image embed request models providers keys plugins replay sim config doctor; do
    run "$command" --help
    like "$command --help" "$status $(head -1 "$out")" "0 usage: llm-master $command *"
done

run help
like 'help as a command' "$status $(head -1 "$out")" '0 usage: llm-master \[OPTION\]*'
run help query
like 'help of a command' "$status $(head -1 "$out")" '0 usage: llm-master query *'
run help qurey
exits 'help of no command' 2 'there is no command "qurey"; did you mean query*'
run
exits 'no command' 2 'no command is given; see llm-master --help'
run qury
exits 'a command that is nearly one' 2 'there is no command "qury"; did you mean query\? There are: query image embed *'
run xyzzy
exits 'a command that is none' 2 'there is no command "xyzzy"; there are: query *'
run --jsn query x
exits 'an option of the program that is none' 2 'there is no option --jsn; *'
run query --no-steam x
exits 'an option that is nearly one' 2 'query: there is no option --no-steam; did you mean --no-stream\? See llm-master query --help'
run query -z x
exits 'a letter that is none' 2 'query: there is no option -z; *'
run query --json=yes x
exits 'a value for an option that takes none' 2 'query: --json=yes takes no value; *'
run query -m
exits 'no value for an option that takes one' 2 'query: -m needs a value: MODEL; *'
run query one two
exits 'two prompts' 2 'query: more than one prompt: *'
run query
exits 'no prompt' 2 'query: there is no prompt: *'
run query -p temperature x
exits 'a parameter without a value' 2 'query: -p takes NAME=VALUE, not "temperature"; *'
run query -p a=1 -p a=2 x
exits 'a parameter twice' 2 'query: the parameter "a" is given twice; *'
run query -p model=x x
exits 'the model as a parameter' 2 'query: "model" is no parameter: use -m; *'
run query -p messages=[] x
exits 'messages as a parameter' 2 'query: "messages" is no parameter: *'
run query --schema /nonexistent x
exits 'a schema that is not there' 2 '/nonexistent: cannot be opened: No such file or directory'
printf '{"a":\n tru}' >"$work/schema.json"
run query --schema "$work/schema.json" x
exits 'a schema that is not JSON' 2 "$work/schema.json:2:5: this is not JSON"
run query -a /nonexistent x
exits 'an attachment that is not there' 2 '/nonexistent: cannot be opened: *'
: >"$work/empty"
run query -a "$work/empty" x
exits 'an empty attachment' 2 "$work/empty: empty: *"
run image
exits 'no prompt for a picture' 2 'image: there is no prompt; *'
run request
exits 'no operation' 2 'request: there is no operation, *'
run request chat
exits 'no file' 2 'request: there is no file; *'
run request chat /nonexistent
exits 'a file that is not there' 2 '/nonexistent: cannot be opened: *'
printf '{"a":01}' >"$work/bad.json"
run request chat "$work/bad.json"
exits 'a request that is not JSON' 2 "$work/bad.json:1:7: this is not JSON*"
printf '[1]' >"$work/bad.json"
run request chat "$work/bad.json"
exits 'a request that is no object' 2 "$work/bad.json: a request is a JSON object"
run models a b
exits 'two patterns' 2 'models: more than one pattern; *'
run providers x
exits 'an operand where none is taken' 2 'providers: "x" is too much: *'
run plugins
exits 'plugins without a verb' 2 'plugins: say list, show NAME, new NAME, *'
run plugins show
exits 'plugins show without a name' 2 'plugins: show needs the name of a plugin; *'
run config
exits 'config without a verb' 2 'config: say show or check; *'
run replay
exits 'replay without a directory' 2 'replay: there is no directory; *'
run replay --split 0 x
exits 'a split of nothing' 2 'replay: --split takes whole, bytes, or a number of bytes, not "0"; *'
run replay /nonexistent
exits 'a recording that is not there' 2 'replay: /nonexistent/meta.json: cannot be opened: *'
run replay --table "$home"
exits 'a tree without recordings' 2 "replay: $home: no recording*"
run sim --listen nowhere
exits 'an address that is none' 2 'sim: "nowhere" is no address to listen on; *'
run sim --chunks -1
exits 'a size that is none' 2 'sim: --chunks takes a number from 0 to *'
printf '[{"reply":{"sttaus":1}}]' >"$work/rules.json"
run sim --script "$work/rules.json"
exits 'a script that is wrong' 2 "sim: $work/rules.json:1:12: unknown member \"sttaus\"; *"
run -- query x y
exits 'options end at --' 2 'query: more than one prompt: *'
run query --model=x --schema=/nonexistent y
exits 'values behind =' 2 '/nonexistent: cannot be opened: *'
run query -mx -vqu --schema /nonexistent y
exits 'letters in one word' 2 '/nonexistent: cannot be opened: *'

if [ -e /dev/full ]; then
    timeout 30 "$LLM_MASTER" --help >/dev/full 2>"$err"
    status=$?
    exits 'standard output that takes nothing' 1 'standard output cannot be written'
else
    skip 'standard output that takes nothing' 'no /dev/full'
fi
done_testing
