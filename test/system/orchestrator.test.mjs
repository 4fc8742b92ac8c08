// A broadcaster and orchestrators as separate processes over the peer wire, and what
// viewers notice when an orchestrator dies: nothing.
import assert from 'node:assert/strict';
import { note, parallel, random, sleep, test, until } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { checkAgainst, Recorder } from './lib/hls.mjs';
import { packets, publish, source } from './lib/media.mjs';

parallel(2);

const AUDIO_48K = 90000 * 1024 / 48000;

async function network(t, count, args = []) {
	const orchs = [];

	for (let i = 0; i < count; i++)
		orchs.push(await Node.start(t, { roles: 'orchestrator' }));
	const addrs = orchs.map((o) => o.addr.peer).join(',');
	const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', addrs, ...args] });

	return { b, orchs };
}

/* The orchestrator that works on a stream now. */
async function worker(b, orchs, name) {
	const addr = await until('an orchestrator has the stream', async () => (await b.stream(name))?.orchestrator);

	return orchs.find((o) => o.addr.peer === addr);
}

test('a stream is transcoded in another process', async (t) => {
	const { b } = await network(t, 1);
	const file = await source({ seconds: 8 });
	const rec = new Recorder(t, b, 'cam').start();

	assert.equal((await publish(t, file, b.rtmp('cam')).over).code, 0);
	await rec.settle();
	const src = await rec.check({ fps: 30, audioFrame90k: AUDIO_48K, renditions: ['low', 'mid'] });

	checkAgainst(await packets(file), src.segments);
	assert.equal((await b.status()).totals.renditionsLost, 0);
});

test('kill -9 of the working orchestrator at a random time loses no rendition', async (t) => {
	const { b, orchs } = await network(t, 2);
	const file = await source({ seconds: 14 });
	const rec = new Recorder(t, b, 'cam').start();
	const ff = publish(t, file, b.rtmp('cam'));
	const wait = 3000 + random() * 4000;

	await until('it is live', async () => (await b.stream('cam'))?.state === 'live');
	await sleep(wait);
	const victim = await worker(b, orchs, 'cam');

	note(`kill -9 after ${Math.round(wait)} ms`);
	await victim.kill9();
	assert.equal((await ff.over).code, 0);
	await rec.settle();
	const src = await rec.check({ fps: 30, audioFrame90k: AUDIO_48K, renditions: ['low', 'mid'] });

	checkAgainst(await packets(file), src.segments);
	assert.ok(src.segments.slice(1).every((s) => !s.discontinuity), 'viewers see no discontinuity');
	assert.equal((await b.status()).totals.renditionsLost, 0);
});

test('an orchestrator that ends by SIGTERM hands over without a loss', async (t) => {
	const { b, orchs } = await network(t, 2);
	const file = await source({ seconds: 10 });
	const rec = new Recorder(t, b, 'cam').start();
	const ff = publish(t, file, b.rtmp('cam'));

	await until('it is live', async () => (await b.stream('cam'))?.state === 'live');
	await sleep(3000 + random() * 1500);
	const end = await (await worker(b, orchs, 'cam')).stop();

	assert.equal(end.code, 0);
	await ff.over;
	await rec.settle();
	await rec.check({ fps: 30, renditions: ['low', 'mid'] });
	assert.equal((await b.status()).totals.renditionsLost, 0);
});

test('without any orchestrator the source plays and the status tells', async (t) => {
	const { b, orchs } = await network(t, 1);
	const file = await source({ seconds: 8 });
	const rec = new Recorder(t, b, 'cam').start();

	await orchs[0].kill9();
	assert.equal((await publish(t, file, b.rtmp('cam')).over).code, 0);
	await rec.settle();
	const src = rec.get('source');

	assert.equal(src.segments.flatMap((s) => [s]).length >= 4, true, 'the source is whole');
	assert.match(JSON.stringify((await b.status()).orchestrators), /"state"/);
});

test('an orchestrator that comes up later is used', async (t) => {
	const { b, orchs } = await network(t, 1);
	const addr = orchs[0].addr.peer;

	await orchs[0].kill9();
	const ff = publish(t, await source({ seconds: 20 }), b.rtmp('cam'));

	await sleep(3000);
	await Node.start(t, { roles: 'orchestrator', args: ['-listenAddr', addr] });
	await until('renditions come', async () => (await b.status()).totals.renditionsOut > 1, 12000);
	ff.kill('SIGKILL');
});

test('-maxSessions of an orchestrator sends the next stream to the other', async (t) => {
	const small = await Node.start(t, { roles: 'orchestrator', args: ['-maxSessions', '1'] });
	const big = await Node.start(t, { roles: 'orchestrator' });
	const b = await Node.start(t, { roles: 'broadcaster',
		args: ['-orchAddr', `${small.addr.peer},${big.addr.peer}`] });
	const names = ['one', 'two', 'three'];
	const pubs = [];

	for (const name of names) {
		pubs.push(publish(t, await source({ seconds: 8 }), b.rtmp(name)));
		await until(`${name} has an orchestrator`, async () => (await b.stream(name))?.orchestrator);
	}
	for (const p of pubs)
		assert.equal((await p.over).code, 0);
	await until('all renditions are out', async () => {
		const t0 = (await b.status()).totals;

		return t0.renditionsOut === 2 * t0.segmentsIn;
	}, 15000);
	assert.equal((await b.status()).totals.renditionsLost, 0);
});
