#!/bin/sh
# Measures against ffmpeg, nginx and nginx-rtmp, and one shape of a farm against
# another.  Each bench prints a table and leaves it in build/bench/NAME.txt.
# `bench.sh NAME...` runs only those.  What is measured how: at the top of each file.
set -u
cd "$(dirname "$0")/.."
out=build/bench
mkdir -p $out
failed=0

# bench NAME COMMAND...
bench() {
	name=$1
	shift
	case " $wanted " in *" $name "* | "  ") ;; *) return ;; esac
	echo "== $name"
	if ! timeout -k 10 "${BENCH_SECONDS:-900}" "$@" >$out/$name.txt.tmp 2>$out/$name.log; then
		echo "failed; the end of $out/$name.log:"
		tail -n 15 $out/$name.log
		failed=1
	fi
	{
		echo "$(date -u +%F), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
			"load $(cut -d' ' -f1 /proc/loadavg)"
		cat $out/$name.txt.tmp
	} >$out/$name.txt
	rm $out/$name.txt.tmp
	cat $out/$name.txt
	echo
}

wanted="$*"
source=$out/source/real1080.ts
segment=$out/source/segment.ts

# One segment of 2 s of the camera footage.
cut_segment() {
	test/bench/make_source.sh $out/source &&
		ffmpeg -v error -nostdin -y -ss 4 -i $source -t 2 -c copy $segment
}

[ -s $segment ] || cut_segment || exit 1
bench ladder build/test/bench/bench_ladder $source
bench stream build/test/bench/bench_stream -n 20 $segment
bench instructions test/bench/instructions.sh $source
bench eth build/test/bench/eth_speed
bench transcoders node test/bench/bench_transcoders.mjs
bench scale build/test/bench/bench_scale
bench worker build/test/bench/bench_worker $segment
bench segment node test/bench/bench_segment.mjs
bench sessions node test/bench/bench_sessions.mjs
bench remote node test/bench/bench_remote.mjs
bench kill node test/bench/kill_transcoders.mjs "${KILL_SECONDS:-300}"
bench http test/bench/bench_http.sh build
bench ingest node test/bench/bench_ingest.mjs
exit $failed
