#!/bin/sh
# devnet.sh up|down|status|mine: a chain of one's own with the whole system on it.
#   up [--dir DIR] [--port N] [--block-time S] [--accounts N]
#       Anvil on 127.0.0.1, the contracts deployed by `lpnode deploy -profile devnet`, N (10)
#       accounts with 10000 ETH and 10000 LPT each, their keystores; told in DIR/devnet.json,
#       which is there when all is ready.  DIR: ./devnet.  Port: a free one.  A block each S
#       seconds (1); 0: one for each transaction, and none else.
#   down [--dir DIR]      stops it; the chain is gone
#   mine [--dir DIR] [--blocks N]   time passes: N (50) blocks at once, a second apart
#   status [--dir DIR]    exit code 0: up; 1: it died; 3: there is none
# Installs and builds what is missing.  LPNODE: another program than build/lpnode.
set -eu
umask 077
root=$(cd "$(dirname "$0")/.." && pwd)
lpt=10000

say() { echo "devnet: $*" >&2; }
die() { say "$*"; exit 1; }
usage() { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2; }

number() {	# NAME VALUE LEAST MOST
	case $2 in '' | *[!0-9]*) say "$1: $2 is no number"; exit 2 ;; esac
	[ ${#2} -le 6 ] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || { say "$1: $2, give $3 to $4"; exit 2; }
}

[ $# -gt 0 ] || usage
verb=$1
shift
dir=devnet port=0 block_time=1 accounts=10 blocks=50
while [ $# -gt 0 ]; do
	case $1 in --*=*) opt=${1%%=*} value=${1#*=}; shift; set -- "$opt" "$value" "$@" ;; esac
	[ $# -gt 1 ] || usage
	case $1 in
	--dir) [ -n "$2" ] || usage; dir=$2 ;;
	--port) number "$1" "$2" 0 65535; port=$2 ;;
	--block-time) number "$1" "$2" 0 3600; block_time=$2 ;;
	--blocks) number "$1" "$2" 1 10000; blocks=$2 ;;
	--accounts) number "$1" "$2" 1 100; accounts=$2 ;;
	*) say "what is $1?"; usage ;;
	esac
	shift 2
done
pid_file=$dir/anvil.pid

# When a process was started, in ticks of its kernel; nothing if there is none, or only what is
# left of one that nobody has waited for.
started() { sed -n 's/.*) \([^Z] .*\)/\1/p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# pid of the Anvil that `up` has started, if it still runs: a pid alone may be another's by now.
living() {
	read -r pid since 2>/dev/null <"$pid_file" || return 1
	case $pid in '' | *[!0-9]*) return 1 ;; esac
	[ "$pid" -gt 1 ] && [ -n "$since" ] && [ "$(started "$pid")" = "$since" ]
}

rpc() {	# URL METHOD PARAMS
	curl -sf -m 5 -H 'content-type: application/json' \
		-d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$2\",\"params\":$3}" "$1"
}
url_of() { sed -n 's/^  "rpc": "\(.*\)",$/\1/p' "$dir/devnet.json" 2>/dev/null; }

# What `up` has made, and nothing else.
forget() {
	rm -f "$dir/devnet.json" "$pid_file" "$dir/anvil.json" "$dir/deployment.json" "$dir/imported" "$dir/password"
	rm -rf "$dir/keystore" "$dir/deployer" "$dir/lpnode"
}

stop_anvil() {
	living || return 0
	kill "$pid"
	for _ in $(seq 100); do
		living || return 0
		sleep 0.05
	done
	kill -KILL "$pid"
}

lock() {
	mkdir -p "$dir"
	exec 9>"$dir/.lock"
	flock -n 9 || die "another devnet.sh is at work in $dir"
}

# ---- up ----

prepare() {
	(umask 022 && cd "$root" && scripts/setup.sh devnet)
	anvil=$root/node_modules/@foundry-rs/anvil-linux-$(uname -m | sed 's/x86_64/amd64/')/bin/anvil
	[ -x "$anvil" ] || die "there is no Anvil for $(uname -m) among the packages"
	lpnode=${LPNODE:-$root/build/lpnode}
	[ -n "${LPNODE:-}" ] || (umask 022 && make -C "$root" -s -j2 build/lpnode >&2) || die "lpnode does not build"
	[ -x "$lpnode" ] || die "$lpnode: no such program"
}

free_port() {
	node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

# Blocks come with transactions until all is deployed.
start_anvil() {
	if [ "$port" = 0 ]; then
		port=$(free_port)
	elif rpc "http://127.0.0.1:$port" eth_chainId '[]' >/dev/null || [ $? != 7 ]; then
		die "port $port is taken"
	fi
	url=http://127.0.0.1:$port
	# One account more than asked for: the deployer.
	setsid "$anvil" --silent --host 127.0.0.1 --port "$port" --accounts $((accounts + 1)) --balance 10000 \
		--gas-limit 30000000 --enable-tx-gas-limit --prune-history 256 --config-out "$dir/anvil.json" \
		</dev/null >/dev/null 2>&1 9>&- &
	pid=$!
	echo "$pid $(started $pid)" >"$pid_file"
	for _ in $(seq 200); do
		living || die "Anvil ended at once: is port $port taken?"
		rpc "$url" eth_chainId '[]' >/dev/null && return 0
		sleep 0.05
	done
	die "Anvil does not answer in 10 s"
}

# Line I of a list in Anvil's configuration: private_keys, available_accounts.
anvil_list() {
	node -e 'JSON.parse(require("fs").readFileSync(process.argv[1]))[process.argv[2]].forEach(x => console.log(x))' \
		"$dir/anvil.json" "$1"
}

# FOLDER: the key on standard input becomes a keystore there, {"address", "path"} a line of
# DIR/imported.
import() {
	"$lpnode" account import - --light --json -ethKeystorePath "$1" -ethPasswordFile "$dir/password" \
		-datadir "$dir/lpnode" 9>&- | tr -d '\n' >>"$dir/imported"
	echo >>"$dir/imported"
}

import_all() {
	echo devnet >"$dir/password"
	anvil_list private_keys | {
		i=0
		while read -r key; do
			folder=$dir/keystore
			[ $i -lt "$accounts" ] || folder=$dir/deployer
			echo "$key" | import "$folder"
			i=$((i + 1))
		done
	}
}

deploy() {
	funds=$(anvil_list available_accounts | head -n "$accounts" | sed "s/\$/=$lpt LPT/" | paste -sd, -)
	"$lpnode" deploy -profile devnet -ethUrl "$url" -chainId 31337 -ethKeystorePath "$dir/deployer" \
		-ethPasswordFile "$dir/password" -datadir "$dir/lpnode" -fund "$funds" -out "$dir/deployment.json" \
		--yes >"$dir/deploy.log" 2>&1 9>&- || { tail -n 5 "$dir/deploy.log" >&2; die "not deployed"; }
}

# Written aside, then renamed: who sees it sees a devnet that is ready.
tell() {
	node - "$dir" "$url" "$accounts" <<'EOF'
const fs = require('fs'), path = require('path')
const [dir, rpc, n] = process.argv.slice(2)
const { chainId, controller, contracts, block } = JSON.parse(fs.readFileSync(path.join(dir, 'deployment.json')))
const passwordFile = path.resolve(dir, 'password')
const all = fs.readFileSync(path.join(dir, 'imported'), 'utf8').trim().split('\n').map(line => JSON.parse(line))
	.map(a => ({ address: a.address, keystore: path.resolve(a.path), passwordFile }))
const accounts = all.slice(0, Number(n))
const told = { rpc, chainId, controller, contracts, block, accounts, deployer: all[Number(n)] }
const file = path.join(dir, 'devnet.json')
fs.writeFileSync(`${file}.tmp`, `${JSON.stringify(told, null, 2)}\n`)
fs.renameSync(`${file}.tmp`, file)
EOF
}

give_up() {
	stop_anvil
	forget
}

up() {
	lock
	if living; then
		say "is up already: $(url_of), pid $pid; scripts/devnet.sh down --dir $dir stops it"
		return 0
	fi
	prepare
	forget
	trap give_up EXIT
	trap 'exit 130' INT TERM
	start_anvil
	import_all
	deploy
	if [ "$block_time" != 0 ]; then
		rpc "$url" evm_setIntervalMining "[$block_time]" >/dev/null || die "Anvil takes no block time"
	fi
	tell
	trap - EXIT INT TERM
	rm -f "$dir/deployment.json" "$dir/anvil.json" "$dir/imported" "$dir/deploy.log"
	echo "devnet is up: $url, chain 31337, $accounts accounts in $dir/devnet.json"
}

down() {
	[ -d "$dir" ] || { echo "there is no devnet in $dir"; return 0; }
	lock
	if [ ! -e "$pid_file" ]; then
		echo "there is no devnet in $dir"
		return 0
	fi
	stop_anvil
	forget
	echo "the devnet in $dir is down"
}

status() {
	if [ ! -e "$pid_file" ]; then
		echo "there is no devnet in $dir"
		return 3
	fi
	if ! living; then
		read -r pid since <"$pid_file" || pid=?
		echo "Anvil (pid $pid) has died, and the chain with it: scripts/devnet.sh up --dir $dir starts a new one"
		return 1
	fi
	url=$(url_of)
	if [ -z "$url" ]; then
		echo "the devnet in $dir is being set up (pid $pid)"
		return 1
	fi
	block=$(rpc "$url" eth_blockNumber '[]' | sed -n 's/.*"result":"\(0x[0-9a-f]*\)".*/\1/p') || block=
	[ -n "$block" ] || { echo "Anvil (pid $pid) does not answer at $url"; return 1; }
	echo "the devnet in $dir is up: $url, block $((block)), pid $pid"
}

# A hundred at a time: Anvil needs a second for so many.
mine() {
	living || die "there is no devnet in $dir"
	url=$(url_of)
	left=$blocks
	while [ "$left" -gt 0 ]; do
		n=$((left < 100 ? left : 100))
		curl -sf -m 60 -H 'content-type: application/json' \
			-d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"anvil_mine\",\"params\":[$n,1]}" "$url" >/dev/null ||
			die "Anvil does not answer at $url"
		left=$((left - n))
	done
	status
}

case $verb in
up) up ;;
mine) mine ;;
down) down ;;
status) status ;;
*) usage ;;
esac
