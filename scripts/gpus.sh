# Which GPUs work here; sourced by test_gpu.sh and bench_gpu.sh.  GPU_DEVICES="nvidia:0 ..."
# names them instead of looking.

gpu_candidates() {
	if [ -n "${GPU_DEVICES:-}" ]; then
		echo "$GPU_DEVICES"
		return
	fi
	for f in /dev/nvidia[0-9]*; do
		[ -e "$f" ] && echo "nvidia:${f#/dev/nvidia}"
	done
	for f in /dev/dri/renderD*; do
		[ -e "$f" ] && echo "vaapi:$f qsv:$f"
	done
	# So that there is an answer that says what is missing.
	[ -e /dev/nvidia0 ] || [ -e /dev/dri ] || echo nvidia:0
}

# find_gpus LPNODE: sets gpus.  Without any says so in one line.
find_gpus() {
	gpus=
	why=
	for name in $(gpu_candidates); do
		if answer=$(timeout 60 "$1" --gpu-probe "$name" 2>/dev/null); then
			gpus="$gpus $name"
		else
			why="${why:+$why; }$(echo "$answer" | sed -n 's/.*"error":"\([^"]*\)".*/\1/p')"
		fi
	done
	[ -n "$gpus" ] || echo "no GPU here: $why"
}
