#!/bin/sh
# soak.sh: an orchestrator, two transcoders and a broadcaster under streams that come
# and go for SOAK_SECONDS (3600); fails when one of them grows.  How it is judged:
# test/bench/soak.mjs.  The samples are left in build/bench/soak.csv, the table in
# build/bench/soak.txt.
set -u
cd "$(dirname "$0")/.."
mkdir -p build/bench
seconds=${SOAK_SECONDS:-3600}
{
	echo "$(date -u +%F), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
		"load $(cut -d' ' -f1 /proc/loadavg)"
	timeout -k 10 $((seconds + 300)) node test/bench/soak.mjs
	echo $? >build/bench/soak.code
} 2>&1 | tee build/bench/soak.txt
exit "$(cat build/bench/soak.code)"
