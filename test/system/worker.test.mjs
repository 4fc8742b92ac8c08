// binary: both
// Worker processes: a killed one costs a retry, not a segment; they are confined.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { isAlive, Node } from './lib/node.mjs';
import { note, random, sanitized, sleep, test, until } from './lib/harness.mjs';
import { Recorder } from './lib/hls.mjs';
import { pieces, publish, source } from './lib/media.mjs';
import { parts, put } from './lib/push.mjs';

const statusOf = (pid) => {
	try {
		return fs.readFileSync(`/proc/${pid}/status`, 'utf8');
	} catch (e) {
		return '';
	}
};

/* Descendants that use CPU between two looks: those at work. */
async function busy(n) {
	const cpu = (pid) => {
		try {
			return Number(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')[11]);
		} catch (e) {
			return 0;
		}
	};
	const before = new Map(n.descendants().map((p) => [p, cpu(p)]));

	await sleep(30);
	return [...before].filter(([p, c]) => cpu(p) > c).map(([p]) => p);
}

test('a worker killed in the middle of a segment costs a retry, not a rendition', async (t) => {
	const ladder = [{ name: 'big', width: 1280, height: 720, bitrate: 2000000 },
		{ name: 'mid', width: 640, height: 360, bitrate: 600000 }];
	const n = await Node.start(t, { ladder, args: ['-preset', 'medium'] });
	const files = await pieces({ seconds: 8, gop: 60, size: '1280x720' });
	let killed = 0;

	for (const [i, file] of files.entries()) {
		const answer = put(n.url(`/live/cam/${i}.ts`), fs.readFileSync(file),
			{ headers: { Accept: 'multipart/mixed' } });

		if (i > 0) {	// the first finds the worker warm
			const [pid] = await until('a worker is busy', async () => {
				const list = await busy(n);

				return list.length && list;
			});

			await sleep(random() * 200);
			note(`kill -9 of worker ${pid}`);
			try {
				process.kill(pid, 'SIGKILL');
				killed++;
			} catch (e) { /* it was done already */ }
		}
		const res = await answer;

		assert.equal(res.status, 200, res.body.toString().slice(0, 200));
		assert.equal(parts(res).length, 2, `segment ${i} has its renditions`);
	}
	const st = await n.status();

	assert.ok(killed > 0 && st.workers.crashed > 0, `${st.workers.crashed} crashes seen, ${killed} made`);
	assert.equal(await n.metric('segment_transcode_failed_total'), 0);
	assert.equal(st.totals.renditionsLost, 0);
});

test('the stream goes on when every process below the node is killed', async (t) => {
	const n = await Node.start(t);
	const rec = new Recorder(t, n, 'cam').start();
	const ff = publish(t, await source({ seconds: 12 }), n.rtmp('cam'));

	await until('renditions come', async () => (await n.status()).totals.renditionsOut > 2, 15000);
	for (const pid of n.descendants()) {
		try {
			process.kill(pid, 'SIGKILL');
		} catch (e) { /* gone with its parent */ }
	}
	assert.equal((await ff.over).code, 0);
	await rec.settle();
	const src = rec.get('source');

	assert.ok(src.segments.length >= 5, 'the source is whole');
	assert.equal(rec.get('low').segments.at(-1).seq, src.segments.at(-1).seq, 'renditions come again');
	assert.ok(src.segments.length - rec.get('low').segments.length <= 1, 'at most one is missing');
});

test('workers are confined: no new privileges, a system call filter, no descriptors of ours', async (t) => {
	if (sanitized)
		t.skip('a sanitizer needs what confinement takes');
	const n = await Node.start(t);
	const ff = publish(t, await source({ seconds: 10 }), n.rtmp('cam'));

	await until('renditions come', async () => (await n.status()).totals.renditionsOut > 1, 15000);
	const list = n.descendants().filter((p) => /^Seccomp:\s+2/m.test(statusOf(p)));

	assert.ok(list.length > 0, 'a descendant has a seccomp filter');
	for (const pid of list) {
		assert.match(statusOf(pid), /^NoNewPrivs:\s+1/m);
		const fds = fs.readdirSync(`/proc/${pid}/fd`).map((f) => {
			try {
				return fs.readlinkSync(`/proc/${pid}/fd/${f}`);
			} catch (e) {
				return '';
			}
		});

		assert.ok(fds.filter((f) => f.startsWith('socket:')).length <= 2, `sockets of a worker: ${fds}`);
		assert.ok(!fds.some((f) => f.startsWith(`${n.dir}/`)), `files of a worker: ${fds}`);
	}
	ff.kill('SIGKILL');
});

test('kill -9 of the node leaves no process behind', async (t) => {
	const n = await Node.start(t);
	const ff = publish(t, await source({ seconds: 10 }), n.rtmp('cam'));

	await until('renditions come', async () => (await n.status()).totals.renditionsOut > 1, 15000);
	const list = n.descendants();

	assert.ok(list.length > 0);
	await n.kill9();
	await until('they are gone', () => !list.some(isAlive), 8000);
	ff.kill('SIGKILL');
});
