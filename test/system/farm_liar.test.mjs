// Transcoders that lie to their orchestrator.  Each lie costs a retry at most: the
// renditions are whole, and those of an honest one; who lied is suspended, and named.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { note, parallel, slow, test, until } from './lib/harness.mjs';
import { Farm } from './lib/farm.mjs';
import { pieces } from './lib/media.mjs';
import { parts, put } from './lib/push.mjs';

parallel(3);

const hashes = (res) => parts(res).map((p) => `${p.headers['rendition-name']} ` +
	crypto.createHash('sha256').update(p.body).digest('hex')).sort();

async function push(b, stream, i, file) {
	const t0 = Date.now();
	const res = await put(b.url(`/live/${stream}/${i}.ts`), fs.readFileSync(file),
		{ headers: { Accept: 'multipart/mixed' } });

	assert.equal(res.status, 200, `${stream} ${i}: ${res.body.toString().slice(0, 300)}`);
	return { hashes: hashes(res), ms: Date.now() - t0 };
}

/* One liar beside an honest transcoder: a stream of its own, from its first segment. */
async function oneLie(farm, files, want, { mode, expect, ms }) {
	const liar = await farm.addLiar(mode, ms);
	const times = [];

	for (const [i, file] of files.entries()) {
		const got = await push(farm.b, mode, i, file);

		assert.deepEqual(got.hashes, want[i], `${mode}: segment ${i}`);
		times.push(got.ms);
	}
	assert.ok(liar.told() >= 1, `${mode}: it had a segment to lie about`);
	const m = await until(`${mode}: it is a member again`, () => farm.member(liar.address), 8000 * slow);

	note(`${mode}: told ${liar.told()}, ${times.join(' ')} ms, done=${m.done} failed=${m.failed} ` +
		`lied=${m.lied} late=${m.late} lost=${m.lost}`);
	assert.equal(m.lied > 0, expect === 'lied', `${mode}: lied ${m.lied}`);
	if (expect in m)
		assert.ok(m[expect] > 0, `${mode}: ${expect} ${m[expect]}`);
	const lines = farm.orch.lines(/transcoder suspended/).filter((l) => l.includes(`transcoder=${m.name} `));

	assert.equal(lines.length > 0, expect === 'lied', `${mode}: ${lines}`);
	liar.kill('SIGTERM');
	await liar.over;
	await until('it is gone', async () => !await farm.member(liar.address), 5000 * slow);
}

function lies(name, list) {
	test(name, async (t) => {
		const farm = await Farm.start(t, { transcoders: 1 });
		const files = (await pieces({ seconds: 4, gop: 60 })).slice(0, 2);
		const want = [];

		for (const [i, file] of files.entries())
			want.push((await push(farm.b, 'truth', i, file)).hashes);
		for (const lie of list)
			await oneLie(farm, files, want, lie);
		assert.equal((await farm.b.status()).totals.renditionsLost, 0);
		assert.equal((await farm.b.status()).totals.lies, 0, 'the orchestrator passed no lie on');
		assert.equal((await farm.member(farm.transcoders[0].address)).lied, 0);
	}, { limitS: 150 });
}

lies('a transcoder that gives other renditions is found out', ['hash', 'half', 'swap', 'source', 'bytes']
	.map((mode) => ({ mode, expect: 'lied' })));
lies('a transcoder that answers out of order is found out', ['offset', 'flood', 'unasked', 'early', 'close']
	.map((mode) => ({ mode, expect: 'lied' })));
lies('a transcoder that does not do its work costs a retry', [
	{ mode: 'honest', expect: 'done' },
	{ mode: 'refuse', expect: 'failed' },
	{ mode: 'died', expect: 'failed' },
	{ mode: 'busy', expect: 'nothing' },
	{ mode: 'disconnect', expect: 'lost' },
	{ mode: 'greedy', expect: 'nothing', ms: 500 },
	{ mode: 'slow', expect: 'nothing', ms: 1500 },
	{ mode: 'silent', expect: 'late' },
]);
