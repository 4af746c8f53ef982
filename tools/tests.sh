#!/usr/bin/env bash
# The tests: `tools/tests.sh WORKERS COMMAND...`, COMMAND being what runs pytest. Those that failed beside others are run
# once more, one after the other with nothing beside them: on a small, shared machine that tells a fault from a starved
# test. What fails again has failed. What only starved is listed, and is to be mended: no test may depend on speed.
set -uo pipefail
readonly MOST=200 # failures beyond which nothing has merely starved; one starved fixture fails all tests of its file
readonly FAILED=1 # pytest's exit code for tests that failed; others are Ctrl-C, wrong usage, nothing found
workers=$1
shift

"$@" -q -n "$workers" --dist loadfile
code=$?
((code == FAILED)) || exit "$code"

record=.pytest_cache/v/cache/lastfailed
count=$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))))' "$record")
((count <= MOST)) || exit "$code"
starved=$(python3 -c 'import json, sys; print(*json.load(open(sys.argv[1])), sep="\n")' "$record")
echo "Failed beside others: $count. Once more, alone:"
"$@" -q --last-failed --last-failed-no-failures none || exit
printf 'Passed alone, failed beside others (mend these):\n%s\n' "$starved"
