// `lpnode bench`: its CSV and table say what ffprobe says of the source.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { program, run, sanitized, sleep, slow, start, test, until } from './lib/harness.mjs';
import { packets, source } from './lib/media.mjs';

const QUICK = ['-live=false', '-preset', 'ultrafast', '-transcodingOptions', 'P144p30fps16x9'];
const FF = ['-nostdin', '-v', 'error', '-y'];

const bench = (args, o = {}) => run(program, ['bench', ...args], { anyCode: true, limitS: 80 * slow, ...o });
const column = (csv, name) => {
	const [head, ...lines] = csv.trimEnd().split('\n').map((l) => l.split(','));

	return lines.map((l) => l[head.indexOf(name)]);
};
const sum = (list) => list.reduce((a, b) => a + Number(b), 0);
/* A value of the final table. */
const value = (stderr, name) => {
	const cells = stderr.split('\n').map((l) => l.split('|').map((c) => c.trim()));

	return cells.findLast((c) => c[1] === name)?.[2];
};

/* The same 8 s as a playlist of TS, one of fMP4, a TS file and an MP4. */
async function sources(t) {
	const mp4 = await source({ seconds: 8, gop: 60, ext: 'mp4' });
	const dir = t.dir();
	const hls = async (name, args) => {
		const list = path.join(dir, name, 'a.m3u8');

		fs.mkdirSync(path.dirname(list));
		await run('ffmpeg', [...FF, '-i', mp4, '-c', 'copy', '-f', 'hls', '-hls_time', '2',
			'-hls_list_size', '0', ...args, list]);
		return list;
	};
	const ts = path.join(dir, 'a.ts');

	await run('ffmpeg', [...FF, '-i', mp4, '-c', 'copy', ts]);
	return { mp4, ts, hls: await hls('ts', []), fmp4: await hls('fmp4', ['-hls_segment_type', 'fmp4']) };
}

test('sessions, segments, durations and frames are those of the source', async (t) => {
	const s = await sources(t);
	const want = (await packets(s.mp4)).video.length;

	for (const [kind, file] of Object.entries(s)) {
		const end = await bench(['-in', file, '-concurrentSessions', '2', ...QUICK]);

		assert.equal(end.code, 0, `${kind}: ${end.stderr}`);
		assert.equal(end.stdout.split('\n')[0], 'timestamp,session,segment,seg_dur,transcode_time,frames');
		assert.deepEqual(column(end.stdout, 'session').sort(), ['0', '0', '0', '0', '1', '1', '1', '1'], kind);
		for (const k of ['0', '1'])
			assert.deepEqual(column(end.stdout, 'segment').filter((_, i) =>
				column(end.stdout, 'session')[i] === k), ['0', '1', '2', '3'], 'one after the other');
		assert.equal(sum(column(end.stdout, 'frames')), 2 * want, `frames of ${kind}`);
		assert.ok(Math.abs(sum(column(end.stdout, 'seg_dur')) - 16) < 0.2, `duration of ${kind}`);
		assert.ok(column(end.stdout, 'transcode_time').every((v) => v > 0));
		assert.ok(column(end.stdout, 'timestamp').every((v) => Math.abs(Date.parse(v) - Date.now()) < 120e3));

		assert.equal(value(end.stderr, 'Concurrent Sessions'), '2');
		assert.equal(value(end.stderr, 'Total Segs Transcoded'), '8');
		assert.equal(value(end.stderr, 'Failed Segs'), '0');
		const spent = sum(column(end.stdout, 'transcode_time'));
		const media = sum(column(end.stdout, 'seg_dur'));

		assert.ok(Math.abs(parseFloat(value(end.stderr, 'Total Transcoding Duration')) - spent) < 0.01);
		assert.ok(Math.abs(value(end.stderr, '* Real-Time Duration Ratio *') - spent / media) < 0.001);
		const late = column(end.stdout, 'transcode_time').filter((v, i) =>
			Number(v) > Number(column(end.stdout, 'seg_dur')[i])).length;

		assert.ok(Math.abs(value(end.stderr, '* Real-Time Segs Ratio *') - (8 - late) / 8) < 0.001);
		if (spent / media < 0.8)
			assert.match(end.stderr, /^recommended -maxSessions \d+ /m);
	}
});

test('renditions can be kept, and are what was asked for', async (t) => {
	const file = await source({ seconds: 4, gop: 60, ext: 'ts' });
	const end = await bench(['-in', file, '-repeat', '2', '-segs', '1', '-outPrefix', path.join(t.dir(), 'out'), ...QUICK]);

	assert.equal(end.code, 0, end.stderr);
	const names = fs.readdirSync(t.dir()).sort();

	assert.deepEqual(names, ['out_P144p30fps16x9_0_0.ts', 'out_P144p30fps16x9_0_1.ts']);
	const p = await packets(path.join(t.dir(), names[0]));

	assert.equal(p.video.length, 60);
	assert.equal(p.streams.find((x) => x.codec_type === 'video').height, 144);
});

test('a segment that fails is told and counted, the others are done', async (t) => {
	const { hls } = await sources(t);

	fs.writeFileSync(path.join(path.dirname(hls), 'a2.ts'), Buffer.alloc(188 * 100, 'x'));
	const end = await bench(['-in', hls, ...QUICK]);

	assert.equal(end.code, 1, end.stderr);
	assert.match(end.stderr, /^segment failed: session=0 segment=2 why=/m);
	assert.deepEqual(column(end.stdout, 'segment'), ['0', '1', '3']);
	assert.equal(value(end.stderr, 'Failed Segs'), '1');
});

test('a live session hands segments in when they would be there', async (t) => {
	const file = await source({ seconds: 6, gop: 60, ext: 'ts' });
	const t0 = Date.now();
	const end = await bench(['-in', file, ...QUICK, '-live=true']);

	assert.equal(end.code, 0, end.stderr);
	// The third segment is handed in 4 s after the first.
	assert.ok(Date.now() - t0 >= 4000, 'it takes the time of the media');
	const at = column(end.stdout, 'timestamp').map((v) => Date.parse(v));
	const took = column(end.stdout, 'transcode_time').map((v) => v * 1000);

	assert.ok(at[1] - took[1] - (at[0] - took[0]) > 1900, 'the second begins 2 s after the first');
});

test('a signal ends it with a table of what was done', async (t) => {
	const file = await source({ seconds: 6, gop: 60, ext: 'ts' });
	const child = start(program, ['bench', '-in', file, '-repeat', '1000', ...QUICK, '-live=true']);

	t.after(() => child.end || child.kill('SIGKILL'));
	await until('a segment is done', () => /,0,0,2\.0000/.test(child.text()), 20000 * slow);
	child.kill('SIGINT');
	await Promise.race([child.over, sleep(10000 * slow)]);
	assert.equal(child.end?.code, 1);
	assert.ok(Number(value(child.end.stderr, 'Total Segs Transcoded')) >= 1);
});

test('auto searches, and recommends a number it has tried', async (t) => {
	if (sanitized)
		t.skip('a sanitized program finds nothing worth recommending');
	// Large and slow, so that few sessions are too many; short, so that each run is.
	const file = await source({ seconds: 1, gop: 60, size: '640x360', ext: 'ts' });
	const end = await bench(['-in', file, '-segs', '1', '-concurrentSessions', 'auto', '-live=false',
		'-preset', 'medium', '-workers', '1']);

	assert.equal(end.code, 0, end.stderr);
	const tried = [...end.stderr.matchAll(/^(\d+) sessions: real-time duration ratio ([\d.]+), 0 failed$/gm)]
		.map((m) => [Number(m[1]), Number(m[2])]);
	const best = Math.max(...tried.filter(([, r]) => r <= 0.8).map(([n]) => n));

	if (tried[0][1] > 0.8) {	// a machine with a lot else to do
		assert.match(end.stderr, /^no recommendation: this machine does not keep up with one session$/m);
		return;
	}
	assert.equal(Number(/^recommended -maxSessions (\d+)$/m.exec(end.stderr)[1]), best);
	assert.ok(tried.some(([n, r]) => n === best + 1 && r > 0.8), 'one more was too many');
	assert.equal(value(end.stderr, 'Concurrent Sessions'), String(best));
});

test('wrong arguments: one line that names them, exit code 2', async () => {
	const file = await source({ seconds: 2, gop: 60, ext: 'ts' });
	const wrong = [
		[[], /-in is missing/], [['-in', '/nope.ts'], /nope\.ts/], [['-in', 'a.avi'], /a\.avi/],
		[['-in', file, '-concurrentSessions', 'many'], /-concurrentSessions=many: give auto or 1 to/],
		[['-in', file, '-preset', 'placebo'], /-preset=placebo/],
		[['-in', file, '-transcodingOptions', 'P1p'], /P1p/], [['-in', file, '-lives'], /did you mean -live/],
		[['-in', file, '-segs', '-1'], /-segs/], [['-in', file, 'x'], /x: not a flag/],
	];

	for (const [args, says] of wrong) {
		const end = await bench(args);

		assert.equal(end.code, 2, `${args}: ${end.stderr}`);
		assert.match(end.stderr, says);
		assert.equal(end.stderr.trimEnd().split('\n').length, 1, end.stderr);
		assert.equal(end.stdout, '');
	}
	const help = await bench(['--help']);

	assert.equal(help.code, 0);
	assert.match(help.stdout, /-concurrentSessions N\|auto/);
	assert.match((await run(program, ['--help'])).stdout, /^ {2}bench /m);
});
