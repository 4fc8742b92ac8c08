#!/bin/sh
# Installs what is missing and says nothing when nothing is.
#   setup.sh run    to build and run        setup.sh test   and to test
#   setup.sh bench  and to measure          setup.sh web    only npm's part of `run`
#   setup.sh devnet `run` and the chain of scripts/devnet.sh
# Debian packages by apt-get (as root, or through sudo), npm packages as
# package-lock.json pins them, without running any package's scripts.
set -eu
cd "$(dirname "$0")/.."
level=${1:-run}

run_pkgs="gcc libc6-dev make pkg-config libuv1-dev libsodium-dev libsecp256k1-dev libssl-dev
	libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev libswscale-dev ffmpeg
	libprotobuf-c-dev protobuf-c-compiler libcurl4-openssl-dev node-llhttp nettle-dev
	libjansson-dev libseccomp-dev liblmdb-dev ca-certificates curl"
test_pkgs="libcmocka-dev clang libclang-rt-14-dev gstreamer1.0-tools
	gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
	gstreamer1.0-plugins-ugly gstreamer1.0-libav rtmpdump chromium fonts-dejavu-core
	xvfb xauth obs-studio obs-plugins openssl procps mesa-vulkan-drivers"
bench_pkgs="nginx libnginx-mod-rtmp wrk valgrind"

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else die "not root and no sudo; as root run: $*"
	fi
}

# Packages of the arguments that are not fully installed.
missing_of() {
	dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
		awk -v want="$*" '$2 == "installed" { have[$1] = 1 }
			END { n = split(want, w, " ")
			      for (i = 1; i <= n; i++) if (!(w[i] in have)) print w[i] }'
}

# A package that starts a server (nginx) must not: port 80 is none of our business.
apt_quiet_services() {
	guard=/usr/sbin/policy-rc.d
	if [ -e $guard ]; then
		as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@"
		return
	fi
	printf '#!/bin/sh\nexit 101\n' | as_root tee $guard >/dev/null
	as_root chmod 755 $guard
	trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
	trap 'exit 130' INT TERM
	as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@"
	as_root rm -f $guard
	trap - EXIT INT TERM
}

install_debs() {
	command -v dpkg-query >/dev/null || die "this is not Debian: install the like of:" $*
	missing=$(missing_of "$@")
	# npm may have come from elsewhere than Debian: what counts is that it is there.
	command -v npm >/dev/null || missing="$missing nodejs npm"
	[ -n "$(echo $missing)" ] || return 0
	say "installing:" $missing
	mkdir -p build
	{ as_root apt-get update -q && apt_quiet_services install -y -q --no-install-recommends $missing
	} >build/setup.log 2>&1 || {
		tail -n 15 build/setup.log >&2
		die "apt-get failed; the whole log is build/setup.log"
	}
}

# want: "run" (what is built from: the page, the contracts), "devnet" (and Anvil) or "test"
# (everything).  What an earlier call wanted more of stays: npm would take it away.
install_npm() {
	want=$1
	stamp=node_modules/.lpnode-setup
	sum=$(sha256sum package-lock.json | cut -d' ' -f1)
	read -r had level_had 2>/dev/null <$stamp || had= level_had=
	case "$level_had $want" in
	"test "* | "devnet run") want=$level_had ;;
	esac
	[ "$had $level_had" != "$sum $want" ] || return 0
	command -v npm >/dev/null || die "npm is missing: run scripts/setup.sh run"
	case $want in
	test) omit= ;;
	devnet) omit=--omit=dev ;;
	*) omit="--omit=dev --omit=optional" ;;
	esac
	say "npm packages for: $want"
	mkdir -p build
	npm ci --ignore-scripts --no-audit --no-fund $omit >build/setup-npm.log 2>&1 || {
		tail -n 15 build/setup-npm.log >&2
		die "npm failed; the whole log is build/setup-npm.log"
	}
	echo "$sum $want" >$stamp
}

# One at a time: two of `npm ci` in one folder leave nothing of it.
mkdir -p build
exec 9>build/.setup.lock
flock -w 1800 9 || die "another setup.sh has been at work for half an hour (build/.setup.lock)"

case $level in
run) install_debs $run_pkgs; install_npm run ;;
test) install_debs $run_pkgs $test_pkgs; install_npm test ;;
bench) install_debs $run_pkgs $test_pkgs $bench_pkgs; install_npm test ;;
web) install_npm run ;;
devnet) install_debs $run_pkgs; install_npm devnet ;;
*) die "unknown level '$level': run, test, bench, devnet or web" ;;
esac
