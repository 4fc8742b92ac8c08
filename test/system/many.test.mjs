// Many streams at once: twenty whose source alone is served, and what the node
// holds after they are gone.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { long, note, parallel, sleep, test, until } from './lib/harness.mjs';
import { cpuMs, Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';
import { packets, publish, source } from './lib/media.mjs';

parallel(2);
const COUNT = 20;
const rssKb = (n) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${n.pid}/status`, 'utf8'))[1]);
const fdCount = (n) => fs.readdirSync(`/proc/${n.pid}/fd`).length;

test(`${COUNT} streams at once lose no frame of the source`, async (t) => {
	// Without an orchestrator only the source is carried.
	const n = await Node.start(t, { roles: 'broadcaster' });
	const file = await source({ seconds: 10, gop: 60 });
	const want = await packets(file);
	const names = Array.from({ length: COUNT }, (_, i) => `cam${i}`);
	const recs = names.map((name) => new Recorder(t, n, name));
	const pubs = names.map((name) => publish(t, file, n.rtmp(name)));

	recs.forEach((r) => r.start(1500));
	await sleep(6000);
	note(`CPU ${cpuMs(n.pid)} ms after 6 s, RSS ${rssKb(n)} kB`);
	for (const p of pubs)
		assert.equal((await p.over).code, 0);
	await sleep(2500);
	for (const rec of recs) {
		await rec.settle();
		let frames = 0;

		for (const s of rec.get('source').segments)
			frames += rec === recs[0] ? (await packets(s.file)).video.length : 0;
		if (rec === recs[0])
			assert.equal(frames, want.video.length);
		assert.equal(Math.round(rec.get('source').segments.reduce((s, x) => s + x.duration, 0)), 10);
	}
});

test('streams that came and went leave no descriptor', async (t) => {
	const n = await Node.start(t, { roles: 'broadcaster' });
	const file = await source({ seconds: 3 });
	const before = fdCount(n);
	let most = 0;

	for (let i = 0; i < (long ? 300 : 8); i++) {
		await Promise.all(Array.from({ length: 4 }, (_, k) =>
			publish(t, file, n.rtmp(`cam${i % 7}x${k}`), { rate: 20 }).over));
		most = Math.max(most, fdCount(n));
	}
	note(`descriptors ${before}, then up to ${most}; RSS ${rssKb(n)} kB`);
	// 10 s until a stream without publisher ends, 60 s until its last window goes.
	await until('all is closed', () => fdCount(n) <= before, 100000, 500);
}, { limitS: long ? 900 : 150 });
