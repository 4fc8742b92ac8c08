#!/bin/sh
# bench_gpu.sh BUILD: how many live streams a GPU transcodes at 0.8 of real time, beside
# the CPU alone.  A card without an encoder decodes and scales for x264; its probe says so.
set -u
cd "$(dirname "$0")/.."
. scripts/gpus.sh
build=$1
out=$build/bench
segments=$out/source/real1080.ts

find_gpus "$build/lpnode"
[ -n "$gpus" ] || exit 0
"$build/lpnode" bench -help >/dev/null 2>&1 || { echo "this lpnode has no bench"; exit 1; }
mkdir -p "$out"
[ -s "$segments" ] || test/bench/make_source.sh "$out/source" || exit 1

run() {
	echo "== $1"
	shift
	timeout -k 10 "${BENCH_SECONDS:-900}" "$build/lpnode" bench -in "$segments" \
		-concurrentSessions auto -transcodingOptions "${BENCH_OPTIONS:-P240p30fps16x9,P360p30fps16x9,P720p30fps16x9}" "$@"
}

{
	run "CPU only, $(nproc) cores"
	for gpu in $gpus; do
		run "$gpu: $("$build/lpnode" --gpu-probe "$gpu" 2>/dev/null | sed 's/.*"what":"\([^"]*\)".*/\1/')" \
			"-${gpu%%:*}" "${gpu#*:}"
	done
} 2>"$out/gpu.log" | tee "$out/gpu.txt"
