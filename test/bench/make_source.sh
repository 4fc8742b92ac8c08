#!/bin/sh
# Makes a realistic source for the benches: 12 s of 1080p30 camera footage, H.264
# High with B pictures at 6 Mbit/s, closed GOP of 2 s, AAC; as MPEG-TS and FLV.
# The footage is what Debian packages ship (a phone clip and two 720p clips, enlarged,
# moved as if hand-held, with sensor noise).  Where they cannot be had, synthetic
# pictures take their place.
# Usage: make_source.sh DIR      makes DIR/real1080.ts and DIR/real1080.flv
set -eu
[ $# -eq 1 ] || { echo "usage: make_source.sh DIR" >&2; exit 2; }
mkdir -p "$1"
cd "$1"
[ -s real1080.ts ] && [ -s real1080.flv ] && exit 0
FF="ffmpeg -hide_banner -loglevel error -nostdin -y"

# Unpack without installing; being offline is no failure.
unpack() {
	[ -d "footage/$1" ] && return 0
	mkdir -p footage
	(cd footage && apt-get download -qq "$1" >/dev/null 2>&1 &&
		dpkg -x "$1"_*.deb "$1" && rm -f "$1"_*.deb) || return 1
}

footage() {
	unpack forensics-samples-files && unpack python3-imageio || return 1
	samples=footage/forensics-samples-files/usr/share/forensics-samples/original-files
	phone=$samples/movie1/VID_20191220_170832.mp4
	hello=$samples/movie2/movie-hello.mp4
	bird=$(find footage/python3-imageio -name cockatoo.mp4 | head -n 1)
	[ -s "$phone" ] && [ -s "$hello" ] && [ -n "$bird" ]
}

# A 720p clip as 1080p: enlarged, wandering, grainy.  $1: input, $2: label, $3: speed
enlarge() {
	printf '%s' "[$1:v]setpts=N/30/TB,fps=30,scale=2000:1126:flags=lanczos,\
crop=1920:1080:x='40+36*sin(n/$3)':y='23+20*cos(n/$(($3 + 5)))',\
noise=alls=5:allf=t,setsar=1,format=yuv420p[$2]"
}

coded="-c:v libx264 -profile:v high -preset veryfast -bf 2 -g 60 -keyint_min 60
	-sc_threshold 0 -flags +cgop -pix_fmt yuv420p -r 30 -b:v 6000k -maxrate 7000k
	-bufsize 9000k -c:a aac -b:a 128k -ar 48000 -ac 2"
sound="-f lavfi -i anoisesrc=c=pink:a=0.05:r=48000"

if footage; then
	echo "source: camera footage from Debian packages" >&2
	$FF -i "$phone" -i "$hello" -i "$bird" $sound -filter_complex "
		[0:v]setpts=N/30/TB,fps=30,scale=1920:1080,setsar=1,format=yuv420p,split[f][g];
		[g]reverse,setpts=N/30/TB[back];
		$(enlarge 1 walk 11);$(enlarge 2 bird 23);
		[walk]trim=end_frame=150,setpts=N/30/TB[walk1];
		[f][back][walk1][bird]concat=n=4:v=1:a=0[v]" \
		-map '[v]' -map 3:a -frames:v 360 -t 12 $coded whole.mp4
else
	echo "source: synthetic (no packages to be had)" >&2
	$FF -f lavfi -i "mandelbrot=s=2048x1152:r=30:end_scale=0.02:end_pts=300" \
		-f lavfi -i "testsrc2=s=480x270:r=30" $sound -filter_complex "
		[0:v]crop=1920:1080:x='64+60*sin(n/19)':y='36+34*cos(n/13)',noise=alls=8:allf=t[b];
		[b][1:v]overlay=x='mod(n*5,1440)':y=80,format=yuv420p[v]" \
		-map '[v]' -map 2:a -frames:v 360 -t 12 $coded whole.mp4
fi
$FF -i whole.mp4 -c copy real1080.ts
$FF -i whole.mp4 -c copy real1080.flv
rm -f whole.mp4
