#!/bin/sh
# test_gpu.sh BUILD: the ladder on every GPU of this machine, and what happens when one is
# full.  Without a GPU it says so in one line and ends well.
set -u
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/gpus.sh
build=$1
program=$build/test/gpu/gpu_ladder
log=$build/gpu.log

find_gpus "$build/lpnode"
[ -n "$gpus" ] || exit 0

# So many processes at a ladder of 4K that the device is full, if that can be had: each
# either works or says that there is no room, none crashes, and then all is as before.
fill_device() {
	pids=
	n=0
	while [ $n -lt "${GPU_PROCESSES:-24}" ]; do
		"$program" -hold "$1" "${GPU_HOLD_SECONDS:-20}" 2>>"$log" &
		pids="$pids $!"
		n=$((n + 1))
	done
	full=0 bad=0
	for pid in $pids; do
		wait "$pid"
		case $? in 0) ;; 3) full=$((full + 1)) ;; *) bad=$((bad + 1)) ;; esac
	done
	echo "$1: $n processes at once: $full found it full, $bad failed otherwise"
	if [ $bad = 0 ] && "$program" -hold "$1" 1 2>>"$log"; then
		passed=$((passed + 1))
	else
		echo "not ok - $1 when it is full; the end of $log:"
		tail -n 15 "$log"
		failed=$((failed + 1))
	fi
}

for gpu in $gpus; do
	"$build/lpnode" --gpu-probe "$gpu" 2>/dev/null
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 "${UNIT_SECONDS:-300}" "$program" "$gpu" >"$log" 2>&1
	code=$?
	grep -E '^[a-z]+:.*(PSNR|encoders at once|busy)|refused' "$log"
	set -- $(tap_counts "$log" $code)
	[ "$2" = 0 ] || { echo "not ok - $gpu (exit code $code)"; tail -n 40 "$log"; }
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
	fill_device "$gpu"
done
finish
