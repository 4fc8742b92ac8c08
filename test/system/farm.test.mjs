// An orchestrator that only dispatches, and transcoders as processes of their own: what
// a viewer notices when one dies, freezes, drains or is late: nothing.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { note, parallel, random, sleep, slow, test, until } from './lib/harness.mjs';
import { Farm, writeSecret } from './lib/farm.mjs';
import { Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';
import { packets, pieces, publish, source } from './lib/media.mjs';
import { parts, put } from './lib/push.mjs';

parallel(3);

const MULTI = { Accept: 'multipart/mixed' };
const hashes = (res) => Object.fromEntries(parts(res).map((p) => [p.headers['rendition-name'],
	crypto.createHash('sha256').update(p.body).digest('hex')]));

test('a farm makes the bytes that a node\'s own workers make', async (t) => {
	const own = await Node.start(t);
	const farm = await Farm.start(t, { transcoders: 3 });
	const files = await pieces({ seconds: 8, gop: 60 });

	assert.equal((await farm.orch.status()).workers, undefined, 'the orchestrator has no workers');
	for (const [i, file] of files.entries()) {
		const body = fs.readFileSync(file);
		const a = await put(own.url(`/live/cam/${i}.ts`), body, { headers: MULTI });
		const b = await put(farm.b.url(`/live/cam/${i}.ts`), body, { headers: MULTI });

		assert.equal(a.status, 200);
		assert.equal(b.status, 200, b.body.toString().slice(0, 300));
		assert.deepEqual(Object.keys(hashes(b)).sort(), ['low', 'mid']);
		assert.deepEqual(hashes(b), hashes(a), `segment ${i}`);
	}
	const done = (await farm.members()).reduce((n, m) => n + m.done, 0);

	assert.equal(done, files.length);
});

/* A 360p stream through a farm of n while something happens to the one that works. */
async function disturbed(t, n, seconds, disturb) {
	const farm = await Farm.start(t, { transcoders: n });
	const file = await source({ seconds, size: '640x360' });
	const rec = new Recorder(t, farm.b, 'cam').start();
	const ff = publish(t, file, farm.b.rtmp('cam'));
	const wait = 2500 + random() * 2500;

	await until('it is live', async () => (await farm.b.stream('cam'))?.state === 'live');
	await sleep(wait);
	const victim = await farm.working();

	note(`after ${Math.round(wait)} ms: node ${victim.number}`);
	await disturb(victim, farm);
	assert.equal((await ff.over).code, 0);
	await rec.settle();
	const src = await rec.checkBriefly(['low', 'mid']);

	assert.equal(src.frames, (await packets(file)).video.length, 'the source lost no frame');
	assert.ok(src.segments.slice(1).every((s) => !s.discontinuity), 'viewers see no discontinuity');
	assert.equal((await farm.b.status()).totals.renditionsLost, 0);
	return farm;
}

test('kill -9 of the transcoder that works, at a random time, loses no rendition', async (t) => {
	await disturbed(t, 3, 12, (victim) => victim.kill9());
});

test('a transcoder that is frozen for 5 s loses no rendition, and is used again', async (t) => {
	const farm = await disturbed(t, 2, 14, async (victim, f) => {
		process.kill(victim.pid, 'SIGSTOP');
		await until('the farm lets it go', async () => (await f.members()).length === 1, 5000 * slow);
		await sleep(5000);
		process.kill(victim.pid, 'SIGCONT');
		await f.ready(2);
	});

	for (const n of farm.transcoders)
		assert.equal(n.lines(/joined an orchestrator/).length >= 1, true);
});

test('a transcoder that ends by SIGTERM finishes what it has, and others take over', async (t) => {
	const farm = await disturbed(t, 2, 12, async (victim, f) => {
		const before = await f.orch.metric('segment_transcode_failed_total');
		const end = await victim.stop();

		assert.equal(end.code, 0);
		assert.ok(end.ms < 10000 * slow, `${end.ms} ms`);
		await f.ready(1);
		assert.equal(await f.orch.metric('segment_transcode_failed_total'), before);
	});

	assert.equal(farm.orch.lines(/WARN.*transcoder/i).length, 0, 'nothing went wrong');
});

test('all processes below the transcoder that works are killed: no rendition is lost, it works again', async (t) => {
	const farm = await disturbed(t, 2, 12, async (victim, f) => {
		for (const pid of victim.descendants()) {
			try {
				process.kill(pid, 'SIGKILL');
			} catch (e) { /* gone with its parent */ }
		}
		await until('it has workers again', () => victim.descendants().length > 1, 10000 * slow);
		// It is the only one now: it must do it.
		await f.transcoders.find((n) => n !== victim).stop();
	});

	assert.equal((await farm.members()).length, 1);
});

test('a node that broadcasts and dispatches has its work done by a transcoder elsewhere', async (t) => {
	const secret = writeSecret(t);
	const n = await Node.start(t, { roles: 'dispatching', args: ['-orchSecret', secret] });
	const tc = await Node.start(t, { roles: 'transcoder', args: ['-orchAddr', n.addr.peer, '-orchSecret', secret] });
	const [file] = await pieces({ seconds: 8, gop: 60 });

	await until('it has joined', async () => (await n.status()).transcoders.length === 1, 10000 * slow);
	const res = await put(n.url('/live/cam/0.ts'), fs.readFileSync(file), { headers: MULTI });

	assert.equal(res.status, 200, res.body.toString());
	assert.equal(parts(res).length, 2);
	assert.equal((await n.status()).transcoders[0].done, 1);
	await tc.stop();
	await until('it is gone', async () => (await n.status()).transcoders.length === 0, 5000 * slow);
	assert.equal((await put(n.url('/live/cam/1.ts'), fs.readFileSync(file), { headers: MULTI })).status, 503);
});

test('a transcoder that is late costs a retry, and less work later', async (t) => {
	const farm = await Farm.start(t, { transcoders: 1 });
	const late = await farm.addLiar('slow', 30000);
	const rec = new Recorder(t, farm.b, 'cam').start();
	const ff = publish(t, await source({ seconds: 8, size: '640x360' }), farm.b.rtmp('cam'));

	assert.equal((await ff.over).code, 0);
	await rec.settle();
	await rec.checkBriefly(['low', 'mid']);
	assert.ok(late.told() >= 1, 'it had a segment');
	assert.ok((await farm.member(late.address)).late >= 1);
	assert.equal((await farm.b.status()).totals.renditionsLost, 0);
});
