// Many streams at once: twenty whose source alone is served, and what the node
// holds after they are gone.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { long, note, sleep, test } from './lib/harness.mjs';
import { cpuMs, Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';
import { packets, publish, source } from './lib/media.mjs';

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
	const round = () => Promise.all(Array.from({ length: 4 }, (_, k) =>
		publish(t, file, n.rtmp(`cam${k}`), { rate: 20 }).over));

	// A window of 12 s holds six rounds of 2 s: from then on it must not grow.
	for (let i = 0; i < 8; i++)
		await round();
	const fds = fdCount(n), rss = rssKb(n);

	for (let i = 0; i < (long ? 200 : 8); i++)
		await round();
	note(`descriptors ${fds} then ${fdCount(n)}, RSS ${rss} then ${rssKb(n)} kB`);
	assert.ok(fdCount(n) <= fds + 24, `${fds} descriptors, then ${fdCount(n)}`);
}, { limitS: long ? 600 : 120 });
