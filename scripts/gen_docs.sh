#!/bin/sh
# gen_docs.sh [--check] LPNODE: puts the tables that the binary prints into the pages, each
# between its two markers: options into docs/operators.md, commands into docs/cli.md.  --check
# changes nothing: exit 1, with the difference, when a page is not current.
set -eu
cd "$(dirname "$0")/.."
check=
if [ "${1:-}" = --check ]; then
	check=1
	shift
fi
[ $# = 1 ] || { echo "usage: gen_docs.sh [--check] LPNODE" >&2; exit 2; }
program=$1
stale=0

tables=$(mktemp)
new=$(mktemp)
trap 'rm -f "$tables" "$new"' EXIT

# fill PAGE NAME FLAG: between <!-- NAME: ... --> and <!-- end of NAME --> stands what FLAG
# prints.  A marker that is missing or stands twice would cut the page: that is an error.
fill() {
	"$program" "$3" >"$tables"
	[ -s "$tables" ] || { echo "$program $3 printed nothing" >&2; exit 1; }
	awk -v tables="$tables" -v name="$2" '
		index($0, "<!-- " name ": ") == 1 {
			begin++; print; print ""
			while ((getline line < tables) > 0) { print line; last = line }
			if (last != "") print ""
			inside = 1
			next
		}
		$0 == "<!-- end of " name " -->" { end++; inside = 0 }
		!inside { print }
		END { exit !(begin == 1 && end == 1) }
	' "$1" >"$new" || { echo "$1: wants one pair of $2 markers" >&2; exit 1; }
	if [ -z "$check" ]; then
		cmp -s "$new" "$1" || cat "$new" >"$1"
	elif ! diff -u "$1" "$new"; then
		echo "$1 is not current: make docs" >&2
		stale=1
	fi
}

fill docs/operators.md options -helpMarkdown
fill docs/cli.md commands -helpCommands
exit $stale
