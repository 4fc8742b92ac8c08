// Many transcoders at once, for tables and figures.
import assert from 'node:assert/strict';
import { getAddress, keccak256, toQuantity, toUtf8Bytes } from 'ethers';
import { ETH, LPT } from './devnet.mjs';

/* Calls in batches, as fast as Anvil takes them. */
async function post(net, calls) {
	for (let at = 0; at < calls.length; at += 250) {
		const body = JSON.stringify(calls.slice(at, at + 250).map(([method, ...params], id) => ({ jsonrpc: '2.0', id, method, params })));
		const answer = await (await fetch(net.rpc, { method: 'POST', body, headers: { 'content-type': 'application/json' } })).json();

		for (const a of answer)
			assert.ok(!a.error, a.error?.message);
	}
}

/* n transcoders, registered by accounts of which nobody has the key. */
export async function crowd(net, n) {
	const who = Array.from({ length: n }, (_, i) => getAddress(keccak256(toUtf8Bytes(`transcoder ${i}`)).slice(0, 42)));
	const token = net.contract('LivepeerToken'), to = net.contract('BondingManager');
	const stake = (i) => LPT + BigInt(i) * LPT / 100n;
	const data = (c, fn, ...args) => c.interface.encodeFunctionData(fn, args);
	// Nonces are ours to count: calls of a batch are looked at side by side.
	const send = (from, nonce, at, bytes) => ['eth_sendTransaction',
		{ from, to: at.target, nonce: toQuantity(nonce), data: bytes, gas: toQuantity(1000000) }];
	const first = await net.provider.getTransactionCount(net.accounts[0].address);
	const all = async (call) => {
		await post(net, who.map(call));
		await net.mine(1);
	};

	await (await (await net.asDeployer('BondingManager')).setNumActiveTranscoders(n)).wait();
	await net.send('anvil_autoImpersonateAccount', true);
	await net.send('evm_setBlockGasLimit', toQuantity(2000000000));
	await net.mine(1);
	await net.send('evm_setAutomine', false);
	await post(net, who.map((a) => ['anvil_setBalance', a, toQuantity(100n * ETH)]));
	await all((a, i) => send(net.accounts[0].address, first + i, token, data(token, 'transfer', a, stake(i))));
	await all((a, i) => send(a, 0, token, data(token, 'approve', to.target, stake(i))));
	await all((a, i) => send(a, 1, to, data(to, 'bond', stake(i), a)));
	await all((a, i) => send(a, 2, to, data(to, 'transcoder', 1000 * i, 500000, 10n ** 9n)));
	await net.send('evm_setAutomine', true);
	await net.send('evm_setBlockGasLimit', toQuantity(30000000));
	await net.mine(1);
	return who;
}
