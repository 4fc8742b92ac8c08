#!/bin/sh
# run_contracts.sh [PATTERN]: compiles the contracts (what did not change is left alone) and
# runs test/contracts/*.test.mjs, two at a time, each with an Anvil of its own.
# CONTRACT_SECONDS: limit of one file, 300.
set -u
cd "$(dirname "$0")/.."
. scripts/lib.sh
pattern=${1:-}
logs=build/contracts-log
mkdir -p "$logs"
rm -f "$logs"/*.log "$logs"/*.code

t0=$(date +%s)
if ! node scripts/contracts.mjs; then
	echo "not ok - scripts/contracts.mjs"
	failed=1
	finish
	exit 1
fi
echo "# compiled in $(($(date +%s) - t0)) s"

# The largest files first: they take longest, and none of them should be left over at the end.
for file in $(ls -S test/contracts/*.test.mjs); do
	case $file in *"$pattern"*) basename "$file" .test.mjs ;; esac
done | xargs -r -P "${CONTRACT_JOBS:-2}" -n 1 scripts/run_contracts_one.sh "$logs"

add_tap_logs "$logs"
finish
