#!/bin/sh
# run_system.sh BUILD [SANBUILD [PATTERN]]: runs test/system/*.test.mjs, a few at a time.
# With SANBUILD its sanitized lpnode is used, except by files that say
# "// binary: plain" (BUILD's) or "// binary: both" (once each).  A file that says
# "// alone" needs the whole machine: it runs first, by itself.  Three at a time on two
# cores: most of a test is waiting for media time to pass.
set -u
cd "$(dirname "$0")/.."
. scripts/lib.sh
build=$1
san=${2:-}
pattern=${3:-}
logs=$build/system
mkdir -p "$logs"
rm -f "$logs"/*.log "$logs"/*.code

# The longest first, so that none is left over at the end.
files() {
	for name in many farm liar farm_liar rtmp_publish network orchestrator kill_transcoders hedge browser; do
		echo test/system/$name.test.mjs
	done
	ls test/system/*.test.mjs
}

# list_runs alone|others: lines of "name kind build".
list_runs() {
	for file in $(files | awk '!seen[$0]++'); do
		name=$(basename "$file" .test.mjs)
		case $name in *"$pattern"*) ;; *) continue ;; esac
		grep -q '^// alone' "$file" && group=alone || group=others
		[ $group = "$1" ] || continue
		wants=$(sed -n 's|^// binary: ||p' "$file" | head -n 1)
		if [ -z "$san" ] || [ "$wants" = plain ]; then echo "$name plain $build"
		elif [ "$wants" = both ]; then echo "$name plain $build"; echo "$name san $san"
		else echo "$name san $san"
		fi
	done
}

list_runs alone | xargs -r -n 3 scripts/run_system_one.sh "$logs"
list_runs others | xargs -r -P "${SYSTEM_JOBS:-3}" -n 3 scripts/run_system_one.sh "$logs"

add_tap_logs "$logs"
finish
