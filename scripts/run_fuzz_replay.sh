#!/bin/sh
# run_fuzz_replay.sh BUILD: replays each fuzz target's corpus; a target counts as one.
set -u
cd "$(dirname "$0")/.."
. scripts/lib.sh
build=$1
log=$build/fuzz-replay.log

for src in test/fuzz/fuzz_*.c; do
	name=$(basename "$src" .c)
	corpus=test/fuzz/corpus/${name#fuzz_}
	if [ ! -d "$corpus" ]; then
		echo "not ok - $name has no corpus $corpus"
		failed=$((failed + 1))
	elif timeout -k 5 120 "$build/test/fuzz/$name" "$corpus" >"$log" 2>&1; then
		passed=$((passed + 1))
	else
		echo "not ok - $name over $corpus"
		tail -n 40 "$log" | sed 's/^/    /'
		failed=$((failed + 1))
	fi
done
finish
