// The HTTP side as clients and attackers see it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { parallel, run, sleep, test, until } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { pieces, publish, source } from './lib/media.mjs';
import { put } from './lib/push.mjs';

parallel(3);

const split = (addr) => {
	const at = addr.lastIndexOf(':');

	return [Number(addr.slice(at + 1)), addr.slice(0, at)];
};

/* Send raw bytes; all that comes until the close or limitMs. */
function raw(addr, text, limitMs = 8000) {
	return new Promise((resolve) => {
		const s = net.connect(...split(addr), () => s.write(text));
		let got = '';
		const done = () => { clearTimeout(timer); s.destroy(); resolve(got); };
		const timer = setTimeout(done, limitMs);

		s.on('data', (d) => { got += d.toString('latin1'); });
		s.on('close', done);
		s.on('error', done);
	});
}

const code = (text) => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);

async function withStream(t, opts) {
	const n = await Node.start(t, opts);

	for (const [i, file] of (await pieces({ seconds: 8, gop: 60 })).entries())
		assert.equal((await put(n.url(`/live/cam/${i}.ts`), fs.readFileSync(file))).status, 200);
	return n;
}

test('the page, its files and the API are served with the right types', async (t) => {
	const n = await Node.start(t);

	for (const [p, type] of [['/', /^text\/html/], ['/web/app.js', /javascript/], ['/web/style.css', /^text\/css/],
		['/web/hls.min.js', /javascript/], ['/api/streams', /^application\/json/]]) {
		const res = await fetch(n.url(p));

		assert.equal(res.status, 200, p);
		assert.match(res.headers.get('content-type'), type, p);
		assert.ok((await res.arrayBuffer()).byteLength > 1, p);
	}
	assert.deepEqual((await (await fetch(n.url('/api/streams'))).json()).streams, []);
	for (const p of ['/status', '/healthz'])
		assert.equal((await fetch(n.cli(p))).status, 200, p);
	const metrics = await (await fetch(n.cli('/metrics'))).text();

	assert.match(metrics, /^# TYPE \w+ (counter|gauge|histogram|summary)$/m);
	assert.match(metrics, /^\w+(\{[^}]*\})? [0-9.e+-]+$/m);
});

test('what is not there is 404, another method 405 with Allow, in the form of an error', async (t) => {
	const n = await Node.start(t);

	for (const p of ['/nothing', '/hls/none/index.m3u8', '/hls/none/source/0.ts', '/web/none.js']) {
		const res = await fetch(n.url(p));

		assert.equal(res.status, 404, p);
		assert.ok(Array.isArray((await res.json()).errors), p);
	}
	const res = await fetch(n.url('/api/streams'), { method: 'DELETE' });

	assert.equal(res.status, 405);
	assert.match(res.headers.get('allow'), /GET/);
});

test('nothing outside is served by any spelling of ..', async (t) => {
	const n = await withStream(t);

	for (const p of ['/web/../../../etc/passwd', '/web/%2e%2e/%2e%2e/etc/passwd', '/web/..%2f..%2fetc/passwd',
		'/hls/cam/source/..%2f..%2f0.ts', '/hls/cam/../cam/index.m3u8', '/web/%252e%252e/x', '/web/app.js%00.css',
		'//etc/passwd', '/hls//index.m3u8', '/web/..\\..\\x']) {
		const answer = await raw(n.addr.http, `GET ${p} HTTP/1.1\r\nHost: ${n.addr.http}\r\nConnection: close\r\n\r\n`);

		assert.ok([400, 404].includes(code(answer)), `${p}: ${answer.slice(0, 60)}`);
		assert.ok(!answer.includes('root:'), p);
	}
});

test('HLS answers have CORS, caching and ranges as players need them', async (t) => {
	const n = await withStream(t);
	const list = await fetch(n.url('/hls/cam/source/index.m3u8'));
	const age = Number(/max-age=(\d+)/.exec(list.headers.get('cache-control') || '')?.[1] ?? 0);

	assert.equal(list.headers.get('access-control-allow-origin'), '*');
	assert.ok(age <= 1, `playlist max-age ${age}`);
	const uri = (await list.text()).split('\n').find((l) => l && !l.startsWith('#'));
	const url = new URL(uri, n.url('/hls/cam/source/')).href;
	const whole = Buffer.from(await (await fetch(url)).arrayBuffer());
	const seg = await fetch(url, { headers: { Range: 'bytes=188-375' } });

	assert.equal(seg.status, 206);
	assert.equal(seg.headers.get('content-range'), `bytes 188-375/${whole.length}`);
	assert.deepEqual(Buffer.from(await seg.arrayBuffer()), whole.subarray(188, 376));
	assert.equal((await fetch(url, { headers: { Range: `bytes=${whole.length}-` } })).status, 416);
	const head = await fetch(url, { method: 'HEAD' });

	assert.equal(Number(head.headers.get('content-length')), whole.length);
	assert.match((await fetch(url)).headers.get('cache-control') || '', /immutable|max-age=\d{2,}/);
	const missing = await fetch(n.url('/hls/none/index.m3u8'));

	assert.equal(missing.headers.get('access-control-allow-origin'), '*', 'on errors too');
	const etag = (await fetch(n.url('/hls/cam/source/index.m3u8'))).headers.get('etag');

	if (etag)
		assert.equal((await fetch(n.url('/hls/cam/source/index.m3u8'),
			{ headers: { 'If-None-Match': etag } })).status, 304);
});

test('requests in doubt are 400, and one bad client leaves the others alone', async (t) => {
	const n = await Node.start(t);
	const bad = {
		'two lengths': 'PUT /live/a/0.ts HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd',
		'length and chunked': 'PUT /live/a/0.ts HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
		'no Host': 'GET / HTTP/1.1\r\n\r\n',
		'two Hosts': 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
		'a line of LF alone': 'GET / HTTP/1.1\nHost: x\n\n',
		'a folded line': 'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n',
		'space before the colon': 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc',
		'a negative length': 'PUT /live/a/0.ts HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
		'no HTTP': 'hello\r\n\r\n',
		'TLS to a plain port': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaa\r\n\r\n',
	};

	for (const [what, text] of Object.entries(bad)) {
		const answer = await raw(n.addr.http, text);

		assert.ok(answer === '' || code(answer) === 400, `${what}: ${answer.slice(0, 80)}`);
		assert.equal((await fetch(n.url('/'))).status, 200, `after ${what}`);
	}
});

test('a head of too many or too long fields is 431', async (t) => {
	const n = await Node.start(t);
	const many = Array.from({ length: 200 }, (_, i) => `X-${i}: y`).join('\r\n');

	for (const field of [many, `X: ${'y'.repeat(20000)}`])
		assert.equal(code(await raw(n.addr.http, `GET / HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`)), 431);
});

test('a client that drips its head is cut within 10 s, and 200 of them hinder nobody', async (t) => {
	const n = await Node.start(t);
	const socks = Array.from({ length: 200 }, () => net.connect(...split(n.addr.http)));
	let closed = 0;

	for (const s of socks) {
		s.on('error', () => {});
		s.on('close', () => { closed++; });
		s.write('GET / HTTP/1.1\r\nHo');
	}
	t.after(() => socks.forEach((s) => s.destroy()));
	const drip = setInterval(() => socks.forEach((s) => s.writable && s.write('s')), 500);

	t.after(() => clearInterval(drip));
	await sleep(500);
	const t0 = Date.now();

	assert.equal((await fetch(n.url('/'))).status, 200);
	assert.ok(Date.now() - t0 < 500);
	await until('all are cut', () => closed === 200, 10000);
});

test('a viewer that stops reading is cut and its stream is unharmed', async (t) => {
	const n = await withStream(t, { ladder: [{ name: 'low', width: 256, height: 144, bitrate: 150000 }] });
	const s = net.connect(...split(n.addr.http));
	let closed = false;

	s.on('error', () => {});
	s.on('close', () => { closed = true; });
	s.pause();
	for (let i = 0; i < 40; i++)	// far more than socket buffers hold
		s.write(`GET /web/hls.min.js HTTP/1.1\r\nHost: ${n.addr.http}\r\n\r\n`);
	t.after(() => s.destroy());
	await sleep(1000);
	assert.equal((await fetch(n.url('/hls/cam/source/index.m3u8'))).status, 200);
	// The kernel tells us of the cut only when we read again.
	await sleep(22000);
	s.resume();
	await until('it was cut', () => closed, 10000);
}, { limitS: 60 });

test('the admin port answers only to its own names', async (t) => {
	const n = await Node.start(t);
	const ask = (host) => raw(n.addr.cli, `GET /status HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);

	assert.equal(code(await ask(n.addr.cli)), 200);
	assert.equal(code(await ask(`localhost:${split(n.addr.cli)[0]}`)), 200);
	const evil = code(await ask('evil.example'));

	assert.ok([400, 403, 421].includes(evil), `Host evil.example: ${evil}`);
	const res = await fetch(n.cli('/status'));

	assert.equal(res.headers.get('access-control-allow-origin'), null, 'no CORS on the admin port');
});

test('HLS over TLS', async (t) => {
	const cert = path.join(t.dir(), 'c.pem'), key = path.join(t.dir(), 'k.pem');

	await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
		'-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
		'-keyout', key, '-out', cert]);
	const n = await Node.start(t, { args: ['-httpsAddr', '127.0.0.1:0', '-tlsCert', cert, '-tlsKey', key] });
	const [file] = await pieces({ seconds: 8, gop: 60 });

	await put(n.url('/live/cam/0.ts'), fs.readFileSync(file));
	await run('ffmpeg', ['-nostdin', '-v', 'error', '-xerror', '-ca_file', cert, '-tls_verify', '1', '-i',
		`https://127.0.0.1:${split(n.addr.https)[0]}/hls/cam/source/index.m3u8`, '-t', '1', '-f', 'null', '-']);
	const { stdout } = await run('curl', ['-sS', '--cacert', cert, '-o', '/dev/null', '-w', '%{http_code} %{ssl_verify_result}',
		`https://127.0.0.1:${split(n.addr.https)[0]}/`]);

	assert.equal(stdout, '200 0');
	const old = await run('curl', ['-sS', '--cacert', cert, '--tls-max', '1.1', `https://127.0.0.1:${split(n.addr.https)[0]}/`],
		{ anyCode: true });

	assert.notEqual(old.code, 0, 'TLS 1.1 is refused');
});

test('a certificate that is missing or does not fit its key is named at start', async (t) => {
	const key = path.join(t.dir(), 'k.pem'), cert = path.join(t.dir(), 'c.pem');
	const { program } = await import('./lib/harness.mjs');
	const start = (c, k) => run(program, ['-broadcaster', '-orchestrator', '-transcoder', '-datadir', t.dir(),
		'-rtmpAddr', '127.0.0.1:0', '-httpAddr', '127.0.0.1:0', '-cliAddr', '127.0.0.1:0', '-listenAddr',
		'127.0.0.1:0', '-httpsAddr', '127.0.0.1:0', ...(c ? ['-tlsCert', c] : []), ...(k ? ['-tlsKey', k] : [])],
	{ anyCode: true, limitS: 20 });
	const gen = (k, c) => run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=x',
		'-keyout', k, '-out', c]);

	await gen(key, cert);
	await gen(path.join(t.dir(), 'k2.pem'), path.join(t.dir(), 'c2.pem'));
	for (const [c, k, what] of [[null, null, /tlsCert/], [cert, path.join(t.dir(), 'none.pem'), /none\.pem/],
		[cert, path.join(t.dir(), 'k2.pem'), /tlsKey|k2\.pem|match/]]) {
		const end = await start(c, k);

		assert.notEqual(end.code, 0);
		assert.match(end.stderr, what);
	}
});

test('RTMP that is none is closed and others publish on', async (t) => {
	const n = await Node.start(t);

	for (const text of ['GET / HTTP/1.1\r\n\r\n', '\x03' + 'a'.repeat(1536) + 'b'.repeat(1536) + '\xff'.repeat(4000),
		'\x06' + '\0'.repeat(1536)])
		await raw(n.addr.rtmp, Buffer.from(text, 'latin1'), 7000);
	assert.equal((await publish(t, await source({ seconds: 3 }), n.rtmp('cam'), { rate: 3 }).over).code, 0);
});
