// Start, stop, and what the command line says when it is wrong.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { parallel, program, random, run, sleep, slow, test, until } from './lib/harness.mjs';
import { isAlive, Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';
import { publish, source } from './lib/media.mjs';

parallel(2);

const lpnode = (args, env = {}) => run(program, args, { anyCode: true, limitS: 20,
	env: { ...process.env, ...env } });

test('SIGTERM in the middle of a stream drains within 10 s and exits 0', async (t) => {
	const n = await Node.start(t);
	const rec = new Recorder(t, n, 'cam').start(100);

	publish(t, await source({ seconds: 20 }), n.rtmp('cam'));
	await until('renditions come', async () => (await n.status()).totals.renditionsOut > 2, 15000);
	rec.stopped = true;
	await rec.loop;
	await sleep(random() * 1000);
	const list = n.descendants();
	const end = await n.stop();

	assert.equal(end.code, 0);
	assert.ok(end.ms < 10000 * slow, `${end.ms} ms`);
	assert.ok(!list.some(isAlive), 'no worker is left');
});

test('SIGINT does the same, and idle it takes less than two seconds', async (t) => {
	const n = await Node.start(t);
	const t0 = Date.now();

	n.child.kill('SIGINT');
	assert.equal((await n.child.over).code, 0);
	assert.ok(Date.now() - t0 < 2000 * slow, `${Date.now() - t0} ms`);
});

test('SIGTERM right after start is obeyed', async (t) => {
	for (let i = 0; i < 5; i++) {
		const p = t.spawn(program, ['-broadcaster', '-orchestrator', '-transcoder', '-datadir',
			path.join(t.dir(), `d${i}`), '-rtmpAddr', '127.0.0.1:0', '-httpAddr', '127.0.0.1:0',
			'-cliAddr', '127.0.0.1:0', '-listenAddr', '127.0.0.1:0']);

		await sleep(20 + random() * 300);
		p.kill('SIGTERM');
		await until('it ended', () => p.end, 10000 * slow);
		assert.ok(p.end.code === 0 || p.end.signal === 'SIGTERM', `code ${p.end.code}, ${p.end.stderr}`);
	}
});

test('a restarted node takes streams again in the same folder', async (t) => {
	const n = await Node.start(t);

	await publish(t, await source({ seconds: 3 }), n.rtmp('cam'), { rate: 3 }).over;
	await n.kill9();
	n.killed = false;
	await n.launch();
	assert.equal((await publish(t, await source({ seconds: 3 }), n.rtmp('cam'), { rate: 3 }).over).code, 0);
	await until('its renditions are out', async () => {
		const x = (await n.status()).totals;

		return x.segmentsIn > 0 && x.renditionsOut === 2 * x.segmentsIn;
	}, 15000);
});

test('addresses.json names what listens', async (t) => {
	const n = await Node.start(t);

	for (const name of ['rtmp', 'http', 'cli', 'peer']) {
		const [host, port] = n.addr[name].split(':');

		assert.equal(host, '127.0.0.1');
		await new Promise((resolve, reject) => {
			const s = net.connect(Number(port), host, () => { s.destroy(); resolve(); });

			s.on('error', reject);
		});
	}
	assert.match(n.log(), /ready/);
});

test('the log as JSON is one object a line', async (t) => {
	const n = await Node.start(t, { args: ['-logFormat', 'json', '-v', 'debug'] });

	await publish(t, await source({ seconds: 3 }), n.rtmp('cam'), { rate: 3 }).over;
	await sleep(500);
	for (const line of n.log().trim().split('\n'))
		assert.equal(typeof JSON.parse(line), 'object', line);
});

/* One line on stderr that matches each pattern, and code 2. */
async function refused(args, patterns, env) {
	const end = await lpnode(args, env);

	assert.equal(end.code, 2, `${args.join(' ')}: code ${end.code}, "${end.stderr}"`);
	assert.equal(end.stderr.trim().split('\n').length, 1, `one line, not: ${end.stderr}`);
	for (const p of patterns)
		assert.match(end.stderr, p);
	assert.equal(end.stdout, '');
}

const SOMEWHERE = ['-broadcaster', '-rtmpAddr', '127.0.0.1:0', '-httpAddr', '127.0.0.1:0', '-cliAddr', '127.0.0.1:0'];

/* Found when the node starts, not by the table: the last line says it. */
async function failsAtStart(args, patterns) {
	const end = await lpnode(args);

	assert.equal(end.code, 2, `${args.join(' ')}: code ${end.code}, "${end.stderr}"`);
	for (const p of patterns)
		assert.match(end.stderr.trim().split('\n').at(-1), p);
}

test('no role: one line that names the flags', async () => {
	await refused([], [/-broadcaster|-gateway/, /-orchestrator/]);
});

test('an unknown flag is named', async () => {
	await refused(['-broadcaster', '-frobnicate', '3'], [/frobnicate/]);
});

test('a flag that lacks its value is named', async () => {
	await refused(['-broadcaster', '-httpAddr'], [/httpAddr/]);
});

test('a number out of range is named with its range', async () => {
	await refused(['-orchestrator', '-transcoder', '-maxSessions', '0'], [/maxSessions/, /1/]);
	await refused(['-orchestrator', '-transcoder', '-maxSessions', 'many'], [/maxSessions/, /many/, /auto/]);
	await refused(['-orchestrator', '-transcoder', '-workers', '257'], [/workers/, /256/]);
	await refused(['-orchestrator', '-transcoder', '-gpuSessions', '-1'], [/gpuSessions/]);
	await refused(['-orchestrator', '-transcoder', '-capacity', 'much'], [/capacity/, /much/]);
});

test('flags that contradict each other are named with the remedy', async () => {
	await refused(['-orchestrator', '-transcoder', '-orchAddr', '127.0.0.1:1'], [/-orchAddr/, /-broadcaster/]);
	await refused(['-broadcaster', '-httpsAddr', '127.0.0.1:0'], [/-httpsAddr/, /-tlsCert/]);
	await refused(['-broadcaster', '-tlsCert', 'x', '-tlsKey', 'y'], [/-tlsCert/, /-httpsAddr/]);
	await refused(['-broadcaster', '-publishConflict', 'fight'], [/publishConflict/, /fight/, /replace/]);
	await refused(['-broadcaster', '-preset', 'placebo'], [/-preset/, /placebo/]);
	await refused(['-broadcaster', '-cliAddr', '0.0.0.0:0'], [/-cliAddr/, /-cliTokenFile/]);
	await refused(['-broadcaster', '-v', 'loud'], [/-v/, /loud/, /debug/]);
});

test('roles that do not go together are named with the remedy', async () => {
	const at = ['-orchAddr', '127.0.0.1:1'], secret = ['-orchSecret', '/nowhere'];
	const someone = `0x${'12'.repeat(20)}`;

	for (const [args, ...patterns] of [
		[['-orchestrator'], /-orchestrator/, /-transcoder/, /-orchSecret/],
		[['-broadcaster', '-orchestrator'], /-orchestrator/, /-transcoder/, /-orchSecret/],
		[['-transcoder'], /-transcoder/, /-orchestrator/, /-orchAddr/, /-orchSecret/],
		[['-transcoder', ...at], /-transcoder/, /-orchSecret/],
		[['-transcoder', ...secret], /-transcoder/, /-orchAddr/],
		[['-transcoder', ...secret, '-orchAddr', '127.0.0.1:1,127.0.0.1:2'], /-orchAddr/, /one orchestrator/],
		[['-broadcaster', '-transcoder', ...at, ...secret], /-broadcaster/, /-transcoder/, /-orchestrator/],
		[['-orchestrator', ...secret, ...at], /-orchAddr/, /-orchestrator/],
		[['-orchestrator', '-transcoder', '-orchWebhookUrl', 'http://127.0.0.1/'], /-orchWebhookUrl/, /-broadcaster/],
		[['-transcoder', ...at, ...secret, '-orchWebhookUrl', 'http://127.0.0.1/'], /-orchWebhookUrl/, /-broadcaster/],
		[['-broadcaster', ...secret], /-orchSecret/, /-orchestrator/],
		[['-broadcaster', ...at, '-orchEthAddr', someone], /-orchEthAddr/, /-orchAddr 0xADDRESS@/],
		[['-orchestrator', '-transcoder', '-orchEthAddr', someone], /-orchEthAddr/, /-transcoder/],
		[['-broadcaster', '-nvidia', 'all'], /-nvidia/, /-transcoder/],
		[['-orchestrator', ...secret, '-vaapi', 'all'], /-vaapi/, /-transcoder/],
		[['-orchestrator', ...secret, '-qsv', 'all'], /-qsv/, /-transcoder/],
		[['-broadcaster', '-gpuSessions', '2'], /-gpuSessions/, /-transcoder/],
		[['-broadcaster', '-serviceAddr', '192.0.2.1:1'], /-serviceAddr/, /-orchestrator/],
	])
		await refused(args, patterns);
});

test('addresses of orchestrators that are none are named', async (t) => {
	const secret = path.join(t.dir(), 'secret');

	fs.writeFileSync(secret, 'a secret of sixteen', { mode: 0o600 });
	for (const addr of ['nonsense', '127.0.0.1:0', '127.0.0.1:x', '0x12@127.0.0.1:1', '@127.0.0.1:1']) {
		await failsAtStart(['-transcoder', '-orchSecret', secret, '-cliAddr', '127.0.0.1:0', '-capacity', '1000000',
			'-datadir', t.dir(), '-orchAddr', addr], [/-orchAddr/]);
		await failsAtStart([...SOMEWHERE, '-datadir', t.dir(), '-orchAddr', addr], [/-orchAddr/]);
	}
	await failsAtStart(['-transcoder', '-orchSecret', secret, '-cliAddr', '127.0.0.1:0', '-capacity', '1000000',
		'-datadir', t.dir(), '-orchAddr', '127.0.0.1:1', '-orchEthAddr', '0x123'], [/-orchEthAddr/]);
});

test('bad addresses are named', async (t) => {
	for (const addr of ['nonsense', '127.0.0.1:99999', '127.0.0.1:x', ':::']) {
		const end = await lpnode(['-broadcaster', '-datadir', t.dir(), '-rtmpAddr', addr]);

		assert.notEqual(end.code, 0, addr);
		assert.match(end.stderr.trim().split('\n').at(-1), /rtmpAddr/, addr);
	}
});

test('a second node in the same folder is refused with the pid of the first', async (t) => {
	const n = await Node.start(t);
	const end = await lpnode(['-broadcaster', '-datadir', n.dir, '-rtmpAddr', '127.0.0.1:0', '-httpAddr',
		'127.0.0.1:0', '-cliAddr', '127.0.0.1:0']);

	assert.notEqual(end.code, 0);
	assert.match(end.stderr, new RegExp(`datadir.*pid ${n.pid}`));
	assert.equal((await n.status()).streams.length, 0, 'the first goes on');
});

test('a port that is taken is named with its flag', async (t) => {
	const s = net.createServer();

	await new Promise((r) => s.listen(0, '127.0.0.1', r));
	t.after(() => s.close());
	const end = await lpnode(['-broadcaster', '-orchestrator', '-transcoder', '-datadir', t.dir(), '-rtmpAddr',
		`127.0.0.1:${s.address().port}`, '-httpAddr', '127.0.0.1:0', '-cliAddr', '127.0.0.1:0',
		'-listenAddr', '127.0.0.1:0']);

	assert.notEqual(end.code, 0);
	assert.match(end.stderr, /rtmpAddr/);
	assert.match(end.stderr, /in use/i);
});

test('an unknown preset of a ladder lists those there are', async (t) => {
	await failsAtStart([...SOMEWHERE, '-datadir', t.dir(), '-transcodingOptions', 'P9000p30fps16x9'], [/transcodingOptions/, /P9000p30fps16x9/, /P720p/]);
});

test('a bad ladder file is named with the element', async (t) => {
	const file = path.join(t.dir(), 'ladder.json');

	for (const [text, what] of [['{', /ladder\.json/], ['[{"name":"x"}]', /width|height/],
		['[{"name":"../x","width":320,"height":180,"bitrate":1000}]', /name/]]) {
		fs.writeFileSync(file, text);
		await failsAtStart([...SOMEWHERE, '-datadir', t.dir(), '-transcodingOptions', file], [what]);
	}
});

test('--help and -version answer on stdout with code 0', async () => {
	const help = await lpnode(['--help']);

	assert.equal(help.code, 0);
	for (const flag of ['rtmpAddr', 'transcodingOptions', 'orchAddr', 'publishKeys'])
		assert.match(help.stdout, new RegExp(flag));
	const version = await lpnode(['-version']);

	assert.equal(version.code, 0);
	assert.match(version.stdout, /\d+\.\d+\.\d+/);
});

test('two dashes, the environment and a file set options; the flag wins', async (t) => {
	const file = path.join(t.dir(), 'lp.conf');

	fs.writeFileSync(file, '# comment\nmaxSessions 0\n');
	await refused(['--broadcaster', '--orchestrator', '--transcoder', '--config', file], [/maxSessions/]);
	await refused(['--broadcaster', '--orchestrator', '--transcoder'], [/maxSessions/i],
		{ LP_MAXSESSIONS: '0' });
	fs.writeFileSync(file, 'logFormat json\n');
	const isJson = async (opts) => {
		const n = await Node.start(t, { roles: 'broadcaster', ...opts });

		await until('the first line of the log', () => n.log().length > 0);
		return n.log().startsWith('{');
	};
	const env = { LP_LOGFORMAT: 'text' };

	assert.equal(await isJson({ args: ['-config', file] }), true, 'the file says json');
	assert.equal(await isJson({ args: ['-config', file], env }), false, 'the environment wins over it');
	assert.equal(await isJson({ args: ['--logFormat=json', '-config', file], env }), true, 'the flag wins over both');
});
