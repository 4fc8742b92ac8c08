// The transaction journal with an endpoint that is broken or lies: nothing is sent twice, and
// when the fault is over all is done within five seconds.
import assert from 'node:assert/strict';
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
