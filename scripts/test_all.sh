#!/bin/sh
# Everything: builds plain, with ASan and UBSan, and with TSan; unit tests and fuzz
# corpora sanitized; the threaded parts under TSan; contracts on Anvil; system tests.  The
# last line is "N passed, N failed".  TEST_LONG=1 adds long fuzzing, soaks and OBS.
set -u
cd "$(dirname "$0")/.."
. scripts/lib.sh
jobs=${JOBS:-$(nproc)}
asan=build/san-address-undefined
tsan=build/san-thread
tsan_rooms="base media/av node/store node/chain node/work"
# Confinement cannot be had under sanitizers, and what is bit-exact must be so in the
# program that people run.
plain_rooms="media/av node/work"
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

# The generated part of the operators' page is one test.
check_docs() {
	if scripts/gen_docs.sh --check build/lpnode; then echo "1 passed, 0 failed"
	else echo "0 passed, 1 failed"
	fi
}

# units_of BUILD ROOM...: the unit tests of rooms, as make knows them.
units_of() {
	build=$1
	shift
	for room; do
		for src in test/$room/test_*.c; do
			[ ! -e "$src" ] || echo "$build/${src%.c}"
		done
	done
}

build_step all test-tools $(units_of build $plain_rooms)
build_step SAN=address,undefined $asan/lpnode unit-tests test-tools fuzz-replay
build_step SAN=thread $(units_of $tsan $tsan_rooms)

step units scripts/run_units.sh $asan
step plain-units scripts/run_units.sh build $plain_rooms
step fuzz-corpora scripts/run_fuzz_replay.sh $asan
step threads scripts/run_units.sh $tsan $tsan_rooms
step docs check_docs
step contracts scripts/run_contracts.sh
step system scripts/run_system.sh build $asan
[ -z "${TEST_LONG:-}" ] || step fuzz make fuzz FUZZ_SECONDS="${FUZZ_SECONDS:-300}"
finish
