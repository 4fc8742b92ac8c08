#!/bin/sh
# gen_docs.sh [--check] LPNODE: puts the option tables that the binary prints into
# docs/operators.md, between its two markers.  --check changes nothing: exit 1, with
# the difference, when the page is not current.
set -eu
cd "$(dirname "$0")/.."
page=docs/operators.md
check=
if [ "${1:-}" = --check ]; then
	check=1
	shift
fi
[ $# = 1 ] || { echo "usage: gen_docs.sh [--check] LPNODE" >&2; exit 2; }

tables=$(mktemp)
new=$(mktemp)
trap 'rm -f "$tables" "$new"' EXIT
"$1" -helpMarkdown >"$tables"
[ -s "$tables" ] || { echo "$1 -helpMarkdown printed nothing" >&2; exit 1; }

# A marker that is missing or stands twice would cut the page: that is an error.
awk -v tables="$tables" '
	/^<!-- options: / {
		begin++; print; print ""
		while ((getline line < tables) > 0) { print line; last = line }
		if (last != "") print ""
		inside = 1
		next
	}
	/^<!-- end of options -->$/ { end++; inside = 0 }
	!inside { print }
	END { exit !(begin == 1 && end == 1) }
' "$page" >"$new" || { echo "$page: wants one pair of option markers" >&2; exit 1; }

if [ -z "$check" ]; then
	cmp -s "$new" "$page" || cat "$new" >"$page"
elif ! diff -u "$page" "$new"; then
	echo "$page is not current: make docs" >&2
	exit 1
fi
