#!/bin/sh
# Everything: builds plain, with ASan and UBSan, and with TSan; unit tests and fuzz
# corpora sanitized; the threaded parts under TSan; system tests.  The last line is
# "N passed, N failed".  TEST_LONG=1 adds long fuzzing, soaks and OBS.
set -u
cd "$(dirname "$0")/.."
. scripts/lib.sh
jobs=${JOBS:-$(nproc)}
asan=build/san-address-undefined
tsan=build/san-thread
tsan_rooms="base media/av node/work"
mkdir -p build/log

# step NAME COMMAND...: runs it; its counts are added; quiet but for failures.
step() {
	name=$1
	shift
	t0=$(date +%s)
	p0=$passed
	f0=$failed
	"$@" >"build/log/$name.log" 2>&1
	add_counts "build/log/$name.log"
	echo "$name: $((passed - p0)) passed, $((failed - f0)) failed, $(($(date +%s) - t0)) s"
	[ "$failed" = "$f0" ] || cat "build/log/$name.log"
}

# build_step WHAT...: a build that fails is a failed test and the end: the rest would
# only repeat it.
build_step() {
	t0=$(date +%s)
	if ! make -j"$jobs" "$@" >build/log/make.log 2>&1; then
		echo "not ok - make $*"
		tail -n 40 build/log/make.log
		failed=$((failed + 1))
		finish
		exit 1
	fi
	echo "build $1: $(($(date +%s) - t0)) s"
}

tsan_units() {
	for room in $tsan_rooms; do
		for src in test/$room/test_*.c; do
			[ ! -e "$src" ] || echo "$tsan/${src%.c}"
		done
	done
}

build_step all test-tools
build_step SAN=address,undefined $asan/lpnode unit-tests test-tools fuzz-replay
build_step SAN=thread $(tsan_units)

step units scripts/run_units.sh $asan
step fuzz-corpora scripts/run_fuzz_replay.sh $asan
step threads scripts/run_units.sh $tsan $tsan_rooms
step system scripts/run_system.sh build $asan
[ -z "${TEST_LONG:-}" ] || step fuzz make fuzz FUZZ_SECONDS="${FUZZ_SECONDS:-300}"
finish
