#!/bin/sh
# run_unit_one.sh BUILD test/ROOM/test_x.c: runs one; its TAP and its exit code go beside it.
bin=$1/${2%.c}
if [ ! -x "$bin" ]; then
	echo "not ok - $bin is not built" >"$bin.tap"
	echo 127 >"$bin.code"
	exit 0
fi
CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 "${UNIT_SECONDS:-120}" "$bin" >"$bin.tap" 2>&1
echo $? >"$bin.code"
