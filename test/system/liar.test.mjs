// Orchestrators that lie: what they send is never published, and with an honest one
// beside them no rendition is lost.
import assert from 'node:assert/strict';
import path from 'node:path';
import { parallel, test, until } from './lib/harness.mjs';
import { Node } from './lib/node.mjs';
import { Recorder } from './lib/hls.mjs';
import { publish, source } from './lib/media.mjs';

parallel(4);

const tool = path.join(process.env.LPTOOLS || 'build/test/tools', 'liar');

async function startLiar(t, mode) {
	const p = t.spawn(tool, [mode]);

	await until('the liar listens', () => p.end || /:\d+\n/.test(p.text()), 10000);
	t.diagnoses.push(() => `liar:\n${p.text().slice(-1500)}`);
	return { addr: p.text().split('\n')[0], told: () => p.text().split('\n').filter((l) => / seq=/.test(l)).length };
}

async function stream(t, addrs, seconds) {
	const b = await Node.start(t, { roles: 'broadcaster', args: ['-orchAddr', addrs.join(',')] });
	const rec = new Recorder(t, b, 'cam').start();
	const ff = publish(t, await source({ seconds }), b.rtmp('cam'));

	assert.equal((await ff.over).code, 0);
	return { b, rec };
}

test('the tool itself, told to be honest, is believed', async (t) => {
	const liar = await startLiar(t, 'honest');
	const { b, rec } = await stream(t, [liar.addr], 6);

	await rec.settle();
	await rec.checkBriefly(['low', 'mid']);
	assert.ok(liar.told() >= 3);
	assert.equal((await b.status()).totals.renditionsLost, 0);
});

for (const mode of ['hash', 'signature', 'bytes', 'source', 'half', 'old', 'swap', 'missing', 'receipt', 'refuse',
	'silent', 'close', 'flood']) {
	test(`a liar (${mode}) beside an honest orchestrator costs no rendition`, async (t) => {
		const honest = await Node.start(t, { roles: 'orchestrator' });
		const liar = await startLiar(t, mode);
		const { b, rec } = await stream(t, [liar.addr, honest.addr.peer], 8);

		await rec.settle();
		await rec.checkBriefly(['low', 'mid']);
		assert.ok(liar.told() >= 1, 'it had a segment to lie about');
		assert.equal((await b.status()).totals.renditionsLost, 0);
	});
}

for (const mode of ['bytes', 'source', 'half', 'hash']) {
	test(`a liar (${mode}) alone is never published; the source plays`, async (t) => {
		const liar = await startLiar(t, mode);
		const { b, rec } = await stream(t, [liar.addr], 6);

		await rec.settle();
		assert.ok(liar.told() >= 1);
		for (const name of ['low', 'mid']) {
			const r = rec.renditions.get(name);

			assert.equal(r ? r.segments.length : 0, 0, `${name} has nothing`);
		}
		assert.ok(rec.get('source').segments.length >= 3, 'the source is there');
	});
}
