// Who may publish, and what happens when two want the same name or one comes back.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { parallel, program, run, sleep, test, until } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';
import { packets, publish, source } from './lib/media.mjs';

parallel(3);

const LADDER = [{ name: 'low', width: 256, height: 144, bitrate: 150000 }];
const isLive = (n, name) => until(`${name} is live`,
	async () => (await n.stream(name))?.state === 'live');

test('a second publisher of a live name is refused and the first goes on', async (t) => {
	const n = await Node.start(t, { ladder: LADDER });
	const file = await source({ seconds: 10 });
	const rec = new Recorder(t, n, 'cam').start();
	const first = publish(t, file, n.rtmp('cam'));

	await isLive(n, 'cam');
	const t0 = Date.now();
	const second = await publish(t, file, n.rtmp('cam')).over;

	assert.notEqual(second.code, 0, 'the second is refused');
	assert.ok(Date.now() - t0 < 3000, 'at once');
	assert.equal((await first.over).code, 0, 'the first ends well');
	await rec.settle();
	const src = await rec.check({ fps: 30, renditions: ['low'] });
	const frames = src.segments.reduce((s, x) => s + x.packets.video.length, 0);

	assert.equal(frames, (await packets(file)).video.length, 'the first lost nothing');
});

test('-publishConflict replace ends the first and marks a discontinuity', async (t) => {
	const n = await Node.start(t, { ladder: LADDER, args: ['-publishConflict', 'replace'] });
	const file = await source({ seconds: 12 });
	const rec = new Recorder(t, n, 'cam').start();
	const first = publish(t, file, n.rtmp('cam'));

	await isLive(n, 'cam');
	await sleep(3500);
	const second = publish(t, await source({ seconds: 6 }), n.rtmp('cam'));

	assert.notEqual((await first.over).code, 0, 'the first is ended');
	assert.equal((await second.over).code, 0, 'the second ends well');
	await rec.settle();
	const src = await rec.check({ fps: 30, renditions: ['low'] });

	assert.equal(Recorder.runs(src.segments).length, 2, 'one discontinuity');
});

test('a publisher that breaks off and is back within 10 s goes on in the same playlist', async (t) => {
	const n = await Node.start(t, { ladder: LADDER });
	const file = await source({ seconds: 12 });
	const rec = new Recorder(t, n, 'cam').start();
	const first = publish(t, file, n.rtmp('cam'));

	await isLive(n, 'cam');
	const id = (await n.stream('cam')).streamId;

	await sleep(4500);
	first.kill('SIGKILL');
	await first.over;
	await until('it waits', async () => (await n.stream('cam'))?.state === 'waiting');
	await sleep(1500);
	assert.equal((await publish(t, await source({ seconds: 6 }), n.rtmp('cam')).over).code, 0);
	await rec.settle();
	const src = await rec.check({ fps: 30, renditions: ['low'] });
	const runs = Recorder.runs(src.segments);

	assert.equal(runs.length, 2, 'one discontinuity');
	assert.ok(runs[0].reduce((s, x) => s + x.packets.video.length, 0) > 90,
		'what came before the break is there, to its last frame but those in flight');
	assert.equal(runs[1].reduce((s, x) => s + x.packets.video.length, 0), 180);
	assert.equal((await n.stream('cam'))?.streamId ?? id, id, 'the same stream');
});

test('one that comes back with another size goes on, with a discontinuity', async (t) => {
	const n = await Node.start(t, { ladder: LADDER });
	const rec = new Recorder(t, n, 'cam').start();
	const first = publish(t, await source({ seconds: 12 }), n.rtmp('cam'));

	await isLive(n, 'cam');
	await sleep(3500);
	first.kill('SIGKILL');
	await first.over;
	assert.equal((await publish(t, await source({ seconds: 4, size: '512x288' }), n.rtmp('cam')).over).code, 0);
	await rec.settle();
	const src = await rec.check({ fps: 30, renditions: ['low'] });
	const runs = Recorder.runs(src.segments);
	const width = (s) => s.packets.streams.find((x) => x.codec_type === 'video').width;

	assert.deepEqual(runs.map((r) => width(r[0])), [320, 512]);
});

test('a name without a publisher for 10 s has ended', async (t) => {
	const n = await Node.start(t, { ladder: LADDER });
	const rec = new Recorder(t, n, 'cam').start();
	const ff = publish(t, await source({ seconds: 12 }), n.rtmp('cam'));

	await isLive(n, 'cam');
	await sleep(3000);
	const t0 = Date.now();

	ff.kill('SIGKILL');
	await rec.finish();
	const waited = Date.now() - t0;

	assert.ok(waited > 7000 && waited < 16000, `ENDLIST after ${waited} ms`);
});

test('with -publishKeys a stream needs its key, and no answer tells names from keys', async (t) => {
	const keys = path.join(t.dir(), 'keys');

	fs.writeFileSync(keys, '# name key\ncam 0123456789abcdef0123456789abcdef\n', { mode: 0o600 });
	const n = await Node.start(t, { ladder: LADDER, args: ['-publishKeys', keys] });
	const file = await source({ seconds: 3 });
	const tries = {
		none: n.rtmp('cam'),
		wrong: `${n.rtmp('cam')}?key=ffffffffffffffffffffffffffffffff`,
		unknown: `${n.rtmp('other')}?key=0123456789abcdef0123456789abcdef`,
	};
	const answers = {};

	for (const [what, url] of Object.entries(tries)) {
		const end = await publish(t, file, url, { rate: 3 }).over;

		assert.notEqual(end.code, 0, `${what} is refused`);
		answers[what] = end.stderr.replaceAll(url, 'URL').replace(/0x[0-9a-f]+/g, '');
	}
	assert.equal(answers.wrong, answers.unknown, 'the same answer for a wrong key and an unknown name');
	assert.equal((await publish(t, file, `${n.rtmp('cam')}?key=0123456789abcdef0123456789abcdef`,
		{ rate: 3 }).over).code, 0, 'by query');
	assert.ok(!n.log().includes('0123456789abcdef0123456789abcdef'), 'the key is not in the log');
	assert.ok(!n.log().includes('ffffffffffffffffffffffffffffffff'), 'nor the wrong one');
	assert.ok(!JSON.stringify(await n.status()).includes('0123456789abcdef'), 'nor in the status');
});

test('the key may stand in the path', async (t) => {
	const keys = path.join(t.dir(), 'keys');

	fs.writeFileSync(keys, 'cam 0123456789abcdef0123456789abcdef\n', { mode: 0o600 });
	const n = await Node.start(t, { ladder: LADDER, args: ['-publishKeys', keys] });

	assert.equal((await publish(t, await source({ seconds: 3 }),
		`${n.rtmp('cam')}/0123456789abcdef0123456789abcdef`, { rate: 3 }).over).code, 0);
});

test('an HTTP push needs the key too', async (t) => {
	const keys = path.join(t.dir(), 'keys');

	fs.writeFileSync(keys, 'cam 0123456789abcdef0123456789abcdef\n', { mode: 0o600 });
	const n = await Node.start(t, { ladder: LADDER, args: ['-publishKeys', keys] });
	const body = fs.readFileSync(await source({ seconds: 2, ext: 'ts' }));
	const res = await fetch(n.url('/live/cam/0.ts'), { method: 'PUT', body });

	assert.ok([401, 403].includes(res.status), `status ${res.status}`);
});

test('addresses that are not loopback need keys', async (t) => {
	for (const flag of ['-rtmpAddr', '-httpAddr']) {
		const end = await run(program, ['-broadcaster', '-datadir', t.dir(), '-rtmpAddr', '127.0.0.1:0',
			'-httpAddr', '127.0.0.1:0', '-cliAddr', '127.0.0.1:0', '-orchAddr', '127.0.0.1:1',
			flag, '0.0.0.0:0'], { anyCode: true, limitS: 20 });

		assert.equal(end.code, 2, `${flag}: ${end.stderr}`);
		assert.match(end.stderr, new RegExp(flag), 'names the flag');
		assert.match(end.stderr, /publishKeys/, 'and the remedy');
		assert.equal(end.stderr.trim().split('\n').length, 1, 'in one line');
	}
});

/* A webhook that answers by what(body); returns its URL and what it was asked. */
async function webhook(t, what) {
	const asked = [];
	const s = http.createServer((req, res) => {
		let text = '';

		req.on('data', (d) => { text += d; });
		req.on('end', () => {
			asked.push(JSON.parse(text));
			what(JSON.parse(text), res);
		});
	});

	await new Promise((r) => s.listen(0, '127.0.0.1', r));
	t.after(() => { s.closeAllConnections(); s.close(); });
	return { url: `http://127.0.0.1:${s.address().port}/auth`, asked };
}

test('the webhook decides who publishes, and sees the whole URL', async (t) => {
	const hook = await webhook(t, (body, res) => {
		res.statusCode = body.url.includes('/good') ? 200 : 403;
		res.end();
	});
	const n = await Node.start(t, { ladder: LADDER, args: ['-authWebhookUrl', hook.url] });
	const file = await source({ seconds: 3 });

	assert.notEqual((await publish(t, file, n.rtmp('bad'), { rate: 3 }).over).code, 0);
	assert.equal((await publish(t, file, n.rtmp('good'), { rate: 3 }).over).code, 0);
	assert.match(hook.asked.at(-1).url, /^rtmp:\/\/127\.0\.0\.1:\d+\/live\/good/);
});

test('a webhook that is down, slow or talks nonsense lets nobody in', async (t) => {
	const slow = await webhook(t, () => {});
	const nonsense = await webhook(t, (body, res) => res.end('{"manifestID":'));
	const closed = net.createServer();

	await new Promise((r) => closed.listen(0, '127.0.0.1', r));
	const down = `http://127.0.0.1:${closed.address().port}/`;

	await new Promise((r) => closed.close(r));
	for (const url of [down, nonsense.url, slow.url]) {
		const n = await Node.start(t, { ladder: LADDER, args: ['-authWebhookUrl', url] });
		const end = await publish(t, await source({ seconds: 3 }), n.rtmp('cam'), { rate: 3 }).over;

		assert.notEqual(end.code, 0, url);
		assert.equal(await n.stream('cam'), undefined);
	}
});
