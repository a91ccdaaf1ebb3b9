# SPDX-License-Identifier: MIT
# TAP for tests in sh that run llm-master.  Read it with:  . "$(dirname "$0")/../support/tap.sh"
#
#   run ARGUMENT...          llm-master in the test's own home, without a terminal; sets $status, and $out and $err (files)
#   is NAME GOT WANT         equal
#   like NAME GOT GLOB       covered by a shell pattern
#   fits NAME COMMAND...     the command succeeds
#   skip NAME WHY
#   exits NAME STATUS ERR    the last run's status, and its standard error as ONE line covered by the pattern ERR ("" : nothing)
#   start_sim ARGUMENT...    a simulator in the background; sets $url; its log is $log
#   settings JSON            the home's config.json
#   done_testing             at the end
set -u

LLM_MASTER=$LLM_TEST_BUILD/hosts/cli/llm-master
tap_run=0
tap_failed=0
tap_sims=
work=$(mktemp -d "${TMPDIR:-/tmp}/llm-cli-XXXXXX") || exit 1
trap 'tap_end' EXIT
trap 'exit 1' HUP INT TERM
out=$work/out
err=$work/err
log=$work/log
home=$work/home
status=0
mkdir -p "$home/.config/llm-master"

# Nothing of the person who runs the tests may have an effect.
for variable in $(env | sed -n 's/^\([A-Z0-9_]*_API_KEY\)=.*/\1/p; s/^\(LLM_MASTER_[A-Z_]*\)=.*/\1/p; s/^\([a-zA-Z]*_[pP][rR][oO][xX][yY]\)=.*/\1/p'); do
    unset "$variable"
done
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME NO_COLOR
HOME=$home
export HOME

tap_end() {
    for pid in $tap_sims; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    rm -rf "$work"
}

tap_result() { # 0|1 NAME WHY
    tap_run=$((tap_run + 1))
    if [ "$1" = 0 ]; then
        printf 'ok %d - %s\n' "$tap_run" "$2"
    else
        tap_failed=$((tap_failed + 1))
        printf 'not ok %d - %s\n' "$tap_run" "$2"
        printf '%s\n' "$3" | sed 's/^/# /'
    fi
}

is() {
    [ "$2" = "$3" ]
    tap_result $? "$1" "got:  $2
want: $3"
}

like() {
    # shellcheck disable=SC2254
    case $2 in
    $3) tap_result 0 "$1" '' ;;
    *) tap_result 1 "$1" "got:  $2
want: $3" ;;
    esac
}

fits() {
    tap_name=$1
    shift
    "$@" >"$work/fits" 2>&1
    tap_result $? "$tap_name" "$*: $(cat "$work/fits")"
}

skip() {
    tap_run=$((tap_run + 1))
    printf 'ok %d - %s # SKIP %s\n' "$tap_run" "$1" "$2"
}

run() {
    timeout 30 "$LLM_MASTER" "$@" >"$out" 2>"$err" </dev/null
    status=$?
}

# The same with standard input from this function's.
run_in() {
    timeout 30 "$LLM_MASTER" "$@" >"$out" 2>"$err"
    status=$?
}

exits() {
    tap_lines=$(wc -l <"$err")
    tap_got="$status $(cat "$err")"
    if [ -z "$3" ]; then
        like "$1" "$tap_got" "$2 "
        return
    fi
    case $tap_got in
    "$2 llm-master: "$3) [ "$tap_lines" -eq 1 ] ;;
    *) false ;;
    esac
    tap_result $? "$1" "got:  $tap_got ($tap_lines lines)
want: $2 llm-master: $3"
}

start_sim() {
    rm -f "$work/fifo"
    mkfifo "$work/fifo"
    "$LLM_MASTER" sim --log "$log" "$@" >"$work/fifo" &
    tap_sims="$tap_sims $!"
    sim=$!
    read -r _ _ url <"$work/fifo"
}

settings() {
    printf '%s\n' "$1" >"$home/.config/llm-master/config.json"
}

# The member at a JSON pointer of the last run's output, with the tools of the tree only.
member() {
    "$LLM_TEST_BUILD/tests/support/json-get" "$1" "$out"
}

done_testing() {
    printf '1..%d\n' "$tap_run"
    [ "$tap_failed" = 0 ]
    exit $?
}
