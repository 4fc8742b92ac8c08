#!/bin/sh
# embed.sh OUT.c FILE...: a C file holding the files' bytes and the table that
# node/web_files.h declares.  The assembler reads the files (.incbin), so a
# megabyte costs no compile time.
set -eu
out=$1
shift

type_of() {
	case $1 in
	*.html) echo 'text/html; charset=utf-8' ;;
	*.js) echo 'text/javascript; charset=utf-8' ;;
	*.css) echo 'text/css; charset=utf-8' ;;
	*.svg) echo 'image/svg+xml' ;;
	*) echo "embed.sh: no media type known for $1" >&2; exit 1 ;;
	esac
}

mkdir -p "$(dirname "$out")"
{
	echo '/* Made by scripts/embed.sh: do not edit. */'
	echo '#include "node/web_files.h"'
	n=0
	for f; do
		printf '__asm__(".section .rodata\\n.balign 16\\nlp_web_%d: .incbin \\"%s\\"\\n"\n' $n "$f"
		printf '\t"lp_web_%d_end: .byte 0\\n.previous\\n.globl lp_web_%d, lp_web_%d_end\\n");\n' $n $n $n
		printf 'extern const unsigned char lp_web_%d[], lp_web_%d_end[];\n' $n $n
		n=$((n + 1))
	done
	echo 'const struct web_file web_files[] = {'
	n=0
	for f; do
		etag=$(sha256sum "$f" | cut -c1-32)
		printf '\t{ "%s", "%s", lp_web_%d, lp_web_%d_end, "\\"%s\\"" },\n' \
			"$(basename "$f")" "$(type_of "$f")" $n $n "$etag"
		n=$((n + 1))
	done
	echo '};'
	echo "const size_t n_web_files = $n;"
} >"$out.tmp"
mv "$out.tmp" "$out"
