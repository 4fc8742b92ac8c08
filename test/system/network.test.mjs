// binary: plain
// Bad networks between broadcaster, orchestrator and transcoder: nothing crashes, the
// source plays, renditions keep coming or are left out, and come again.
import assert from 'node:assert/strict';
import path from 'node:path';
import { note, parallel, run, seed, sleep, slow, test, until } from './lib/harness.mjs';
import { writeSecret } from './lib/farm.mjs';
import { Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';
import { packets, publish, source } from './lib/media.mjs';
import { Shaper } from './lib/shaper.mjs';

parallel(2);

const TRANSCODER = ['-workers', '2'];

/* The source has every frame that was published, whatever became of its renditions. */
async function sourceIsWhole(rec, file) {
	let n = 0;

	for (const s of rec.get('source').segments)
		n += (await packets(s.file)).video.length;
	assert.equal(n, (await packets(file)).video.length, 'the source lost no frame');
}

test('lines that delay, throttle, swallow and break: the source plays, renditions come again', async (t) => {
	const secret = writeSecret(t);
	const orch = await Node.start(t, { roles: 'dispatcher', args: ['-orchSecret', secret] });
	const toTranscoder = await Shaper.start(t, orch.addr.peer, { delayMs: 50, jitterMs: 50 });
	const toOrch = await Shaper.start(t, orch.addr.peer, { delayMs: 100, jitterMs: 100 });
	const tc = await Node.start(t, { roles: 'transcoder', args: ['-orchAddr', toTranscoder.addr, '-orchSecret', secret, ...TRANSCODER] });
	const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', toOrch.addr] });
	const rec = new Recorder(t, b, 'cam').start();
	const file = await source({ seconds: 34 });
	const ff = publish(t, file, b.rtmp('cam'));
	const out = async () => (await b.status()).totals.renditionsOut;
	const comeAgain = async (what) => {
		const before = await out();

		await until(`renditions come ${what}`, async () => await out() > before + 1, 12000 * slow);
	};

	await comeAgain('through 100 to 200 ms each way');
	toTranscoder.cut();
	await comeAgain('after the transcoder was cut off');
	toOrch.set({ blackhole: true });
	await sleep(2500);
	toOrch.set({ blackhole: false });
	await comeAgain('after a black hole of 2.5 s');
	toOrch.cut();
	await comeAgain('after the orchestrator was cut off');
	toTranscoder.set({ bytesPerS: 20000 });
	await sleep(5000);	// less than the stream has: renditions are left out
	toTranscoder.set({ bytesPerS: 300000 });
	await comeAgain('when the line is wide enough again');
	assert.equal((await ff.over).code, 0);
	await rec.settle();
	await sourceIsWhole(rec, file);
	note(JSON.stringify((await b.status()).totals));
	assert.ok(tc.lines(/joined an orchestrator/).length >= 2);
	// 200 ms, doubled: nobody dials in a hot loop.
	assert.ok(toTranscoder.conns <= 8, `${toTranscoder.conns} connections of the transcoder`);
	assert.ok(toOrch.conns <= 10, `${toOrch.conns} connections of the broadcaster`);
});

test('an orchestrator that nobody reaches is dialled with back-off', async (t) => {
	const secret = writeSecret(t);
	const orch = await Node.start(t, { roles: 'dispatcher', args: ['-orchSecret', secret] });
	const line = await Shaper.start(t, orch.addr.peer, { refusing: true });
	let n = 0;

	line.server.on('connection', () => n++);
	const tc = await Node.start(t, { roles: 'transcoder', args: ['-orchAddr', line.addr, '-orchSecret', secret, ...TRANSCODER] });

	await until('it tells', () => tc.lines(/WARN.*orchestrator not reached, trying again/i).length > 0, 8000 * slow);
	await sleep(6000);
	assert.ok(n >= 3 && n <= 9, `${n} dials within 6 s`);
	line.set({ refusing: false });
	await until('it joins', () => tc.lines(/joined an orchestrator/).length > 0, 10000 * slow);
});

/* ---- real packet loss, where this machine allows it ---- */

const tool = path.join(process.env.LPTOOLS || 'build/test/tools', 'bad_line');

/* Two namespaces and a line between them that loses packets, or null. */
async function badLine(t, delayMs, jitterMs, lossPercent) {
	const names = ['a', 'b'].map((x) => `lpt${process.pid}${x}`);
	const ip = (...args) => run('ip', args);

	try {
		for (const n of names) {
			await ip('netns', 'add', n);
			t.after(() => run('ip', ['netns', 'del', n], { anyCode: true }));
		}
		const line = t.spawn(tool, [delayMs, jitterMs, lossPercent, seed % 1e6, ...names].map(String));

		await until('the line is there', () => line.end || /ready/.test(line.text()), 5000);
		if (line.end)
			throw new Error(line.end.stderr);
		for (const [i, n] of names.entries()) {
			await ip('-n', n, 'addr', 'add', `10.199.0.${i + 1}/24`, 'dev', 'lp0');
			await ip('-n', n, 'link', 'set', 'lp0', 'up');
			await ip('-n', n, 'link', 'set', 'lo', 'up');
		}
		return names.map((n) => ({ name: n, wrap: ['ip', 'netns', 'exec', n] }));
	} catch (e) {
		note(`no bad line here: ${e.message}`);
		return null;
	}
}

/* A node's HTTP, asked from inside its namespace: fetch cannot go there. */
async function statusIn(ns, node) {
	const { stdout } = await run(ns.wrap[0], [...ns.wrap.slice(1), 'curl', '-s', '-m', '5', node.cli('/status')]);

	return JSON.parse(stdout);
}

test('5 % loss and 300 ms between broadcaster, orchestrator and transcoder: the source plays', async (t) => {
	const net = await badLine(t, 150, 20, 5);

	if (!net)
		t.skip('network namespaces and /dev/net/tun need root');
	const [near, far] = net;
	const secret = writeSecret(t);
	const orch = await Node.start(t, { roles: 'dispatcher', wrap: far.wrap,
		args: ['-orchSecret', secret, '-listenAddr', '10.199.0.2:15000'] });
	const tc = await Node.start(t, { roles: 'transcoder', wrap: near.wrap,
		args: ['-orchAddr', '10.199.0.2:15000', '-orchSecret', secret, ...TRANSCODER] });
	const b = await Node.start(t, { roles: 'broadcaster', wrap: near.wrap, args: ['-orchAddr', '10.199.0.2:15000'] });
	const file = await source({ seconds: 24 });
	const [ffmpeg, ...args] = [...near.wrap, 'ffmpeg', '-nostdin', '-v', 'error', '-re', '-i', file, '-c', 'copy', '-f', 'flv', b.rtmp('cam')];
	const ff = t.spawn(ffmpeg, args);

	assert.equal((await ff.over).code, 0, ff.text());
	const s = await until('all is through or lost', async () => {
		const x = (await statusIn(near, b)).streams[0];

		return x.renditions.every((r) => r.segments + r.lost >= x.segments) && x;
	}, 20000, 500);

	note(`${s.segments} source segments; ${s.renditions.map((r) => `${r.name} ${r.segments}, lost ${r.lost}`)}; ` +
		`joined ${tc.lines(/joined an orchestrator/).length} times`);
	assert.ok(s.segments >= 11, `${s.segments} segments of the source`);
	assert.ok(s.renditions.every((r) => r.segments > 0), 'renditions come');
	assert.equal((await statusIn(far, orch)).transcoders.length, 1);
}, { limitS: 120 });
