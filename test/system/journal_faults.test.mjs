// The transaction journal with an endpoint that is broken or lies: nothing is sent twice, and
// when the fault is over all is done within five seconds.
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { long, note, parallel, slow, sleep, test, until } from './lib/harness.mjs';
import { Evm, below, hex } from './lib/evm.mjs';
import { FOOLING, MODES, RpcProxy } from './lib/rpc_proxy.mjs';
import { Journal, account, address, assertOnce, intent, last } from './lib/journal.mjs';

parallel(3);

const RECOVERY_MS = 5000 * slow;

async function balance(evm, n) {
	return BigInt(await evm.rpc('eth_getBalance', address(n), 'latest'));
}

/* Blocks come on and on, as they do. */
function mining(t, evm) {
	const timer = setInterval(() => evm.rpc('evm_mine').catch(() => {}), 200);

	t.after(() => clearInterval(timer));
}

async function faulty(t, mode, whenSent) {
	const evm = await Evm.start(t);
	const proxy = await RpcProxy.start(t, evm.url);
	const j = new Journal(t, { url: proxy.url }, { depth: 2, poll: 100, try_ms: 500, patience: 1000 });

	await evm.rpc('anvil_mine', hex(30));
	if (!whenSent) {
		mining(t, evm);
		proxy.set(mode);
	}
	const child = j.start([intent(0), intent(1)]);

	if (whenSent) {
		await child.told('pay/1', 'sent');
		proxy.set(mode);
		mining(t, evm);
	}
	await sleep(2500);
	proxy.clear();
	const t0 = Date.now();

	return { evm, proxy, j, child, t0 };
}

const honest = MODES.filter((m) => !FOOLING.includes(m));
const chosen = long ? honest : honest.map((m) => [Math.floor(below(1e6)), m]).sort((a, b) => a[0] - b[0]).slice(0, 14).map(([, m]) => m);

for (const mode of chosen)
	for (const whenSent of long ? [false, true] : [below(2) === 1])
		test(`${mode}${whenSent ? ' once it is sent' : ''}: each intent is mined once, soon after the fault`, async (t) => {
			const { evm, j, child, t0 } = await faulty(t, mode, whenSent);
			let said = child.lines;

			/* What cannot be simulated is refused: its key is free. */
			if (mode === 'estimate_fails' || mode === 'estimate_huge') {
				await Promise.all([0, 1].map((n) => whenSent || child.told(`pay/${n}`, 'refused', RECOVERY_MS)));
				await child.over;
				if (!whenSent) {
					const again = j.start([intent(0), intent(1)]);

					await again.over;
					said = again.lines;
				}
			}
			await until('both are done', () => [0, 1].every((n) => last(said(), `pay/${n}`)?.state === 'done'), RECOVERY_MS, 20);
			note(`${mode}: done ${Date.now() - t0} ms after the fault`);
			await assertOnce(evm, 2);
		});

/* Nobody can see through these: but nothing is sent twice, and in the end all is right. */
for (const mode of FOOLING)
	test(`${mode}: nothing is sent twice`, async (t) => {
		const { evm, j, child } = await faulty(t, mode, below(2) === 1);

		await child.over;
		await j.run([intent(0), intent(1)], { linger: 2500 });		/* what a lie had refused */
		for (const n of [0, 1])
			assert.equal((await j.get(`pay/${n}`)).state, 'done');
		for (const n of [0, 1])
			assert.equal(await balance(evm, n), BigInt(n + 1));
		const used = Number(await evm.rpc('eth_getTransactionCount', account, 'latest'));

		assert.ok(used === 2 || mode === 'nonce_ahead', `${used} nonces`);
	});

/* An endpoint whose answers are changed at will: change(call, reply). */
async function forger(t, upstream, change) {
	const server = http.createServer(async (req, res) => {
		const body = (await req.toArray()).join('');
		const calls = [JSON.parse(body)].flat();
		const said = await (await fetch(upstream, { method: 'POST', body, headers: { 'content-type': 'application/json' } })).json();

		[said].flat().forEach((r) => change(calls.find((c) => c.id === r.id), r));
		res.end(JSON.stringify(said));
	}).listen(0, '127.0.0.1');

	await once(server, 'listening');
	t.after(() => { server.closeAllConnections(); server.close(); });
	return `http://127.0.0.1:${server.address().port}`;
}

/* To believe it would be to send the intent again. */
for (const [what, forge] of [
	['is not in its block', (txs) => txs.filter((tx) => tx.from !== account.toLowerCase())],
	['was another one with a wrong signature', (txs) => txs.map((tx) => ({ ...tx, value: '0x7', hash: tx.hash.replace(/.$/, (c) => (c === '0' ? '1' : '0')) }))],
	['was another one of another nonce', (txs) => txs.map((tx) => ({ ...tx, nonce: '0x9', hash: `0x${'ab'.repeat(32)}` }))],
])
	test(`an endpoint that denies the receipt and says that our transaction ${what} is not believed`, async (t) => {
		const evm = await Evm.start(t);
		let lies = true;
		const url = await forger(t, evm.url, (call, reply) => {
			if (lies && call.method === 'eth_getTransactionReceipt')
				reply.result = null;
			if (lies && call.method === 'eth_getBlockByNumber' && call.params[1] && reply.result)
				reply.result.transactions = forge(reply.result.transactions);
		});
		const j = new Journal(t, { url }, { depth: 2, poll: 100, patience: 500 });

		await evm.rpc('anvil_mine', hex(20));
		const child = j.start([intent(0)]);

		await child.told('pay/0', 'sent');
		await evm.rpc('anvil_mine', hex(10));
		await until('it was looked for', async () => /cannot be found/.test((await j.get('pay/0')).why));
		assert.equal((await j.get('pay/0')).state, 'sent');
		lies = false;
		await child.told('pay/0', 'done');
		await assertOnce(evm, 1);
	});

test('a count that is too high and no receipts do not displace what was mined', async (t) => {
	const evm = await Evm.start(t);
	const proxy = await RpcProxy.start(t, evm.url);
	const j = new Journal(t, { url: proxy.url }, { depth: 2, poll: 100, patience: 500 });
	const child = j.start([intent(0)]);

	await child.told('pay/0', 'sent');
	proxy.set('nonce_ahead');
	proxy.set('receipt_missing');
	await evm.rpc('anvil_mine', hex(10));
	await sleep(2500);
	assert.equal((await j.get('pay/0')).state, 'sent');
	proxy.clear();
	await child.told('pay/0', 'done');
	await assertOnce(evm, 1);
});
