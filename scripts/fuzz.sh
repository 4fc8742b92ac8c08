#!/bin/sh
# fuzz.sh FOLDER SECONDS: runs each libFuzzer program of a folder so long, starting
# from its corpus; what it finds stays in build/fuzz/.  0 seconds: only lists them.
set -u
cd "$(dirname "$0")/.."
. scripts/lib.sh
folder=$1
seconds=$2

for bin in "$folder"/fuzz_*; do
	name=$(basename "$bin")
	[ "$seconds" != 0 ] || { echo "$bin"; continue; }
	work=build/fuzz/$name
	mkdir -p "$work/corpus"
	if timeout -k 10 $((seconds + 60)) "$bin" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$work/" "$work/corpus" "test/fuzz/corpus/${name#fuzz_}" \
		>"$work/log" 2>&1; then
		echo "ok - $name, $(awk '/number_of_executed_units/ { print $2 }' "$work/log") runs"
		passed=$((passed + 1))
	else
		echo "not ok - $name: see $work/log"
		tail -n 25 "$work/log" | sed 's/^/    /'
		failed=$((failed + 1))
	fi
done
[ "$seconds" = 0 ] || finish
