// The transaction journal on Anvil: killed at every step, lied to, reorganised, outbid.  Each
// intent pays an address of its own, so what was mined twice shows in a balance.
import assert from 'node:assert/strict';
import { long, note, parallel, random, sleep, test, until } from './lib/harness.mjs';
import { Evm, below, hex } from './lib/evm.mjs';
import { Journal, account, address, assertOnce, automining, intent, intents, last } from './lib/journal.mjs';

parallel(2);

const GWEI = 1000000000n;
/* In the order in which an intent meets them. */
const STEPS = ['planning', 'planned', 'simulated', 'signing', 'signed', 'sending', 'accepted', 'sent', 'mined',
	'confirming', 'confirmed', 'done'];

test('an intent is planned, signed, sent, mined and done', async (t) => {
	const evm = await automining(t);
	const { said } = await new Journal(t, evm).run(intents(3));

	assert.deepEqual(said.filter((l) => l.key === 'pay/0').map((l) => l.state),
		['planned', 'signed', 'sent', 'mined', 'done']);
	assert.ok(last(said, 'pay/2').receipt);
	await assertOnce(evm, 3);
});

test('a key is never sent twice', async (t) => {
	const evm = await automining(t);
	const j = new Journal(t, evm);

	await j.run(intents(2));
	const { said } = await j.run([...intents(2), intent(1, { what: 'the same in other words' })]);

	assert.ok(said.every((l) => l.state === 'done' && l.receipt));
	await assertOnce(evm, 2);
});

test('killed at every step in turn, each intent is mined once', async (t) => {
	const evm = await automining(t);
	const j = new Journal(t, evm);
	let n = 0;

	for (const step of STEPS) {
		n += 2;
		assert.equal((await j.run(intents(n).slice(-2), { crash: step })).killed, step);
		assert.equal((await j.run(intents(n).slice(-2))).killed, undefined);
	}
	await assertOnce(evm, n);
});

test('killed at random points, each intent is mined once', async (t) => {
	const evm = await automining(t);
	const j = new Journal(t, evm);
	const kills = long ? 200 : 12, met = [];
	let n = 0;

	while (met.length < kills) {
		const mine = intents(n + 4).slice(-4);

		n += 4;
		while (met.length < kills) {
			const { killed } = await j.run(mine, { crash_at: 1 + below(30) });

			if (!killed)
				break;
			met.push(killed);
		}
		await j.run(mine);
	}
	note(`killed at ${met.join(' ')}`);
	await assertOnce(evm, n);
}, { limitS: long ? 600 : 90 });

/* From outside, at any moment of its commits. */
test('killed at random moments, each intent is mined once', async (t) => {
	const evm = await automining(t);
	const j = new Journal(t, evm);
	const n = 8;

	for (let i = 0; i < (long ? 100 : 8); i++) {
		const child = j.start(intents(n));

		await sleep(random() * 120);
		child.kill('SIGKILL');
		await child.over;
	}
	await j.run(intents(n));
	await assertOnce(evm, n);
}, { limitS: long ? 300 : 90 });

test('two processes with the same intents send each once', async (t) => {
	const evm = await automining(t);
	const j = new Journal(t, evm);
	const ends = await Promise.all([j.run(intents(10)), j.run(intents(10).reverse())]);

	for (const { said } of ends)
		assert.equal(new Set(said.filter((l) => l.state === 'done').map((l) => l.key)).size, 10);
	await assertOnce(evm, 10);
});

test('what would fail is refused in words and uses no nonce', async (t) => {
	const evm = await automining(t);
	const j = new Journal(t, evm);
	const bad = intent(1);

	await evm.rpc('anvil_setCode', address(1), '0x5f5ffd');
	const { said } = await j.run([bad, intent(0)]);

	assert.equal(last(said, 'pay/1').state, 'refused');
	assert.match(last(said, 'pay/1').why, /revert/);
	assert.equal(last(said, 'pay/0').state, 'done');
	/* Its key is free again. */
	await evm.rpc('anvil_setCode', address(1), '0x');
	assert.equal(last((await j.run([bad])).said, 'pay/1').state, 'done');
	await assertOnce(evm, 2);
});

test('what cannot be paid waits without a nonce, and others pass it', async (t) => {
	const evm = await automining(t);
	const j = new Journal(t, evm);
	const dear = intent(1, { value: String(10n ** 24n) });
	const child = j.start([dear, intent(0)]);

	await child.told('pay/0', 'done');
	await until('it says why', async () => /insufficient funds/i.test((await j.get('pay/1')).why));
	child.kill('SIGKILL');
	await child.over;
	await evm.rpc('anvil_setBalance', account, hex(10n ** 25n));
	assert.equal(last((await j.run([])).said, 'pay/1').state, 'done');
	assert.equal(Number(await evm.rpc('eth_getTransactionCount', account, 'latest')), 2);
});

test('an intent that is only planned is given up by cancelling it', async (t) => {
	const evm = await automining(t);
	const j = new Journal(t, evm);

	await j.run([intent(0, { value: String(10n ** 24n) })], { crash: 'planned' });
	const { said } = await j.run([{ do: 'cancel', key: 'pay/0' }]);

	assert.equal(last(said, 'pay/0').state, 'refused');
	assert.equal(Number(await evm.rpc('eth_getTransactionCount', account, 'latest')), 0);
});

test('an intent whose last block has passed is refused', async (t) => {
	const evm = await automining(t);
	const j = new Journal(t, evm);

	await evm.rpc('anvil_mine', hex(20));
	const { said } = await j.run([intent(0, { until: 10 }), intent(1, { until: 1000 })]);

	assert.match(last(said, 'pay/0').why, /block 10 has passed/);
	assert.equal(last(said, 'pay/1').state, 'done');
});

test('what fails on the chain is told with its reason', async (t) => {
	const evm = await Evm.start(t);
	const child = new Journal(t, evm).start([intent(0)]);

	await child.told('pay/0', 'sent');
	await evm.rpc('anvil_setCode', address(0), '0x5f5ffd');
	await evm.rpc('evm_mine');
	const end = await child.told('pay/0', 'failed');

	assert.ok(end.receipt);
	assert.match(end.why, /fail|revert/);
});

/* ---- fees ---- */

const setBase = (evm, gwei) => evm.rpc('anvil_setNextBlockBaseFeePerGas', hex(BigInt(Math.round(gwei * 1e9))));

/* A block with this base fee; the next one has it too, as far as Anvil lets it. */
async function mineAt(evm, gwei) {
	await setBase(evm, gwei);
	await evm.rpc('evm_mine');
}

test('a stuck transaction is replaced by an eighth at least, and mined under the ceiling', async (t) => {
	const evm = await Evm.start(t);
	const j = new Journal(t, evm, { patience: 300, ceiling: 500 });
	const child = j.start([intent(0)]);
	const seen = [];

	await child.told('pay/0', 'sent');
	for (const gwei of [10, 40, 100, 250]) {	// each above what the one before offers
		const before = (await j.get('pay/0')).hashes.length;

		await mineAt(evm, gwei);
		await until('it is replaced', async () => (await j.get('pay/0')).hashes.length > before);
		await until('the new one waits', async () => evm.rpc('eth_getTransactionByHash', (await j.get('pay/0')).hashes.at(-1)));
		const e = await j.get('pay/0');

		seen.push({ fee: BigInt(e.fee), tip: BigInt(e.tip) });
	}
	for (let i = 1; i < seen.length; i++) {
		assert.ok(8n * seen[i].fee >= 9n * seen[i - 1].fee, `${seen[i].fee} after ${seen[i - 1].fee}`);
		assert.ok(8n * seen[i].tip >= 9n * seen[i - 1].tip);
		assert.ok(seen[i].fee <= 500n * GWEI);
	}
	await mineAt(evm, 300);
	await child.told('pay/0', 'done');
	await assertOnce(evm, 1);
});

test('a spike above the ceiling is waited out', async (t) => {
	const evm = await Evm.start(t);
	const j = new Journal(t, evm, { patience: 200, ceiling: 50 });

	await mineAt(evm, 80);
	const child = j.start([intent(0)]);

	await until('it waits', async () => /the network asks 80 gwei, -maxGasPrice is 50 gwei/.test((await j.get('pay/0'))?.why));
	await mineAt(evm, 20);
	const signed = await child.told('pay/0', 'sent');

	assert.ok(BigInt(signed.fee) <= 50n * GWEI);
	await mineAt(evm, 400);
	await sleep(1500);
	await mineAt(evm, 400);
	const e = await j.get('pay/0');

	assert.ok(BigInt(e.fee) <= 50n * GWEI);
	assert.equal(e.state, 'sent');
	/* Anvil forgets what cannot pay the base fee; so it is sent again first. */
	await until('it is mined', async () => {
		await mineAt(evm, 15);
		return (await j.get('pay/0')).state === 'done';
	}, 20000, 300);
	await child.over;
	await assertOnce(evm, 1);
});

test('speeding up replaces it, cancelling sends nothing to oneself', async (t) => {
	const evm = await Evm.start(t);
	const j = new Journal(t, evm);
	const first = j.start([intent(0), intent(1)]);

	await first.told('pay/0', 'sent');
	await first.told('pay/1', 'sent');
	const other = j.start([{ do: 'speed-up', key: 'pay/0' }, { do: 'cancel', key: 'pay/1' }]);

	await until('both are replaced', async () => (await j.list()).every((e) => e.hashes.length === 2));
	await until('the pool has them', async () => (await Promise.all((await j.list()).map((e) =>
		evm.rpc('eth_getTransactionByHash', e.hashes[1])))).every(Boolean));
	await evm.rpc('evm_mine');
	assert.equal((await first.told('pay/0', 'done')).hashes.length, 2);
	await first.told('pay/1', 'cancelled');
	await other.over;
	assert.equal(other.end.code, 0, other.text());
	await assertOnce(evm, 1, 2);
	assert.equal(BigInt(await evm.rpc('eth_getBalance', address(1), 'latest')), 0n);
	const { said } = await j.run([intent(1)]);		/* a cancelled key stays used */

	assert.equal(last(said, 'pay/1').state, 'cancelled');
});


/* ---- others, and reorganisations ---- */

/* Another program has the same key. */
async function payForeign(evm, nonce, more = {}) {
	return evm.rpc('eth_sendTransaction', { from: account, to: address(999), value: '0x1', nonce: hex(nonce),
		gas: hex(21000), maxFeePerGas: hex(300n * GWEI), maxPriorityFeePerGas: hex(20n * GWEI), ...more });
}

for (const [kind, more] of [['dynamic', {}], ['legacy', { maxFeePerGas: undefined, maxPriorityFeePerGas: undefined, gasPrice: hex(300n * GWEI) }]])
	test(`a nonce that another program used (${kind}): displaced at depth, and the key is free`, async (t) => {
		const evm = await Evm.start(t);
		const j = new Journal(t, evm, { depth: 3 });

		await evm.rpc('anvil_mine', hex(30));
		await j.run([intent(0)], { crash: 'sent' });
		await payForeign(evm, 0, more);
		await evm.rpc('evm_mine');
		const child = j.start([]);

		await sleep(1000);
		assert.equal((await j.get('pay/0')).state, 'sent');	/* not yet deep */
		await evm.rpc('anvil_mine', hex(40));
		const end = await child.told('pay/0', 'displaced');

		assert.match(end.why, /nonce 0 was used by another program: 0x[0-9a-f]{64} in block 31/);
		await evm.rpc('evm_setAutomine', true);
		const again = j.start([intent(0)]);

		await again.told('pay/0', 'mined');
		await evm.rpc('anvil_mine', hex(5));
		await again.told('pay/0', 'done');
		await assertOnce(evm, 1, 2);
	});

test('transactions of another program that wait are waited for', async (t) => {
	const evm = await Evm.start(t);
	const j = new Journal(t, evm);

	await payForeign(evm, 0);
	const child = j.start([intent(0)]);

	await until('it says so', async () => /another program/.test((await j.get('pay/0'))?.why));
	await evm.rpc('evm_mine');
	assert.equal((await child.told('pay/0', 'sent')).nonce, 1);
	await evm.rpc('evm_mine');
	await child.told('pay/0', 'done');
	await assertOnce(evm, 1, 2);
});

test('a gap that opens below what waits is filled', async (t) => {
	const evm = await Evm.start(t);
	const j = new Journal(t, evm, { patience: 300 });

	await evm.rpc('anvil_setNonce', account, hex(7));
	await j.run([intent(0)], { crash: 'sent' });
	await evm.rpc('anvil_setNonce', account, hex(5));
	await evm.rpc('evm_setAutomine', true);
	const { said } = await j.run([]);

	assert.equal(last(said, 'pay/0').state, 'done');
	assert.deepEqual((await j.list()).map((e) => [e.key, e.nonce, e.state]).sort(),
		[['fill/5', 5, 'done'], ['fill/6', 6, 'done'], ['pay/0', 7, 'done']]);
	await assertOnce(evm, 1, 8);
});

/* Anvil forgets the transactions of the blocks that it gives up. */
async function reorgAt(t, depth, confirmations) {
	const evm = await automining(t);
	const j = new Journal(t, evm, { depth: confirmations });

	await evm.rpc('anvil_mine', hex(5));
	const child = j.start([intent(0), intent(1)]);

	await child.told('pay/1', confirmations > 1 ? 'mined' : 'done');
	await child.told('pay/0', confirmations > 1 ? 'mined' : 'done');
	if (depth > 2)
		await evm.rpc('anvil_mine', hex(depth - 2));
	const other = confirmations <= depth ? j.start([{ ...intent(2), value: String(10n ** 26n) }]) : null;

	await evm.rpc('anvil_reorg', depth, []);
	assert.equal(BigInt(await evm.rpc('eth_getBalance', address(1), 'latest')), 0n, 'the reorganisation took it away');
	await until('they are sent again', async () => BigInt(await evm.rpc('eth_getBalance', address(1), 'latest')) === 2n, 30000);
	await evm.rpc('anvil_mine', hex(Math.max(confirmations, 1)));
	await until('they are done', async () => (await j.list()).filter((e) => e.key !== 'pay/2').every((e) => e.state === 'done'), 30000);
	await assertOnce(evm, 2);
	for (const c of [child, other]) {
		c?.kill('SIGKILL');
		await c?.over;
	}
}

const depths = long ? Array.from({ length: 64 }, (_, i) => i + 1) : [2, 2 + below(61), 63];

for (const depth of depths)
	test(`what a reorganisation of ${depth} blocks takes away is sent again`, (t) => reorgAt(t, Math.max(depth, 2), 100));

test('what was done already is sent again when a deeper one takes it away', (t) => reorgAt(t, 3 + below(40), 2));
