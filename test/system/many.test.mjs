// Many streams at once: twenty whose source alone is served, and what the node
// holds after they are gone.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { long, note, sleep, test, until } from './lib/harness.mjs';
import { cpuMs, Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';
import { packets, publish, source } from './lib/media.mjs';

const COUNT = 20;
const rssKb = (n) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${n.pid}/status`, 'utf8'))[1]);
const fdCount = (n) => fs.readdirSync(`/proc/${n.pid}/fd`).length;

test(`${COUNT} streams at once lose no frame of the source`, async (t) => {
	// One rung of the smallest size: the work is in carrying, not in coding.
	const n = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', '127.0.0.1:1', '-maxSessions', '50'] });
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
		await rec.finish({ waitForEnd: false });
		await rec.poll();
		let frames = 0;

		for (const s of rec.get('source').segments)
			frames += rec === recs[0] ? (await packets(s.file)).video.length : 0;
		if (rec === recs[0])
			assert.equal(frames, want.video.length);
		assert.equal(Math.round(rec.get('source').segments.reduce((s, x) => s + x.duration, 0)), 10);
	}
});

test('streams that came and went leave no descriptor and no growing memory', async (t) => {
	const n = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', '127.0.0.1:1'] });
	const file = await source({ seconds: 3 });
	const round = async (i) => {
		await Promise.all(Array.from({ length: 4 }, (_, k) =>
			publish(t, file, n.rtmp(`s${i}x${k}`), { rate: 20 }).over));
	};

	await round(0);
	await until('they ended', async () => (await n.status()).streams.every((s) => s.state === 'ended'), 30000);
	const fds = fdCount(n);

	for (let i = 1; i < (long ? 60 : 6); i++)
		await round(i);
	await until('they ended', async () => (await n.status()).streams.every((s) => s.state === 'ended'), 30000);
	// Windows of ended streams may be held for a while: their blobs are descriptors.
	await until(`descriptors fall to about ${fds}`, () => fdCount(n) <= fds + 8, long ? 180000 : 90000, 500);
	note(`RSS ${rssKb(n)} kB`);
}, { limitS: long ? 400 : 150 });
