#!/bin/sh
# Instructions (callgrind) of one second of the ladder: ours against one ffmpeg
# process, and against a process a rendition, at equal settings.  Counts, unlike times, do not depend on what else the
# machine does.  Usage: instructions.sh SOURCE.ts
set -eu
[ $# -eq 1 ] || { echo "usage: instructions.sh SOURCE.ts" >&2; exit 2; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
ffmpeg -v error -nostdin -i "$1" -t 1 -c copy -f mpegts "$dir/one.ts"

count() {
	name=$1
	shift
	valgrind --tool=callgrind --callgrind-out-file="$dir/$name.out" --log-file="$dir/$name.log" \
		"$@" >"$dir/$name.stdout" 2>&1 || { cat "$dir/$name.log" "$dir/$name.stdout" >&2; exit 1; }
	sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$dir/$name.log"
}

enc() {
	echo "-map [$1] -map 0:a? -c:a copy -c:v libx264 -profile:v high -preset superfast" \
		"-force_key_frames expr:gte(t,n_forced*2) -g 100000 -b:v $2 -maxrate $2 -bufsize $2 -f mpegts $dir/$1.ts"
}
# The arguments are words on purpose.
# shellcheck disable=SC2046
theirs=$(count ffmpeg ffmpeg -loglevel error -nostdin -y -i "$dir/one.ts" -filter_complex \
	"[0:v]split=4[x1][x2][x3][x4];[x1]scale=1280:720[v1];[x2]scale=854:480[v2];[x3]scale=640:360[v3];[x4]scale=426:240[v4]" \
	$(enc v1 4000k) $(enc v2 2000k) $(enc v3 1200k) $(enc v4 600k))
ours=$(count ladder build/test/bench/ladder_once "$dir/one.ts")
separate=0
for rung in 1280:720:4000k 854:480:2000k 640:360:1200k 426:240:600k; do
	IFS=: read -r w h rate <<RUNG
$rung
RUNG
	# shellcheck disable=SC2046
	n=$(count "v$w" ffmpeg -loglevel error -nostdin -y -i "$dir/one.ts" -filter_complex "[0:v]scale=${w}:${h}[v${w}]" \
		$(enc "v$w" "$rate"))
	separate=$((separate + n))
done
awk -v o="$ours" -v t="$theirs" -v s="$separate" 'BEGIN {
	printf "instructions for 1 s of 1080p30: ladder %.2f G, ffmpeg %.2f G, ratio %.2f\n", o / 1e9, t / 1e9, o / t
	printf "against a process a rendition: %.2f G, ratio %.2f\n", s / 1e9, o / s }'
