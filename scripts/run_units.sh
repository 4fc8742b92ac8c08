#!/bin/sh
# run_units.sh BUILD [FOLDER...]: runs the unit tests of a build folder (of some
# folders below test/ only) and counts.
set -u
cd "$(dirname "$0")/.."
. scripts/lib.sh
build=$1
shift
log=$build/unit.log

sources() {
	if [ $# = 0 ]; then
		find test -path test/system -prune -o -name 'test_*.c' -print | sort
		return
	fi
	for folder; do
		ls test/"$folder"/test_*.c 2>/dev/null
	done
}

for src in $(sources "$@"); do
	bin=$build/${src%.c}
	if [ ! -x "$bin" ]; then
		echo "not ok - $bin is not built"
		failed=$((failed + 1))
		continue
	fi
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 "${UNIT_SECONDS:-60}" "$bin" >"$log" 2>&1
	code=$?
	set -- $(tap_counts "$log" $code)
	if [ "$2" != 0 ]; then
		echo "not ok - $bin (exit code $code)"
		# What failed, and how the program ended: a crash shows only there.
		{ grep -A 8 '^not ok ' "$log" | head -n 60; echo ...; tail -n 25 "$log"; } | sed 's/^/    /'
	fi
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
done
finish
