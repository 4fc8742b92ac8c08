// What delegators type: bond, unbond, rebond, withdraw-stake, complete-move, withdraw-fees,
// claim-earnings, delegator, balance, token, faucet.  What the chain says afterwards is asked by
// ethers, not taken from what was printed.
import assert from 'node:assert/strict';
import { ZeroAddress, toQuantity } from 'ethers';
import { parallel, test } from './lib/harness.mjs';
import { ETH, LPT, Devnet } from './lib/devnet.mjs';

// Each has a chain of its own, and waits for it most of the time.
parallel(6);

const SLASHABLE = 400;		// blocks, of the devnet
const bonding = (net) => net.contract('BondingManager');
const at = (net, i) => net.accounts[i].address;
const delegator = (net, i) => bonding(net).getDelegator(at(net, i));
const lock = (net, i, id) => bonding(net).getLock(at(net, i), id);
const json = async (net, i, ...args) => (await net.lp(i, ...args, '--yes', '--json')).json;
const allowance = (net, i) => net.contract('LivepeerToken').allowance(at(net, i), net.contracts.BondingManager);

/* lpnode refuses: exit code and words on standard error, and nothing is sent. */
async function refuses(net, i, args, code, ...words) {
	const before = await net.block();
	const end = await net.lp(i, ...args, '--yes', { code });

	for (const w of words)
		assert.match(end.stderr, w);
	assert.equal(end.stderr.trim().split('\n').filter((l) => l.startsWith('lpnode')).length, 1, 'one line says it');
	assert.equal(await net.block(), before, 'nothing was sent');
}

/* All LPT there are, wherever they lie; and what is bonded or locked is in the Minter. */
async function conserved(net) {
	const token = net.contract('LivepeerToken');
	const held = await Promise.all([...net.accounts.map((a) => a.address), ...Object.values(net.contracts), net.deployer.address]
		.map((a) => token.balanceOf(a)));

	assert.equal(held.reduce((a, b) => a + b, 0n), await token.totalSupply(), 'every LPT is somewhere');
	assert.ok(await token.balanceOf(net.contracts.Minter) >= await bonding(net).getTotalBonded());
}

/* In the second block of a round, with transcoders 2 (1000 LPT) and 3 (500 LPT), active. */
async function start(t, options) {
	const net = await Devnet.start(t, options);

	await net.nextRound();
	for (const [i, amount] of [[2, '1000'], [3, '500']])
		await net.lp(i, 'transcoder', 'register', '-rewardCut', '10%', '-feeShare', '50%', '-price', '20 gwei', '-bond', amount, '--yes');
	await net.nextRound();
	return net;
}

/* Acts as a contract: as JobsManager when it slashes and pays. */
async function as(net, name, to, fn, args, value = 0n) {
	const from = net.contracts[name], c = net.contract(to);

	await net.send('anvil_impersonateAccount', from);
	await net.send('anvil_setBalance', from, toQuantity(100n * ETH + value));
	await net.send('eth_sendTransaction', { from, to: c.target, data: c.interface.encodeFunctionData(fn, args),
		value: toQuantity(value), gas: toQuantity(3000000) });
}
const slash = (net, i, perc) => as(net, 'JobsManager', 'BondingManager', 'slashTranscoder', [at(net, i), ZeroAddress, perc, 0]);

test('a first bond, more, and what is refused', async (t) => {
	const net = await start(t);

	await refuses(net, 1, ['bond', '100'], 2, /--to is missing, and you are bonded to nobody yet: `lpnode transcoders`/);
	await refuses(net, 1, ['bond', 'x', '--to', '#2'], 2, /AMOUNT: /);
	await refuses(net, 1, ['bond', '1 ETH', '--to', '#2'], 2, /AMOUNT: /);
	await refuses(net, 1, ['bond', '100', '--to', '0x12'], 2, /--to: /);
	await refuses(net, 1, ['bond', '100', '--to', '#77'], 2, /accounts #0 to #9/);
	await refuses(net, 1, ['bond', '0', '--to', '#2'], 2, /nothing to bond/);
	await refuses(net, 1, ['bond', '100', '--to', '#5'], 3, /is no transcoder: `lpnode transcoders`/);
	await refuses(net, 1, ['bond', '10001', '--to', '#2'], 3, /you have 10000 LPT, less than the 10001 LPT to bond/);
	await refuses(net, 2, ['bond', '10', '--to', '#3'], 3, /you are a transcoder.*`lpnode transcoder resign` comes first/);

	const { stdout } = await net.lp(1, 'bond', '100', '--to', '#2', '--yes');
	const d = await delegator(net, 1);

	assert.match(stdout, new RegExp(`100 LPT of your 10000 LPT go to the Minter, bonded to ${at(net, 2)}`));
	assert.match(stdout, /It earns from round 4 \(block \d+.*\) on/);
	assert.match(stdout, /bonded and for 400 blocks after/);
	assert.match(stdout, /keeps 10% of its rewards and gives 50% of its fees/);
	assert.match(stdout, /transaction 1 of 2: approve 100 LPT for the BondingManager/);
	assert.deepEqual([d.bondedAmount, d.delegateAddress], [100n * LPT, at(net, 2)]);
	assert.equal(await net.lpt(1), 9900n * LPT);
	assert.equal(await allowance(net, 1), 0n, 'approved exactly');

	// More, without --to; and what was approved before is used.
	await net.lp(1, 'token', 'approve', 'BondingManager', '50', '--yes');
	const more = await json(net, 1, 'bond', '0.5');

	assert.equal(more.transactions.length, 1);
	assert.deepEqual([more.added, more.bonded, more.delegate], [String(LPT / 2n), String(100n * LPT + LPT / 2n), at(net, 2)]);
	assert.equal(await allowance(net, 1), 50n * LPT - LPT / 2n);
	assert.equal((await delegator(net, 1)).bondedAmount, 100n * LPT + LPT / 2n);

	// To oneself, without being a transcoder: told that it earns nothing.
	assert.match((await net.lp(4, 'bond', '5', '--to', '#4', '--yes')).stdout, /You are no transcoder: it earns nothing/);
	assert.match((await net.lp(4, 'delegator')).stdout, /no transcoder: it earns nothing/);

	// A round that nobody has initialised.
	await net.nextRound(1, null);
	for (const args of [['bond', '1'], ['unbond', '1'], ['claim-earnings'], ['complete-move']])
		await refuses(net, 1, args, 3, /round 4 is not initialised: run `lpnode initialize-round`/);
	assert.match((await json(net, 1, 'delegator')).nextStep, /^lpnode initialize-round$/);
	await conserved(net);
});

test('unbond, rebond, and withdrawal when the lock is ripe', async (t) => {
	const net = await start(t);

	await refuses(net, 1, ['unbond', 'all'], 3, /you have nothing bonded/);
	await refuses(net, 1, ['withdraw-stake'], 3, /no stake is unbonded: `lpnode unbond`/);
	await refuses(net, 1, ['rebond', '0'], 3, /there is no lock 0: nothing was ever unbonded/);
	await refuses(net, 1, ['claim-earnings'], 3, /you are bonded to nobody/);
	await net.lp(1, 'bond', '100', '--to', '#2', '--yes');
	await refuses(net, 1, ['unbond', '0'], 2, /nothing to unbond/);
	await refuses(net, 1, ['unbond', 'some'], 2, /AMOUNT: /);
	await refuses(net, 1, ['unbond', '101'], 3, /you have 100 LPT bonded, less than the 101 LPT to unbond/);

	const { stdout } = await net.lp(1, 'unbond', '30', '--yes');
	const l = await lock(net, 1, 0);

	assert.match(stdout, /30 LPT leave 0x\w+, into lock 0: they earn nothing from now on/);
	assert.match(stdout, /70 LPT stay bonded/);
	assert.deepEqual([l.amount, l.withdrawRound, l.delegate], [30n * LPT, 6n, at(net, 2)]);
	assert.match(stdout, new RegExp(`slashable +until block ${l.slashableUntil}\n`));
	assert.equal((await delegator(net, 1)).bondedAmount, 70n * LPT);
	await refuses(net, 1, ['withdraw-stake', '0'], 3, new RegExp(`lock 0 is not ripe yet: it will be from block ${l.slashableUntil + 1n} on`));
	await refuses(net, 1, ['withdraw-stake'], 3, /nothing is ripe yet: lock 0 with 30 LPT/);
	await refuses(net, 1, ['withdraw-stake', '7'], 3, /there is no lock 7: `lpnode delegator` lists/);
	await refuses(net, 1, ['withdraw-stake', 'x'], 2, /LOCK cannot be "x"/);
	await refuses(net, 1, ['complete-move', '0'], 3, /lock 0 is no move: `lpnode withdraw-stake 0`/);
	await refuses(net, 1, ['rebond', '0', '--to', '#3'], 3, /you are bonded to .*leave out --to/);

	const back = await json(net, 1, 'rebond', '0');

	assert.equal(back.rebonded, String(30n * LPT));
	assert.equal((await delegator(net, 1)).bondedAmount, 100n * LPT);
	await refuses(net, 1, ['rebond', '0'], 3, /lock 0 is over/);

	// All of it, in two locks; then back from nothing bonded.
	await net.lp(1, 'unbond', '40', '--yes');
	const all = await json(net, 1, 'unbond', 'all');

	assert.deepEqual([all.unbonded, all.lock, all.bonded, all.delegate], [String(60n * LPT), 2, '0', null]);
	await refuses(net, 1, ['rebond', '2', '--to', '#3'], 3, /until block \d+: until then it can go back there only/);
	await net.lp(1, 'rebond', '2', '--yes');
	assert.equal((await delegator(net, 1)).bondedAmount, 60n * LPT);
	assert.equal((await delegator(net, 1)).delegateAddress, at(net, 2));

	const last = Number((await lock(net, 1, 1)).slashableUntil);

	await net.mine(last - await net.block());
	await refuses(net, 1, ['withdraw-stake', '1'], 3, /not ripe yet/);
	await net.mine(1);
	const before = await net.lpt(1);
	const paid = await json(net, 1, 'withdraw-stake');

	assert.deepEqual([paid.withdrawn, paid.locks], [String(40n * LPT), [1]]);
	assert.equal(await net.lpt(1), before + 40n * LPT);
	await refuses(net, 1, ['withdraw-stake', '1'], 3, /lock 1 is over/);
	await conserved(net);
});

test('a move: what it locks, who ends it, and where it goes', async (t) => {
	const net = await start(t);

	await net.lp(1, 'bond', '100', '--to', '#2', '--yes');
	await refuses(net, 1, ['complete-move'], 3, /no stake is on its way/);
	const { stdout } = await net.lp(1, 'bond', '5', '--to', '#3', '--yes');
	const l = await lock(net, 1, 0);

	assert.match(stdout, new RegExp(`A move: all of your 100 LPT leave ${at(net, 2)}, into a lock bound for\n${at(net, 3)}`));
	assert.deepEqual([l.amount, l.destination, l.delegate], [100n * LPT, at(net, 3), at(net, 2)]);
	assert.deepEqual([(await delegator(net, 1)).bondedAmount, (await delegator(net, 1)).delegateAddress], [5n * LPT, at(net, 3)]);
	assert.match(stdout, new RegExp(`slashable +until block ${l.slashableUntil}\n`));
	for (const args of [['withdraw-stake', '0'], ['rebond', '0']])
		await refuses(net, 1, args, 3, /lock 0 moves to 0x\w+: `lpnode complete-move 0`/);
	await refuses(net, 4, ['complete-move', '0', '--of', '#1'], 3, /not ripe yet/);

	// Another, of all, without adding.
	await net.lp(5, 'bond', '7', '--to', '#2', '--yes');
	const moved = await json(net, 5, 'bond', '0', '--to', '#3');

	assert.deepEqual([moved.added, moved.bonded, moved.lockedAmount], ['0', '0', String(7n * LPT)]);
	await net.mine(SLASHABLE + 1);
	await net.nextRound();
	const done = await json(net, 4, 'complete-move', '--of', '#1');

	assert.deepEqual(done.moves, [{ lock: 0, amount: String(100n * LPT), to: at(net, 3) }]);
	assert.equal((await delegator(net, 1)).bondedAmount, 105n * LPT);
	const told = await json(net, 5, 'delegator');

	assert.equal(told.nextStep, 'lpnode complete-move 0');
	assert.deepEqual(told.locks.map((x) => [x.id, x.amount, x.to, x.ripe, x.can]), [[0, String(7n * LPT), at(net, 3), true, 'complete-move']]);

	// Where its transcoder has resigned, the lock is to be withdrawn.
	await net.lp(3, 'transcoder', 'resign', '--yes');
	assert.match((await net.lp(5, 'complete-move', '--yes')).stdout, /its transcoder has resigned; withdraw it/);
	assert.equal((await json(net, 5, 'withdraw-stake')).withdrawn, String(7n * LPT));
	assert.match((await net.lp(1, 'delegator')).stdout, /mind: it has resigned/);
	assert.equal(await net.lpt(5), 10000n * LPT);
	await conserved(net);
});

test('rewards, fees and slashes are told, and fees paid out', async (t) => {
	const net = await start(t);

	await net.lp(1, 'bond', '100', '--to', '#2', '--yes');
	assert.match((await net.lp(1, 'delegator')).stdout, /what was bonded last earns from round 4/);
	await refuses(net, 1, ['withdraw-fees'], 3, /there are no fees to withdraw/);
	await net.nextRound();
	await net.lp(2, 'reward', '--yes');
	let told = await json(net, 1, 'delegator'), d = await delegator(net, 1);

	assert.deepEqual([told.status, BigInt(told.bonded), BigInt(told.earned), told.lost], ['Bonded', d.bondedAmount, d.bondedAmount - 100n * LPT, '0']);
	assert.ok(BigInt(told.earned) > 0n);
	assert.match((await net.lp(1, 'claim-earnings', '--yes')).stdout, /nothing is lost by never doing it/);
	assert.equal((await delegator(net, 1)).bondedAmount, d.bondedAmount);
	assert.equal((await json(net, 1, 'claim-earnings')).rewards, '0', 'once');

	await as(net, 'JobsManager', 'BondingManager', 'updateTranscoderWithFees', [at(net, 2), 2n * ETH, 4], 2n * ETH);
	const fees = (await delegator(net, 1)).fees;

	assert.ok(fees > 0n);
	told = await json(net, 1, 'delegator');
	assert.equal(BigInt(told.fees), fees);
	assert.match(told.nextStep, /^lpnode withdraw-fees: /);
	await refuses(net, 1, ['withdraw-fees', '3'], 3, /less than the 3 ETH to withdraw/);
	await refuses(net, 1, ['withdraw-fees', '0'], 2, /nothing to withdraw/);
	await refuses(net, 1, ['withdraw-fees', '--recipient', ZeroAddress], 2, /zero address/);
	await refuses(net, 1, ['withdraw-fees', '--recipient', net.contracts.BondingVotes], 3, /./);
	const was = await net.balance(7);

	await net.lp(1, 'withdraw-fees', '1 gwei', '--recipient', '#7', '--yes');
	assert.equal(await net.balance(7), was + 10n ** 9n);
	const paid = await json(net, 1, 'withdraw-fees', '--recipient', '#7');

	assert.deepEqual([BigInt(paid.withdrawn), paid.fees, paid.recipient], [fees - 10n ** 9n, '0', at(net, 7)]);
	assert.equal(await net.balance(7), was + fees);

	// A lock is slashed by what its old delegate did.
	d = await delegator(net, 1);
	await net.lp(1, 'unbond', '40', '--yes');
	await slash(net, 2, 500000);
	told = await json(net, 1, 'delegator');
	assert.equal(told.locks[0].amount, String(20n * LPT));
	assert.equal(BigInt(told.bonded), (await delegator(net, 1)).bondedAmount);
	assert.equal(told.delegate.slashes, 1);
	assert.match((await net.lp(1, 'rebond', '0', '--yes')).stdout, /20 LPT of lock 0 are bonded to/);
	await slash(net, 2, 990000);
	told = await json(net, 1, 'delegator');
	assert.equal(told.earned, '0');
	assert.ok(BigInt(told.lost) > 70n * LPT);
	assert.match((await net.lp(1, 'delegator')).stdout, /\nlost +\d/);

	// What works while the system is paused, and what does not.
	await net.mine(SLASHABLE + 1);
	await net.nextRound();
	await net.lp(3, 'bond', '1', '--yes');
	await (await net.asDeployer('Controller')).pause();
	await refuses(net, 1, ['bond', '1'], 3, /the system is paused/);
	await conserved(net);
});

test('a transcoder that unbonds is told what that means', async (t) => {
	const net = await start(t);

	assert.match((await net.lp(2, 'unbond', '999.5', '--yes')).stdout, /with 0.5 LPT, less than the 1 LPT that one needs/);
	assert.match((await net.lp(3, 'unbond', 'all', '--yes')).stdout, /without stake of your own you resign, from round 4 on/);
	assert.equal((await bonding(net).getTranscoderInfo(at(net, 3))).registered, false);
	await (await net.asDeployer('Controller')).pause();
	await net.mine(SLASHABLE + 1);
	assert.equal((await json(net, 3, 'withdraw-stake', 'all')).withdrawn, String(500n * LPT), 'while it is paused');
	assert.equal(await net.lpt(3), 10000n * LPT);
	await conserved(net);
});

test('tokens, allowances, balances and the faucet', async (t) => {
	const net = await start(t);

	await refuses(net, 1, ['token', 'transfer', '#4', '10001'], 3, /you have 10000 LPT, less than/);
	await refuses(net, 1, ['token', 'transfer', net.contracts.BondingManager, '1'], 3, /that is the BondingManager: LPT sent there would be lost \(`lpnode bond`/);
	await refuses(net, 1, ['token', 'transfer', net.contracts.LivepeerToken, '1'], 3, /would be lost/);
	await refuses(net, 1, ['token', 'transfer', ZeroAddress, '1'], 3, /would be lost/);
	await refuses(net, 1, ['token', 'transfer', '#1', '1'], 3, /your own account/);
	await refuses(net, 1, ['token', 'transfer', '#4', '0'], 2, /nothing to send/);
	await refuses(net, 1, ['token', 'transfer', '#4', '1 gwei'], 2, /AMOUNT/);
	const sent = await json(net, 1, 'token', 'transfer', '#4', '12.5');

	assert.deepEqual([sent.sent, sent.to, BigInt(sent.lpt), BigInt(sent.lptOfOther)],
		[String(25n * LPT / 2n), at(net, 4), await net.lpt(1), await net.lpt(4)]);
	assert.equal(await net.lpt(4), 10012n * LPT + LPT / 2n);
	await net.lp(4, 'token', 'transfer', '#1', 'all', '--yes');
	assert.equal(await net.lpt(4), 0n);

	await refuses(net, 1, ['token', 'approve', 'Nobody', '1'], 2, /SPENDER/);
	await refuses(net, 1, ['token', 'approve', '#1', '1'], 2, /SPENDER cannot be yourself/);
	assert.equal((await json(net, 1, 'token', 'approve', '#5', '3')).allowance, String(3n * LPT));
	await refuses(net, 1, ['token', 'approve', '#5', '3'], 3, /it may take 3 LPT already/);
	assert.match((await net.lp(1, 'token', 'approve', '#5', '4', '--yes')).stdout, /Approve 0 first/);
	assert.deepEqual((await json(net, 1, 'token', 'allowance', '--spender', '#5')).allowances,
		[{ name: null, spender: at(net, 5), allowance: String(4n * LPT) }]);
	assert.deepEqual((await json(net, null, 'token', 'allowance', at(net, 1))).allowances.map((a) => [a.name, a.allowance]),
		[['BondingManager', '0'], ['Verifier', '0']]);

	const b = (await net.lp(null, 'balance', at(net, 2), '--json')).json;

	assert.deepEqual([BigInt(b.eth), BigInt(b.lpt), BigInt(b.bonded), b.fees, b.deposit],
		[await net.balance(2), await net.lpt(2), 1000n * LPT, '0', '0']);
	assert.match((await net.lp(null, 'balance', '0x12', { code: 2 })).stderr, /ADDRESS: /);

	const before = await net.lpt(6);
	const got = await json(net, 6, 'faucet');

	assert.equal(BigInt(got.received), 10n * LPT);
	assert.equal(await net.lpt(6), before + 10n * LPT);
	await refuses(net, 6, ['faucet'], 3, /the faucet gives again in (59|60) min/);
	await conserved(net);
});
