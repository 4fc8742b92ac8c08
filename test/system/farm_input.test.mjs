// What the input does to a farm: a segment that kills workers, one that cannot be
// decoded, bombs.  Asked of two transcoders at most, then refused; others do not notice.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { note, parallel, run, sleep, slow, test, until } from './lib/harness.mjs';
import { Farm } from './lib/farm.mjs';
import { children, descendants } from './lib/node.mjs';
import { pieces } from './lib/media.mjs';
import { parts, put } from './lib/push.mjs';

parallel(3);

const push = (b, name, i, body) => put(b.url(`/live/${name}/${i}.ts`), body,
	{ headers: { Accept: 'multipart/mixed' } });
const sum = async (farm, what) => (await farm.members()).reduce((n, m) => n + m[what], 0);

/* User CPU in ticks, 0 when it is gone. */
function ticks(pid) {
	try {
		return Number(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')[11]);
	} catch (e) {
		return 0;
	}
}

/* Workers are the zygote's children. */
const workers = (n) => children(n.pid).flatMap((z) => descendants(z));

/* Until stopped: a signal to each worker that computes, which on a farm that is idle
 * otherwise are those that have the poison. */
async function poison(farm, state, signal) {
	const seen = new Map();

	while (!state.over) {
		for (const n of farm.transcoders)
			for (const pid of workers(n)) {
				const now = ticks(pid);

				if (seen.has(pid) && now > seen.get(pid) + 1) {
					try {
						process.kill(pid, signal);
						state.hit.push(n.number);
					} catch (e) { /* it was done already */ }
					seen.delete(pid);
				} else if (!seen.has(pid)) {
					seen.set(pid, now);
				}
			}
		await sleep(5);
	}
}

const HEAVY = [{ name: 'big', width: 1280, height: 720, bitrate: 2000000 },
	{ name: 'mid', width: 640, height: 360, bitrate: 600000 }];

/* A farm of three and three segments: the first is done, the second meets the poison,
 * the third is done.  The second's answer, and whom the poison hit. */
async function poisoned(t, signal) {
	const farm = await Farm.start(t, { transcoders: 3, broadcaster: { ladder: HEAVY, args: ['-preset', 'medium'] } });
	const files = (await pieces({ seconds: 8, gop: 60, size: '1280x720' })).map((f) => fs.readFileSync(f));
	const state = { over: false, hit: [] };

	assert.equal((await push(farm.b, 'cam', 0, files[0])).status, 200);
	const killer = poison(farm, state, signal);
	const res = await push(farm.b, 'cam', 1, files[1]);

	state.over = true;
	await killer;
	note(`${signal} at nodes ${state.hit}; ${res.status} ${res.body.toString().trim()}`);
	assert.equal(state.hit.length, 2, 'two workers met it');
	assert.notEqual(state.hit[0], state.hit[1], 'at two transcoders');
	assert.match(farm.b.lines(/warn.*segment has no renditions/).at(-1) || '', /why=\S/);
	assert.equal(await farm.b.metric('segment_transcoded_lost_total'), 2);
	const good = await push(farm.b, 'cam', 2, files[2]);

	assert.equal(good.status, 200, 'the next one is done');
	assert.equal(parts(good).length, 2);
	await farm.ready(3);
	return { farm, res };
}

test('a segment that kills its worker is tried at two transcoders, then refused', async (t) => {
	const { farm, res } = await poisoned(t, 'SIGKILL');

	assert.equal(res.status, 422, 'the input is to blame');
	assert.match(farm.b.lines(/segment has no renditions/).at(-1), /why=.*worker/);
	assert.equal(await farm.b.metric('segment_refused_input_total'), 1);
	assert.equal(await farm.orch.metric('segment_transcode_failed_total'), 1);
}, { limitS: 120 });

test('a segment that freezes its worker is tried at two transcoders, then given up', async (t) => {
	const { farm, res } = await poisoned(t, 'SIGSTOP');

	assert.ok(res.status === 422 || res.status >= 500, `${res.status}`);
	await until('no frozen worker is left', () => farm.transcoders.every((n) => workers(n).every((pid) =>
		!/^State:\s+[TZ]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8')))), 15000 * slow);
}, { limitS: 120 });

/* The bytes of a TS file with the inside of its pictures spoiled: headers stay. */
function damaged(file) {
	const data = Buffer.from(fs.readFileSync(file));

	for (let at = 0; at + 188 <= data.length; at += 188) {
		const pid = ((data[at + 1] & 0x1f) << 8) | data[at + 2];

		if (pid === 0x100 && !(data[at + 1] & 0x40) && !(data[at + 3] & 0x20))
			data.fill(0xa5, at + 4, at + 188);
	}
	return data;
}

/* SPS and PPS repeated before the first picture: 400 kB of them (facts/reliability A9). */
async function parameterFlood(t, file) {
	const es = path.join(t.dir(), 'x.h264'), out = path.join(t.dir(), 'flood.h264'), ts = path.join(t.dir(), 'flood.ts');

	await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', file, '-map', '0:v', '-c', 'copy', '-bsf:v', 'h264_mp4toannexb', es]);
	const data = fs.readFileSync(es);
	const idr = data.indexOf(Buffer.from([0, 0, 1, 0x65]));
	const from = data.indexOf(Buffer.from([0, 0, 1, 0x67]));
	const params = data.subarray(from, idr);

	assert.ok(from >= 0 && idr > from, 'the parameter sets are found');
	fs.writeFileSync(out, Buffer.concat([data.subarray(0, from),
		...Array.from({ length: Math.ceil(400000 / params.length) }, () => params), data.subarray(from)]));
	await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-f', 'h264', '-r', '30', '-i', out, '-c', 'copy', '-f', 'mpegts', ts]);
	return fs.readFileSync(ts);
}

/* A picture that is 8192x4320 when it is decoded, in a few kB (A8). */
async function sizeBomb(t) {
	const ts = path.join(t.dir(), 'bomb.ts');

	await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', 'color=s=8192x4320:r=1', '-frames:v', '1',
		'-c:v', 'libx264', '-preset', 'ultrafast', '-f', 'mpegts', ts]);
	return fs.readFileSync(ts);
}

const rssKb = (pid) => {
	try {
		return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
	} catch (e) {
		return 0;
	}
};

test('input that cannot be decoded is asked of two, refused, and other streams go on', async (t) => {
	const farm = await Farm.start(t, { transcoders: 3 });
	const files = await pieces({ seconds: 8, gop: 60 });
	const bad = { damaged: damaged(files[1]), bomb: await sizeBomb(t) };
	let over = false, others = 0;
	const beside = (async () => {
		for (let i = 0; !over; i++) {
			const res = await push(farm.b, 'good', i, fs.readFileSync(files[i % files.length]));

			assert.equal(res.status, 200, `the other stream: ${res.body.toString().slice(0, 200)}`);
			assert.equal(parts(res).length, 2);
			others++;
			await sleep(200);
		}
	})();

	beside.catch(() => {});
	for (const [what, body] of Object.entries(bad)) {
		const failed = await sum(farm, 'failed');
		const t0 = Date.now();
		const res = await push(farm.b, what, 0, body);

		note(`${what}: ${body.length} bytes, ${res.status} after ${Date.now() - t0} ms: ${res.body.toString().trim()}`);
		assert.equal(res.status, 422, what);
		if (what === 'damaged')
			assert.equal(await sum(farm, 'failed') - failed, 2, 'two were asked');
		else
			assert.ok(await sum(farm, 'failed') - failed <= 2, 'at most two were asked');
		assert.match(farm.b.lines(/segment has no renditions|refused|cannot be/).at(-1) || '', /why=/);
	}
	const flood = await push(farm.b, 'flood', 0, await parameterFlood(t, files[0]));

	note(`parameter flood: ${flood.status}`);
	assert.ok([200, 422].includes(flood.status), flood.body.toString());
	over = true;
	await beside;
	note(`${others} segments of another stream meanwhile`);
	assert.ok(others >= 2);
	for (const n of farm.transcoders) {
		assert.ok(rssKb(n.pid) < 300000 * slow, `node ${n.number} has ${rssKb(n.pid)} kB`);
		assert.equal((await n.status()).workers.hung, 0);
	}
	await farm.ready(3);
	assert.equal(await sum(farm, 'lied'), 0);
	await until('no task is left', async () => await sum(farm, 'running') === 0, 5000);
}, { limitS: 120 });
