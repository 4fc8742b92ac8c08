// How many streams an orchestrator takes: as many as its transcoders carry in real
// time, or as many as its operator says, now and while it runs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { parallel, slow, test, until } from './lib/harness.mjs';
import { Farm } from './lib/farm.mjs';
import { Recorder } from './lib/hls.mjs';
import { Node } from './lib/node.mjs';
import { publish, source } from './lib/media.mjs';

parallel(3);

/* The test ladder takes (256x144 + 320x180) x 30 = 2.8 million pixels a second, and four
 * fifths of a capacity are sold: 5 million carry one stream. */
const FOR_ONE = ['-capacity', '5000000'];

const has = (b, name) => until(`${name} has renditions`, async () =>
	(await b.stream(name))?.renditions.every((r) => r.segments > 0), 20000 * slow, 100);

/* Two streams; the first is under way when this returns. */
async function twoStreams(t, b, seconds = 30) {
	const file = await source({ seconds });
	const pubs = [publish(t, file, b.rtmp('one'))];

	await has(b, 'one');
	pubs.push(publish(t, file, b.rtmp('two')));
	await until('the second is live', async () => (await b.stream('two'))?.segments > 0, 15000 * slow);
	return pubs;
}

test('what cannot be carried in real time is refused until another transcoder joins', async (t) => {
	const farm = await Farm.start(t, { transcoders: 1, transcoderArgs: FOR_ONE });
	const pubs = await twoStreams(t, farm.b);

	await until('the broadcaster tells why', () =>
		farm.b.lines(/orchestrator refuses the session.*reason=cannot be carried in real time/).length > 0, 15000 * slow);
	const refused = await farm.b.stream('two');

	assert.ok(refused.renditions.every((r) => r.segments === 0), 'nothing of it is transcoded');
	await farm.addTranscoder(FOR_ONE);
	await has(farm.b, 'two');
	assert.ok((await farm.b.stream('two')).segments > refused.segments, 'its source played on');
	const one = await farm.b.stream('one');

	assert.ok(one.renditions.every((r) => r.lost === 0), 'the first did not notice');
	pubs.forEach((p) => p.kill('SIGKILL'));
});

test('-maxSessions 1, and 2 by the admin port while it runs', async (t) => {
	const orch = await Node.start(t, { roles: 'orchestrator', args: ['-maxSessions', '1'] });
	const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', orch.addr.peer] });
	const get = async () => (await (await fetch(orch.cli('/maxSessions'))).text()).trim();

	assert.equal(await get(), '1');
	const pubs = await twoStreams(t, b);

	await until('the broadcaster tells why', () =>
		b.lines(/orchestrator refuses the session.*-maxSessions/).length > 0, 15000 * slow);
	const res = await fetch(orch.cli('/setMaxSessions?maxSessions=2'), { method: 'POST' });

	assert.equal(res.status, 200);
	assert.equal(await get(), '2');
	assert.equal(await orch.metric('max_sessions_total'), 2);
	await has(b, 'two');
	assert.equal(orch.lines(/sessions allowed, by the admin port: max=2/).length, 1);
	pubs.forEach((p) => p.kill('SIGKILL'));
});

test('the admin port takes numbers and auto, from the operator only', async (t) => {
	const tokenFile = path.join(t.dir(), 'token');
	const token = 'a token of the admin port';

	fs.writeFileSync(tokenFile, token, { mode: 0o600 });
	const orch = await Node.start(t, { roles: 'orchestrator', args: ['-cliTokenFile', tokenFile] });
	const auth = { Authorization: `Bearer ${token}` };
	const post = async (query, headers = auth, body) =>
		fetch(orch.cli(`/setMaxSessions${query}`), { method: 'POST', headers, body });

	for (const bad of ['', '?maxSessions=', '?maxSessions=0', '?maxSessions=-1', '?maxSessions=many', '?maxSessions=10001',
		'?maxSessions=1e3', '?maxSessions=99999999999999999999', '?max=2']) {
		const res = await post(bad);

		assert.equal(res.status, 400, `"${bad}": ${await res.text()}`);
	}
	assert.equal((await post('?maxSessions=7')).status, 200);
	assert.equal((await post('', { ...auth, 'Content-Type': 'application/x-www-form-urlencoded' }, 'maxSessions=8')).status, 200);
	const get = () => fetch(orch.cli('/maxSessions'), { headers: auth });

	assert.equal((await (await get()).text()).trim(), '8');
	assert.equal((await post('?maxSessions=9', { ...auth, Origin: 'http://example.org' })).status, 403);
	for (const headers of [{}, { Authorization: 'Bearer wrong' }]) {
		const res = await post('?maxSessions=9', headers);

		assert.ok([401, 403].includes(res.status), `${res.status}`);
	}
	assert.equal((await (await get()).text()).trim(), '8');
	assert.equal((await post('?maxSessions=auto')).status, 200);
	assert.equal((await (await get()).text()).trim(), 'auto');
	assert.equal((await fetch(orch.cli('/setMaxSessions?maxSessions=3'), { headers: auth })).status, 405, 'GET changes nothing');
	const b = await Node.start(t, { roles: 'broadcaster' });

	assert.equal((await fetch(b.cli('/setMaxSessions?maxSessions=3'), { method: 'POST' })).status, 404);
});

test('500 idle sessions of others do not disturb a stream', async (t) => {
	const orch = await Node.start(t, { roles: 'orchestrator', args: ['-maxSessions', '10000'] });
	const load = t.spawn(path.join(process.env.LPTOOLS || 'build/test/tools', '../bench/session_load'),
		[orch.addr.peer, '500', '10']);

	await until('they are open', () => load.end || /^opened/m.test(load.text()), 30000 * slow);
	assert.match(load.text(), /^opened 500 refused 0$/m);
	const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', orch.addr.peer] });
	const rec = new Recorder(t, b, 'cam').start();

	assert.equal((await publish(t, await source({ seconds: 8 }), b.rtmp('cam')).over).code, 0);
	await rec.settle();
	await rec.checkBriefly(['low', 'mid']);
	assert.equal((await b.status()).totals.retries, 0);
	assert.equal((await orch.status()).sessions.length, 501);
	assert.equal(load.end, undefined, 'none of them was lost');
});
