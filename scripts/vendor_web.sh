#!/bin/sh
# vendor_web.sh OUTDIR: puts the foreign files of the player page there.
set -eu
out=$1
cd "$(dirname "$0")/.."
scripts/setup.sh web
mkdir -p "$out"
# Without the pointer to a source map that we do not serve.
sed '/^\/\/# sourceMappingURL=/d' node_modules/hls.js/dist/hls.min.js >"$out/hls.min.js.tmp"
mv "$out/hls.min.js.tmp" "$out/hls.min.js"
