// binary: plain
// The devnet that tests stand on.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from './lib/harness.mjs';
import { Devnet, LPT } from './lib/devnet.mjs';

test('accounts have ETH and LPT, contracts are there, rounds go on', async (t) => {
	const net = await Devnet.start(t);
	const told = JSON.parse(fs.readFileSync(net.file));

	assert.equal(told.accounts.length, 10);
	assert.equal(await net.contract('Controller').owner(), net.deployer.address);
	assert.equal(await net.lpt(3), 10000n * LPT);
	const round = await net.currentRound();

	await net.nextRound(2);
	assert.equal(await net.currentRound(), round + 2);
	assert.equal(await net.contract('RoundsManager').currentRoundInitialized(), true);
	const before = await net.snapshot();

	await (await net.contract('LivepeerToken', 1).approve(net.contracts.BondingManager, 5n * LPT)).wait();
	await (await net.contract('BondingManager', 1).bond(5n * LPT, net.accounts[1].address)).wait();
	assert.equal((await net.contract('BondingManager').getDelegator(net.accounts[1].address)).bondedAmount, 5n * LPT);
	await net.revert(before);
	assert.equal(await net.lpt(1), 10000n * LPT);
	assert.match(await net.cast('balance', net.accounts[0].address), /^10000000000000000000000$/);
});
