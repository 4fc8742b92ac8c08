#!/bin/sh
# run_system_one.sh LOGS NAME KIND BUILD: one file of run_system.sh.
set -u
cd "$(dirname "$0")/.."
log=$1/$2.$3.log
t0=$(date +%s)

# timeout leads a process group of its own: at the limit all that the test
# started goes with it.
LPNODE=$4/lpnode LPTOOLS=$4/test/tools timeout -k 10 "${SYSTEM_SECONDS:-600}" \
	node "test/system/$2.test.mjs" >"$log" 2>&1
code=$?
echo $code >"$1/$2.$3.code"
[ $code = 0 ] && result=ok || result="not ok"
echo "$result - $2 ($3): $(grep -c '^ok ' "$log") ok, $(grep -c '^not ok ' "$log") not, $(($(date +%s) - t0)) s"
exit 0
