# What the test runners share; sourced.

# A sanitizer's finding ends the program: a report that nobody reads is no test.
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/scripts/tsan.supp

passed=0
failed=0
skipped=0

# finish: the last line, and the exit code.
finish() {
	[ "$skipped" = 0 ] || echo "$skipped skipped"
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}

# add_counts FILE: adds what a runner wrote as its last lines ("3 skipped",
# "N passed, N failed").  A runner that wrote none has died: one failure.
add_counts() {
	set -- $(awk '/^[0-9]+ passed, [0-9]+ failed$/ { p = $1; f = $3; ok = 1 }
		      /^[0-9]+ skipped$/ { s = $1 }
		      END { if (!ok) f = 1; print p + 0, f + 0, s + 0 }' "$1")
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

# tap_counts FILE CODE: prints "passed failed skipped" of a TAP log.  A program that
# crashed, or ran fewer tests than it planned, or none, has failed once more.
tap_counts() {
	awk -v code="$2" '
		/^1\.\.[0-9]+/ { plan += substr($1, 4) }
		/^(not )?ok / && /# SKIP/ { skip++; next }
		/^ok / { ok++ }
		/^not ok / { bad++ }
		END { if ((code != 0 && !bad) || (plan && ok + bad + skip < plan) || !(ok + bad + skip)) bad++
		      print ok + 0, bad + 0, skip + 0 }' "$1"
}

# add_tap_logs DIR: adds what each NAME.log with its exit code NAME.code counts, and shows
# the end of those that failed.  None at all is a failure.
add_tap_logs() {
	for code in "$1"/*.code; do
		if [ ! -e "$code" ]; then
			echo "not ok - nothing ran"
			failed=$((failed + 1))
			break
		fi
		log=${code%.code}.log
		set -- "$1" $(tap_counts "$log" "$(cat "$code")")
		if [ "$3" != 0 ]; then
			echo "---- $(basename "$log")"
			grep -v '^ok ' "$log" | tail -n 200 | sed 's/^/    /'
		fi
		passed=$((passed + $2))
		failed=$((failed + $3))
		skipped=$((skipped + $4))
	done
}
