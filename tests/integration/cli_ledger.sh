#!/bin/sh
# SPDX-License-Identifier: MIT
# The ledger from the command line: calls are recorded, llm-master usage adds them up.
. "$(dirname "$0")/../support/tap.sh"

run usage
exits 'no ledger' 3 'no ledger is kept: set "ledger": {"store": "sqlite"} in the settings'
start_sim
with() { # more members of "ledger"
    settings '{"base_urls": {"openai": "'"$url"'/v1"}, "keys": {"openai": {"value": "the-key"}}, "ledger": {'"$1"'}}'
}
with ''
run usage
like 'no call yet' "$status $(cat "$err")" "3 llm-master: ledger: $home/.local/state/llm-master/ledger.db: cannot find its directory, no call was recorded there yet*"
fits 'a report makes no file' test ! -e "$home/.local"
run doctor
fits 'doctor: where rows go' grep -q "^ok  *$home/.local/state/llm-master/ledger.db: each call gets a row there" "$out"
with '"path": "'"$home"'/gone/ledger.db"'
run doctor
is 'doctor: a ledger that has no directory' "$status" 3
fits 'doctor: what to do about it' grep -q "^error  *$home/gone/ledger.db: no call is recorded: its directory: No such file or directory; make the directory" "$out"
with ''

run query --tag 'team, "a"' -m gpt-4o-mini 'Hello there'
is 'a call' "$status" 0
run query -m gpt-4o-mini --no-stream 'Hello there'
run query -m gpt-4o-mini -p nonsense=true 'Hello there'
run query -m openai/a-model-without-a-price 'Hello there'
is 'a call without a price' "$status" 0
run query -m no-such-model x
is 'refused before it began: no row' "$status" 1
is 'the place of the file' "$(stat -c %a "$home/.local/state/llm-master" "$home/.local/state/llm-master/ledger.db" | tr '\n' ' ')" '700 600 '

today=$(date -u +%Y-%m-%d)
run usage
is 'a table' "$status" 0
fits 'a table: heading' grep -q '^DAY  *PROVIDER  *CALLS  *FAILED  *INPUT  *OUTPUT  *COST (USD)$' "$out"
fits 'a table: the sum' grep -Eq "^$today  *openai  *4  *0  *[0-9]+  *[0-9]+  *0\.[0-9]+ \+ 1 call of unknown cost\$" "$out"
run usage --json --by day,provider
is 'JSON' "$status $(member /total/calls) $(member /total/cost_unknown) $(member /sums/0/provider)" '0 4 1 openai'
sum=$(member /total/cost_usd)
run usage export --json
is 'export: lines' "$status $(wc -l <"$out")" '0 4'
"$LLM_MASTER" usage export --csv >"$work/calls.csv"
is 'the sum of the parts is the sum, to the last digit' "$(python3 - "$work/calls.csv" <<'PY'
import csv, decimal, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
total = sum(decimal.Decimal(r["cost_usd"]) for r in rows if r["cost_usd"])
print(len(rows), format(total.normalize(), "f"), rows[0]["tag"])
PY
)" "4 $sum team, \"a\""
run usage --csv --by tag
is 'CSV: lines end with CR LF' "$(tr -cd '\r' <"$out" | wc -c)" 3
fits 'CSV: quotes' grep -q '^"team, ""a""",1,0,' "$out"
run usage --json --tag 'team, "a"'
is 'one tag' "$(member /total/calls)" 1
run usage --json --tag ''
is 'without a tag' "$(member /total/calls)" 3
run usage --json --since "$today" --until "$today"
is 'today' "$(member /total/calls)" 4
run usage --json --until yesterday
is 'before' "$(member /total/calls)" 0
run usage --json --since 1h --provider openai --model gpt-4o-mini --status ok --operation chat
is 'all filters' "$(member /total/calls)" 3
run usage --csv --until yesterday
is 'CSV of nothing: a heading' "$(wc -l <"$out")" 1
COLUMNS=60
export COLUMNS
run usage --plot
fits 'a plot' grep -Eq "^$today  #{10,} \\\$0\.[0-9]+ \+ 1 unknown\$" "$out"
is 'a plot: as wide as there is room' "$(awk 'length > 60' "$out" | wc -l)" 0
run usage --plot --by model --of calls
fits 'a plot of something else' grep -Eq '^gpt-4o-mini  *#+ 3$' "$out"
run usage check
is 'check' "$status $(cat "$out")" '0 the ledger is intact'
run usage check --json
is 'check, as JSON' "$(member /ok)" true
fits 'no key is in it' sh -c "! grep -aq the-key '$home'/.local/state/llm-master/*"
fits 'no prompt is in it' sh -c "! grep -aq 'Hello there' '$home'/.local/state/llm-master/*"

run usage --since tomorrow
exits 'a time that is none' 2 'usage: --since "tomorrow" is no time*'
run usage --by colour
exits 'a group that is none' 2 'usage: --by "colour" is none of*'
run usage --zone Mars
exits 'a zone that is none' 2 'usage: --zone "Mars" is no offset*'
run usage --json --csv
exits 'two forms' 2 'usage: --table, --json, --csv and --plot exclude each other*'
run usage delete
exits 'a verb that is none' 2 'usage: "delete" is neither check nor export*'

with '"path": "/nowhere/at/all.db"'
run query -m gpt-4o-mini x
like 'a place that is not there: no call' "$status $(cat "$err")" '3 llm-master: ledger: /nowhere/at/all.db: cannot find its directory*'
run models --provider openai
is 'what makes no call works' "$status" 0
with '"store": "none"'
run query -m gpt-4o-mini x
is 'switched off' "$status" 0
printf 'this is no database, only a long text that is in its place.......................................................' >"$home/bad.db"
chmod 600 "$home/bad.db"
with '"path": "~/bad.db"'
run query -m gpt-4o-mini x
like 'a file that is no ledger' "$status $(cat "$err")" '3 llm-master: ledger: *bad.db: it is no ledger*'
fits 'it stays as it was' grep -q '^this is no database' "$home/bad.db"

# Somebody who may read the file and its directory, and write neither.
shown=$work/shown
mkdir -p "$shown/db" "$shown/.config/llm-master"
cp "$home/.local/state/llm-master/ledger.db" "$shown/db/ledger.db"
printf '%s\n' '{"ledger": {"path": "~/db/ledger.db"}}' >"$shown/.config/llm-master/config.json"
chmod -R a+rX,go-w "$work" "$shown"
chmod 444 "$shown/db/ledger.db"
chmod 555 "$shown/db"
reader=
if [ "$(id -u)" = 0 ]; then
    reader='setpriv --reuid=65534 --regid=65534 --clear-groups --'
fi
if [ -n "$reader" ] && ! $reader "$LLM_MASTER" --version >"$out" 2>&1; then
    skip 'a report for a reader' 'no setpriv, or another user cannot run the program'
else
    HOME=$shown timeout 30 $reader "$LLM_MASTER" usage --json >"$out" 2>"$err"
    is 'a report for a reader' "$? $(member /total/calls) $(cat "$err")" '0 4 '
    is 'makes no file beside it' "$(ls "$shown/db")" ledger.db
    printf 'rows' >"$work/rows"
    chmod 755 "$shown/db"
    cp "$work/rows" "$shown/db/ledger.db-wal"
    chmod 444 "$shown/db/ledger.db-wal"
    chmod 555 "$shown/db"
    HOME=$shown timeout 30 $reader "$LLM_MASTER" usage --json >"$out" 2>"$err"
    like 'rows that a reader cannot see' "$? $(cat "$err")" '3 *rows wait in *ledger.db-wal*write access*'
fi
chmod 755 "$shown/db"

done_testing
