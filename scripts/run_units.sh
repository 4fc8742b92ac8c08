#!/bin/sh
# run_units.sh BUILD [FOLDER...]: runs the unit tests of a build folder (of some
# folders below test/ only) and counts.  Two at a time, but for those that transcode or
# start worker processes: they have the machine.
set -u
cd "$(dirname "$0")/.."
. scripts/lib.sh
build=$1
shift

sources() {
	if [ $# = 0 ]; then
		find test -path test/system -prune -o -name 'test_*.c' -print | sort
		return
	fi
	for folder; do
		ls test/"$folder"/test_*.c 2>/dev/null
	done
}

list=$(sources "$@")
for src in $list; do
	mkdir -p "$(dirname "$build/$src")"
done
alone='^test/(node/(work|farm)|media/av)/'
echo "$list" | grep -Ev "$alone" | xargs -r -P 2 -n 1 scripts/run_unit_one.sh "$build"
echo "$list" | grep -E "$alone" | xargs -r -n 1 scripts/run_unit_one.sh "$build"

for src in $list; do
	bin=$build/${src%.c}
	code=$(cat "$bin.code")
	set -- $(tap_counts "$bin.tap" "$code")
	if [ "$2" != 0 ]; then
		echo "not ok - $bin (exit code $code)"
		# What failed, and how the program ended: a crash shows only there.
		{ grep -A 8 '^not ok ' "$bin.tap" | head -n 60; echo ...; tail -n 25 "$bin.tap"; } | sed 's/^/    /'
	fi
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
done
finish
