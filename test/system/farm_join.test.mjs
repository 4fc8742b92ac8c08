// Who may join a farm, whom a transcoder believes, and what happens when an orchestrator
// is started again.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { parallel, program, run, sleep, slow, test, until } from './lib/harness.mjs';
import { Farm, writeSecret } from './lib/farm.mjs';
import { cpuMs, Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';
import { packets, pieces, publish, source } from './lib/media.mjs';
import { parts, put } from './lib/push.mjs';

parallel(3);

const JOINED = /joined an orchestrator/;
const NOT_THE_ONE = /ERROR.*the orchestrator is not the one it must be/i;
const OTHER = `0x${'12'.repeat(20)}`;
const joined = (n, times = 1) => until(`it joined ${times} times`, () => n.lines(JOINED).length >= times, 15000 * slow);
/* What the orchestrator proved, as a transcoder's log tells. */
const addressOf = (n) => /eth=(0x\S+)/.exec(n.lines(JOINED)[0])[1];

/* An orchestrator without transcoders, on a port that is used again. */
async function dispatcher(t, secret, opts = {}) {
	return Node.start(t, { roles: 'dispatcher', ...opts,
		args: ['-orchSecret', secret, ...opts.listen ? ['-listenAddr', opts.listen] : []] });
}

test('a wrong secret is refused, with the reason in both logs and without a hot loop', async (t) => {
	const farm = await Farm.start(t, { transcoders: 0, broadcaster: null });
	const wrong = await farm.startTranscoder([], writeSecret(t));

	await until('the transcoder tells', () =>
		wrong.lines(/ERROR.*does not take this transcoder.*why=.*secret/i).length > 0, 8000 * slow);
	await until('the orchestrator tells', () =>
		farm.orch.lines(/WARN.*transcoder refused: .*why=.*secret/i).length > 0, 2000);
	const before = cpuMs(wrong.pid);

	await sleep(6000);
	const tries = farm.orch.lines(/peer connected/).length;

	assert.ok(tries >= 2 && tries <= 4, `${tries} connections within 6 s`);
	assert.ok(cpuMs(wrong.pid) - before < 600 * slow, `${cpuMs(wrong.pid) - before} ms of CPU`);
	assert.equal((await farm.members()).length, 0);
	assert.equal((await wrong.status()).transcoder.joined, false);
	assert.ok(!wrong.log().includes(fs.readFileSync(farm.secret, 'utf8').trim()));
});

test('an orchestrator without a secret takes no transcoder, and says so', async (t) => {
	const orch = await Node.start(t, { roles: 'orchestrator' });
	const farm = Object.assign(new Farm(), { t, opts: {}, transcoders: [], orch, secret: writeSecret(t) });
	const n = await farm.startTranscoder();

	await until('the transcoder tells', () =>
		n.lines(/ERROR.*does not take this transcoder.*why=.*-orchSecret/i).length > 0, 8000 * slow);
	assert.equal((await farm.members()).filter((m) => !m.local).length, 0);
});

test('a secret that is too short, or open to all, ends the start with its file\'s name', async (t) => {
	for (const [text, mode, what] of [['too_short', 0o600, /16/], ['long enough to be a secret', 0o604, /chmod/]]) {
		const file = path.join(t.dir(), `bad${mode}`);

		fs.writeFileSync(file, text);
		fs.chmodSync(file, mode);
		const end = await run(program, ['-orchestrator', '-datadir', t.dir(), '-cliAddr', '127.0.0.1:0',
			'-listenAddr', '127.0.0.1:0', '-orchSecret', file], { anyCode: true });

		assert.equal(end.code, 2, end.stderr);
		assert.match(end.stderr, /-orchSecret/);
		assert.match(end.stderr, what);
		assert.ok(end.stderr.includes(file));
		assert.ok(!end.stderr.includes(text), 'the secret is not in the log');
	}
});

test('transcoders join again by themselves when the orchestrator is started again', async (t) => {
	const secret = writeSecret(t);
	const datadir = path.join(t.dir(), 'orch');
	const a = await dispatcher(t, secret, { datadir });
	const listen = a.addr.peer;
	const farm = Object.assign(new Farm(), { t, opts: {}, transcoders: [], orch: a, secret });
	const n = await farm.addTranscoder();
	const b = await farm.addBroadcaster();
	const [file] = await pieces({ seconds: 4, gop: 60 });
	const push = async (i) => put(b.url(`/live/cam/${i}.ts`), fs.readFileSync(file),
		{ headers: { Accept: 'multipart/mixed' } });

	assert.equal(parts(await push(0)).length, 2);
	assert.equal((await a.stop()).code, 0);
	farm.orch = await dispatcher(t, secret, { datadir, listen });
	await joined(n, 2);
	await until('the broadcaster is back', async () => (await b.status()).orchestrators[0].state === 'ready', 15000 * slow);
	await until('work is done again', async () => (await push(1)).status === 200, 15000 * slow, 500);
	await farm.orch.kill9();
	farm.orch = await dispatcher(t, secret, { datadir, listen });
	await joined(n, 3);
});

test('an orchestrator that is started again under a live stream: the source plays, renditions come again', async (t) => {
	const secret = writeSecret(t);
	const datadir = path.join(t.dir(), 'orch');
	const a = await dispatcher(t, secret, { datadir });
	const farm = Object.assign(new Farm(), { t, opts: {}, transcoders: [], orch: a, secret });

	await farm.addTranscoder();
	const b = await farm.addBroadcaster();
	const rec = new Recorder(t, b, 'cam').start();
	const file = await source({ seconds: 20 });
	const ff = publish(t, file, b.rtmp('cam'));
	const last = async () => (await b.stream('cam'))?.renditions[0];

	await until('renditions come', async () => (await last())?.segments >= 2, 15000 * slow);
	assert.equal((await a.stop()).code, 0);
	const before = (await last()).lastSequence;

	farm.orch = await dispatcher(t, secret, { datadir, listen: a.addr.peer });
	await until('renditions come again', async () => (await last()).lastSequence > before + 1, 20000 * slow);
	assert.equal((await ff.over).code, 0);
	await rec.settle();
	let frames = 0;

	for (const s of rec.get('source').segments)
		frames += (await packets(s.file)).video.length;
	assert.equal(frames, (await packets(file)).video.length, 'the source lost no frame');
	assert.ok((await last()).lost <= 3, `${(await last()).lost} of a rendition are lost`);
});

test('another orchestrator at the same address is refused: the first one is pinned', async (t) => {
	const secret = writeSecret(t);
	const a = await dispatcher(t, secret);
	const listen = a.addr.peer;
	const farm = Object.assign(new Farm(), { t, opts: {}, transcoders: [], orch: a, secret });
	const n = await farm.addTranscoder();
	const pins = path.join(n.dir, 'known_orchestrators');

	await until('it is pinned', () => fs.existsSync(pins), 5000 * slow);
	assert.match(fs.readFileSync(pins, 'utf8'), new RegExp(`^${listen} ${addressOf(n)}$`, 'mi'));
	assert.equal((await a.stop()).code, 0);
	const other = await dispatcher(t, secret, { listen });

	await until('the transcoder tells', () => n.lines(NOT_THE_ONE).length > 0, 15000 * slow);
	assert.equal((await other.status()).transcoders.length, 0);
	// After a restart, too.
	assert.equal((await n.stop()).code, 0);
	await n.launch();
	await until('it tells again', () => n.lines(NOT_THE_ONE).length > 1, 15000 * slow);
	assert.equal(n.lines(JOINED).length, 1);
	assert.equal((await other.status()).transcoders.length, 0);
});

test('-orchEthAddr and 0xADDRESS@host:port say who must answer', async (t) => {
	const farm = await Farm.start(t, { transcoders: 1, broadcaster: null });
	const right = addressOf(farm.transcoders[0]);
	const named = await farm.startTranscoder(['-orchEthAddr', right]);
	const wrong = await farm.startTranscoder(['-orchEthAddr', OTHER]);
	const wrongName = await farm.startTranscoder(['-orchAddr', `${OTHER}@${farm.orch.addr.peer}`]);

	await joined(named);
	for (const n of [wrong, wrongName]) {
		await until('it tells', () => n.lines(NOT_THE_ONE).length > 0, 8000 * slow);
		assert.equal(n.lines(JOINED).length, 0);
		assert.equal(fs.existsSync(path.join(n.dir, 'known_orchestrators')), false);
	}
	assert.equal((await farm.members()).length, 2);
	// A broadcaster says it the same way.
	const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', `${OTHER}@${farm.orch.addr.peer}`] });
	const good = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', `${right}@${farm.orch.addr.peer}`] });

	await until('the good one is connected', async () => (await good.status()).orchestrators[0].state === 'ready', 8000 * slow);
	await until('the other one tells', () => b.lines(/orchestrator connection lost/).length > 0, 8000 * slow);
	assert.notEqual((await b.status()).orchestrators[0].state, 'ready');
});

test('somebody who says nothing on the port does not keep transcoders out', async (t) => {
	const farm = await Farm.start(t, { transcoders: 0, broadcaster: null });
	const [host, port] = farm.orch.addr.peer.split(':');
	const silent = Array.from({ length: 20 }, () => net.connect(Number(port), host));

	t.after(() => silent.forEach((s) => s.destroy()));
	silent.forEach((s) => s.on('error', () => {}));
	await farm.addTranscoder();
});
