// The follower behind an endpoint that misbehaves, in each way that concerns reading: it does
// not end, its rows are in the end those of the chain, and it is there again within five
// seconds of the fault's end.
import assert from 'node:assert/strict';
import { long, note, parallel, random, slow, sleep, test, until } from './lib/harness.mjs';
import { Evm, assertSameRows, below } from './lib/evm.mjs';
import { Follower } from './lib/follower.mjs';
import { FOOLING, MODES, RpcProxy } from './lib/rpc_proxy.mjs';

parallel(3);

/* The others change what only senders of transactions ask for. */
const reading = MODES.filter((m) => !/^(nonce_|receipt_|estimate_|call_|already_known|replacement_|insufficient_|pool_|swallowed|fee_)/.test(m));
const shuffled = reading.map((m) => [random(), m]).sort((a, b) => a[0] - b[0]).map(([, m]) => m);
/* Those that have something of their own to see through are always there. */
const chosen = long ? reading : [...new Set(['logs_dropped', 'lying_hash', 'fake_reorg', 'stale_head',
	...shuffled.slice(0, 8)])];
const FAULT_MS = long ? 5000 : 1500;
const RECOVERY_MS = 5000;

async function aChain(t, blocks) {
	const evm = await Evm.start(t);

	await evm.deployEmitters(2);
	await evm.mine(blocks);
	return { evm, proxy: await RpcProxy.start(t, evm.url) };
}

/* Things happen on the chain while the fault lasts. */
async function live(evm, ms) {
	for (const end = Date.now() + ms; Date.now() < end; await sleep(100)) {
		await evm.mine(1);
		if (below(4) === 0)
			await evm.reorg(1 + below(10));
	}
}

async function recovers(f, proxy) {
	const t0 = Date.now();

	proxy.clear();
	await f.caughtUp(RECOVERY_MS * slow);
	return Date.now() - t0;
}

for (const mode of chosen) {
	test(`${mode}, while it follows`, async (t) => {
		const { evm, proxy } = await aChain(t, 20);
		const f = new Follower(t, evm, { url: proxy.url }).run();

		await f.check();
		const rule = proxy.set(mode);

		await live(evm, FAULT_MS);
		note(`${mode}: struck ${rule.hits} times, back after ${await recovers(f, proxy)} ms`);
		await f.check();
		assert.doesNotMatch(f.said, /^reset$/m);
	}, { limitS: 90 });

	test(`${mode}, from the start of a chain longer than keep`, async (t) => {
		const { evm, proxy } = await aChain(t, 120);
		/* What one endpoint's lies cannot show two do. */
		const url = FOOLING.includes(mode) ? `${proxy.url},${evm.url}` : proxy.url;
		const f = new Follower(t, evm, { url });
		const rule = proxy.set(mode);

		f.run();
		await live(evm, FAULT_MS);
		note(`${mode}: struck ${rule.hits} times, there after ${await recovers(f, proxy)} ms`);
		await f.check();
	}, { limitS: 90 });
}

test('every mode at random, now and then, for one call or more', async (t) => {
	const { evm, proxy } = await aChain(t, 100);
	const f = new Follower(t, evm, { url: `${proxy.url},${evm.url}` }).run();

	for (const end = Date.now() + (long ? 120000 : 6000); Date.now() < end;) {
		const mode = reading[below(reading.length)];

		note(mode);
		proxy.set(mode, { count: 1 + below(5) });
		await live(evm, 200 + below(500));
		if (below(3) === 0)
			proxy.clear();
	}
	await recovers(f, proxy);
	await f.check();
}, { limitS: long ? 240 : 90 });

test('an endpoint that lies for ever, and one that does not', async (t) => {
	const { evm, proxy } = await aChain(t, 100);
	const f = new Follower(t, evm, { url: `${proxy.url},${evm.url}` }).run();

	await f.check();
	for (const mode of ['lying_hash', 'logs_of_other_block', 'null_result', 'bad_hex', 'stale_head', 'logs_out_of_order']) {
		note(mode);
		proxy.set(mode);
		await evm.mine(3);
		await evm.reorg(2);
		await evm.mine(1);
		await f.caughtUp(10000 * slow);
		proxy.clear();
	}
	await f.check();
}, { limitS: 120 });

test('an endpoint that gives logs of ten blocks at most', async (t) => {
	const { evm, proxy } = await aChain(t, 30);

	await evm.burst(1500, 50);
	proxy.set('logs_range_limit', { blocks: 10 });
	const f = new Follower(t, evm, { url: proxy.url }).run();

	await f.check();
	const asked = proxy.seen.eth_getLogs;

	note(`${asked} eth_getLogs`);
	assert.ok(asked < 600, `${asked} eth_getLogs`);
});

test('a fault of twelve seconds', async (t) => {
	const { evm, proxy } = await aChain(t, 10);
	const f = new Follower(t, evm, { url: proxy.url }).run();

	await f.check();
	proxy.set(['500', 'timeout', 'close', 'lying_hash'][below(4)]);
	await live(evm, 12000);
	note(`back after ${await recovers(f, proxy)} ms`);
	await f.check();
});

test('an endpoint that is gone, and comes back', async (t) => {
	const { evm, proxy } = await aChain(t, 10);
	const f = new Follower(t, evm, { url: proxy.url }).run();

	await f.check();
	proxy.set('close');
	await until('it says so', () => /the chain cannot be followed: the head: /.test(f.said), 30000 * slow);
	const rows = await f.rows();

	assert.ok(rows.degraded > 0);
	assertSameRows(rows, await evm.rows());
	proxy.clear();
	await until('it says so', () => /the chain is followed again: /.test(f.said), RECOVERY_MS * slow);
}, { limitS: 90 });
