// A broadcaster that wants work without signing for it: it never gets a whole
// rendition, its segments are not begun early any more, and others do not notice.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { note, parallel, slow, test } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { packets, pieces, publish, source } from './lib/media.mjs';

parallel(2);

const tool = path.join(process.env.LPTOOLS || 'build/test/tools', 'free_rider');
const FRAMES = 60;	// of the 2 s that it sends
const GOP_FRAMES = 30;	// of renditions with a key frame a second

/* The steps of test/tools/free_rider.c; what came of each: {step, end, trailers, files}. */
async function ride(t, orch, gopMs, steps) {
	const dir = fs.mkdtempSync(path.join(t.dir(), 'ride-'));
	const [file] = await pieces({ seconds: 8, gop: 60 });
	const p = t.spawn(tool, [orch.addr.peer, dir, String(gopMs), file, ...steps]);

	t.diagnoses.push(() => `free_rider:\n${p.text().slice(-2000)}`);
	const end = await p.over;

	assert.equal(end.code, 0, end.stderr);
	return end.stdout.split('\n').filter((l) => / seq=/.test(l)).map((l) => {
		const seq = /seq=(\d+)/.exec(l)[1];

		return { step: l.split(' ')[0], end: /end=(\w+)/.exec(l)[1], trailers: Number(/trailers=(\d+)/.exec(l)[1]),
			bytes: Number(/low=(\d+)/.exec(l)[1]), files: ['low', 'mid'].map((n) => path.join(dir, `${seq}-${n}.ts`)) };
	});
}

async function frames(file) {
	return fs.statSync(file).size ? (await packets(file)).video.length : 0;
}

async function checkUnpaid(r, most) {
	assert.equal(r.trailers, 0, `${r.step}: no rendition is whole`);
	assert.equal(r.end, r.step === 'none' ? 'left' : 'refused', r.step);
	for (const f of r.files) {
		const n = await frames(f);

		assert.ok(n <= most, `${r.step}: ${n} frames of ${FRAMES}, at most ${most} come before the trailer`);
	}
}

test('without a trailer that holds nobody gets the last GOP of a rendition', async (t) => {
	const orch = await Node.start(t, { roles: 'orchestrator' });
	const early = () => orch.metric('segment_early_total');
	const honest = await ride(t, orch, 1000, ['honest', 'honest']);
	const before = await early();

	for (const r of honest) {
		assert.equal(r.end, 'receipt');
		assert.equal(r.trailers, 2);
		assert.equal(await frames(r.files[0]), FRAMES);
	}
	assert.ok(before >= 1, 'work for an honest one began before the trailer');
	// Each is somebody new, who is believed once.
	await Promise.all(['none', 'hash', 'length', 'signature'].map(async (step) => {
		const [first, next, third] = await ride(t, orch, 1000, [step, step, 'honest']);

		note(`${step}: ${first.bytes} bytes of "low", then ${next.bytes}`);
		await checkUnpaid(first, FRAMES - GOP_FRAMES);
		await checkUnpaid(next, 0);
		assert.equal(third.end, 'receipt', 'it may pay again');
	}));
	assert.equal(await early(), before, 'what follows is not begun early');
	const left = orch.lines(/left without a trailer/).length;

	assert.ok(left >= 4, `${left} lines tell`);
}, { limitS: 120 });

test('of a rendition of one GOP nothing comes before the trailer', async (t) => {
	const orch = await Node.start(t, { roles: 'orchestrator' });

	for (const r of await ride(t, orch, 0, ['none', 'signature']))
		await checkUnpaid(r, 0);
});

test('an honest broadcaster beside it goes on being served early', async (t) => {
	const orch = await Node.start(t, { roles: 'orchestrator' });
	const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', orch.addr.peer] });
	const ff = publish(t, await source({ seconds: 14 }), b.rtmp('cam'));

	await ride(t, orch, 1000, ['none', 'none', 'none']);
	const before = await orch.metric('segment_early_total');

	assert.equal((await ff.over).code, 0);
	const s = await b.stream('cam');

	assert.ok(s.renditions.every((r) => r.lost === 0), 'it lost nothing');
	assert.ok(s.segments >= 6, `${s.segments} segments`);
	note(`early ${before}, then ${await orch.metric('segment_early_total')}`);
	assert.ok(await orch.metric('segment_early_total') > before, 'its work begins early');
}, { limitS: 60 * slow });
