// binary: plain
// How a broadcaster lives with orchestrators that are late, and with a webhook that
// names them.
import assert from 'node:assert/strict';
import http from 'node:http';
import { long, note, parallel, program, random, run, sleep, slow, test, until } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';
import { publish, source } from './lib/media.mjs';
import { Shaper } from './lib/shaper.mjs';

parallel(3);

/* A second try for 2 % of the segments, and one to begin with; rounded up. */
const hedgesMay = (segments) => 1 + Math.ceil(segments / 50);

async function orchestrators(t, count) {
	const list = [];

	for (let i = 0; i < count; i++)
		list.push(await Node.start(t, { roles: 'orchestrator', args: ['-workers', '2'] }));
	return list;
}

/* The whole of a stream came through; {segments, hedges, swaps}. */
async function came(b, rec) {
	await rec.settle();
	const src = await rec.checkBriefly(['low', 'mid']);
	const res = { segments: src.segments.length, hedges: await b.metric('transcode_hedged_total'),
		swaps: await b.metric('orchestrator_swaps') };

	note(JSON.stringify(res));
	assert.equal((await b.status()).totals.renditionsLost, 0);
	return res;
}

test('a stream stays with its orchestrator as long as that is good', async (t) => {
	const orchs = await orchestrators(t, 3);
	const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', orchs.map((o) => o.addr.peer).join()] });
	const rec = new Recorder(t, b, 'cam').start();
	const ff = publish(t, await source({ seconds: 16 }), b.rtmp('cam'));

	assert.equal((await ff.over).code, 0);
	const r = await came(b, rec);
	const done = (await b.status()).orchestrators.map((o) => o.done).sort((x, y) => y - x);

	note(`done ${done}`);
	// 5 % of a stream, and one to begin with, try others out.
	assert.ok(done[0] >= r.segments - 2 - Math.ceil(r.segments / 20), `${done} of ${r.segments}`);
	assert.ok(r.hedges <= hedgesMay(r.segments));
});

test('an orchestrator that freezes for 1.5 s at times costs no rendition', async (t) => {
	const orchs = await orchestrators(t, 2);
	const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', orchs.map((o) => o.addr.peer).join()] });
	const rec = new Recorder(t, b, 'cam').start();
	const ff = publish(t, await source({ seconds: 16 }), b.rtmp('cam'));

	await until('an orchestrator has it', async () => (await b.stream('cam'))?.orchestrator);
	while (!ff.end) {
		const at = (await b.stream('cam')).orchestrator;
		const victim = orchs.find((o) => o.addr.peer === at);

		await sleep(random() * 2000);
		if (!victim || ff.end)
			continue;
		process.kill(victim.pid, 'SIGSTOP');
		await sleep(1500);
		process.kill(victim.pid, 'SIGCONT');
		await sleep(1000);
	}
	assert.equal(ff.end.code, 0);
	const r = await came(b, rec);

	assert.ok(r.hedges <= hedgesMay(r.segments), `${r.hedges} hedges`);
});

test('an orchestrator behind a line that has become long is hedged, then left', async (t) => {
	const orchs = await orchestrators(t, 2);
	const lines = [];

	for (const o of orchs)
		lines.push(await Shaper.start(t, o.addr.peer));
	const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', lines.map((s) => s.addr).join()] });
	const rec = new Recorder(t, b, 'cam').start();
	const ff = publish(t, await source({ seconds: 22 }), b.rtmp('cam'));
	// The one that the stream stays with: another one may just be tried out.
	const home = async () => (await b.status()).orchestrators.reduce((x, y) => y.done > x.done ? y : x);

	await until('some came', async () => (await home()).done >= 3, 15000 * slow);
	const first = (await home()).addr;
	const line = lines.find((s) => s.addr === first);
	const done = async () => (await b.status()).orchestrators.find((o) => o.addr !== first).done;
	const before = await done();

	// A segment is asked for again elsewhere after three quarters of 3 s.  In two steps: at
	// 1.5 s without a byte the connection is given up.
	line.set({ delayMs: 650 });
	await sleep(1500);
	line.set({ delayMs: 1250 });
	await until('the other one has it', async () => await done() >= before + 3, 20000 * slow);
	assert.equal((await ff.over).code, 0);
	const r = await came(b, rec);

	assert.ok(r.hedges <= hedgesMay(r.segments), `${r.hedges} hedges`);
	assert.ok(r.hedges >= 1 || b.lines(/orchestrator connection lost/).length > 0, 'it was hedged');
});

/* A server that names orchestrators; set: list (of addresses), or text, status, silent. */
async function webhook(t) {
	const w = { list: [], asked: 0, status: 200 };
	const server = http.createServer((req, res) => {
		w.asked++;
		if (w.silent)
			return;
		res.writeHead(w.status, { 'Content-Type': 'application/json' });
		res.end(w.text ?? JSON.stringify(w.list.map((address) => ({ address }))));
	});

	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	w.url = `http://127.0.0.1:${server.address().port}/orchestrators`;
	w.close = () => new Promise((resolve) => {
		server.closeAllConnections();
		server.close(resolve);
	});
	t.after(() => server.listening && w.close());
	return w;
}

test('a webhook names the orchestrators; when it dies, streams go on', async (t) => {
	const [a, c] = await orchestrators(t, 2);
	const w = await webhook(t);

	w.list = [a.addr.peer];
	const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchWebhookUrl', w.url] });
	const rec = new Recorder(t, b, 'cam').start();
	// The list is read again each minute.
	const ff = publish(t, await source({ seconds: long ? 150 : 8 }), b.rtmp('cam'));

	await until('renditions come', async () => (await b.stream('cam'))?.renditions[0]?.segments >= 1, 15000 * slow);
	assert.equal((await b.stream('cam')).orchestrator, a.addr.peer);
	if (long) {
		w.list = [c.addr.peer];
		await until('the other one has it', async () => (await b.stream('cam')).orchestrator === c.addr.peer, 75000);
		assert.deepEqual((await b.status()).orchestrators.map((o) => o.addr), [c.addr.peer]);
	}
	await w.close();
	assert.equal((await ff.over).code, 0);
	await came(b, rec);
}, { limitS: long ? 240 : 90 });

test('a webhook that talks nonsense is told of, and -orchAddr still holds', async (t) => {
	const [a] = await orchestrators(t, 1);

	for (const how of [{ text: 'nonsense' }, { text: '{"address":"x"}' }, { status: 500 }, { text: '[{"address":5}]' },
		{ text: JSON.stringify([{ address: 'http://[::1' }]) }]) {
		const w = Object.assign(await webhook(t), how);
		const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchWebhookUrl', w.url, '-orchAddr', a.addr.peer] });

		await until(`it tells (${JSON.stringify(how)})`, () =>
			b.lines(/warn.*orchestrator webhook .*why=/).length > 0, 8000 * slow);
		await until('-orchAddr is used', async () =>
			(await b.status()).orchestrators.some((o) => o.addr === a.addr.peer && o.state === 'ready'), 8000 * slow);
		assert.equal((await b.status()).orchestrators.length, 1);
		await b.stop();
	}
});

test('-orchWebhookUrl that is no URL ends the start', async (t) => {
	const end = await run(program, ['-broadcaster', '-datadir', t.dir(), '-cliAddr', '127.0.0.1:0', '-rtmpAddr', '127.0.0.1:0',
		'-httpAddr', '127.0.0.1:0', '-orchWebhookUrl', 'nonsense'], { anyCode: true });

	assert.equal(end.code, 2, end.stderr);
	assert.match(end.stderr, /-orchWebhookUrl/);
});
