// binary: plain
// alone
// The default ladder on a 720p source, in real time.
import assert from 'node:assert/strict';
import { test } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { checkAgainst, Recorder } from './lib/hls.mjs';
import { packets, publish, source } from './lib/media.mjs';

test('the default ladder of a 720p stream comes through whole', async (t) => {
	const n = await Node.start(t, { ladder: 'P144p30fps16x9,P240p30fps16x9,P360p30fps16x9,P720p30fps16x9' });
	const file = await source({ seconds: 8, size: '1280x720', gop: 60 });
	const rec = new Recorder(t, n, 'cam').start();

	assert.equal((await publish(t, file, n.rtmp('cam')).over).code, 0);
	await rec.settle();
	const names = ['P144p30fps16x9', 'P240p30fps16x9', 'P360p30fps16x9', 'P720p30fps16x9'];
	// These presets ask for 30/1: RTMP's whole milliseconds go back onto that grid.
	const src = await rec.check({ fps: 30, audioFrame90k: 90000 * 1024 / 48000, renditions: names, slack90k: 90 });

	checkAgainst(await packets(file), src.segments);
	const sizes = names.map((x) => rec.get(x).info.resolution).map((r) => `${r.width}x${r.height}`);

	assert.deepEqual(sizes, ['256x144', '426x240', '640x360', '1280x720']);
}, { limitS: 120 });

test('without -transcodingOptions a node makes its own default ladder', async (t) => {
	const n = await Node.start(t, { ladder: null });
	const rec = new Recorder(t, n, 'cam').start();

	assert.equal((await publish(t, await source({ seconds: 6, size: '1280x720', gop: 60 }), n.rtmp('cam')).over).code, 0);
	await rec.settle();
	const made = [...rec.renditions.keys()].filter((x) => x !== 'source');

	assert.ok(made.length >= 2, `renditions: ${made}`);
	await rec.check({ fps: 30, renditions: made });
}, { limitS: 120 });
