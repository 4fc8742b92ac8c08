#!/bin/sh
# run_contracts_one.sh LOGS NAME: one file of run_contracts.sh.
set -u
cd "$(dirname "$0")/.."
log=$1/$2.log
t0=$(date +%s)

# timeout leads a process group of its own: at the limit its Anvil goes with it.
timeout -k 10 "${CONTRACT_SECONDS:-300}" \
	node --test --test-reporter=tap "test/contracts/$2.test.mjs" >"$log" 2>&1
code=$?
echo $code >"$1/$2.code"
[ $code = 0 ] && result=ok || result="not ok"
echo "$result - contracts/$2: $(grep -c '^ok ' "$log") ok, $(grep -c '^not ok ' "$log") not, $(($(date +%s) - t0)) s"
exit 0
