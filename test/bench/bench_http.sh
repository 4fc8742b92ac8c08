#!/bin/sh
# HTTP serving against nginx: a playlist of 400 bytes and a segment of 1 MiB, one
# server process each, keep-alive, by wrk on loopback.  What counts is the server's
# own CPU time (user + system of its process): requests and bytes a core-second.
# Interleaved rounds; the last lines are the median and range of our ratio to nginx.
#
# usage: test/bench/bench_http.sh [BUILD]     ROUNDS=7 SECONDS_EACH=3
set -eu

build=${1:-build}
rounds=${ROUNDS:-7}
seconds=${SECONDS_EACH:-3}
server=$build/test/bench/http_server
[ -x "$server" ] || { echo "bench_http: $server is missing: make test-tools" >&2; exit 2; }
for tool in wrk nginx; do
	command -v $tool >/dev/null || { echo "bench_http: $tool is not installed" >&2; exit 2; }
done

dir=$(mktemp -d)
ours= nginx=
cleanup() {
	[ -z "$ours" ] || kill "$ours" 2>/dev/null || true
	[ -z "$nginx" ] || kill "$nginx" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT INT TERM

"$server" >"$dir/port" &
ours=$!

mkdir "$dir/www"
head -c 400 /dev/zero | tr '\0' '#' >"$dir/www/p"
head -c 1048576 /dev/zero | tr '\0' 'm' >"$dir/www/m"
# nginx cannot be asked which port the kernel chose: try some until it starts.
try=0
while :; do
	try=$((try + 1))
	nginx_port=$(awk -v seed="$$$try" 'BEGIN { srand(seed); print 20000 + int(rand() * 10000) }')
	cat >"$dir/nginx.conf" <<CONF
daemon off;
master_process off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { worker_connections 1024; use epoll; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	open_file_cache max=100;
	keepalive_requests 1000000000;
	client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3;
	uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
	types { video/mp2t m; application/vnd.apple.mpegurl p; }
	server { listen 127.0.0.1:$nginx_port; root $dir/www; add_header Cache-Control no-cache; }
}
CONF
	nginx -p "$dir" -c "$dir/nginx.conf" 2>>"$dir/start.log" &
	nginx=$!
	sleep 0.5
	kill -0 "$nginx" 2>/dev/null && break
	nginx=
	[ $try -lt 5 ] || { cat "$dir/start.log" >&2; exit 1; }
done
ours_port=$(cat "$dir/port")
hz=$(getconf CLK_TCK)

# ticks PID: user and system time so far
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# measure PID PORT PATH CONNECTIONS: requests a core-second
measure() {
	before=$(ticks "$1")
	n=$(wrk -t1 -c"$4" -d"${seconds}s" "http://127.0.0.1:$2$3" |
		awk '/requests in/ { n = $1 } /Non-2xx|Socket errors/ { bad = 1 } END { print bad ? "bad" : n }')
	after=$(ticks "$1")
	[ "$n" != bad ] || { echo "bench_http: answers with errors" >&2; exit 1; }
	awk -v n="$n" -v t="$((after - before))" -v hz="$hz" 'BEGIN { printf "%.0f\n", n * hz / t }'
}

for path in /p /m; do
	conns=64
	[ $path = /p ] || conns=32
	measure "$ours" "$ours_port" $path $conns >/dev/null	# warm both up
	measure "$nginx" "$nginx_port" $path $conns >/dev/null
	round=0
	while [ $round -lt "$rounds" ]; do
		round=$((round + 1))
		if [ $((round % 2)) = 0 ]; then
			a=$(measure "$ours" "$ours_port" $path $conns)
			b=$(measure "$nginx" "$nginx_port" $path $conns)
		else
			b=$(measure "$nginx" "$nginx_port" $path $conns)
			a=$(measure "$ours" "$ours_port" $path $conns)
		fi
		echo "$path $a $b" >>"$dir/results"
		awk -v p=$path -v r=$round -v a="$a" -v b="$b" 'BEGIN {
			printf "%s round %d: lpnode %d nginx %d requests/core-second, ratio %.2f\n", p, r, a, b, a / b }'
	done
done

# summary PATH NAME: medians and the range of the ratio
summary() {
	grep "^$1 " "$dir/results" | awk '{ print $2 / $3, $2, $3 }' | sort -n |
	awk -v name="$2" '{ r[NR] = $1; a[NR] = $2; b[NR] = $3 }
		function med(v, n,   i, j, t) { for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] < v[j-1]; j--) {
			t = v[j]; v[j] = v[j-1]; v[j-1] = t }
			return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2 }
		END { lo = r[1]; hi = r[NR]; printf "%s: lpnode %.0f nginx %.0f requests/core-second; ratio median %.2f (%.2f-%.2f), %d rounds\n",
			name, med(a, NR), med(b, NR), med(r, NR), lo, hi, NR }'
}
summary /p "playlist of 400 bytes"
summary /m "segment of 1 MiB"
