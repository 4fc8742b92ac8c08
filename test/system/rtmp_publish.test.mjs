// Publishers of all kinds over RTMP, seen through HLS: every segment of the source
// and of each rendition is fetched as a player does, decoded alone and in sequence,
// and compared with what was published.
import assert from 'node:assert/strict';
import { parallel, test, until } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { checkAgainst, Recorder } from './lib/hls.mjs';
import { packets, publish, source } from './lib/media.mjs';

parallel(3);

const AUDIO_48K = 90000 * 1024 / 48000;

/* Publish a file at twice its speed, record the whole, check all of it. */
async function through(t, src, o, opts = {}) {
	const n = await Node.start(t, opts.node);
	const file = await source(src);
	const rec = new Recorder(t, n, 'cam').start();
	const ff = publish(t, file, n.rtmp('cam'), { rate: 2, ...opts.publish });
	const end = await ff.over;

	assert.equal(end.code, 0, `ffmpeg: ${end.stderr}`);
	await rec.settle();
	const r = await rec.check({ renditions: ['low', 'mid'], ...o });

	return { n, file, rec, src: r };
}

test('H.264 and AAC at 30 fps come through whole', async (t) => {
	const { file, src, n } = await through(t, {}, { fps: 30, audioFrame90k: AUDIO_48K });

	checkAgainst(await packets(file), src.segments);
	assert.ok(src.segments.every((s) => !s.discontinuity || s.number === 0), 'no discontinuity');
	assert.ok(src.segments.length >= 4, `${src.segments.length} segments of 10 s`);
	const st = await n.status();

	assert.equal(st.totals.renditionsLost, 0);
	assert.equal(st.totals.segmentsIn, src.segments.length);
	assert.equal(st.totals.renditionsOut, 2 * src.segments.length);
});

test('the master playlist tells size, rate and codecs', async (t) => {
	const { rec } = await through(t, { seconds: 4 }, { fps: 30 });
	const v = (name) => rec.get(name).info;

	assert.deepEqual({ ...v('source').resolution }, { width: 320, height: 180 });
	assert.deepEqual({ ...v('low').resolution }, { width: 256, height: 144 });
	for (const name of ['source', 'low', 'mid']) {
		assert.match(v(name).codecs, /^avc1\.[0-9a-fA-F]{6},mp4a\.40\.2$/, `${name} CODECS`);
		assert.ok(Math.abs(v(name).frameRate - 30) < 0.1, `${name} FRAME-RATE ${v(name).frameRate}`);
	}
});

test('video without sound', async (t) => {
	const { file, src } = await through(t, { audio: false }, { fps: 30 });

	checkAgainst(await packets(file), src.segments);
});

test('sound without video', async (t) => {
	const { file, src } = await through(t, { video: false, seconds: 8 },
		{ audioFrame90k: AUDIO_48K, renditions: [] });

	checkAgainst(await packets(file), src.segments);
});

test('B-frames keep their order and times', async (t) => {
	const { file, src } = await through(t, { bf: 3, gop: 60 }, { fps: 30, audioFrame90k: AUDIO_48K });

	checkAgainst(await packets(file), src.segments);
});

test('a GOP of 10 s makes segments of 10 s, and a warning', async (t) => {
	const src = { seconds: 25, gop: 300 };
	const n = await Node.start(t);
	const file = await source(src);
	const rec = new Recorder(t, n, 'cam').start();
	const ff = publish(t, file, n.rtmp('cam'), { rate: 3 });
	let warnings = [];

	while (!ff.end && warnings.length === 0) {
		await new Promise((r) => setTimeout(r, 200));
		warnings = ((await n.stream('cam')) || { warnings: [] }).warnings;
	}
	assert.match(warnings.join(), /key ?frame|GOP/i, 'the status warns of the long GOP');
	assert.equal((await ff.over).code, 0);
	await rec.settle();
	const r = await rec.check({ fps: 30, audioFrame90k: AUDIO_48K, renditions: ['low', 'mid'] });

	checkAgainst(await packets(file), r.segments);
	assert.deepEqual(r.segments.map((s) => Math.round(s.duration)), [10, 10, 5]);
});

test('30000/1001 frames and 44.1 kHz sound', async (t) => {
	const fps = 30000 / 1001;
	const { file, src } = await through(t, { fps: '30000/1001', rate: 44100, gop: 60 },
		{ fps, audioFrame90k: 90000 * 1024 / 44100 });

	checkAgainst(await packets(file), src.segments);
});

test('50 frames a second', async (t) => {
	const { file, src } = await through(t, { fps: 50, gop: 100, seconds: 6 },
		{ fps: 50, audioFrame90k: AUDIO_48K });

	checkAgainst(await packets(file), src.segments);
});

test('a jump of an hour in the timestamps is one discontinuity and loses nothing', async (t) => {
	const jump = "setts=ts='TS+if(gte(TS*TB\\,4.99)\\,3600/TB\\,0)'";
	const { file, src } = await through(t, {}, { fps: 30, audioFrame90k: AUDIO_48K },
		{ publish: { args: ['-bsf:v', jump, '-bsf:a', jump] } });
	const runs = Recorder.runs(src.segments);
	const orig = await packets(file);

	assert.equal(runs.length, 2, 'one discontinuity');
	for (const kind of ['video', 'audio'])
		assert.equal(runs.flat().reduce((n, s) => n + s.packets[kind].length, 0), orig[kind].length);
});

test('a renamed rendition is listed, one larger than the source is not', async (t) => {
	const n = await Node.start(t, { ladder: [
		{ name: 'huge', width: 1920, height: 1080, bitrate: 4000000 },
		{ name: 'tiny', width: 192, height: 108, bitrate: 100000 },
	] });
	const rec = new Recorder(t, n, 'cam').start();

	await publish(t, await source({ seconds: 4 }), n.rtmp('cam'), { rate: 2 }).over;
	await rec.settle();
	assert.deepEqual([...rec.renditions.keys()].sort(), ['source', 'tiny']);
});

test('a ladder at half the frame rate halves the frames', async (t) => {
	const n = await Node.start(t, { ladder: [
		{ name: 'half', width: 256, height: 144, bitrate: 150000, fps: 15 }] });
	const rec = new Recorder(t, n, 'cam').start();

	await publish(t, await source({ seconds: 6 }), n.rtmp('cam'), { rate: 2 }).over;
	await rec.settle();
	await rec.check({ renditions: ['half'], fps: 30, renditionFps: 15, audioFrame90k: AUDIO_48K });
	const count = (name) => rec.get(name).segments.reduce((s, x) => s + x.packets.video.length, 0);

	assert.equal(count('half') * 2, count('source'));
});

test('GStreamer publishes through rtmp2sink', async (t) => {
	const n = await Node.start(t);
	const rec = new Recorder(t, n, 'gst').start();
	const gst = t.spawn('gst-launch-1.0', ['-q', '-e', ...('videotestsrc is-live=true num-buffers=180 ! ' +
		'video/x-raw,width=320,height=180,framerate=30/1 ! x264enc tune=zerolatency ' +
		'speed-preset=ultrafast key-int-max=60 bitrate=300 ! h264parse ! flvmux name=m streamable=true ! ' +
		`rtmp2sink location=${n.rtmp('gst')} audiotestsrc is-live=true num-buffers=280 ! ` +
		'audio/x-raw,rate=48000,channels=2 ! audioconvert ! avenc_aac ! aacparse ! m.').split(' ')]);
	const end = await gst.over;

	assert.equal(end.code, 0, end.stderr);
	await rec.settle();
	const src = await rec.check({ fps: 30, audioFrame90k: AUDIO_48K, renditions: ['low', 'mid'] });
	const frames = src.segments.reduce((s, x) => s + x.packets.video.length, 0);

	assert.equal(frames, 180, 'every frame came through');
});

test('the first segment is listed as soon as it ends, not with the next one', async (t) => {
	const n = await Node.start(t);
	const rec = new Recorder(t, n, 'cam').start(100);

	const pub = publish(t, await source({ seconds: 8, gop: 60 }), n.rtmp('cam'));
	const { sinceMs } = await until('the stream is there', () => n.stream('cam'));

	await pub.over;
	await rec.settle();
	const first = rec.get('source').segments[0];

	// It is 2 s long; waiting for its successor would take 4 s.
	assert.ok(first.seenAt - sinceMs < 3900, `first seen ${first.seenAt - sinceMs} ms after the publisher came`);
});
