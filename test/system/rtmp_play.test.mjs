// RTMP players: ffmpeg, GStreamer, librtmp.
import assert from 'node:assert/strict';
import path from 'node:path';
import { parallel, run, sleep, test, until } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { packets, publish, source } from './lib/media.mjs';

parallel(3);

async function live(t, o = {}) {
	const n = await Node.start(t, { ladder: [{ name: 'low', width: 256, height: 144, bitrate: 150000 }] });
	const file = await source({ seconds: 20, ...o });

	publish(t, file, n.rtmp('cam'));
	await until('the stream is live', async () => (await n.stream('cam'))?.state === 'live');
	return n;
}

function checkGot(got, what) {
	assert.ok(got.video.length > 60, `${what}: ${got.video.length} video packets`);
	assert.ok(got.audio.length > 90, `${what}: ${got.audio.length} audio packets`);
	assert.ok(got.video[0].key, `${what}: begins with a key frame`);
	for (let i = 1; i < got.video.length; i++)
		assert.ok(got.video[i].dts > got.video[i - 1].dts, `${what}: dts rises`);
}

test('ffmpeg plays what is published', async (t) => {
	const n = await live(t);
	const file = path.join(t.dir(), 'play.flv');

	await run('ffmpeg', ['-nostdin', '-v', 'error', '-rw_timeout', '10000000', '-i', n.rtmp('cam'),
		'-t', '4', '-c', 'copy', file]);
	checkGot(await packets(file), 'ffmpeg');
});

test('rtmpdump plays what is published', async (t) => {
	const n = await live(t);
	const file = path.join(t.dir(), 'dump.flv');
	const p = t.spawn('rtmpdump', ['-q', '-r', `rtmp://${n.addr.rtmp}/live`, '-y', 'cam', '--live', '-o', file]);

	await sleep(5000);
	p.kill('SIGTERM');
	await p.over;
	checkGot(await packets(file), 'rtmpdump');
});

test('GStreamer rtmp2src plays what is published', async (t) => {
	const n = await live(t);
	const file = path.join(t.dir(), 'gst.flv');
	const p = t.spawn('gst-launch-1.0', ['-q', '-e', 'rtmp2src', `location=${n.rtmp('cam')}`, '!',
		'filesink', `location=${file}`]);

	await sleep(5000);
	p.kill('SIGINT');
	await Promise.race([p.over, sleep(3000)]);
	checkGot(await packets(file), 'rtmp2src');
});

test('a player that comes late starts at once with a key frame', async (t) => {
	const n = await live(t, { gop: 150 });	// 5 s: it must get the GOP that runs

	await sleep(2500);
	const t0 = Date.now();
	const { stdout } = await run('ffprobe', ['-v', 'error', '-rw_timeout', '10000000', '-read_intervals',
		'%+#1', '-select_streams', 'v', '-show_entries', 'packet=flags', '-of', 'csv=p=0', n.rtmp('cam')]);

	assert.match(stdout, /^K/);
	assert.ok(Date.now() - t0 < 3500, `first packet after ${Date.now() - t0} ms`);
});

test('playing a name that nobody publishes ends with an error', async (t) => {
	const n = await Node.start(t);
	const end = await run('ffmpeg', ['-nostdin', '-v', 'error', '-i', n.rtmp('nobody'), '-t', '1',
		'-f', 'null', '-'], { anyCode: true, limitS: 30 });

	assert.notEqual(end.code, 0);
	assert.notEqual(end.signal, 'SIGKILL', 'it was told, it did not have to be killed');
});

test('a player ends when the publisher does', async (t) => {
	const n = await Node.start(t);
	const ff = publish(t, await source({ seconds: 5 }), n.rtmp('cam'));

	await until('the stream is live', async () => (await n.stream('cam'))?.state === 'live');
	const p = t.spawn('ffmpeg', ['-nostdin', '-v', 'error', '-i', n.rtmp('cam'), '-c', 'copy', '-f', 'null', '-']);

	await ff.over;
	await until('the player ended', () => p.end, 15000);
});
