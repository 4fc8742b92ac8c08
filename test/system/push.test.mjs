// HTTP push ingest: the caller cuts the segments and may have the renditions in the
// answer.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { parallel, run, test, until } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';
import { decodes, firstNals, packets, pieces, source } from './lib/media.mjs';
import { parts, put } from './lib/push.mjs';

parallel(2);

const MULTI = { Accept: 'multipart/mixed', 'Content-Resolution': '320x180' };
const times = (list) => list.map((p) => Math.round(p.pts)).sort((a, b) => a - b);

test('TS segments come back as multipart renditions with the same frames', async (t) => {
	const n = await Node.start(t);
	const files = await pieces({ seconds: 8, gop: 60 });
	const rec = new Recorder(t, n, 'cam').start(200);

	assert.equal(files.length, 4);
	for (const [i, file] of files.entries()) {
		const res = await put(n.url(`/live/cam/${i}.ts`), fs.readFileSync(file),
			{ headers: { ...MULTI, 'Content-Duration': '2000' } });

		assert.equal(res.status, 200, res.body.toString().slice(0, 300));
		assert.match(res.headers['content-type'], /^multipart\/mixed/);
		const list = parts(res);

		assert.deepEqual(list.map((p) => p.headers['rendition-name']).sort(), ['low', 'mid']);
		for (const p of list) {
			const name = p.headers['rendition-name'];
			const out = path.join(t.dir(), `${name}-${i}.ts`);

			assert.match(p.headers['content-type'], /^video\/mp2t$/i);
			assert.equal(Number(p.headers['content-length']), p.body.length);
			assert.match(p.headers['content-disposition'], new RegExp(`filename="?${name}_${i}\\.ts`));
			fs.writeFileSync(out, p.body);
			await decodes(out);
			const a = await packets(file), b = await packets(out);

			assert.deepEqual(times(b.video), times(a.video), `${name} ${i} video`);
			assert.deepEqual(times(b.audio), times(a.audio), `${name} ${i} audio`);
			assert.ok(firstNals(out).includes(5));
		}
	}
	await rec.stop();
	assert.deepEqual(rec.get('source').segments.map((s) => s.seq), rec.get('low').segments.map((s) => s.seq));
	assert.equal(rec.get('low').segments.length, 4, 'and they can be watched');
});

test('the same segment gives the same bytes, on another node too', async (t) => {
	const file = (await pieces({ seconds: 8, gop: 60 }))[1];
	const hashes = [];

	for (let i = 0; i < 2; i++) {
		const n = await Node.start(t);

		for (const name of ['a', 'b']) {
			const res = await put(n.url(`/live/${name}/7.ts`), fs.readFileSync(file), { headers: MULTI });

			assert.equal(res.status, 200);
			hashes.push(parts(res).sort((x, y) => x.headers['rendition-name'] < y.headers['rendition-name'] ? -1 : 1)
				.map((p) => crypto.createHash('sha256').update(p.body).digest('hex')).join());
		}
	}
	assert.equal(new Set(hashes).size, 1, hashes.join('\n'));
});

test('without Accept the answer is a plain 200 and the stream can be watched', async (t) => {
	const n = await Node.start(t);
	const [file] = await pieces({ seconds: 8, gop: 60 });
	const res = await put(n.url('/live/cam/0.ts'), fs.readFileSync(file), { method: 'POST' });

	assert.equal(res.status, 200);
	assert.doesNotMatch(res.headers['content-type'] || '', /multipart/);
	const rec = new Recorder(t, n, 'cam');

	await rec.poll();
	assert.equal(rec.get('low').segments.length, 1);
});

test('an MP4 segment is taken', async (t) => {
	const n = await Node.start(t);
	const [file] = await pieces({ seconds: 4, gop: 60 }, 'mp4');
	const res = await put(n.url('/live/cam/0.mp4'), fs.readFileSync(file), { headers: MULTI });

	assert.equal(res.status, 200, res.body.toString().slice(0, 300));
	const list = parts(res);

	assert.equal(list.length, 2);
	for (const p of list) {
		const out = path.join(t.dir(), `${p.headers['rendition-name']}.${/mp4/.test(p.headers['content-type']) ? 'mp4' : 'ts'}`);

		fs.writeFileSync(out, p.body);
		await decodes(out);
		assert.equal((await packets(out)).video.length, (await packets(file)).video.length);
	}
});

test('a segment without video plays as source', async (t) => {
	const n = await Node.start(t);
	const file = await source({ video: false, seconds: 2, ext: 'ts' });
	const res = await put(n.url('/live/cam/0.ts'), fs.readFileSync(file), { headers: MULTI });

	assert.equal(res.status, 200);
	// Sound alone comes back as it went, under each rendition's name.
	const back = parts(res);

	assert.ok(back.length > 0);
	for (const p of back)
		assert.ok(p.body.equals(fs.readFileSync(file)), p.headers['rendition-name']);
	const rec = new Recorder(t, n, 'cam');

	await rec.poll();
	const [s] = rec.get('source').segments;

	assert.equal((await packets(s.file)).audio.length, (await packets(file)).audio.length);
});

test('ffmpeg -f hls -method PUT pushes a stream', async (t) => {
	const n = await Node.start(t);
	const rec = new Recorder(t, n, 'cam').start(300);
	const file = await source({ seconds: 8, gop: 60, ext: 'mp4' });

	await run('ffmpeg', ['-nostdin', '-v', 'error', '-re', '-i', file, '-c', 'copy', '-f', 'hls',
		'-hls_time', '2', '-method', 'PUT', '-hls_segment_filename', n.url('/live/cam/%d.ts'),
		n.url('/live/cam/index.m3u8')], { anyCode: true });
	// ffmpeg does not wait for the answer to its last PUT.
	await until('all are through', async () => (await n.stream('cam'))?.renditions[1]?.segments === 4, 10000);
	await rec.stop();
	assert.equal(rec.get('source').segments.length, 4);
	assert.equal(rec.get('mid').segments.length, 4);
	for (const s of rec.get('mid').segments)
		await decodes(s.file);
});

test('what is no media is 422, and the next good segment is taken', async (t) => {
	const n = await Node.start(t);
	const [file] = await pieces({ seconds: 8, gop: 60 });
	const good = fs.readFileSync(file);
	const bad = {
		'random bytes': crypto.createHash('sha512').update('x').digest(),
		'nothing': Buffer.alloc(0),
		'a playlist that names a local file': Buffer.from('#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/passwd\n'),
		'TS packets of nothing': Buffer.alloc(188 * 100, 0x47),
		'half a segment': good.subarray(0, 600),
	};
	let seq = 0;

	for (const [what, body] of Object.entries(bad)) {
		const res = await put(n.url(`/live/cam/${seq++}.ts`), body, { headers: MULTI });

		assert.ok(res.status === 422 || res.status === 400, `${what}: ${res.status}`);
	}
	const res = await put(n.url(`/live/cam/${seq}.ts`), good, { headers: MULTI });

	assert.equal(res.status, 200);
	assert.equal(parts(res).length, 2);
});

test('names and extensions that are none are 400, and no file appears', async (t) => {
	const n = await Node.start(t);
	const [file] = await pieces({ seconds: 8, gop: 60 });
	const body = fs.readFileSync(file);

	for (const p of ['/live/cam/0.m3u8', '/live/cam/0.exe', '/live/..%2f..%2fx/0.ts',
		'/live/cam/%2e%2e.ts', `/live/${'a'.repeat(200)}/0.ts`, '/live/a%00b/0.ts']) {
		const res = await put(n.url(p), body);

		assert.ok([400, 404].includes(res.status), `${p}: ${res.status}`);
	}
});

test('a body over the limit is refused before it is held in memory', async (t) => {
	const n = await Node.start(t);
	const rss = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${n.pid}/status`, 'utf8'))[1]);
	const before = rss();
	const net = await import('node:net');
	const [host, port] = n.addr.http.split(':');
	const answer = await new Promise((resolve) => {
		const s = net.connect(Number(port), host, () => s.write(
			`PUT /live/cam/0.ts HTTP/1.1\r\nHost: ${n.addr.http}\r\nContent-Length: 4000000000\r\n\r\n`));
		let text = '';

		s.on('data', (d) => { text += d; s.end(); });
		s.on('close', () => resolve(text));
		s.on('error', () => resolve(text));
	});

	assert.match(answer, /^HTTP\/1\.1 413 /);
	assert.ok(rss() - before < 20000, `RSS grew by ${rss() - before} kB`);
});
